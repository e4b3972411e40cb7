"""Tensors whose entries are not independent draws, on the host.

Each function returns the logical tensor in float32 (float64 where asked), before any narrowing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.indexmap import AxisMap, IndexMap
from unified_init.law.unit_values import (
    ConstantValues,
    DeltaOrthogonalKernels,
    FourierKernels,
    Orthogonal,
    OrthogonalMatrices,
    SparseMatrices,
    Unrandom,
)
from unified_init.stream import host, numpy_runner, threefry
from unified_init.stream.arrange import selected, to_storage
from unified_init.stream.compound import work_type
from unified_init.stream.householder import orthogonal
from unified_init.stream.kernels import Pointwise, at_middle, earlier_middle, times, values_at, whole_kernel
from unified_init.stream.program import normal_law
from unified_init.stream.table import compile_table
from unified_init.stream.walk import walk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.unit_values import UnitValues
    from unified_init.stream.program import Program

__all__ = ["costs_the_box", "mask_name", "prepare", "sequence", "structured"]


def sequence(size: int) -> IndexMap:
    """Return the index map of a plain sequence: position i draws the logical index i."""
    return IndexMap((AxisMap((range(size),) if size else (), ((1, max(size, 1), 1),)),), 0, size)


def mask_name(name: str) -> str:
    """Return the name of the stream that decides which entries of a sparse tensor are zero."""
    return f"{name}/mask"


def structured(program: Program, root: tuple[int, int] | None) -> NDArray[Any]:
    """Return the tensor of a program of a structured law, or the slice of it that the program draws.

    It is float32, or float64 where 64 bits are drawn. ``root`` is the root key; None where nothing is drawn.
    """
    unit = program.law.unit
    if isinstance(unit, ConstantValues) and isinstance(unit.value, float):  # not at the cost of the whole
        value = times(np.asarray(unit.value), program.law.scale)
        return np.broadcast_to(value.astype(work_type(program)), program.index.shape)
    if _costs_the_slice(program) and isinstance(unit, Pointwise):
        values = values_at(unit, program.index, program.law.scale, work_type(program))
        return values.reshape(program.index.shape)
    part: NDArray[Any] = selected(np, _whole(program, root), program.entries)
    return part


# Bytes per value of the whole tensor at the peak of a draw; of matrices, how many of them. Measured:
# ``tests/stream/test_memory.py`` compares them with what is used.
MATRICES, SPARSE_BYTES, FOURIER_BYTES, KERNEL_BYTES = 8, 40, 60, 24
SLICE_BYTES = 24  # per value of a slice that is computed alone, with the indices of a long row


def prepare(program: Program) -> None:
    """Refuse a structured law that the host has no memory for, before a generator is advanced."""
    if program.terms:
        _prepare_terms(program)
        return
    if _is_scalar(program.law.unit):
        return
    if _costs_the_slice(program):
        host.check_axes(program.index.shape)
        if isinstance(program.law.unit, ConstantValues):  # broadcast to the whole, and then cut
            host.check_axes(program.geometry.shape)
        host.reserve(SLICE_BYTES * program.index.size, program.index.shape)
        return
    host.check_axes(program.geometry.shape)
    host.check_axes(program.geometry.logical_shape)
    host.reserve(scratch(program), program.geometry.shape)


def _prepare_terms(program: Program) -> None:
    """Refuse a sum or a product that the host has no memory for."""
    for term in program.terms:
        if term.table is None:
            prepare(term)
    host.check_axes(program.index.shape)
    host.reserve(scratch(program), program.index.shape)


def scratch(program: Program) -> int:
    """Return how many bytes the draw of a structured law takes, beside the tensor that it is drawn into."""
    unit, size, itemsize = program.law.unit, math.prod(program.geometry.shape), work_type(program).itemsize
    if program.terms:
        sizes = [
            scratch(term) if term.table is None else host.scratch(size, itemsize) for term in program.terms
        ]
        return 2 * itemsize * program.index.size + max(sizes)
    match unit:
        case OrthogonalMatrices() | DeltaOrthogonalKernels():
            matrices = MATRICES * unit.groups * unit.rows * unit.columns
            return itemsize * (matrices + size) + host.scratch(size, itemsize)
        case SparseMatrices():
            return SPARSE_BYTES * size + host.scratch(size, itemsize)
        case FourierKernels():
            return FOURIER_BYTES * size
        case ConstantValues():
            return 0
        case _:
            return KERNEL_BYTES * size


def costs_the_box(program: Program) -> bool:
    """Whether a box of a tensor is drawn without the rest of it."""
    if program.terms:
        return all(map(costs_the_box, program.terms))
    return program.table is not None or isinstance(program.law.unit, (Pointwise, ConstantValues))


def _costs_the_slice(program: Program) -> bool:
    """Whether a program draws a slice, and not the whole tensor first."""
    return bool(program.entries) and costs_the_box(program)


def _is_scalar(unit: UnitValues) -> bool:
    return isinstance(unit, ConstantValues) and isinstance(unit.value, float)


def _whole(program: Program, root: tuple[int, int] | None) -> NDArray[Any]:
    law, geometry, dtype = program.law, program.geometry, work_type(program)
    unit = law.unit
    if isinstance(unit, ConstantValues):  # an array that broadcasts to the stored shape
        value = times(np.asarray(unit.value, dtype=np.float64), law.scale)
        return np.broadcast_to(value.astype(dtype), geometry.shape)
    if isinstance(unit, Unrandom):
        logical = times(whole_kernel(unit, geometry), law.scale)
        return np.asarray(to_storage(np, logical.astype(dtype), geometry), order="C")
    assert root is not None  # noqa: S101  # the front door asks a random law for a seed
    key = threefry.named_key(root, program.name)
    if isinstance(unit, SparseMatrices):
        mask = threefry.named_key(root, mask_name(program.name))
        logical = _sparse(unit, law.scale, key, mask, dtype)
    else:
        assert isinstance(unit, Orthogonal)  # noqa: S101  # independent draws come from a table
        logical = _orthogonal(unit, law.scale, key, dtype)
    return np.asarray(to_storage(np, logical, geometry), order="C")


def _normals(key: tuple[int, int], shape: tuple[int, ...], dtype: np.dtype[Any], std: float) -> NDArray[Any]:
    out = np.empty(shape, dtype=dtype)
    table = compile_table(normal_law(std), 8 * dtype.itemsize)
    host.fill(out, index=sequence(out.size), key=key, table=table)
    return out


def _orthogonal(unit: Orthogonal, scale: float, key: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Orthogonal matrices, or convolution kernels that have one at the middle and zeros elsewhere."""
    normals = _normals(key, (unit.groups, unit.rows, unit.columns), dtype, 1.0)
    # One matrix at a time: the bits of a batched product depend on the size of the batch. One is not copied.
    matrices = [orthogonal(np, part[None]) for part in normals]
    matrix = matrices[0] if len(matrices) == 1 else np.concatenate([normals[:0], *matrices])
    matrix *= dtype.type(scale)
    if not isinstance(unit, DeltaOrthogonalKernels):
        return matrix
    kernel = np.zeros((*matrix.shape, *unit.spatial), dtype=dtype)
    kernel[at_middle(unit.spatial, earlier_middle)] = matrix
    return kernel


def _sparse(
    unit: SparseMatrices, scale: float, key: tuple[int, int], mask: tuple[int, int], dtype: np.dtype[Any]
) -> NDArray[Any]:
    shape = (unit.groups, unit.rows, unit.columns)
    values = _normals(key, shape, dtype, scale)
    size = math.prod(shape)
    x0, x1 = numpy_runner.words(mask, walk(sequence(size)).logical(0, size))
    order = np.argsort((x0 ^ x1).reshape(shape), axis=1, kind="stable")
    np.put_along_axis(values, order[:, : unit.zeros], dtype.type(0), axis=1)
    return values
