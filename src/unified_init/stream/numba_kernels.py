"""The fast runner's kernels: they execute a table's program in Numba, with the GIL released.

``stream.table`` explains the arithmetic, with an example; the names here are those of ``numpy_runner``. The
differences are for the compiler. Numba computes with 32-bit integers in 64 bits, so nearly every result is
cast back: LLVM then vectorizes operations of 32 bits, twice as many at a time. Loops are split, and small
functions are separate, where a longer loop would not vectorize.

All kernels are in one file, because Numba caches compiled code for as long as the file of the outermost
function does not change, and does not look at other files.
"""

from __future__ import annotations

import sys

import numba
import numpy as np

from unified_init.stream.line import BITS
from unified_init.stream.threefry import PARITY, ROTATIONS

if numba.config.DISABLE_JIT:  # the loops below would run in Python, a thousand times slower than NumPy
    _msg = "Numba's compiler is disabled"
    raise ImportError(_msg)

__all__ = ["block", "fill16", "fill32", "fill64", "fill_complex"]

# What does not depend on the key comes to a filler in a few arrays, since the cost of a call grows with the
# number of its arguments:
# - ``walk``: length, stride, and from OFFSETS_AT on the offsets of the rows.
# - ``numbers``: tail_shift, tail_or, bias, upper_rows, upper_xor and upper_add of the table. At 64 bits least
#   and most follow. At 32 bits slope_shift follows, then whether the type is float16, then the line if there
#   is one: drop and the seven numbers of each half.
# - ``units``: 2**exponent, in an array of length 1.
OFFSETS_AT = 2
FLOAT16_AT = 7
LINE_AT = 8
BLOCK = 1024  # values at a time: all scratch stays in the innermost cache
# How far to shift a row that was read as one int64, for its base and for its slope.
BASE_AT, SLOPE_AT = (np.int64(0), np.int64(32)) if sys.byteorder == "little" else (np.int64(32), np.int64(0))

R00, R01, R02, R03 = (np.uint32(rotation) for rotation in ROTATIONS[0])
R10, R11, R12, R13 = (np.uint32(rotation) for rotation in ROTATIONS[1])
THIRTY_TWO = np.uint32(32)
PARITY32 = np.uint32(PARITY)
LINE_BITS = np.uint32(BITS)


@numba.njit(inline="always")
def _round(x0, x1, rotation):
    x0 = np.uint32(x0 + x1)
    rotated = np.uint32(np.uint32(x1 << rotation) | np.uint32(x1 >> np.uint32(THIRTY_TWO - rotation)))
    return x0, rotated ^ x0


@numba.njit(inline="always")
def _four(x0, x1, r0, r1, r2, r3):
    # Written out, because Numba does not unroll a loop over a tuple, and LLVM then does not vectorize.
    x0, x1 = _round(x0, x1, r0)
    x0, x1 = _round(x0, x1, r1)
    x0, x1 = _round(x0, x1, r2)
    return _round(x0, x1, r3)


@numba.njit(inline="always")
def _block(x0, x1, k0, k1, k2):
    # Threefry-2x32, 20 rounds: after every four, two words of the key schedule and the number of the
    # injection are added.
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
    begin = 0
    while begin < count:  # one row of the walk after another
        size = min(length - column, count - begin)
        # Slices, because Numba tests an index that may be negative, and the loop does not vectorize then.
        row_high, row_low = high[begin : begin + size], low[begin : begin + size]
        if pattern.size:
            offsets = pattern[column : column + size]
            for j in range(size):
                logical = np.uint64(rows[row] + offsets[j])
                row_high[j] = np.uint32(logical >> np.uint64(32))
                row_low[j] = np.uint32(logical)
        else:
            logical, step = np.uint64(rows[row] + column * stride), np.uint64(stride)
            for j in range(size):
                row_high[j] = np.uint32(logical >> np.uint64(32))
                row_low[j] = np.uint32(logical)
                logical += step  # a sum of int64 vectorizes, a product does not
        begin += size
        column = 0
        row += 1


