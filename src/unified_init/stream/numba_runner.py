"""The fast runner: the program of a table in Numba, with the GIL released.

Imported by ``host`` alone, and only where Numba is installed and the tensor is large enough to
repay the import.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from unified_init.stream.threefry import PARITY, ROTATIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.host import Filler
    from unified_init.stream.table import Table
    from unified_init.stream.walk import Walk

__all__ = ["prepare"]

BLOCK = 1024
SCRATCH = 1 << 14
# Where base and slope lie in a row read as one int64.
BASE_AT, SLOPE_AT = (np.int64(0), np.int64(32)) if sys.byteorder == "little" else (np.int64(32), np.int64(0))
NO_PATTERN = np.zeros(0, dtype=np.int64)

R00, R01, R02, R03 = (np.uint32(rotation) for rotation in ROTATIONS[0])
R10, R11, R12, R13 = (np.uint32(rotation) for rotation in ROTATIONS[1])
THIRTY_TWO = np.uint32(32)
PARITY32 = np.uint32(PARITY)


@numba.njit(inline="always")
def _round(x0, x1, r):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    x0 = np.uint32(x0 + x1)
    return x0, np.uint32(np.uint32(x1 << r) | np.uint32(x1 >> np.uint32(THIRTY_TWO - r))) ^ x0


@numba.njit(inline="always")
def _four(x0, x1, r0, r1, r2, r3):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    # Written out: Numba does not unroll a loop over a tuple, and LLVM then does not vectorise.
    x0, x1 = _round(x0, x1, r0)
    x0, x1 = _round(x0, x1, r1)
    x0, x1 = _round(x0, x1, r2)
    return _round(x0, x1, r3)


@numba.njit(nogil=True, cache=True)
def _counters(start, count, rows, length, stride, pattern, high, low):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """High and low words of the logical indices at ``count`` flat positions from ``start``."""
    row = start // length
    column = start - row * length
    done = 0
    while done < count:
        take = min(length - column, count - done)
        # Slices: an index that may be negative is tested for it, and the loop does not vectorise.
        upper, lower = high[done : done + take], low[done : done + take]
        if pattern.size:
            inner = pattern[column : column + take]
            for j in range(take):
                i = np.uint64(rows[row] + inner[j])
                upper[j] = np.uint32(i >> np.uint64(32))
                lower[j] = np.uint32(i)
        else:
            i, step = np.uint64(rows[row] + column * stride), np.uint64(stride)
            for j in range(take):
                upper[j] = np.uint32(i >> np.uint64(32))
                lower[j] = np.uint32(i)
                i += step  # a sum, which vectorises, where a product of int64 would not
        done += take
        column = 0
        row += 1


@numba.njit(nogil=True, cache=True)
def _rounds(high, low, k0, k1):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Both words, in place of the counters. A function of its own, so that it vectorises."""
    k2 = k0 ^ k1 ^ PARITY32
    for j in range(high.size):
        x0 = np.uint32(high[j] + k0)
        x1 = np.uint32(low[j] + k1)
        x0, x1 = _four(x0, x1, R00, R01, R02, R03)
        x0, x1 = np.uint32(x0 + k1), np.uint32(x1 + k2 + np.uint32(1))
        x0, x1 = _four(x0, x1, R10, R11, R12, R13)
        x0, x1 = np.uint32(x0 + k2), np.uint32(x1 + k0 + np.uint32(2))
        x0, x1 = _four(x0, x1, R00, R01, R02, R03)
        x0, x1 = np.uint32(x0 + k0), np.uint32(x1 + k1 + np.uint32(3))
        x0, x1 = _four(x0, x1, R10, R11, R12, R13)
        x0, x1 = np.uint32(x0 + k1), np.uint32(x1 + k2 + np.uint32(4))
        x0, x1 = _four(x0, x1, R00, R01, R02, R03)
        high[j] = np.uint32(x0 + k2)
        low[j] = np.uint32(x1 + k0 + np.uint32(5))


