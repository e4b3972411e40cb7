"""The reference runner: the program of a table in NumPy, one cache-sized block at a time."""

from __future__ import annotations

import dataclasses
import functools
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

# Values at a time. With fewer the threads wait for each other's turn in the interpreter; with more the
# scratch of each of them grows past a few megabytes.
BLOCK = 1 << 17
MASK = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True, slots=True)
class Scratch:
    """Arrays of a block that every block uses again: fresh ones would cost as much as the arithmetic."""

    words: NDArray[np.uint32]  # two rows: the words
    parts: NDArray[np.int32]  # three rows
    row: NDArray[np.intp]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, size: int) -> Scratch:
        """Return scratch for a number of values."""
        return cls(
            np.empty((2, size), np.uint32), np.empty((3, size), np.int32),
            np.empty(size, np.intp), np.empty(size, np.float32),
        )  # fmt: skip

    def __getitem__(self, part: slice) -> Scratch:
        """Return the scratch of fewer values."""
        return Scratch(self.words[:, part], self.parts[:, part], self.row[part], self.values[part])


def words(key: tuple[int, int], logical: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return both Threefry words at an array of logical indices."""
    high = (logical >> 32).astype(np.uint32)
    return threefry.block(key, high, logical.astype(np.uint32))


@functools.lru_cache(maxsize=8)
def _columns(table: Table) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Bases and slopes, each in one piece: a row of the table at a time is much slower to look up."""
    base, slope = np.ascontiguousarray(table.rows.T)
    return base, slope


def values32(table: Table, word: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return the float32 values of 32-bit words."""
    out = np.empty(word.size, dtype=np.float32)
    _values32(table, word.reshape(-1), Scratch.of(word.size), out)
    return out.reshape(word.shape)


def _values32(table: Table, word: NDArray[np.uint32], scratch: Scratch, out: NDArray[np.float32]) -> None:
    base, slope = _columns(table)
    signed, pattern = word.view(np.int32), out.view(np.int32)
    value, part, upper = scratch.parts
    np.right_shift(signed, 31, out=upper)
    np.invert(upper, out=upper)  # all ones in the upper half
    np.bitwise_and(signed, 0x7FFFFFFF, out=value)
    value >>= table.tail_shift
    value |= table.tail_or
    np.copyto(out, value, casting="unsafe")  # the tail as a float, whose pattern is read
    row = np.right_shift(pattern, FORMAT32.fraction, out=value)
    row -= np.int32(table.bias)
    np.maximum(row, 0, out=row)
    row += np.bitwise_and(upper, table.upper_rows, out=part)
    np.copyto(scratch.row, row)
    # Every entry is a row of the table; "clip" is the mode that does not look for one that is not.
    np.take(slope, scratch.row, out=value, mode="clip")
    pattern &= (1 << FORMAT32.fraction) - 1
    value *= pattern
    value >>= table.slope_shift
    value += np.take(base, scratch.row, out=part, mode="clip")
    value ^= np.bitwise_and(upper, table.upper_xor, out=part)
    value += np.bitwise_and(upper, np.int32(table.upper_add), out=part)
    np.copyto(out, value, casting="unsafe")
    out *= np.float32(2.0**table.exponent)


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


def _counters(walk: Walk, start: int, high: NDArray[np.uint32], low: NDArray[np.uint32]) -> None:
    """Write the high and low words of the logical indices from ``start`` on."""
    stop = start + low.size
    row, column = divmod(start, walk.length)
    if walk.pattern is None and column + low.size <= walk.length:
        first = int(walk.rows[row]) + column * walk.stride
        last = first + (low.size - 1) * walk.stride
        if first >> 32 == last >> 32:
            high[:] = (first >> 32) & MASK
            np.multiply(np.arange(low.size, dtype=np.uint32), np.uint32(walk.stride & MASK), out=low)
            low += np.uint32(first & MASK)
            return
    logical = walk.logical(start, stop)
    np.copyto(low, logical, casting="unsafe")
    logical >>= 32
    np.copyto(high, logical, casting="unsafe")


def prepare(walk: Walk, table: Table, dtype: np.dtype[Any]) -> Filler:
    """Return what writes values of a table, in the order of a walk, into arrays of a type.

    The type is float32 or narrower, float64, or complex64, whose parts take one word each.
    """
    del dtype  # that of the array says it again

    def fill(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        scratch = Scratch.of(min(out.size, BLOCK))
        # No setting of the process makes it raise: NumPy has one a thread.
        with np.errstate(all="ignore"):
            for begin in range(0, out.size, BLOCK):
                target = out[begin : begin + BLOCK]
                some = scratch[: target.size]
                x0, x1 = some.words
                _counters(walk, start + begin, x0, x1)
                threefry.rounds(key, x0, x1, some.parts[0].view(np.uint32))
                _write(target, table, some)

    return fill


def _write(target: NDArray[Any], table: Table, scratch: Scratch) -> None:
    x0, x1 = scratch.words
    if target.dtype == np.float64:
        target[:] = values64(table, x0, x1)
    elif target.dtype == np.complex64:
        for part, word in enumerate((x0, x1)):
            _values32(table, word, scratch, scratch.values)
            target.view(np.float32)[part::2] = scratch.values
    else:
        x0 ^= x1
        exact = target.dtype == np.float32
        _values32(table, x0, scratch, target if exact else scratch.values)
        if not exact:
            target[:] = scratch.values
