"""Arrays compared as integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["as_bits", "differing"]


def as_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of an array's elements, a row an element."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, flat.dtype.itemsize)


def differing(a: NDArray[Any], b: NDArray[Any]) -> int:
    """Return how many elements differ in a bit; all of them, and at least one, if type or shape do."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return max(a.size, b.size, 1)
    return int((as_bits(a) != as_bits(b)).any(axis=1).sum())
