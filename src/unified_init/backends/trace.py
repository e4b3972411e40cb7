"""Runs a program inside a framework's trace: independent draws, and structured tensors made from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends import graph, unrandom
from unified_init.backends.graph import arguments
from unified_init.backends.graph_combination import combined
from unified_init.backends.graph_norms import check_traceable, scaled_to_norm
from unified_init.backends.graph_values import narrow
from unified_init.backends.graph_words import block, counters, host_bytes, named_key, signed
from unified_init.law.indexmap import IndexMap
from unified_init.law.unit_values import (
    ConstantValues,
    ConvolutionalOrthogonalKernels,
    DeltaOrthogonalKernels,
    FourierKernels,
    NormedValues,
    Orthogonal,
    SparseMatrices,
    UnitMixture,
)
from unified_init.stream import host
from unified_init.stream.arrange import selected, to_logical, to_storage
from unified_init.stream.convolutional import isometry, matrix_count
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.householder import Arithmetic, orthogonal, unitary
from unified_init.stream.kernels import earlier_middle
from unified_init.stream.knots import FORMAT64
from unified_init.stream.mixed import choice, component_name
from unified_init.stream.program import base_program, compile_law, normal_law
from unified_init.stream.structured import mask_name, sequence
from unified_init.stream.structured import prepare as structured_prepare
from unified_init.stream.table import compile_table

if TYPE_CHECKING:
    from unified_init.backends.protocol import Key, Ops
    from unified_init.stream.program import Program
    from unified_init.stream.tables import AnyTable

__all__ = ["Run", "draw", "inline", "prepare"]

# ruff: noqa: ANN401  # arrays of any framework

# ``graph.elementwise``, possibly compiled by the framework: (named key, table, index map, dtype) to a tensor.
Run = Callable[[Any, "AnyTable", IndexMap, str], Any]


def inline(ops: Ops) -> Run:
    """Return ``graph.elementwise``, not compiled: in a trace, a table's columns become constants of it."""

    def run(key: Key, table: AnyTable, index: IndexMap, dtype: str) -> Any:
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
        unit = program.law.unit
        if isinstance(unit, NormedValues):
            check_traceable(unit)
            host.check_axes(program.geometry.logical_shape)
            prepare(base_program(unit, program.geometry, name=program.name, dtype=program.dtype))
            return
        if isinstance(unit, FourierKernels):
            structured_prepare(program)
        if isinstance(unit, ConstantValues):
            return
        host.check_axes(program.geometry.shape)
        host.check_axes(program.geometry.logical_shape)
        if not program.law.random:
            return
        if not isinstance(unit, UnitMixture):  # whose components have the counters of a table
            index = sequence(math.prod(program.geometry.shape))
    host.reserve(host_bytes(index), program.geometry.shape)


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
    if program.dtype.is_complex:
        dtype = program.dtype.name
    unit, scale = program.law.unit, program.law.scale
    if isinstance(unit, UnitMixture):
        return narrow(ops, _mixture(ops, unit, program, key, dtype, run), program.dtype)
    stream_key = named_key(ops, key, program.name)
    if isinstance(unit, NormedValues):
        base = base_program(unit, program.geometry, name=program.name, dtype=program.dtype)
        logical = to_logical(ops.xp, draw(ops, base, key, run), program.geometry)
        logical = scaled_to_norm(ops, logical, unit, scale, dtype)
    elif isinstance(unit, ConvolutionalOrthogonalKernels):
        mask = named_key(ops, key, mask_name(program.name))
        logical = _convolutional(ops, unit, scale, stream_key, mask, dtype, run)
    elif isinstance(unit, SparseMatrices):
        mask = named_key(ops, key, mask_name(program.name))
        logical = _sparse(ops, unit, scale, stream_key, mask, dtype, run)
    else:
        assert isinstance(unit, Orthogonal)  # noqa: S101  # independent draws come from a table
        logical = _orthogonal(ops, unit, scale, stream_key, dtype, run)
    stored = selected(ops.xp, to_storage(ops.xp, logical, program.geometry), program.entries)
    return narrow(ops, stored, program.dtype)


def _normals(key: Key, size: int, std: float, dtype: str, run: Run) -> Any:
    part = std * math.sqrt(0.5) if DTYPES[dtype].is_complex else std
    return run(key, compile_table(normal_law(part), DTYPES[dtype].bits), sequence(size), dtype)


def _reflected(ops: Ops, *normals: Any, shape: tuple[int, ...]) -> tuple[Any]:
    """Return orthogonal matrices of normals; unitary ones of the real and the imaginary parts."""
    parts = [ops.xp.reshape(part, shape) for part in normals]
    make = orthogonal if len(parts) == 1 else unitary
    return (make(Arithmetic(ops.xp, ops.complex), *parts),)


