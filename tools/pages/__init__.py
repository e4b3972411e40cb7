"""Writes the generated pages of ``docs/``; none of it is in the wheel.

Data first: ``differences`` (with its laws and facts) lists calls of the frameworks that are not what they
seem, ``standard_layers`` a set of layers as records, and the catalogue of ``interop`` the names. Each
``*_page`` module turns such data into the text of one page, which the tests compare with the file in
``docs/``.
"""
