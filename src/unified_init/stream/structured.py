"""Tensors whose entries are not independent draws, on the host.

Each function returns the logical tensor in float32 (float64 or a complex type where asked), before any
narrowing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.indexmap import AxisMap, IndexMap
from unified_init.law.unit_values import (
    ConstantValues,
    ConvolutionalOrthogonalKernels,
    DeltaOrthogonalKernels,
    FourierKernels,
    NormedValues,
    Orthogonal,
    OrthogonalMatrices,
    SparseMatrices,
    UnitMixture,
    Unrandom,
)
from unified_init.stream import host, numpy_runner, threefry
from unified_init.stream.arrange import selected, to_logical, to_storage
from unified_init.stream.combination import combined, work_type
from unified_init.stream.convolutional import isometry, matrix_count
from unified_init.stream.householder import Arithmetic, orthogonal, unitary
from unified_init.stream.kernels import Pointwise, at_middle, earlier_middle, times, values_at, whole_kernel
from unified_init.stream.mixed import mixture
from unified_init.stream.norms import scaled_to_norm
from unified_init.stream.program import base_program, compile_law, normal_law
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

    It is float32, or float64 where 64 bits are drawn, or of the program's complex type. ``root`` is the root
    key; None where nothing is drawn.
    """
    unit = program.law.unit
    if isinstance(unit, ConstantValues) and _is_scalar(unit):  # not at the cost of the whole
        value = times(np.asarray(unit.value), program.law.scale)
        return np.broadcast_to(value.astype(_dtype(program)), program.index.shape)
    if isinstance(unit, UnitMixture):
        assert root is not None  # noqa: S101  # the front door asks a random law for a seed
        return mixture(program, unit, root, _dtype(program))
    if _costs_the_slice(program) and isinstance(unit, Pointwise):
        values = values_at(unit, program.index, program.law.scale, _dtype(program))
        return values.reshape(program.index.shape)
    part: NDArray[Any] = selected(np, _whole(program, root), program.entries)
    return part


# Bytes per value of the whole tensor at the peak of a draw; of matrices, how many of them. Measured:
# ``tests/stream/test_memory.py`` compares them with what is used.
MATRICES, SPARSE_BYTES, FOURIER_BYTES, KERNEL_BYTES, NORMED_BYTES = 8, 40, 60, 24, 32
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


def scratch(program: Program) -> int:  # noqa: PLR0911  # one for each kind of law
    """Return how many bytes the draw of a structured law takes, beside the tensor that it is drawn into."""
    unit, size, itemsize = program.law.unit, math.prod(program.geometry.shape), _dtype(program).itemsize
    if program.terms:
        sizes = [
            scratch(term) if term.table is None else host.scratch(size, itemsize) for term in program.terms
        ]
        return 2 * itemsize * program.index.size + max(sizes)
    if _costs_the_slice(program):  # a term of a sum, too
        return 0 if _is_scalar(unit) else SLICE_BYTES * program.index.size
    match unit:
        case OrthogonalMatrices() | DeltaOrthogonalKernels():
            matrices = MATRICES * unit.groups * unit.rows * unit.columns
            return itemsize * (matrices + size) + host.scratch(size, itemsize)
        case ConvolutionalOrthogonalKernels():
            drawn = unit.groups * matrix_count(unit) * unit.rows**2
            return itemsize * (MATRICES * unit.rows**2 + drawn + 8 * size) + host.scratch(drawn, itemsize)
        case SparseMatrices():
            return SPARSE_BYTES * size + host.scratch(size, itemsize)
        case NormedValues():
            base = base_program(unit, program.geometry, name="", dtype=program.dtype)
            of_base = host.scratch(size, itemsize) if base.table is not None else scratch(base)
            return itemsize * size + max(of_base, NORMED_BYTES * size)  # one after the other
        case ConstantValues():
            return 0
        case _:
            return size * (FOURIER_BYTES if isinstance(unit, FourierKernels) else KERNEL_BYTES)


