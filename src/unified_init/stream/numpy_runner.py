"""The reference runner: executes a table's program in NumPy, one block of values at a time.

``stream.table`` explains the arithmetic, with an example. Here it is written for arrays that are used again.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import threefry
from unified_init.stream.knots import FORMAT32, FORMAT64
from unified_init.stream.steps import Steps
from unified_init.stream.steps import values_of as steps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.runner import Filler
    from unified_init.stream.table import Table
    from unified_init.stream.walk import Walk

__all__ = ["BLOCK", "cubic64", "integers32", "integers64", "prepare", "values32", "values64", "words"]

# Values per block. With fewer, threads wait for their turn in the interpreter; with more, the scratch of each
# thread takes more than a few megabytes.
BLOCK = 1 << 17
MASK = 0xFFFFFFFF


@dataclasses.dataclass(frozen=True, slots=True)
class Scratch:
    """Arrays of one block, which every block uses again: new ones would cost as much as the arithmetic."""

    words: NDArray[np.uint32]  # (2, size): counters, then both Threefry words
    parts: NDArray[np.int32]  # (3, size): integers on the way from word to value
    row: NDArray[np.intp]  # of the table; np.take wants its own type of index
    values: NDArray[np.float32]  # before they are narrowed

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
    """Return bases and slopes as contiguous arrays, in which a look-up is much faster than in rows of two."""
    base, slope = np.ascontiguousarray(table.rows.T)
    return base, slope


def values32(table: Table, word: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Return the float32 values of 32-bit words."""
    out = np.empty(word.size, dtype=np.float32)
    _values32(table, word.reshape(-1), Scratch.of(word.size), out)
    return out.reshape(word.shape)