@numba.njit(nogil=True, cache=True)
def _rounds(high, low, k0, k1):
    """Both words, in place of the counters. A separate function, so that it vectorizes."""
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
        # All in one row: an arithmetic progression. With one high word it needs no array of counters.
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
    """Values by the rows of a table. In three loops, so that only the look-up does not vectorize."""
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift = _seven(numbers, 0)
    signed = word.view(np.int32)
    pattern = np.empty(BLOCK, dtype=np.int32)
    row = np.empty(BLOCK, dtype=np.uint32)
    entry = np.empty(BLOCK, dtype=np.int64)
    for j in range(count):
        # The tail is the word without its top bit; the pattern of its float selects the row.
        tail = _shift(signed[j] & np.int32(0x7FFFFFFF), tail_shift) | tail_or
        pattern[j] = np.float32(tail).view(np.int32)
        half_row = max(np.int32(_shift(pattern[j], np.int32(13)) - bias), np.int32(0))  # 13 fraction bits
        row[j] = np.uint32(half_row + (~_shift(signed[j], np.int32(31)) & upper_rows))
    for j in range(count):
        entry[j] = entries[row[j]]  # unsigned: no test for negative indices
    for j in range(count):
        upper = ~_shift(signed[j], np.int32(31))  # -1 in the upper half, 0 in the lower
        base, slope = np.int32(entry[j] >> BASE_AT), np.int32(entry[j] >> SLOPE_AT)
        fraction = pattern[j] & np.int32(8191)  # the 13 lowest bits
        interpolated = np.int32(base + _shift(np.int32(slope * fraction), slope_shift))
        mirrored = np.int32((interpolated ^ (upper & upper_xor)) + (upper & upper_add))
        out[j] = np.float32(mirrored) * unit  # the only rounding, then a power of two


@numba.njit(nogil=True, cache=True)
def _on_line(word, count, numbers, unit, out):
    """Values by a line (``stream.line``), which computes what a row holds: nothing is looked up.

    A uniform law keeps the 23 highest bits of the tail: word bits 30 to 21 are the row, 20 to 8 the fraction.
    """
    _, _, _, _, upper_xor, upper_add, slope_shift = _seven(numbers, 0)
    drop = numbers[LINE_AT]
    knot_l, slope_l, first_l, step_l, upward_l, rise_l, start_l = _seven(numbers, LINE_AT + 1)
    knot_u, slope_u, first_u, step_u, upward_u, rise_u, start_u = _seven(numbers, LINE_AT + 8)
    signed = word.view(np.int32)
    for j in range(count):
        is_upper = signed[j] >= 0
        row = np.uint32(np.uint32(word[j] >> np.uint32(21)) & np.uint32(1023))
        step = step_u if is_upper else step_l
        rise = np.uint32(rise_u if is_upper else rise_l)
        # The excess of this row and of the next: their whole units, above LINE_BITS of fraction.
        height = np.uint32(np.uint32(row * rise) + np.uint32(start_u if is_upper else start_l))
        excess = np.int32(height >> LINE_BITS)
        next_excess = np.int32(np.uint32(height + rise) >> LINE_BITS)
        base = np.int32((first_u if is_upper else first_l) + np.int32(np.int32(row) * step)) + excess
        to_next = np.int32(np.int32(step + next_excess) - excess)
        slope = _shift(np.int32(to_next + (upward_u if is_upper else upward_l)), drop)
        # Row 0 is stored as it is.
        slope = slope if row else (slope_u if is_upper else slope_l)
        base = np.int32(base) if row else (knot_u if is_upper else knot_l)
        fraction = np.int32(np.int32(word[j] >> np.uint32(8)) & np.int32(8191))
        # From here on as with a row that was looked up.
        upper = ~_shift(signed[j], np.int32(31))
        interpolated = np.int32(base + _shift(np.int32(slope * fraction), slope_shift))
        mirrored = np.int32((interpolated ^ (upper & upper_xor)) + (upper & upper_add))
        out[j] = np.float32(mirrored) * unit


