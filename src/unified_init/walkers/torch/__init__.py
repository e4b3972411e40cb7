"""PyTorch modules: their records, and writing parameters in place.

``walker`` lists the tensors and writes them, ``layers`` says what each is, by the class of its module.
``parametrized`` handles weights that are computed from other parameters, ``memory`` finds tensors that share
elements. ``watch``, ``probe`` and ``coordinates`` run a model and record what its layers return, for
``auditing``.
"""
