"""What a runner is: the types that the host and its runners, NumPy and the C runner, share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unified_init.stream.walk import Walk

__all__ = ["Filler", "Runner", "Writer"]

# Called as filler(array, start, key): writes the values at the flat positions ``start``, ``start + 1``, ...
# into a one-dimensional array.
Filler = Callable[["NDArray[Any]", int, tuple[int, int]], None]
# Called as writer(address, seed, name): writes all values of a program at an address of memory.
Writer = Callable[[int, int, str], None]
# Called as runner(walk, table, dtype): prepares all that does not depend on the key, and returns a filler.
# A runner of tables takes a Table or Steps, that of polar laws a PolarTable.
Runner = Callable[["Walk", Any, "np.dtype[Any]"], Filler]
