"""The fast runner's kernels: the program of a table in Numba, with the GIL released.

All of them in one file: Numba keeps what it compiled for as long as the file of the outermost function
stays as it is, and does not look at the others.
"""

from __future__ import annotations

import sys

import numba
import numpy as np

from unified_init.stream.line import BITS
from unified_init.stream.threefry import PARITY, ROTATIONS

__all__ = ["block", "fill16", "fill32", "fill64", "fill_complex"]

# What does not change from one key to the next comes to a filler in arrays, since a call costs by the
# argument: ``walk`` (length, stride, offsets of the rows); ``numbers`` (the integers of the table, in its own
# width; at 32 bits also whether the type is float16, and the line if there is one); ``units``, of length 1.
OFFSETS_AT = 2
FLOAT16_AT = 7
LINE_AT = 8
BLOCK = 1024  # values at a time: all scratch stays in the innermost cache
# Where base and slope lie in a row read as one int64.
BASE_AT, SLOPE_AT = (np.int64(0), np.int64(32)) if sys.byteorder == "little" else (np.int64(32), np.int64(0))

R00, R01, R02, R03 = (np.uint32(rotation) for rotation in ROTATIONS[0])
R10, R11, R12, R13 = (np.uint32(rotation) for rotation in ROTATIONS[1])
THIRTY_TWO = np.uint32(32)
PARITY32 = np.uint32(PARITY)
LINE_BITS = np.uint32(BITS)


@numba.njit(inline="always")
def _round(x0, x1, r):
    x0 = np.uint32(x0 + x1)
    return x0, np.uint32(np.uint32(x1 << r) | np.uint32(x1 >> np.uint32(THIRTY_TWO - r))) ^ x0


@numba.njit(inline="always")
def _four(x0, x1, r0, r1, r2, r3):
    # Written out: Numba does not unroll a loop over a tuple, and LLVM then does not vectorise.
    x0, x1 = _round(x0, x1, r0)
    x0, x1 = _round(x0, x1, r1)
    x0, x1 = _round(x0, x1, r2)
    return _round(x0, x1, r3)


@numba.njit(inline="always")
def _block(x0, x1, k0, k1, k2):
    x0, x1 = np.uint32(x0 + k0), np.uint32(x1 + k1)
    x0, x1 = _four(x0, x1, R00, R01, R02, R03)
    x0, x1 = np.uint32(x0 + k1), np.uint32(x1 + np.uint32(k2 + np.uint32(1)))
    x0, x1 = _four(x0, x1, R10, R11, R12, R13)
    x0, x1 = np.uint32(x0 + k2), np.uint32(x1 + np.uint32(k0 + np.uint32(2)))
    x0, x1 = _four(x0, x1, R00, R01, R02, R03)
    x0, x1 = np.uint32(x0 + k0), np.uint32(x1 + np.uint32(k1 + np.uint32(3)))
    x0, x1 = _four(x0, x1, R10, R11, R12, R13)
    x0, x1 = np.uint32(x0 + k1), np.uint32(x1 + np.uint32(k2 + np.uint32(4)))
    x0, x1 = _four(x0, x1, R00, R01, R02, R03)
    return np.uint32(x0 + k2), np.uint32(x1 + np.uint32(k0 + np.uint32(5)))


@numba.njit(nogil=True, cache=True)
def block(k0, k1, x0, x1):
    """Return both words of one counter."""
    k0, k1 = np.uint32(k0), np.uint32(k1)
    return _block(np.uint32(x0), np.uint32(x1), k0, k1, k0 ^ k1 ^ PARITY32)


@numba.njit(nogil=True, cache=True)
def _counters(start, count, walk, pattern, high, low):
    """High and low words of the logical indices at ``count`` flat positions from ``start``."""
    length, stride, rows = walk[0], walk[1], walk[OFFSETS_AT:]
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
def _rounds(high, low, k0, k1):
    """Both words, in place of the counters. A function of its own, so that it vectorises."""
    k2 = k0 ^ k1 ^ PARITY32
    for j in range(high.size):
        high[j], low[j] = _block(high[j], low[j], k0, k1, k2)


