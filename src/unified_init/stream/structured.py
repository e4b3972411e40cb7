"""Tensors whose entries are not independent draws, on the host.

Each function returns the logical tensor in float32 (float64 where asked), before any narrowing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np

from unified_init.law.indexmap import AxisMap, IndexMap
from unified_init.law.unit_values import (
    BilinearKernels,
    ConstantValues,
    DeltaOrthogonalKernels,
    DiracKernels,
    FourierKernels,
    HadamardKernels,
    IdentityMatrices,
    Orthogonal,
    OrthogonalMatrices,
    SparseMatrices,
    Unrandom,
)
from unified_init.stream import elementary, host, numpy_runner, threefry
from unified_init.stream.arrange import to_storage
from unified_init.stream.householder import orthogonal
from unified_init.stream.program import normal_law
from unified_init.stream.table import compile_table
from unified_init.stream.walk import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.layout import Geometry
    from unified_init.law.unit_values import UnitValues
    from unified_init.stream.program import Program

__all__ = [
    "bilinear_filter",
    "earlier_middle",
    "later_middle",
    "mask_name",
    "prepare",
    "sequence",
    "structured",
]


Kernels = IdentityMatrices | DiracKernels | HadamardKernels | BilinearKernels | FourierKernels


def sequence(size: int) -> IndexMap:
    """Return the index map of a plain sequence: position i draws the logical index i."""
    return IndexMap((AxisMap(size, 0, 1, ((1, max(size, 1), 1),)),), 0, size)


def mask_name(name: str) -> str:
    """Return the name of the stream that decides which entries of a sparse tensor are zero."""
    return f"{name}/mask"


def structured(program: Program, root: tuple[int, int] | None) -> NDArray[Any]:
    """Return the tensor of a program of a structured law, or the slice of it that the program draws.

    It is float32, or float64 where 64 bits are drawn. ``root`` is the root key; None where nothing is drawn.
    """
    unit = program.law.unit
    if isinstance(unit, ConstantValues) and isinstance(unit.value, float):  # not at the cost of the whole
        value = np.float64(unit.value) * program.law.scale
        return np.broadcast_to(value.astype(_dtype(program)), program.index.shape)
    entries: NDArray[Any] = _whole(program, root)[program.entries or ...]
    return entries


# Bytes per value of the whole tensor at the peak of a draw; of matrices, how many of them. Measured:
# ``tests/stream/test_memory.py`` compares them with what is used.
MATRICES, SPARSE_BYTES, FOURIER_BYTES, KERNEL_BYTES = 8, 40, 60, 24


def prepare(program: Program) -> None:
    """Refuse a structured law that the host has no memory for, before a generator is advanced."""
    if _is_scalar(program.law.unit):
        return
    host.check_axes(program.geometry.shape)
    host.check_axes(program.geometry.logical_shape)
    host.reserve(scratch(program), program.geometry.shape)


def scratch(program: Program) -> int:
    """Return how many bytes the draw of a structured law takes, beside the tensor that it is drawn into."""
    unit, size, itemsize = program.law.unit, math.prod(program.geometry.shape), _dtype(program).itemsize
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


def _is_scalar(unit: UnitValues) -> bool:
    return isinstance(unit, ConstantValues) and isinstance(unit.value, float)


def _dtype(program: Program) -> np.dtype[Any]:
    """Return the type in which a structured law is computed."""
    return np.dtype(np.float64 if program.dtype.bits == 64 else np.float32)  # noqa: PLR2004


def _whole(program: Program, root: tuple[int, int] | None) -> NDArray[Any]:
    law, geometry, dtype = program.law, program.geometry, _dtype(program)
    unit = law.unit
    if isinstance(unit, ConstantValues):  # an array that broadcasts to the stored shape
        value = np.asarray(unit.value, dtype=np.float64) * law.scale
        return np.broadcast_to(value.astype(dtype), geometry.shape)
    if isinstance(unit, Unrandom):
        logical = _unrandom(unit, geometry) * law.scale
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
    # One matrix at a time: the bits of a batched product depend on the size of the batch.
    matrix = np.concatenate([orthogonal(np, part[None]) for part in normals]) if unit.groups else normals
    matrix = matrix * dtype.type(scale)
    if not isinstance(unit, DeltaOrthogonalKernels):
        return matrix
    kernel = np.zeros((*matrix.shape, *unit.spatial), dtype=dtype)
    kernel[_at_middle(unit.spatial, earlier_middle)] = matrix
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


# --- tensors without randomness, as float64 of the logical shape or size ------------------------


def later_middle(size: int) -> int:
    """Index of the middle position; of the two of an even size the later, as in PyTorch's dirac_."""
    return size // 2


