"""Audits: what every parameter of a model holds, against what a recipe gives it; needs SciPy."""