@numba.njit(inline="always")
def _seven(numbers, i):
    return (
        numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3], numbers[i + 4], numbers[i + 5],
        numbers[i + 6],
    )  # fmt: skip


@numba.njit
def _shift(x, distance):
    # Numba widens both to int64. With the mask, in a separate function, LLVM sees that 32 bits are enough.
    return np.int32(x >> np.int32(distance & np.int32(31)))


@numba.njit(nogil=True, cache=True)
def _values64(high, low, count, rows, numbers, unit, out, out_start):
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, least = _seven(numbers, 0)
    most = numbers[7]
    signed = np.empty(BLOCK, dtype=np.int64)
    tail = np.empty(BLOCK, dtype=np.float64)
    # As in numpy_runner.values64, which explains the numbers: 43 fraction bits, four products.
    for j in range(count):
        signed[j] = np.int64((np.uint64(high[j]) << np.uint64(32)) | np.uint64(low[j]))
        tail[j] = np.float64(((signed[j] & 0x7FFFFFFFFFFFFFFF) >> tail_shift) | tail_or)
    pattern = tail.view(np.int64)
    for j in range(count):
        upper = ~(signed[j] >> 63)
        row = max((pattern[j] >> 43) - bias, 0) + (upper & upper_rows)
        d = pattern[j] & ((1 << 43) - 1)
        d31, d_high, d_low = d >> 12, d >> 22, d & 0x3FFFFF
        curvature = ((rows[row, 2] + ((rows[row, 3] * d31) >> 31)) * d31) >> 31
        slope = rows[row, 1] + (curvature << 12)
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
    """The upper halves of the patterns, rounded to nearest even; none of the values is NaN.

    Adding just under half of the last kept bit (0x7FFF of 0x10000), or half of it where that bit is odd,
    carries into it exactly where rounding to nearest even goes up.
    """
    bits = value.view(np.uint32)
    for j in range(count):
        tie = (bits[j] >> np.uint32(16)) & np.uint32(1)
        out[j] = np.uint16(np.uint32(bits[j] + np.uint32(0x7FFF) + tie) >> np.uint32(16))


@numba.njit(nogil=True, cache=True)
def _as_float16(value, count, out):
    """Rounded to nearest even; none of the values is NaN or rounds past the largest float16."""
    bits = value.view(np.uint32)
    shifted = np.empty(BLOCK, dtype=np.float32)
    shifted_bits = shifted.view(np.uint32)
    for j in range(count):
        # Below 2**-14 float16 has steps of 2**-24, as float32 has from 1/2 to 1: this sum rounds to them.
        shifted[j] = np.abs(value[j]) + np.float32(0.5)
    for j in range(count):
        pattern = bits[j] & np.uint32(0x7FFFFFFF)
        # 23 mantissa bits become 10: 13 are rounded away, as in _as_bfloat16. The exponent bias becomes 15
        # from 127, hence 112.
        tie = (pattern >> np.uint32(13)) & np.uint32(1)
        normal = np.uint32(pattern + np.uint32(0xFFF) + tie - np.uint32(112 << 23)) >> np.uint32(13)
        # The sum's pattern less that of 1/2 counts steps of 2**-24: it is the pattern of the subnormal.
        subnormal = np.uint32(shifted_bits[j] - np.uint32(0x3F000000))
        magnitude = subnormal if pattern < np.uint32(113 << 23) else normal  # 2**-14 is 2**(113 - 127)
        out[j] = np.uint16(magnitude | ((bits[j] >> np.uint32(16)) & np.uint32(0x8000)))  # and the sign


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
