"""What an ``index=`` selects, by NumPy: which positions of each axis, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["part_of"]


def part_of(array: NDArray[Any], index: Any) -> NDArray[Any]:
    """Return the part of an array that an index selects, with the parts of a list joined along its axis."""
    entries = () if index is None else index if isinstance(index, tuple) else (index,)
    removed = []
    for axis, entry in enumerate(entries):
        if isinstance(entry, list):
            pieces = [np.arange(array.shape[axis])[part] for part in entry]
            places = np.concatenate([np.zeros(0, np.int64), *pieces])
        elif isinstance(entry, slice):
            places = np.arange(array.shape[axis])[entry]
        else:
            removed.append(axis)
            places = np.arange(array.shape[axis])[[entry]]
        array = np.take(array, places, axis=axis)
    return np.squeeze(array, axis=tuple(removed))
