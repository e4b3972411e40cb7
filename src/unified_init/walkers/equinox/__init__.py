"""Equinox modules: their records, and new modules with other arrays.

``walker`` lists the arrays of the tree, each with the modules above it, and returns a new tree. ``layers``
says what each array is, by the class of the module that holds it.
"""