def _orthogonal(ops: Ops, unit: Orthogonal, scale: float, key: Key, dtype: str, run: Run) -> Any:
    xp, shape = ops.xp, (unit.groups, unit.rows, unit.columns)
    normals = _normals(key, math.prod(shape), 1.0, dtype, run)
    parts = ops.parts(normals) if DTYPES[dtype].is_complex else (normals,)
    (product,) = ops.call(_reflected, *parts, shape=shape)
    matrix = product * ops.constant(np.asarray(scale, dtype=dtype))
    if not isinstance(unit, DeltaOrthogonalKernels):
        return matrix
    middle = np.zeros((1, 1, 1, *unit.spatial), dtype=np.bool_)
    middle[(0, 0, 0, *map(earlier_middle, unit.spatial))] = True
    expanded = xp.reshape(matrix, (*shape, *(1 for _ in unit.spatial)))
    return xp.where(ops.constant(middle), expanded, xp.zeros_like(expanded))


def _mixture(ops: Ops, unit: UnitMixture, program: Program, key: Key, dtype: str, run: Run) -> Any:
    """Return the values of a mixture; ``stream.mixed`` explains the names."""
    index, bits = program.index, DTYPES[dtype].bits
    choice_key = named_key(ops, key, component_name(program.name, None))
    chosen = ops.cast(run(choice_key, choice(unit), index, "float32"), "int32")
    result = None
    for number, law in enumerate(unit.components):
        part_key = named_key(ops, key, component_name(program.name, number))
        values = run(part_key, compile_law(law, bits), index, dtype)
        result = values if result is None else ops.xp.where(chosen >= number, values, result)
    return result


def _sparse(ops: Ops, unit: SparseMatrices, scale: float, key: Key, mask: Key, dtype: str, run: Run) -> Any:
    xp, shape = ops.xp, (unit.groups, unit.rows, unit.columns)
    table = compile_law(unit.values or normal_law(scale), DTYPES[dtype].bits)
    values = xp.reshape(run(key, table, sequence(math.prod(shape)), dtype), shape)
    x0, x1 = block(ops, mask, *counters(ops, sequence(math.prod(shape))))
    word = xp.reshape(x0 ^ x1, shape) ^ signed(1 << 31)  # signed order is then unsigned order
    if unit.along == "all":
        rank = _ranks_of_all(ops, unit, word)
        values = xp.reshape(values, (unit.groups, unit.rows * unit.columns, 1))
    else:
        rank = _ranks(ops, word, 2 if unit.along == "row" else 1)
    return xp.reshape(xp.where(rank >= unit.zeros, values, xp.zeros_like(values)), shape)


def _ranks(ops: Ops, word: Any, axis: int) -> Any:
    """Return each entry's rank along an axis: the argsort of an argsort. The lowest ranks become zero."""
    return ops.xp.argsort(ops.xp.argsort(word, axis=axis, stable=True), axis=axis, stable=True)


def _ranks_of_all(ops: Ops, unit: SparseMatrices, word: Any) -> Any:
    """Return ranks among all entries of each matrix; the largest of each row may come last."""
    xp, size = ops.xp, unit.rows * unit.columns
    rank = _ranks(ops, xp.reshape(word, (unit.groups, size, 1)), 1)
    if not unit.at_least_one:
        return rank
    in_row = _ranks(ops, xp.reshape(rank, (unit.groups, unit.rows, unit.columns)), 2)
    last = ops.cast(xp.reshape(in_row, (unit.groups, size, 1)) >= unit.columns - 1, "int32")
    return _ranks(ops, ops.cast(rank, "int32") + last * size, 1)


def _convolutional(
    ops: Ops, unit: ConvolutionalOrthogonalKernels, scale: float, key: Key, mask: Key, dtype: str, run: Run
) -> Any:
    xp, count, rows = ops.xp, matrix_count(unit), unit.rows
    shape = (unit.groups, rows, unit.columns, *unit.spatial)
    if 0 in shape:
        return xp.zeros(shape, dtype=ops.constant(np.zeros(0, dtype=dtype)).dtype)
    of_matrices = (unit.groups * count, rows, rows)
    normals = _normals(key, math.prod(of_matrices), 1.0, dtype, run)
    (matrices,) = ops.call(_reflected, normals, shape=of_matrices)
    x0, x1 = block(ops, mask, *counters(ops, sequence(unit.groups * (count - 1) * rows)))
    kept = xp.reshape(ops.cast((x0 ^ x1) < 0, dtype), (unit.groups * (count - 1), 1, rows))
    kernels = []
    for group in range(unit.groups):
        own = [matrices[group * count + number] for number in range(count)]
        masks = [kept[group * (count - 1) + number] for number in range(count - 1)]
        kernels.append(xp.reshape(isometry(xp, own, masks, unit), (1, *shape[1:])))
    kernel = kernels[0] if len(kernels) == 1 else xp.concat(kernels, axis=0)
    return kernel * ops.constant(np.asarray(scale, dtype=dtype))
