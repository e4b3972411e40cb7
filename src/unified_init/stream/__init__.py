"""The stream ``threefry-1``: from (seed, name, logical index) to values, on the host.

Everything here is integer arithmetic, or NumPy's correctly rounded ``+ - * / sqrt``; no libm.
"""