@numba.njit(nogil=True, cache=True)
def _words(start, count, walk, pattern, k0, k1, out0, out1):
    """Both words at ``count`` flat positions from ``start``."""
    _counters(start, count, walk, pattern, out0, out1)
    _rounds(out0[:count], out1[:count], k0, k1)


@numba.njit(nogil=True, cache=True)
def _mixed_progression(high, low, step, k0, k1, out):
    """Both words XORed, at counters with one high word whose low words are an arithmetic progression."""
    k2 = k0 ^ k1 ^ PARITY32
    for j in range(out.size):
        x0, x1 = _block(high, low, k0, k1, k2)
        out[j] = x0 ^ x1
        low = np.uint32(low + step)


@numba.njit(nogil=True, cache=True)
def _mixed(start, count, walk, pattern, k0, k1, out, scratch):
    """Both words XORed, at ``count`` flat positions from ``start``."""
    length, stride = walk[0], walk[1]
    row = start // length
    column = start - row * length
    if not pattern.size and column + count <= length:
        first = np.uint64(walk[OFFSETS_AT + row] + column * stride)
        last = np.uint64(first + np.uint64((count - 1) * stride))
        if first >> np.uint64(32) == last >> np.uint64(32):
            high, step = np.uint32(first >> np.uint64(32)), np.uint32(stride)
            _mixed_progression(high, np.uint32(first), step, k0, k1, out[:count])
            return
    _words(start, count, walk, pattern, k0, k1, out, scratch)
    for j in range(count):
        out[j] ^= scratch[j]


@numba.njit(nogil=True, cache=True)
def _values32(word, count, entries, numbers, unit, out):
    """Values of a block of words."""
    if numbers.size > LINE_AT:
        _on_line(word, count, numbers, unit, out)
    else:
        _looked_up(word, count, entries, numbers, unit, out)


@numba.njit(nogil=True, cache=True)
def _looked_up(word, count, entries, numbers, unit, out):
    """Values by the rows of a table. The loops stand apart so that all but the look-up vectorise."""
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift = _seven(numbers, 0)
    signed = word.view(np.int32)
    pattern = np.empty(BLOCK, dtype=np.int32)
    row = np.empty(BLOCK, dtype=np.uint32)
    entry = np.empty(BLOCK, dtype=np.int64)
    for j in range(count):
        tail = _shift(signed[j] & np.int32(0x7FFFFFFF), tail_shift) | tail_or
        pattern[j] = np.float32(tail).view(np.int32)
        first = max(np.int32(_shift(pattern[j], np.int32(13)) - bias), np.int32(0))
        row[j] = np.uint32(first + (~_shift(signed[j], np.int32(31)) & upper_rows))
    for j in range(count):
        entry[j] = entries[row[j]]  # unsigned: no test for negative indices
    for j in range(count):
        upper = ~_shift(signed[j], np.int32(31))
        base, slope = np.int32(entry[j] >> BASE_AT), np.int32(entry[j] >> SLOPE_AT)
        step = _shift(np.int32(slope * (pattern[j] & np.int32(8191))), slope_shift)
        value = np.int32(base + step) ^ (upper & upper_xor)
        out[j] = np.float32(np.int32(value + (upper & upper_add))) * unit


@numba.njit(nogil=True, cache=True)
def _on_line(word, count, numbers, unit, out):
    """Values by a line, which says what the row of a table holds: nothing is looked up."""
    _, _, _, _, upper_xor, upper_add, slope_shift = _seven(numbers, 0)
    drop = numbers[LINE_AT]
    knot_l, slope_l, first_l, step_l, round_l, rise_l, start_l = _seven(numbers, LINE_AT + 1)
    knot_u, slope_u, first_u, step_u, round_u, rise_u, start_u = _seven(numbers, LINE_AT + 8)
    signed = word.view(np.int32)
    for j in range(count):
        above = signed[j] >= 0
        row = np.uint32(np.uint32(word[j] >> np.uint32(21)) & np.uint32(1023))
        step = step_u if above else step_l
        rise = np.uint32(rise_u if above else rise_l)
        along = np.uint32(np.uint32(row * rise) + np.uint32(start_u if above else start_l))
        excess = np.int32(along >> LINE_BITS)
        change = np.int32(np.int32(step + np.int32(np.uint32(along + rise) >> LINE_BITS)) - excess)
        slope = _shift(np.int32(change + (round_u if above else round_l)), drop)
        base = np.int32((first_u if above else first_l) + np.int32(np.int32(row) * step)) + excess
        slope = slope if row else (slope_u if above else slope_l)
        base = np.int32(base) if row else (knot_u if above else knot_l)
        part = np.int32(np.int32(word[j] >> np.uint32(8)) & np.int32(8191))
        upper = ~_shift(signed[j], np.int32(31))
        value = np.int32(base + _shift(np.int32(slope * part), slope_shift)) ^ (upper & upper_xor)
        out[j] = np.float32(np.int32(value + (upper & upper_add))) * unit


