"""Writes the generated part of the site: the reference from docstrings, the gallery from draws.

``docs/conf.py`` calls it. ``reference`` has a page for each public name, ``formulas`` the TeX of the formulas
in docstrings, ``gallery`` a picture of each distribution, ``signals`` the chart of ``docs/choosing.md``.
``links`` checks the site that was built.
"""
