"""Inventories: a model's parameters as records, which no framework and no array library is needed to read.

A walker makes a ``Record`` for each logical tensor: its kind of layer, its role, layout, fans, and the parts
in which it is stored (``records``). ``places`` reads from the words of paths where in a known architecture
each layer is, such as "attention.out". Recipes match records, and plans, audits and name maps refer to them.
An inventory is written as JSON and read again by ``inventory_json``.
"""