def costs_the_box(program: Program) -> bool:
    """Whether a box of a tensor is drawn without the rest of it."""
    if program.terms:
        return all(map(costs_the_box, program.terms))
    return program.table is not None or isinstance(program.law.unit, (Pointwise, ConstantValues, UnitMixture))


def _costs_the_slice(program: Program) -> bool:
    """Whether a program draws a slice, and not the whole tensor first."""
    return bool(program.entries) and costs_the_box(program)


def _is_scalar(unit: UnitValues) -> bool:
    return isinstance(unit, ConstantValues) and not isinstance(unit.value, tuple)


def _dtype(program: Program) -> np.dtype[Any]:
    """Return the type in which a structured law is computed: complex where its values can be."""
    unit = program.law.unit
    if program.dtype.is_complex and isinstance(unit, (Orthogonal, ConstantValues)):
        return program.dtype.numpy
    return work_type(program)


def _whole(program: Program, root: tuple[int, int] | None) -> NDArray[Any]:
    law, geometry, dtype = program.law, program.geometry, _dtype(program)
    unit = law.unit
    if isinstance(unit, ConstantValues):  # an array that broadcasts to the stored shape
        values = np.asarray(unit.value, dtype=np.complex128 if unit.is_complex else np.float64)
        value = times(values, law.scale)
        return np.broadcast_to(value.astype(dtype), geometry.shape)
    if isinstance(unit, Unrandom):
        logical = times(whole_kernel(unit, geometry), law.scale)
        return np.asarray(to_storage(np, logical.astype(dtype), geometry), order="C")
    assert root is not None  # noqa: S101  # the front door asks a random law for a seed
    key = threefry.named_key(root, program.name)
    if isinstance(unit, NormedValues):
        logical = _normed(program, unit, root)
    elif isinstance(unit, ConvolutionalOrthogonalKernels):
        mask = threefry.named_key(root, mask_name(program.name))
        logical = _convolutional(unit, law.scale, key, mask, dtype)
    elif isinstance(unit, SparseMatrices):
        mask = threefry.named_key(root, mask_name(program.name))
        logical = _sparse(unit, law.scale, key, mask, dtype)
    else:
        assert isinstance(unit, Orthogonal)  # noqa: S101  # independent draws come from a table
        logical = _orthogonal(unit, law.scale, key, dtype)
    return np.asarray(to_storage(np, logical, geometry), order="C")


