"""Inventories: a model's parameters as records, which no framework and no array library is needed to read.

A walker makes a ``Record`` for each logical tensor (``records``): its kind of layer, its role, layout, fans,
and the parts in which it is stored (``parts``). ``inventory`` has all records of a model, as a table and as
JSON, which ``inventory_json`` reads again. ``places`` reads from the words of paths where in a known
architecture each layer is, such as "attention.out". Recipes match records, and plans, audits and name maps
refer to them.
"""
