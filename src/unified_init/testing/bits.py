"""Arrays compared as integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.drawing.digests import as_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["differing"]


def differing(a: NDArray[Any], b: NDArray[Any]) -> int:
    """Return how many elements differ in a bit; all of them, and at least one, if type or shape do."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return max(a.size, b.size, 1)
    return int((as_bits(a) != as_bits(b)).any(axis=1).sum())
