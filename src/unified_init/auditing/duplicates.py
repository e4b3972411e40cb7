"""Finds parameters with the same values: two layers on one stream, or a matrix that begins with another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.drawing.digests import as_bits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["duplicates_of"]

HEAD = 8  # first values that are compared at once: those of independent draws differ


def duplicates_of(values: Mapping[int, NDArray[Any]]) -> dict[int, tuple[int, ...]]:
    """Return, for each tensor, the others with the same bits, as far as the smaller of the two goes.

    Constant tensors and tensors of fewer than eight values are left out.
    """
    keys_by_head: dict[tuple[str, bytes], list[int]] = {}
    for key, array in values.items():
        head = as_bits(array.reshape(-1)[:HEAD])
        if len(head) == HEAD and (head != head[0]).any():
            keys_by_head.setdefault((array.dtype.name, head.tobytes()), []).append(key)
    duplicates: dict[int, set[int]] = {}
    for group in keys_by_head.values():
        # The largest first: tensors that it begins with also begin each other.
        classes: list[list[int]] = []
        for key in sorted(group, key=lambda key: -values[key].size):
            equal_keys = next((keys for keys in classes if _begin_equal(values[keys[0]], values[key])), None)
            if equal_keys is None:
                classes.append([key])
            else:
                equal_keys.append(key)
        for keys in classes:
            for key in keys:
                duplicates[key] = set(keys) - {key}
    return {key: tuple(sorted(others)) for key, others in duplicates.items() if others}


def _begin_equal(a: NDArray[Any], b: NDArray[Any]) -> bool:
    shorter = min(a.size, b.size)
    return bool(np.array_equal(as_bits(a.reshape(-1)[:shorter]), as_bits(b.reshape(-1)[:shorter])))
