"""Parameters that hold the same values: two layers on one stream, or one matrix that begins as another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.drawing.digests import as_bits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["duplicates_of"]

HEAD = 8  # values: those of independent draws differ


def duplicates_of(values: Mapping[int, NDArray[Any]]) -> dict[int, tuple[int, ...]]:
    """Return, for each tensor, the others that hold the same bits, or begin with all of the smaller one.

    Constant tensors and those of fewer than eight values repeat nothing.
    """
    alike: dict[tuple[str, bytes], list[int]] = {}
    for key, array in values.items():
        head = as_bits(array.reshape(-1)[:HEAD])
        if len(head) == HEAD and (head != head[0]).any():
            alike.setdefault((array.dtype.name, head.tobytes()), []).append(key)
    duplicates: dict[int, set[int]] = {}
    for group in alike.values():
        # The largest first, of which those that equal it are beginnings, and so of one another.
        classes: list[list[int]] = []
        for key in sorted(group, key=lambda key: -values[key].size):
            joined = next((keys for keys in classes if _same(values[keys[0]], values[key])), None)
            if joined is None:
                classes.append([key])
            else:
                joined.append(key)
        for keys in classes:
            for key in keys:
                duplicates[key] = set(keys) - {key}
    return {key: tuple(sorted(others)) for key, others in duplicates.items() if others}


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    shorter = min(a.size, b.size)
    return bool(np.array_equal(as_bits(a.reshape(-1)[:shorter]), as_bits(b.reshape(-1)[:shorter])))