@numba.njit(nogil=True, cache=True)
def _words(start, count, rows, length, stride, pattern, k0, k1, out0, out1):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Both words at ``count`` flat positions from ``start``."""
    _counters(start, count, rows, length, stride, pattern, out0, out1)
    _rounds(out0[:count], out1[:count], k0, k1)


@numba.njit(nogil=True, cache=True)
def _values32(word, count, entries, numbers, unit, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Values of a block of words. The loops stand apart so that all but the gather vectorise."""
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift = numbers
    signed = word.view(np.int32)
    tail = np.empty(BLOCK, dtype=np.float32)
    row = np.empty(BLOCK, dtype=np.uint32)
    entry = np.empty(BLOCK, dtype=np.int64)
    for j in range(count):
        tail[j] = np.float32(((signed[j] & np.int32(0x7FFFFFFF)) >> tail_shift) | tail_or)
    pattern = tail.view(np.int32)
    for j in range(count):
        first = max(np.int32((pattern[j] >> np.int32(13)) - bias), np.int32(0))
        row[j] = np.uint32(first + (~(signed[j] >> np.int32(31)) & upper_rows))
    for j in range(count):
        entry[j] = entries[row[j]]  # unsigned: no test for negative indices
    for j in range(count):
        upper = ~(signed[j] >> np.int32(31))
        base, slope = np.int32(entry[j] >> BASE_AT), np.int32(entry[j] >> SLOPE_AT)
        step = np.int32(slope * (pattern[j] & np.int32(8191))) >> slope_shift
        value = np.int32(base + step) ^ (upper & upper_xor)
        out[j] = np.float32(np.int32(value + (upper & upper_add))) * unit


@numba.njit(nogil=True, cache=True)
def _values64(high, low, count, rows, numbers, unit, out, out_start):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, least, most = numbers
    signed = np.empty(BLOCK, dtype=np.int64)
    tail = np.empty(BLOCK, dtype=np.float64)
    for j in range(count):
        signed[j] = np.int64((np.uint64(high[j]) << np.uint64(32)) | np.uint64(low[j]))
        tail[j] = np.float64(((signed[j] & 0x7FFFFFFFFFFFFFFF) >> tail_shift) | tail_or)
    pattern = tail.view(np.int64)
    for j in range(count):
        upper = ~(signed[j] >> 63)
        row = max((pattern[j] >> 43) - bias, 0) + (upper & upper_rows)
        d = pattern[j] & ((1 << 43) - 1)
        d31, d_high, d_low = d >> 12, d >> 22, d & 0x3FFFFF
        bend = ((rows[row, 2] + ((rows[row, 3] * d31) >> 31)) * d31) >> 31
        slope = rows[row, 1] + (bend << 12)
        s_high, s_low = slope >> 31, slope & 0x7FFFFFFF
        value = rows[row, 0] + ((s_high * d_high) << 10) + ((s_high * d_low) >> 12)
        value += ((s_low * d_high) >> 21) + ((s_low * d_low) >> 43)
        value = (value ^ (upper & upper_xor)) + (upper & upper_add)
        out[out_start + j] = np.float64(min(max(value, least), most)) * unit


@numba.njit(inline="always")
def _few(numbers):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return (
        np.int32(numbers[2]), np.int32(numbers[3]), np.int32(numbers[4]), np.int32(numbers[5]),
        np.int32(numbers[6]), np.int32(numbers[7]), np.int32(numbers[8]),
    )  # fmt: skip


# What does not change from one key to the next comes in arrays: a call costs by the argument.
@numba.njit(nogil=True, cache=True)
def _fill32(out, start, k0, k1, rows, pattern, entries, numbers, units):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write float32."""
    few, unit, k0, k1 = _few(numbers), units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    for begin in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - begin)
        _words(start + begin, count, rows, numbers[0], numbers[1], pattern, k0, k1, x0, x1)
        for j in range(count):
            x0[j] ^= x1[j]
        _values32(x0, count, entries, few, unit, out[begin : begin + count])


@numba.njit(nogil=True, cache=True)
def _fill16(out, start, k0, k1, rows, pattern, entries, numbers, units):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write the bits of bfloat16 or float16: each value computed in float32 and rounded once."""
    few, unit, k0, k1 = _few(numbers), units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    value = np.empty(BLOCK, dtype=np.float32)
    for begin in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - begin)
        _words(start + begin, count, rows, numbers[0], numbers[1], pattern, k0, k1, x0, x1)
        for j in range(count):
            x0[j] ^= x1[j]
        _values32(x0, count, entries, few, unit, value)
        target = out[begin : begin + count]
        if numbers[9]:
            _as_float16(value, count, target)
        else:
            _as_bfloat16(value, count, target)


