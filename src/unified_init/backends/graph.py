"""The graph program: the stream as elementwise integer operations, written once for every framework.

``stream.table`` explains the arithmetic, with an example. Key, table and power of two are arguments, so that
one compilation serves every law of a shape. All integers are signed, since not all frameworks compute with
unsigned ones, and wrap: the bits of sums, products and XORs are those of unsigned words. Right shifts copy
the sign. The only floating-point operations are conversions, which round to nearest even, and multiplications
by a power of two, which are exact. So no compiler can change a bit, whatever it fuses.

``graph_words`` has the words, and ``graph_values`` what a table makes of them.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends.graph_line import line_numbers
from unified_init.backends.graph_polar import turned
from unified_init.backends.graph_steps import STEPS_COLUMNS, steps_arguments, steps_values
from unified_init.backends.graph_values import (
    cubic64,
    integers32,
    integers64,
    narrow,
    values32,
    values64,
    word64,
)
from unified_init.backends.graph_words import block, counters
from unified_init.law.indexmap import IndexMap
from unified_init.stream.dtypes import DTYPES, DType
from unified_init.stream.knots import FORMAT32, FORMAT64
from unified_init.stream.polar import ANGLES32, ANGLES64, PolarTable
from unified_init.stream.steps import Steps
from unified_init.stream.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unified_init.backends.graph_values import Arguments
    from unified_init.backends.protocol import Key, Ops
    from unified_init.stream.tables import AnyTable

__all__ = ["arguments", "elementwise", "line_arguments"]

# ruff: noqa: ANN401  # arrays of any framework


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
