"""Writes what the site publishes of the library: the stream's test vectors, and the explorer's data.

``python -m tools.specification --write`` writes ``docs/_static/vectors.json`` and
``docs/_static/explorer.json``; the tests compare both with what the library gives.
"""