@numba.njit(inline="always")
def _seven(numbers, at):
    return (
        numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3], numbers[at + 4], numbers[at + 5],
        numbers[at + 6],
    )  # fmt: skip


@numba.njit
def _shift(x, distance):
    # Numba widens both to int64. With the mask, and in a function of its own, LLVM sees that 32 bits do.
    return np.int32(x >> np.int32(distance & np.int32(31)))


@numba.njit(nogil=True, cache=True)
def _values64(high, low, count, rows, numbers, unit, out, out_start):
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, least = _seven(numbers, 0)
    most = numbers[7]
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


@numba.njit(nogil=True, cache=True)
def fill32(out, start, k0, k1, walk, pattern, entries, numbers, units):
    """Write float32."""
    unit, k0, k1 = units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    for begin in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - begin)
        _mixed(start + begin, count, walk, pattern, k0, k1, x0, x1)
        _values32(x0, count, entries, numbers, unit, out[begin : begin + count])


@numba.njit(nogil=True, cache=True)
def fill16(out, start, k0, k1, walk, pattern, entries, numbers, units):
    """Write the bits of bfloat16 or float16: each value computed in float32 and rounded once."""
    unit, k0, k1 = units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    value = np.empty(BLOCK, dtype=np.float32)
    for begin in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - begin)
        _mixed(start + begin, count, walk, pattern, k0, k1, x0, x1)
        _values32(x0, count, entries, numbers, unit, value)
        target = out[begin : begin + count]
        if numbers[FLOAT16_AT]:
            _as_float16(value, count, target)
        else:
            _as_bfloat16(value, count, target)


@numba.njit(nogil=True, cache=True)
def _as_bfloat16(value, count, out):
    """The upper halves of the patterns, rounded to nearest even; none of the values is NaN."""
    bits = value.view(np.uint32)
    for j in range(count):
        tie = (bits[j] >> np.uint32(16)) & np.uint32(1)
        out[j] = np.uint16(np.uint32(bits[j] + np.uint32(0x7FFF) + tie) >> np.uint32(16))


@numba.njit(nogil=True, cache=True)
def _as_float16(value, count, out):
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
def fill_complex(out, start, k0, k1, walk, pattern, entries, numbers, units):
    """Write complex64 as pairs of float32, one from each word."""
    unit, k0, k1 = units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    real = np.empty(BLOCK, dtype=np.float32)
    imaginary = np.empty(BLOCK, dtype=np.float32)
    total = out.size // 2
    for begin in range(0, total, BLOCK):
        count = min(BLOCK, total - begin)
        _words(start + begin, count, walk, pattern, k0, k1, x0, x1)
        _values32(x0, count, entries, numbers, unit, real)
        _values32(x1, count, entries, numbers, unit, imaginary)
        for j in range(count):
            out[2 * (begin + j)] = real[j]
            out[2 * (begin + j) + 1] = imaginary[j]


@numba.njit(nogil=True, cache=True)
def fill64(out, start, k0, k1, walk, pattern, rows, numbers, units):
    """Write float64."""
    unit, k0, k1 = units[0], np.uint32(k0), np.uint32(k1)
    x0 = np.empty(BLOCK, dtype=np.uint32)
    x1 = np.empty(BLOCK, dtype=np.uint32)
    for begin in range(0, out.size, BLOCK):
        count = min(BLOCK, out.size - begin)
        _words(start + begin, count, walk, pattern, k0, k1, x0, x1)
        _values64(x0, x1, count, rows, numbers, unit, out, begin)
