"""Words as values: the look-up in a table or the line, and the narrow types, in integers of a framework.

``stream.table`` explains the arithmetic, with an example; ``stream.numpy_runner`` does the same in NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends.graph_line import line_values
from unified_init.backends.graph_words import signed
from unified_init.stream.knots import FORMAT32, FORMAT64

if TYPE_CHECKING:
    from unified_init.backends.protocol import Ops
    from unified_init.stream.dtypes import DType

__all__ = ["Arguments", "cubic64", "integers32", "integers64", "narrow", "values32", "values64", "word64"]

# ruff: noqa: ANN401  # arrays of any framework

# The arguments of a compiled program: the columns of the table, its integers, its power of two. A line has no
# columns, and its numbers are among the integers; steps have one, their values, and the last words of
# their cells in place of a power of two.
Arguments = tuple[tuple[Any, ...], Any, Any]


def values32(ops: Ops, args: Arguments, word: Any) -> Any:
    """Return the float32 values of 32-bit words."""
    if not args[0]:
        return line_values(ops, args, word)
    value, row = _rows32(ops, args, word)
    return ops.cast(value, "float32") * _unit(ops, args[0][2:], args[2], row)


def _unit(ops: Ops, units: tuple[Any, ...], unit: Any, row: Any) -> Any:
    """Return the power of two of a table, or those of the rows, where they have units of their own."""
    return ops.take(units[0], row) if units else unit


def integers32(ops: Ops, args: Arguments, word: Any) -> Any:
    """Return the values of 32-bit words in units of the table."""
    return _rows32(ops, args, word)[0]


def _rows32(ops: Ops, args: Arguments, word: Any) -> tuple[Any, Any]:
    """Return the values of 32-bit words in units of their rows, and the rows."""
    (base, slope, *_), numbers, _ = args
    shift = ops.xp.bitwise_right_shift
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, slope_shift = (numbers[i] for i in range(7))
    # The top bit, copied into all 32 and inverted: -1 in the upper half, 0 in the lower. As a mask it chooses
    # between the halves without a branch.
    upper = ~shift(word, 31)
    # The other 31 bits are the tail. The pattern of the tail as a float is its exponent and mantissa: without
    # the 13 lowest bits and less the bias it numbers a row, which those 13 bits interpolate.
    tail = shift(word & 0x7FFFFFFF, tail_shift) | tail_or
    pattern = ops.bits(ops.cast(tail, "float32"), "int32")
    row = shift(pattern, FORMAT32.fraction) - bias
    row = row & ~shift(row, 31)  # max(row, 0), for tail 0, whose pattern is 0
    row = row + (upper & upper_rows)
    fraction = pattern & ((1 << FORMAT32.fraction) - 1)
    value = ops.take(base, row) + shift(ops.take(slope, row) * fraction, slope_shift)
    # The upper half of a symmetric law: v ^ -1 is -v - 1, plus 2 loc + 1 is 2 loc - v.
    return (value ^ (upper & upper_xor)) + (upper & upper_add), row


def values64(ops: Ops, args: Arguments, x0: Any, x1: Any) -> Any:
    """Return the float64 values of pairs of words."""
    value, row = _rows64(ops, args, x0, x1)
    return ops.cast(value, "float64") * _unit(ops, args[0][4:], args[2], row)


def integers64(ops: Ops, args: Arguments, x0: Any, x1: Any) -> Any:
    """Return the values of pairs of words in units of the table."""
    return _rows64(ops, args, x0, x1)[0]


def _rows64(ops: Ops, args: Arguments, x0: Any, x1: Any) -> tuple[Any, Any]:
    """Return the values of pairs of words in units of their rows, and the rows; see ``numpy_runner``."""
    columns, numbers, _ = args
    right_shift = ops.xp.bitwise_right_shift
    tail_shift, tail_or, bias, upper_rows, upper_xor, upper_add, _, least, most = (
        numbers[i] for i in range(9)
    )
    word = word64(ops, x0, x1)
    upper = ~right_shift(word, 63)
    tail = right_shift(word & _low_bits(ops, 63), tail_shift) | tail_or
    pattern = ops.bits(ops.cast(tail, "float64"), "int64")
    row = right_shift(pattern, FORMAT64.fraction) - bias
    row = (row & ~right_shift(row, 63)) + (upper & upper_rows)
    value = cubic64(ops, columns[:4], row, pattern & _low_bits(ops, FORMAT64.fraction))
    value = (value ^ (upper & upper_xor)) + (upper & upper_add)
    return ops.xp.minimum(ops.xp.maximum(value, least), most), row


def _low_bits(ops: Ops, count: int) -> Any:
    """Return a mask of the lowest bits: a tensor, since TensorFlow's NumPy behavior makes ints int32."""
    return ops.constant(np.asarray((1 << count) - 1, dtype=np.int64))