@numba.njit(nogil=True, cache=True)
def _as_bfloat16(value, count, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The upper halves of the patterns, rounded to nearest even; none of the values is NaN."""
    bits = value.view(np.uint32)
    for j in range(count):
        tie = (bits[j] >> np.uint32(16)) & np.uint32(1)
        out[j] = np.uint16(np.uint32(bits[j] + np.uint32(0x7FFF) + tie) >> np.uint32(16))


@numba.njit(nogil=True, cache=True)
def _as_float16(value, count, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Rounded to nearest even; none of the values is NaN or rounds past the largest float16."""
    bits = value.view(np.uint32)
    size = np.empty(BLOCK, dtype=np.float32)
    small = size.view(np.uint32)
    for j in range(count):
        # Below 2**-14 float16 has steps of 2**-24, as float32 has from 1/2 on: the sum rounds there.
        size[j] = np.abs(value[j]) + np.float32(0.5)
    for j in range(count):
        pattern = bits[j] & np.uint32(0x7FFFFFFF)
        tie = (pattern >> np.uint32(13)) & np.uint32(1)
        normal = np.uint32(pattern + np.uint32(0xFFF) + tie - np.uint32(112 << 23)) >> np.uint32(13)
        subnormal = np.uint32(small[j] - np.uint32(0x3F000000))
        half = subnormal if pattern < np.uint32(113 << 23) else normal
        out[j] = np.uint16(half | ((bits[j] >> np.uint32(16)) & np.uint32(0x8000)))


@numba.njit(nogil=True, cache=True)
def _fill_complex(out, start, k0, k1, rows, pattern, entries, numbers, units):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write complex64 as pairs of float32, one from each word."""
    few, unit, k0, k1 = _few(numbers), units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    real = np.empty(BLOCK, dtype=np.float32)
    imaginary = np.empty(BLOCK, dtype=np.float32)
    total = out.size // 2
    for begin in range(0, total, BLOCK):
        count = min(BLOCK, total - begin)
        _words(start + begin, count, rows, numbers[0], numbers[1], pattern, k0, k1, x0, x1)
        _values32(x0, count, entries, few, unit, real)
        _values32(x1, count, entries, few, unit, imaginary)
        for j in range(count):
            out[2 * (begin + j)] = real[j]
            out[2 * (begin + j) + 1] = imaginary[j]


@numba.njit(nogil=True, cache=True)
def _fill64(out, start, k0, k1, rows, pattern, table, numbers, units):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write float64."""
    few = numbers[2], numbers[3], numbers[4], numbers[5], numbers[6], numbers[7], numbers[8], numbers[9]
    unit, k0, k1 = units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    for begin in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - begin)
        _words(start + begin, count, rows, numbers[0], numbers[1], pattern, k0, k1, x0, x1)
        _values64(x0, x1, count, table, few, unit, out, begin)


def prepare(walk: Walk, table: Table, dtype: np.dtype[Any]) -> Filler:
    """Return what writes values of a table; the contract, and the bits, are those of ``numpy_runner``."""
    pattern = NO_PATTERN if walk.pattern is None else walk.pattern
    numbers = [walk.length, walk.stride, table.tail_shift, table.tail_or, table.bias, table.upper_rows,
               table.upper_xor, table.upper_add]  # fmt: skip
    if dtype == np.float64:
        constants = np.array([*numbers, table.least, table.most], dtype=np.int64)
        wide = (walk.rows, pattern, table.rows, constants, np.array([2.0**table.exponent]))
        return lambda out, start, key: _fill64(out, start, *key, *wide)
    constants = np.array([*numbers, table.slope_shift, dtype == np.float16], dtype=np.int64)
    entries = table.rows.view(np.int64).reshape(-1)  # base and slope of a row in one load
    narrow = (walk.rows, pattern, entries, constants, np.array([2.0**table.exponent], dtype=np.float32))
    if dtype == np.float32:
        return lambda out, start, key: _fill32(out, start, *key, *narrow)
    if dtype == np.complex64:
        return lambda out, start, key: _fill_complex(out.view(np.float32), start, *key, *narrow)
    if dtype.itemsize == 2:  # noqa: PLR2004  # bfloat16 or float16
        return lambda out, start, key: _fill16(out.view(np.uint16), start, *key, *narrow)

    def fill_narrowest(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        scratch = np.empty(min(SCRATCH, out.size), dtype=np.float32)
        with np.errstate(all="ignore"):  # the settings of the process are no business of a draw
            for begin in range(0, out.size, SCRATCH):
                part = scratch[: min(SCRATCH, out.size - begin)]
                _fill32(part, start + begin, *key, *narrow)
                out[begin : begin + part.size] = part

    return fill_narrowest
