"""Walkers: one module per framework, which reads a model as an inventory and writes tensors back.

``registry`` picks the walker of a model by its public classes; ``protocol`` says what a walker must do. Its
``inspect`` lists every parameter with its role, layout and fans (the framework's ``layers`` module knows the
layers; ``layer_facts`` has what their descriptions share). ``models`` decides what each tensor gets, as a
``Write`` (``writes``), and ``commit`` writes it: in place, or into a new tree. ``trees`` wraps Linen and
Haiku models, which are a function and a tree of arrays.
"""