def word64(ops: Ops, x0: Any, x1: Any) -> Any:
    """Return x0 << 32 | x1; the mask removes the sign bits with which x1 was extended to 64."""
    return ops.xp.bitwise_left_shift(ops.cast(x0, "int64"), 32) | (ops.cast(x1, "int64") & _low_bits(ops, 32))


def cubic64(ops: Ops, columns: tuple[Any, ...], row: Any, d: Any) -> Any:
    """Return the values of the cubics of rows at d / 2**43."""
    c0, c1, c2, c3 = columns
    left_shift, right_shift = ops.xp.bitwise_left_shift, ops.xp.bitwise_right_shift
    d31, d_high, d_low = right_shift(d, 12), right_shift(d, 22), d & 0x3FFFFF
    curvature = ops.take(c2, row) + right_shift(ops.take(c3, row) * d31, 31)
    slope = ops.take(c1, row) + left_shift(right_shift(curvature * d31, 31), 12)
    s_high, s_low = right_shift(slope, 31), slope & 0x7FFFFFFF
    value = ops.take(c0, row) + left_shift(s_high * d_high, 10) + right_shift(s_high * d_low, 12)
    return value + right_shift(s_low * d_high, 21) + right_shift(s_low * d_low, 43)


def narrow(ops: Ops, value: Any, dtype: DType) -> Any:
    """Round float32 to a narrower type, in integers, so that no compiler can skip the rounding.

    Rounding is to nearest even. To drop n bits of an integer, 2**(n - 1) - 1 is added, and 1 more where the
    last kept bit is odd: that carries into the kept bits exactly where rounding goes up.
    """
    if not dtype.narrow:
        return value
    shift = ops.xp.bitwise_right_shift
    pattern = ops.bits(value, "int32")
    if dtype.name == "bfloat16":  # the upper half of the pattern
        tie = shift(pattern, 16) & 1
        # Not by way of a rounded float32: XLA takes minutes over a conversion of what it can analyze.
        return ops.bits(ops.cast(shift(pattern + 0x7FFF + tie, 16), "int16"), dtype.name)
    # The number is significand * 2**(exponent - 150): 127 is the bias, and 23 bits are behind the point.
    exponent = shift(pattern, FORMAT32.mantissa) & 0xFF
    significand = (pattern & 0x7FFFFF) | ops.xp.bitwise_left_shift(
        ops.cast(exponent > 0, "int32"), FORMAT32.mantissa
    )
    # Its last kept bit has the weight 2**quantum: the type's last mantissa bit, or the type's smallest step
    # where that is coarser (its subnormals).
    lowest = exponent - (127 + dtype.mantissa)
    quantum = lowest + _relu(ops, dtype.quantum - lowest)
    drop = quantum - exponent + 150
    drop = drop - _relu(ops, drop - 25)  # a significand has 24 bits: with 25 dropped it is 0, as with more
    ones = drop ^ drop ^ 1
    almost_half = ops.xp.bitwise_left_shift(ones, drop - 1) - 1
    steps = shift(significand + almost_half + (shift(significand, drop) & 1), drop)
    # steps * 2**quantum is exact in float32; the power of two is made from its pattern.
    weight = ops.bits(ops.xp.bitwise_left_shift(quantum + 127, FORMAT32.mantissa), "float32")
    magnitude = ops.bits(ops.cast(steps, "float32") * weight, "int32")
    rounded = ops.bits(magnitude | (pattern & signed(1 << 31)), "float32")
    return ops.cast(rounded, dtype.name)  # exact


def _relu(ops: Ops, x: Any) -> Any:
    """max(x, 0): the sign bit, copied into all bits, is the mask."""
    return x & ~ops.xp.bitwise_right_shift(x, 31)
