"""The graph program: the stream as elementwise integer operations, written once for every framework.

``stream.table`` explains the arithmetic, with an example. Key, table and power of two are arguments, so that
one compilation serves every law of a shape. All integers are signed, since not all frameworks compute with
unsigned ones, and wrap: the bits of sums, products and XORs are those of unsigned words. Right shifts copy
the sign. The only floating-point operations are conversions, which round to nearest even, and multiplications
by a power of two, which are exact. So no compiler can change a bit, whatever it fuses.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends.graph_line import line_numbers, line_values
from unified_init.backends.graph_polar import turned
from unified_init.backends.graph_steps import STEPS_COLUMNS, steps_arguments, steps_values
from unified_init.law.indexmap import AxisMap, IndexMap
from unified_init.stream import threefry
from unified_init.stream.dtypes import DTYPES, DType
from unified_init.stream.knots import FORMAT32, FORMAT64
from unified_init.stream.polar import ANGLES32, ANGLES64, PolarTable
from unified_init.stream.steps import Steps
from unified_init.stream.table import Table
from unified_init.stream.walk import positions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from unified_init.backends.protocol import Key, Ops
    from unified_init.stream.tables import AnyTable

__all__ = [
    "Arguments",
    "arguments",
    "block",
    "counters",
    "elementwise",
    "host_bytes",
    "named_key",
    "narrow",
    "signed",
    "unrolled",
]

# ruff: noqa: ANN401  # arrays of any framework

WRAP = 1 << 32
# The arguments of a compiled program: the columns of the table, its integers, its power of two. A line has no
# columns, and its numbers are among the integers; steps have one, their values, and the last words of
# their cells in place of a power of two.
Arguments = tuple[tuple[Any, ...], Any, Any]


def signed(value: int) -> int:
    """Return a 32-bit word as the int32 with the same bits."""
    return (value + (1 << 31)) % WRAP - (1 << 31)


@functools.lru_cache(maxsize=32)
def arguments(table: AnyTable) -> Arguments:
    """Return a table as the arguments of the graph program.

    Those of a polar table have the columns of the cosines behind the others.

    A compilation is for one length of table. So the columns are padded to one of two lengths: that of one
    half (symmetric laws) or of both. No word selects a row of the padding.
    """
    if isinstance(table, Steps):
        return steps_arguments(table)
    if isinstance(table, PolarTable):
        columns, numbers, unit = arguments(table.modulus)
        unit = np.asarray(table.unit, dtype=unit.dtype)
        return (*columns, *np.ascontiguousarray(table.cosines.T)), numbers, unit
    form = FORMAT64 if _has_64_bits(table) else FORMAT32
    length = form.rows * (1 + (table.upper_rows > 0))
    padded = np.zeros((table.rows.shape[1], length), dtype=table.rows.dtype)
    padded[:, : table.rows.shape[0]] = table.rows.T
    columns = tuple(padded) if table.units is None else (*padded, np.resize(table.units, length))
    return columns, *_scalars(table, ())


@functools.lru_cache(maxsize=32)
def line_arguments(table: AnyTable) -> Arguments:
    """Return a table that is a line as the arguments that compute it; any other as ``arguments`` does."""
    if not isinstance(table, Table) or _has_64_bits(table):
        return arguments(table)
    points = line_numbers(table)
    return ((), *_scalars(table, points)) if points else arguments(table)


def _has_64_bits(table: Table) -> bool:
    return table.rows.dtype == np.int64


def _scalars(table: Table, points: Sequence[int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return a table's numbers, with those of its line, and its unit."""
    numbers = [table.tail_shift, table.tail_or, table.bias, table.upper_rows, table.upper_xor,
               table.upper_add, table.slope_shift]  # fmt: skip
    if _has_64_bits(table):
        numbers += [table.least, table.most]
    unit = np.asarray(table.unit, dtype=np.float64 if _has_64_bits(table) else np.float32)
    return np.asarray([*numbers, *points], dtype=table.rows.dtype), unit


def named_key(ops: Ops, key: Key, name: str) -> Key:
    """Return the key of a name under a root key, as int32 scalars of the framework."""
    if isinstance(key[0], int):
        high, low = threefry.named_key(key, name)
        return (
            ops.constant(np.asarray(signed(high), dtype=np.int32)),
            ops.constant(np.asarray(signed(low), dtype=np.int32)),
        )
    if not name:  # the empty name leaves the root key
        return key
    high, low = threefry.name_counter(name)
    zero = key[0] ^ key[0]  # a zero of the framework, in the trace under way
    return block(ops, key, zero + signed(high), zero + signed(low))


