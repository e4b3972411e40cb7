"""Flax models, NNX and Linen: their records, and writing their arrays.

Both walkers describe modules as ``Layer`` (``layers``) and arrays as ``Leaf`` (``leaves``), from which one
function makes the records; ``cells`` has the recurrent ones. ``nnx_walker`` reads a graph of modules and
writes in place. ``linen_walker`` reads a tree and returns a new one. ``linen_observation`` calls the module
abstractly to see its layers (``linen_layers``, ``linen_axes``), or relies on their default names
(``linen_names``).
"""
