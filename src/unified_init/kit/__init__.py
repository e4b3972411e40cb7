"""A pytest plugin for other people's tests: their own code in every backend and mode that is installed.

``plugin`` has the options, the marker and the fixtures. Pytest imports it in every run, so it imports
nothing that draws. Behind the fixtures are ``modes`` (a backend and a way to run it),
``golden_files`` (digests beside the tests) and ``statistics`` (the assertions of ``unified_init.testing``,
for samples that are large enough for what a test claims); they are imported when a test asks for them.
"""