def elementwise(ops: Ops, key: Key, args: Arguments, index: IndexMap, dtype: str) -> Any:
    """Return independent draws under a named key."""
    target = DTYPES[dtype]
    if target.is_complex and len(args[0]) > (4 if target.bits == FORMAT64.bits else 2):  # a table
        return _polar(ops, key, args, index, target)
    if target.name == "complex128":  # the parts take counters 2i and 2i + 1
        parts = [elementwise(ops, key, args, _interleaved(index, part), "float64") for part in (0, 1)]
        return ops.complex(*parts)
    x0, x1 = block(ops, key, *counters(ops, index))
    if len(args[0]) == STEPS_COLUMNS:
        return narrow(ops, steps_values(ops, args, x0 ^ x1), target)
    if target.is_complex:
        return ops.complex(values32(ops, args, x0), values32(ops, args, x1))
    if target.bits == FORMAT64.bits:
        return values64(ops, args, x0, x1)
    return narrow(ops, values32(ops, args, x0 ^ x1), target)


def _polar(ops: Ops, key: Key, args: Arguments, index: IndexMap, target: DType) -> Any:
    """Return complex values of a polar table."""
    columns, numbers, unit = args
    shift = ops.xp.bitwise_right_shift
    if target.bits == FORMAT32.bits:
        x0, x1 = block(ops, key, *counters(ops, index))
        base, slope = columns[2:]

        def line(row: Any, fraction: Any) -> Any:
            return ops.take(base, row) + shift(ops.take(slope, row) * fraction, ANGLES32.fraction)

        modulus = shift(integers32(ops, (columns[:2], numbers, unit), x0), ANGLES32.dropped)
        return turned(ops, modulus, x1, line, unit, target.bits)
    words = [block(ops, key, *counters(ops, _interleaved(index, part))) for part in (0, 1)]
    end = ops.constant(np.asarray(1 << ANGLES64.scale, dtype=np.int64))

    def cubic(row: Any, fraction: Any) -> Any:
        value = cubic64(ops, columns[4:], row, fraction)
        return ops.xp.minimum(ops.xp.maximum(value, -1 * end), end)

    modulus = shift(integers64(ops, (columns[:4], numbers, unit), *words[0]), ANGLES64.dropped)
    return turned(ops, modulus, word64(ops, *words[1]), cubic, unit, target.bits)


def _interleaved(index: IndexMap, part: int) -> IndexMap:
    """Return the index map to 2i + part, where the given one is to i."""
    axes = tuple(
        dataclasses.replace(
            axis, terms=tuple((divisor, modulus, 2 * stride) for divisor, modulus, stride in axis.terms)
        )
        for axis in index.axes
    )
    return IndexMap(axes, 2 * index.offset + part, 2 * index.logical_size)


def counters(ops: Ops, index: IndexMap) -> tuple[Any, Any]:
    """Return the high and low words of the logical indices, as int32 arrays of the shape."""
    rank = len(index.axes)
    if _is_wide(index):
        return _wide_counters(ops, index)
    low = ops.constant(np.asarray(signed(index.offset), dtype=np.int32))
    for position, axis in enumerate(index.axes):
        shape = (1,) * position + (axis.length,) + (1,) * (rank - position - 1)
        low = low + ops.xp.reshape(_axis_counters(ops, axis), shape)
    return low ^ low, low


def _is_wide(index: IndexMap) -> bool:
    """Whether counters need both words, or 64-bit arithmetic on the way to them."""
    # Up to 2**32 elements the high word is 0, and the low word is a sum that may wrap on the way.
    return index.logical_size > WRAP or not all(map(_fits_int32, index.axes))


def host_bytes(index: IndexMap) -> int:
    """Return how many bytes of NumPy arrays the counters of an index map take, at most."""
    longest = max((axis.length for axis in index.axes), default=0)
    return 5 * 8 * longest if _is_wide(index) else 0  # the positions of an axis, and what is made of them


def _fits_int32(axis: AxisMap) -> bool:
    """Whether the counters of an axis can be computed in int32.

    A division, which merged roles need, is right only of a position that did not wrap. Without one there are
    only sums and products, whose low 32 bits are right in any case.
    """
    return axis.affine or max((run[-1] for run in axis.runs), default=0) < WRAP // 2


