"""The reference runner: the program of a table in NumPy, one cache-sized block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import threefry
from unified_init.stream.knots import FORMAT32, FORMAT64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.host import Filler
    from unified_init.stream.table import Table
    from unified_init.stream.walk import Walk

__all__ = ["BLOCK", "prepare", "values32", "values64", "words"]

BLOCK = 1 << 14


def words(key: tuple[int, int], logical: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return both Threefry words at an array of logical indices."""
    high = (logical >> 32).astype(np.uint32)
    return threefry.block(key, high, logical.astype(np.uint32))


def values32(table: Table, word: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return the float32 values of 32-bit words."""
    signed = word.view(np.int32)
    upper = ~(signed >> 31)  # all ones in the upper half
    tail = ((signed & 0x7FFFFFFF) >> table.tail_shift) | table.tail_or
    pattern = tail.astype(np.float32).view(np.int32)
    row = (pattern >> FORMAT32.fraction) - np.int32(table.bias)
    np.maximum(row, 0, out=row)
    row += upper & table.upper_rows
    entry = table.rows[row]
    value = (entry[:, 1] * (pattern & ((1 << FORMAT32.fraction) - 1))) >> table.slope_shift
    value += entry[:, 0]
    value ^= upper & table.upper_xor
    value += upper & np.int32(table.upper_add)
    return value.astype(np.float32) * np.float32(2.0**table.exponent)


def values64(table: Table, high: NDArray[np.uint32], low: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return the float64 values of pairs of words."""
    signed = ((high.astype(np.uint64) << np.uint64(32)) | low).view(np.int64)
    upper = ~(signed >> 63)
    tail = ((signed & 0x7FFFFFFFFFFFFFFF) >> table.tail_shift) | table.tail_or
    pattern = tail.astype(np.float64).view(np.int64)
    row = np.maximum((pattern >> FORMAT64.fraction) - table.bias, 0) + (upper & table.upper_rows)
    c0, c1, c2, c3 = table.rows[row].T
    d = pattern & ((1 << FORMAT64.fraction) - 1)
    # Horner's rule in fixed point; the quadratic and cubic terms are coarser by 12 bits.
    d31, d_high, d_low = d >> 12, d >> 22, d & 0x3FFFFF
    slope = c1 + ((((c2 + ((c3 * d31) >> 31)) * d31) >> 31) << 12)
    # slope * d >> 43 from four products, none wider than 63 bits.
    s_high, s_low = slope >> 31, slope & 0x7FFFFFFF
    value = c0 + ((s_high * d_high) << 10) + ((s_high * d_low) >> 12)
    value += ((s_low * d_high) >> 21) + ((s_low * d_low) >> 43)
    value = (value ^ (upper & table.upper_xor)) + (upper & table.upper_add)
    np.clip(value, table.least, table.most, out=value)
    return value.astype(np.float64) * 2.0**table.exponent


def prepare(walk: Walk, table: Table, dtype: np.dtype[Any]) -> Filler:
    """Return what writes values of a table, in the order of a walk, into arrays of a type.

    The type is float32 or narrower, float64, or complex64, whose parts take one word each.
    """
    del dtype  # that of the array says it again

    def fill(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        # No setting of the process makes it raise: NumPy has one a thread.
        with np.errstate(all="ignore"):
            for begin in range(0, out.size, BLOCK):
                target = out[begin : begin + BLOCK]
                logical = walk.logical(start + begin, start + begin + target.size)
                _write(target, table, *words(key, logical))

    return fill


def _write(target: NDArray[Any], table: Table, x0: NDArray[np.uint32], x1: NDArray[np.uint32]) -> None:
    if target.dtype == np.float64:
        target[:] = values64(table, x0, x1)
    elif target.dtype == np.complex64:
        parts = target.view(np.float32)
        parts[0::2] = values32(table, x0)
        parts[1::2] = values32(table, x1)
    else:
        target[:] = values32(table, x0 ^ x1)
