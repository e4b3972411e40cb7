"""Haiku functions and their parameters: their records, and new trees of arrays.

``walker`` evaluates ``init`` abstractly to see which module makes which parameter, or relies on Haiku's
default names, and returns a wrapper with new parameters and state. ``layers`` says what each tensor is, by
the class of the module that makes it.
"""