def earlier_middle(size: int) -> int:
    """Index of the middle position; of the two of an even size the earlier, as in JAX's delta_orthogonal."""
    return (size - 1) // 2


def _at_middle(spatial: tuple[int, ...], middle: Callable[[int], int]) -> tuple[Any, ...]:
    """Return the index of a kernel's matrix at its middle position."""
    return (..., *map(middle, spatial))


def _unrandom(unit: Kernels, geometry: Geometry) -> NDArray[Any]:
    """Return the values of a law without randomness, before they are scaled."""
    match unit:
        case IdentityMatrices(groups, rows, columns):
            return np.broadcast_to(np.eye(rows, columns), (groups, rows, columns))
        case DiracKernels():
            return _dirac(unit)
        case HadamardKernels():
            return _hadamard(unit)
        case BilinearKernels():
            return _bilinear(unit)
        case FourierKernels():
            return _fourier(unit, geometry)
        case _:
            assert_never(unit)


def _dirac(unit: DiracKernels) -> NDArray[Any]:
    kernel = np.zeros((unit.groups, unit.rows, unit.columns, *unit.spatial))
    height = unit.rows // unit.blocks
    channel = np.arange(min(height, unit.columns))
    middle: tuple[Any, ...] = tuple(map(later_middle, unit.spatial))
    for block in range(unit.blocks):
        kernel[(slice(None), block * height + channel, channel, *middle)] = 1.0
    return kernel


def _hadamard(unit: HadamardKernels) -> NDArray[Any]:
    if unit.rows <= unit.columns:
        matrix = np.eye(unit.rows, unit.columns)
    else:
        order = 1 << (unit.rows - 1).bit_length()
        shared_bits = np.arange(unit.rows)[:, None] & np.arange(unit.columns)[None, :]
        matrix = (1.0 - 2.0 * (np.bitwise_count(shared_bits) % 2)) / np.sqrt(float(order))
    kernel = np.zeros((unit.groups, unit.rows, unit.columns, *unit.spatial))
    kernel[_at_middle(unit.spatial, later_middle)] = matrix
    return kernel


def bilinear_filter(spatial: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the filter that interpolates linearly along each axis."""
    filter_ = np.ones(())
    for size in spatial:
        factor = (size + 1) // 2
        middle = (2.0 * factor - 1.0 - factor % 2) / (2.0 * factor)
        filter_ = filter_[..., None] * (1.0 - np.abs(np.arange(size) / factor - middle))
    return filter_


def _bilinear(unit: BilinearKernels) -> NDArray[Any]:
    kernel = np.zeros((unit.groups, unit.rows, unit.columns, *unit.spatial))
    channel = np.arange(min(unit.rows, unit.columns))
    kernel[:, channel, channel] = bilinear_filter(unit.spatial)
    return kernel


def _fourier(unit: FourierKernels, geometry: Geometry) -> NDArray[Any]:
    length, _, frequencies = geometry.shape
    period = max(2 * (frequencies - 1), 1)
    # Whole turns are dropped in integers, before any rounding, so no precision is lost.
    turns = (np.arange(length)[:, None] * np.arange(frequencies)[None, :] % period) / period
    wave = elementary.cos_turns(turns) if unit.side == "real" else elementary.sin_turns(-turns)
    if unit.window is not None:
        taper = _window(unit.window, length, periodic=unit.periodic)
        if unit.scaling == "density":
            taper /= math.sqrt(math.fsum(taper * taper)) or 1.0
        elif unit.scaling == "spectrum":
            taper /= math.fsum(np.abs(taper)) or 1.0
        wave *= taper[:, None]
    return wave[:, None, :] if geometry.layout is None else wave.T[:, None, :]


# Cosine series of the windows: a0 - a1 cos + a2 cos(2 .).
WINDOWS = {
    "boxcar": (1.0, 0.0, 0.0),
    "hann": (0.5, 0.5, 0.0),
    "hamming": (0.54, 0.46, 0.0),
    "blackman": (0.42, 0.5, 0.08),
}


def _window(name: str, length: int, *, periodic: bool) -> NDArray[np.float64]:
    if length <= 1:
        return np.ones(length)
    turns = np.arange(length) / (length if periodic else length - 1)
    a0, a1, a2 = WINDOWS[name]
    return a0 - a1 * elementary.cos_turns(turns) + a2 * elementary.cos_turns(2.0 * turns)