def _axis_counters(ops: Ops, axis: AxisMap) -> Any:
    """Return what each position of an axis adds to the low word."""
    if axis.affine:
        return _runs(ops, axis.runs, axis.terms[0][2])
    position = _runs(ops, axis.runs, 1)
    total = position ^ position  # zeros
    for divisor, modulus, stride in axis.terms:
        total = total + (position // divisor) % modulus * signed(stride)
    return total


def _runs(ops: Ops, runs: tuple[range, ...], stride: int) -> Any:
    """Return the low words of the positions of runs, times a stride."""
    pieces = [
        ops.cast(ops.xp.arange(len(run)), "int32") * signed(run.step * stride) + signed(run.start * stride)
        for run in runs or (range(0),)
    ]
    return pieces[0] if len(pieces) == 1 else ops.xp.concat(pieces, axis=0)


def _wide_counters(ops: Ops, index: IndexMap) -> tuple[Any, Any]:
    """Counters of a tensor of more than 2**32 elements: added axis by axis, with a carry."""
    rank = len(index.axes)
    high, low = (
        ops.constant(np.asarray(signed(word), dtype=np.int32)) for word in divmod(index.offset, WRAP)
    )
    for axis_number, axis in enumerate(index.axes):
        position = positions(axis)
        total = np.zeros(axis.length, dtype=np.int64)
        for divisor, modulus, stride in axis.terms:
            total += position // divisor % modulus * _signed64(stride)
        shape = (1,) * axis_number + (axis.length,) + (1,) * (rank - axis_number - 1)
        axis_low = ops.constant(total.astype(np.uint32).view(np.int32).reshape(shape))
        axis_high = ops.constant((total >> 32).astype(np.int32).reshape(shape))
        low = low + axis_low
        # An unsigned sum wrapped if it is below a summand. Signed integers compare as unsigned ones do once
        # the top bits are flipped.
        flip = signed(1 << 31)
        carry = ops.cast((low ^ flip) < (axis_low ^ flip), "int32")
        high = high + axis_high + carry
    return high, low


def _signed64(value: int) -> int:
    """Return the int64 whose bits are those of a number below 2**64."""
    return value - (1 << 64) if value >= 1 << 63 else value


def block(ops: Ops, key: Key, high: Any, low: Any) -> tuple[Any, Any]:
    """Return Threefry-2x32 with 20 rounds."""
    x0, x1 = ops.call(_rounds, key[0], key[1], high, low)
    return x0, x1


def _rounds(ops: Ops, k0: Any, k1: Any, high: Any, low: Any) -> tuple[Any, Any]:
    """Twice eight rounds, which a framework may run as a loop, and four."""
    k2 = k0 ^ k1 ^ threefry.PARITY

    def eight(number: Any, state: Any) -> Any:
        x0, x1, a, b, c = state  # the words of the key, in the order in which they come next
        x0, x1 = _four(ops, x0, x1, threefry.ROTATIONS[0])
        x0, x1 = _four(ops, x0 + a, x1 + (b + (2 * number + 1)), threefry.ROTATIONS[1])
        return x0 + b, x1 + (c + (2 * number + 2)), c, a, b

    x0, x1, a, b, _ = ops.repeat(2, eight, (high + k0, low + k1, k1, k2, k0))
    x0, x1 = _four(ops, x0, x1, threefry.ROTATIONS[0])
    return x0 + a, x1 + (b + 5)


def unrolled(count: int, step: Callable[[Any, Any], Any], state: Any) -> Any:
    """Apply a step to a state several times: ``Ops.repeat`` of frameworks that compile long programs well."""
    for number in range(count):
        state = step(number, state)
    return state


def rotated(ops: Ops, x: Any, distance: int) -> Any:
    """Rotate words to the left: ``Ops.rotate`` of frameworks that shift signed integers only."""
    shifted_left = ops.xp.bitwise_left_shift(x, distance)
    # A right shift of signed integers fills with the sign. The mask keeps the bits that were shifted down.
    shifted_right = ops.xp.bitwise_right_shift(x, 32 - distance)
    return shifted_left | (shifted_right & ((1 << distance) - 1))


def _four(ops: Ops, x0: Any, x1: Any, rotations: tuple[int, ...]) -> tuple[Any, Any]:
    for rotation in rotations:
        x0 = x0 + x1
        x1 = ops.rotate(x1, rotation) ^ x0
    return x0, x1


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
    tail = right_shift(word & low_bits(ops, 63), tail_shift) | tail_or
    pattern = ops.bits(ops.cast(tail, "float64"), "int64")
    row = right_shift(pattern, FORMAT64.fraction) - bias
    row = (row & ~right_shift(row, 63)) + (upper & upper_rows)
    value = cubic64(ops, columns[:4], row, pattern & low_bits(ops, FORMAT64.fraction))
    value = (value ^ (upper & upper_xor)) + (upper & upper_add)
    return ops.xp.minimum(ops.xp.maximum(value, least), most), row


def low_bits(ops: Ops, count: int) -> Any:
    """Return a mask of the lowest bits: a tensor, since TensorFlow's NumPy behavior makes ints int32."""
    return ops.constant(np.asarray((1 << count) - 1, dtype=np.int64))


def word64(ops: Ops, x0: Any, x1: Any) -> Any:
    """Return x0 << 32 | x1; the mask removes the sign bits with which x1 was extended to 64."""
    return ops.xp.bitwise_left_shift(ops.cast(x0, "int64"), 32) | (ops.cast(x1, "int64") & low_bits(ops, 32))


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
