"""Keras models and layers, on any backend of Keras 3: their records, and assigning variables.

``walker`` lists the variables and assigns them, ``paths`` gives them stable stream names, ``layers`` says
what each is, by the class of its layer. ``probe`` runs a functional or sequential model and records what its
layers return, for ``auditing``.
"""
