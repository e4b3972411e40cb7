"""Runs a program inside a framework's trace: independent draws, and structured tensors made from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends import graph, unrandom
from unified_init.backends.graph import arguments, block, counters, named_key, signed
from unified_init.backends.graph_compound import combined
from unified_init.law.indexmap import IndexMap
from unified_init.law.unit_values import (
    ConstantValues,
    DeltaOrthogonalKernels,
    FourierKernels,
    Orthogonal,
    SparseMatrices,
)
from unified_init.stream import host
from unified_init.stream.arrange import selected, to_storage
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.householder import orthogonal
from unified_init.stream.kernels import earlier_middle
from unified_init.stream.knots import FORMAT64
from unified_init.stream.program import normal_law
from unified_init.stream.structured import mask_name, sequence
from unified_init.stream.structured import prepare as structured_prepare
from unified_init.stream.table import compile_table

if TYPE_CHECKING:
    from unified_init.backends.protocol import Key, Ops
    from unified_init.stream.program import Program
    from unified_init.stream.table import Table

__all__ = ["Run", "draw", "inline", "prepare"]

# ruff: noqa: ANN401  # arrays of any framework

# ``graph.elementwise``, possibly compiled by the framework: (named key, table, index map, dtype) to a tensor.
Run = Callable[[Any, "Table", IndexMap, str], Any]


def inline(ops: Ops) -> Run:
    """Return ``graph.elementwise``, not compiled: in a trace, a table's columns become constants of it."""

    def run(key: Key, table: Table, index: IndexMap, dtype: str) -> Any:
        columns, numbers, unit = arguments(table)
        constants = tuple(map(ops.constant, columns)), ops.constant(numbers), ops.constant(unit)
        return graph.elementwise(ops, key, constants, index, dtype)

    return run


def prepare(program: Program) -> None:
    """Refuse a program whose trace the host has no memory for, before a generator is advanced."""
    index = program.index
    host.check_axes(index.shape)
    if program.terms:
        for term in program.terms:
            prepare(term)
        return
    if program.table is None:
        if isinstance(program.law.unit, FourierKernels):
            structured_prepare(program)
        if isinstance(program.law.unit, ConstantValues):
            return
        host.check_axes(program.geometry.shape)
        host.check_axes(program.geometry.logical_shape)
        if not program.law.random:
            return
        index = sequence(math.prod(program.geometry.shape))
    host.reserve(graph.host_bytes(index), program.geometry.shape)


def draw(
    ops: Ops,
    program: Program,
    key: Key | None,
    run: Run,
) -> Any:
    """Draw a program.

    Args:
        ops: the framework.
        program: what to draw.
        key: the root key, two Python ints or two int32 scalars that are being traced; None for a
            law without randomness.
        run: ``inline(ops)``, or ``graph.elementwise`` compiled by the framework, of ``graph.arguments`` of a
            table.
    """
    if program.terms:
        return combined(ops, program, lambda term: draw(ops, term, key, run))
    if program.table is not None:
        assert key is not None  # noqa: S101  # the front door asks a random law for a seed
        stream_key = named_key(ops, key, program.name)
        return run(stream_key, program.table, program.index, program.dtype.name)
    if not program.law.random:
        return unrandom.draw(ops, program)
    assert key is not None  # noqa: S101
    dtype = "float64" if program.dtype.bits == FORMAT64.bits else "float32"
    unit, scale = program.law.unit, program.law.scale
    stream_key = named_key(ops, key, program.name)
    if isinstance(unit, SparseMatrices):
        mask = named_key(ops, key, mask_name(program.name))
        logical = _sparse(ops, unit, scale, stream_key, mask, dtype, run)
    else:
        assert isinstance(unit, Orthogonal)  # noqa: S101  # independent draws come from a table
        logical = _orthogonal(ops, unit, scale, stream_key, dtype, run)
    stored = selected(ops.xp, to_storage(ops.xp, logical, program.geometry), program.entries)
    return graph.narrow(ops, stored, program.dtype)


def _normals(key: Key, size: int, std: float, dtype: str, run: Run) -> Any:
    return run(key, compile_table(normal_law(std), DTYPES[dtype].bits), sequence(size), dtype)


def _reflected(ops: Ops, normals: Any, *, shape: tuple[int, ...]) -> tuple[Any]:
    return (orthogonal(ops.xp, ops.xp.reshape(normals, shape)),)


def _orthogonal(ops: Ops, unit: Orthogonal, scale: float, key: Key, dtype: str, run: Run) -> Any:
    xp, shape = ops.xp, (unit.groups, unit.rows, unit.columns)
    (product,) = ops.call(_reflected, _normals(key, math.prod(shape), 1.0, dtype, run), shape=shape)
    matrix = product * ops.constant(np.asarray(scale, dtype=dtype))
    if not isinstance(unit, DeltaOrthogonalKernels):
        return matrix
    middle = np.zeros((1, 1, 1, *unit.spatial), dtype=np.bool_)
    middle[(0, 0, 0, *map(earlier_middle, unit.spatial))] = True
    expanded = xp.reshape(matrix, (*shape, *(1 for _ in unit.spatial)))
    return xp.where(ops.constant(middle), expanded, xp.zeros_like(expanded))


def _sparse(ops: Ops, unit: SparseMatrices, scale: float, key: Key, mask: Key, dtype: str, run: Run) -> Any:
    xp, shape = ops.xp, (unit.groups, unit.rows, unit.columns)
    values = xp.reshape(_normals(key, math.prod(shape), scale, dtype, run), shape)
    x0, x1 = block(ops, mask, *counters(ops, sequence(math.prod(shape))))
    word = xp.reshape(x0 ^ x1, shape) ^ signed(1 << 31)  # signed order is then unsigned order
    # The argsort of an argsort is each entry's rank in its column; the lowest ranks are zero.
    rank = xp.argsort(xp.argsort(word, axis=1, stable=True), axis=1, stable=True)
    return xp.where(rank >= unit.zeros, values, xp.zeros_like(values))
