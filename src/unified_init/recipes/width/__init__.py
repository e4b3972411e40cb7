"""muP, the maximal update parametrization: initial weights and learning rates at any width.

``growth`` compares a parameter at three widths and says which axes grow. ``mup`` turns a recipe for the base
width into the recipe for a model of another width, and into a table (``table``) of standard deviations,
learning-rate and output multipliers.
"""