def integers32(table: Table, word: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return the values of 32-bit words in units of 2**exponent."""
    return _integers32(table, word, Scratch.of(word.size), np.empty(word.size, dtype=np.float32))


def _values32(table: Table, word: NDArray[np.uint32], scratch: Scratch, out: NDArray[np.float32]) -> None:
    """Write the float32 values of words into ``out``, whose memory also holds the patterns on the way."""
    value = _integers32(table, word, scratch, out)
    # The only rounding is of the integer to a float. The power of two is exact.
    np.copyto(out, value, casting="unsafe")
    if table.units is None:
        out *= np.float32(table.unit)
    else:
        out *= np.take(table.units, scratch.row, mode="clip")


def _integers32(
    table: Table, word: NDArray[np.uint32], scratch: Scratch, out: NDArray[np.float32]
) -> NDArray[np.int32]:
    """Return the values of words in units of 2**exponent, in the memory of ``scratch``."""
    base, slope = _columns(table)
    signed, pattern = word.view(np.int32), out.view(np.int32)
    value, masked, upper = scratch.parts

    # The half. The shift copies the top bit into all 32: -1 in the lower half, where it is set, else 0.
    # Inverted, ``upper & number`` is the number in the upper half and 0 in the lower one: a choice without a
    # branch.
    np.right_shift(signed, 31, out=upper)
    np.invert(upper, out=upper)

    # The tail: the other 31 bits. A uniform law keeps 23 of them and sets the bit above, 2**23.
    np.bitwise_and(signed, 0x7FFFFFFF, out=value)
    value >>= table.tail_shift
    value |= table.tail_or

    # The row. As a float the tail is 2**octave * 1.mantissa, and its pattern is
    #     127 + octave (8 bits), leading bits of the mantissa (10), fraction (13).
    # Without the fraction, and less the bias 127 * 1024 - 1, that is 1 + octave * 1024 + leading bits. Tail 0
    # has the pattern 0, and would get a negative row: the maximum makes it row 0. (A uniform law has another
    # bias, and one octave.)
    np.copyto(out, value, casting="unsafe")
    row = np.right_shift(pattern, FORMAT32.fraction, out=value)
    row -= np.int32(table.bias)
    np.maximum(row, 0, out=row)
    row += np.bitwise_and(upper, table.upper_rows, out=masked)
    np.copyto(scratch.row, row)

    # Interpolation: base + (slope * fraction >> slope_shift), the fraction being the 13 lowest bits of the
    # pattern. Every row is one of the table's, so "clip" changes nothing; it is the mode of np.take that
    # checks nothing.
    np.take(slope, scratch.row, out=value, mode="clip")
    pattern &= (1 << FORMAT32.fraction) - 1
    value *= pattern
    value >>= table.slope_shift
    value += np.take(base, scratch.row, out=masked, mode="clip")

    # The mirror image of a symmetric law, in the upper half: v ^ -1 is -v - 1, plus 2 loc + 1 is 2 loc - v.
    value ^= np.bitwise_and(upper, table.upper_xor, out=masked)
    value += np.bitwise_and(upper, np.int32(table.upper_add), out=masked)
    return value


def values64(table: Table, high: NDArray[np.uint32], low: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return the float64 values of pairs of words."""
    value, row = _rows64(table, high, low)
    return value.astype(np.float64) * (table.unit if table.units is None else table.units[row])


def integers64(table: Table, high: NDArray[np.uint32], low: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Return the values of pairs of words in units of 2**exponent."""
    return _rows64(table, high, low)[0]


def _rows64(
    table: Table, high: NDArray[np.uint32], low: NDArray[np.uint32]
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return the values of pairs of words in units of their rows, and the rows.

    The steps are those of 32-bit draws: a half, a tail of 63 bits, a row selected by the pattern of the tail
    as a float64 (9 leading bits of 52). A row is a cubic in t, which is d / 2**43, d the other 43 bits.
    """
    signed = ((high.astype(np.uint64) << np.uint64(32)) | low).view(np.int64)
    upper = ~(signed >> 63)
    tail = ((signed & 0x7FFFFFFFFFFFFFFF) >> table.tail_shift) | table.tail_or
    pattern = tail.astype(np.float64).view(np.int64)
    row = np.maximum((pattern >> FORMAT64.fraction) - table.bias, 0) + (upper & table.upper_rows)
    value = cubic64(table.rows[row].T, pattern & ((1 << FORMAT64.fraction) - 1))
    value = (value ^ (upper & table.upper_xor)) + (upper & table.upper_add)
    # Shifts round down, and a cubic may pass its knots: unlike a line it can leave the law's interval.
    return np.clip(value, table.least, table.most, out=value), row


def cubic64(coefficients: NDArray[np.int64], d: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the values of the cubics of rows, given as four columns, at d / 2**43."""
    c0, c1, c2, c3 = coefficients
    # Horner's rule, c0 + t (c1 + t (c2 + t c3)), in fixed point. For the inner two products 31 bits of t are
    # enough, d31 = d >> 12: c2 and c3 have 31 bits too, so each product fits 63. They count in units of
    # 2**12, hence the shift before they meet c1.
    d31 = d >> 12
    slope = c1 + ((((c2 + ((c3 * d31) >> 31)) * d31) >> 31) << 12)
    # The last product, slope * d / 2**43, is too wide for int64. It is added up from four products of
    #     slope = s_high * 2**31 + s_low and d = d_high * 2**22 + d_low,
    # whose weights are 2**(31 + 22 - 43), 2**(31 - 43), 2**(22 - 43) and 2**-43.
    d_high, d_low = d >> 22, d & 0x3FFFFF
    s_high, s_low = slope >> 31, slope & 0x7FFFFFFF
    value = c0 + ((s_high * d_high) << 10) + ((s_high * d_low) >> 12)
    value += ((s_low * d_high) >> 21) + ((s_low * d_low) >> 43)
    return value


def _counters(walk: Walk, start: int, high: NDArray[np.uint32], low: NDArray[np.uint32]) -> None:
    """Write the high and low words of the logical indices at the flat positions from ``start`` on."""
    stop = start + low.size
    row, column = divmod(start, walk.length)
    if walk.pattern is None and column + low.size <= walk.length:
        # All in one row: an arithmetic progression. With one high word it needs no 64-bit arithmetic.
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


def prepare(walk: Walk, table: Table | Steps, dtype: np.dtype[Any]) -> Filler:
    """Return the filler that writes values of a table, in the order of a walk, into arrays of a type.

    The type is float32 or narrower, float64, or complex64. Its two parts take one word each.
    """
    del dtype  # the array that is filled has it too

    def fill(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        scratch = Scratch.of(min(out.size, BLOCK))
        # The NumPy error settings of the process do not apply to a draw. Each thread has its own.
        with np.errstate(all="ignore"):
            for begin in range(0, out.size, BLOCK):
                target = out[begin : begin + BLOCK]
                block_scratch = scratch[: target.size]
                x0, x1 = block_scratch.words
                _counters(walk, start + begin, x0, x1)
                threefry.rounds(key, x0, x1, block_scratch.parts[0].view(np.uint32))
                _write(target, table, block_scratch)

    return fill


def _write(target: NDArray[Any], table: Table | Steps, scratch: Scratch) -> None:
    """Write the values of the words in ``scratch``: 64-bit draws take both words, 32-bit draws their XOR."""
    x0, x1 = scratch.words
    if isinstance(table, Steps):
        x0 ^= x1
        target[:] = steps_of(table, x0)  # a narrower type: rounded once, to nearest even
    elif target.dtype == np.float64:
        target[:] = values64(table, x0, x1)
    elif target.dtype == np.complex64:
        for part, word in enumerate((x0, x1)):
            _values32(table, word, scratch, scratch.values)
            target.view(np.float32)[part::2] = scratch.values
    else:
        x0 ^= x1
        is_float32 = target.dtype == np.float32
        _values32(table, x0, scratch, target if is_float32 else scratch.values)
        if not is_float32:
            target[:] = scratch.values  # rounded once, to nearest even
