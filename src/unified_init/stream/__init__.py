"""The stream ``threefry-1``: from (seed, name, logical index) to values, on the host.

A law comes in. ``knots`` has its quantiles and ``table`` compiles them to integers; ``program`` joins table,
index map, name and element type. ``run`` executes a program: ``walk`` lists the logical indices, ``threefry``
turns each into a random word, and a runner looks the word up in the table (``c_runner``, or
``numpy_runner`` where C could not be compiled). ``structured`` draws matrices whose entries depend
on each other. NumPy arrays come out. Everything is integer arithmetic, or NumPy's correctly rounded
``+ - * / sqrt``; no libm.
"""