def _convolutional(
    unit: ConvolutionalOrthogonalKernels,
    scale: float,
    key: tuple[int, int],
    mask: tuple[int, int],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Isometries: orthogonal matrices from the stream, and projections on columns that the mask keeps."""
    count, rows = matrix_count(unit), unit.rows
    kernels = np.empty((unit.groups, rows, unit.columns, *unit.spatial), dtype=dtype)
    if not kernels.size:
        return kernels
    normals = _normals(key, (unit.groups, count, 1, rows, rows), dtype, 1.0)
    kept = kept_columns(mask, (unit.groups, count - 1, 1, rows)).astype(dtype)
    for group, drawn in enumerate(normals):
        matrices = [_matrix(matrix)[0] for matrix in drawn]
        kernels[group] = isometry(np, matrices, kept[group], unit)
    kernels *= dtype.type(scale)
    return kernels


def kept_columns(mask: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which columns span a projection: those whose word has its top bit set."""
    size = math.prod(shape)
    x0, x1 = numpy_runner.words(mask, walk(sequence(size)).logical(0, size))
    kept: NDArray[np.bool_] = ((x0 ^ x1) >> 31).reshape(shape) == 1
    return kept


def _normed(program: Program, unit: NormedValues, root: tuple[int, int]) -> NDArray[Any]:
    """What the base draws under the same name, scaled."""
    base = base_program(unit, program.geometry, name=program.name, dtype=program.dtype)
    matrices = to_logical(np, _base(base, root), program.geometry)
    matrices = matrices.reshape(unit.groups, unit.rows, unit.columns)
    return scaled_to_norm(matrices, unit, program.law.scale, program.dtype.largest)


def _base(program: Program, root: tuple[int, int]) -> NDArray[Any]:
    """Return a new array of what a program of any law draws: the terms of a sum are programs too."""
    if program.terms:
        return combined(program, lambda term: _base(term, root))
    values = np.empty(program.index.shape, dtype=program.dtype.numpy)
    if program.table is None:
        values[...] = structured(program, root)
    else:
        host.fill(
            values, index=program.index, key=threefry.named_key(root, program.name), table=program.table
        )
    return values


def _normals(key: tuple[int, int], shape: tuple[int, ...], dtype: np.dtype[Any], std: float) -> NDArray[Any]:
    out = np.empty(shape, dtype=dtype)
    part = std * math.sqrt(0.5) if dtype.kind == "c" else std
    table = compile_table(normal_law(part), 64 if dtype in host.WIDE else 32)
    host.fill(out, index=sequence(out.size), key=key, table=table)
    return out


def _join(real: NDArray[Any], imaginary: NDArray[Any]) -> NDArray[Any]:
    joined = np.empty(real.shape, np.result_type(real, np.complex64))
    joined.real, joined.imag = real, imaginary
    return joined


def _arithmetic(dtype: np.dtype[Any]) -> Arithmetic:
    """Return the arithmetic of the host for real or complex matrices of a type."""

    def wide(x: NDArray[Any]) -> NDArray[Any]:
        return x.astype(np.result_type(x.dtype, np.float64), copy=False)

    def narrow(x: NDArray[Any]) -> NDArray[Any]:
        return x.astype(dtype, copy=False)

    return Arithmetic(np, _join, wide, narrow)


def _matrix(normals: NDArray[Any]) -> NDArray[Any]:
    """Return the orthogonal or unitary matrix of real or complex normals."""
    arithmetic = _arithmetic(normals.dtype)
    if normals.dtype.kind == "c":
        return unitary(arithmetic, np.ascontiguousarray(normals.real), np.ascontiguousarray(normals.imag))
    return orthogonal(arithmetic, normals)


def _orthogonal(unit: Orthogonal, scale: float, key: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Orthogonal matrices, or convolution kernels that have one at the middle and zeros elsewhere."""
    normals = _normals(key, (unit.groups, unit.rows, unit.columns), dtype, 1.0)
    # One matrix at a time: the bits of a batched product depend on the size of the batch. One is not copied.
    matrices = [_matrix(part[None]) for part in normals]
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
    values = np.empty(shape, dtype=dtype)
    size = math.prod(shape)
    table = compile_law(unit.values or normal_law(scale), 8 * dtype.itemsize)
    host.fill(values, index=sequence(size), key=key, table=table)
    x0, x1 = numpy_runner.words(mask, walk(sequence(size)).logical(0, size))
    word = (x0 ^ x1).reshape(shape)
    axis = 2 if unit.along == "row" else 1
    if unit.along == "all":
        word = _all_words(unit, word)
        values = values.reshape(word.shape)
    order = np.argsort(word, axis=axis, kind="stable")
    first = order[:, : unit.zeros] if axis == 1 else order[:, :, : unit.zeros]
    np.put_along_axis(values, first, dtype.type(0), axis=axis)
    return values.reshape(shape)


def _all_words(unit: SparseMatrices, word: NDArray[Any]) -> NDArray[Any]:
    """Return the words of each matrix as one column, where the largest of each row may not become zero."""
    order = word.astype(np.int64)
    if unit.at_least_one and unit.columns:
        kept = unit.columns - 1 - order[:, :, ::-1].argmax(axis=2)[..., None]  # the last of equal words
        np.put_along_axis(order, kept, np.take_along_axis(order, kept, axis=2) + (1 << 32), axis=2)
    return order.reshape(unit.groups, unit.rows * unit.columns, 1)
