"""Compares a model with what a recipe expects, and looks at it in action.

``audit`` reads every tensor through the walker, takes the recipe's ``expectations``, measures the values
(``values``) with the statistics of ``testing``, and names the likely ``causes`` of a difference;
``duplicates`` finds tensors with the same values. The result is a ``report``, which prints itself and draws
itself (``charts``). ``probing`` records activations layer by layer; ``coordinates`` trains a model at several
widths to check muP.
"""
