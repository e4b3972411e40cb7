"""Kernels that no draw decides: identities, Dirac's, Hadamard's, bilinear filters and Fourier bases.

Those that a formula of the coordinates gives are computed whole, or at some positions alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np

from unified_init.law.unit_values import (
    BilinearKernels,
    DiracKernels,
    FormulaValues,
    FourierKernels,
    HadamardKernels,
    IdentityMatrices,
)
from unified_init.stream import elementary
from unified_init.stream.formulas import formula_at
from unified_init.stream.walk import walk
from unified_init.stream.windows import window_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.indexmap import IndexMap
    from unified_init.law.layout import Geometry


__all__ = [
    "Kernels",
    "Pointwise",
    "at_middle",
    "bilinear_filter",
    "earlier_middle",
    "later_middle",
    "times",
    "values_at",
    "whole_kernel",
]

Pointwise = IdentityMatrices | DiracKernels | HadamardKernels | BilinearKernels | FormulaValues
Kernels = Pointwise | FourierKernels
BLOCK = 1 << 16  # positions at a time


def later_middle(size: int) -> int:
    """Index of the middle position; of the two of an even size the later, as in PyTorch's dirac_."""
    return size // 2


def earlier_middle(size: int) -> int:
    """Index of the middle position; of the two of an even size the earlier, as in JAX's delta_orthogonal."""
    return (size - 1) // 2


def at_middle(spatial: tuple[int, ...], middle: Callable[[int], int]) -> tuple[Any, ...]:
    """Return the index of a kernel's matrix at its middle position."""
    return (..., *map(middle, spatial))


def times(values: NDArray[Any], scale: float) -> NDArray[Any]:
    """Return values times a scale; a negative one gives zeros no sign."""
    return values * scale + 0.0 if scale < 0.0 else values * scale


def whole_kernel(unit: Kernels, geometry: Geometry) -> NDArray[Any]:
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
        case FormulaValues():
            values = formula_at(unit, np.arange(math.prod(geometry.shape)))
            return values.reshape(geometry.logical_shape)
        case _:
            assert_never(unit)


def values_at(unit: Pointwise, index: IndexMap, scale: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the values of a kernel at the positions of an index map, as one axis, without the others."""
    values, way = np.empty(index.size, dtype), walk(index)
    for start in range(0, index.size, BLOCK):
        stop = min(start + BLOCK, index.size)
        values[start:stop] = times(_at(unit, way.logical(start, stop)), scale)
    return values


def _at(unit: Pointwise, index: NDArray[np.intp]) -> NDArray[Any]:
    """Return the values at logical indices: those that ``whole_kernel`` has there."""
    if isinstance(unit, FormulaValues):
        return formula_at(unit, index)
    shape = (unit.groups, unit.rows, unit.columns, *getattr(unit, "spatial", ()))
    _, row, column, *spatial = np.unravel_index(index, shape)
    match unit:
        case IdentityMatrices():
            return (row == column).astype(np.float64)
        case DiracKernels():
            height = unit.rows // unit.blocks
            on_diagonal = (row % height == column) & (row < height * unit.blocks)
            return (on_diagonal & _is_middle(unit.spatial, spatial)).astype(np.float64)
        case HadamardKernels():
            return np.where(_is_middle(unit.spatial, spatial), _hadamard_at(unit, row, column), 0.0)
        case BilinearKernels():
            product = np.ones(row.shape)
            for size, middle, position in zip(unit.spatial, unit.middles, spatial, strict=True):
                product = product * _bilinear_filter(size, middle)[position]
            return np.where(row == column, product, 0.0)
        case _:
            assert_never(unit)


def _is_middle(sizes: tuple[int, ...], positions: list[NDArray[np.intp]]) -> NDArray[np.bool_]:
    middle = np.ones((), np.bool_)
    for size, position in zip(sizes, positions, strict=True):
        middle = middle & (position == later_middle(size))
    return middle


def _dirac(unit: DiracKernels) -> NDArray[Any]:
    kernel = np.zeros((unit.groups, unit.rows, unit.columns, *unit.spatial))
    height = unit.rows // unit.blocks
    channel = np.arange(min(height, unit.columns))
    middle: tuple[Any, ...] = tuple(map(later_middle, unit.spatial))
    for block in range(unit.blocks):
        kernel[(slice(None), block * height + channel, channel, *middle)] = 1.0
    return kernel


def _hadamard(unit: HadamardKernels) -> NDArray[Any]:
    matrix = _hadamard_at(unit, np.arange(unit.rows)[:, None], np.arange(unit.columns)[None, :])
    kernel = np.zeros((unit.groups, unit.rows, unit.columns, *unit.spatial))
    kernel[at_middle(unit.spatial, later_middle)] = matrix
    return kernel


def _hadamard_at(unit: HadamardKernels, row: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[Any]:
    if unit.rows <= unit.columns:
        return (row == column).astype(np.float64)
    order = 1 << (unit.rows - 1).bit_length()
    signs: NDArray[Any] = (1.0 - 2.0 * (np.bitwise_count(row & column) % 2)) / np.sqrt(float(order))
    return signs


def _bilinear(unit: BilinearKernels) -> NDArray[Any]:
    kernel = np.zeros((unit.groups, unit.rows, unit.columns, *unit.spatial))
    channel = np.arange(min(unit.rows, unit.columns))
    kernel[:, channel, channel] = bilinear_filter(unit)
    return kernel


def bilinear_filter(unit: BilinearKernels) -> NDArray[np.float64]:
    """Return the filter that interpolates linearly along each axis."""
    filter_ = np.ones(())
    for size, middle in zip(unit.spatial, unit.middles, strict=True):
        filter_ = filter_[..., None] * _bilinear_filter(size, middle)
    return filter_


def _bilinear_filter(size: int, middle: float) -> NDArray[np.float64]:
    factor = (size + 1) // 2
    filter_: NDArray[np.float64] = 1.0 - np.abs(np.arange(size) / factor - middle)
    return filter_


def _fourier(unit: FourierKernels, geometry: Geometry) -> NDArray[Any]:
    length, _, frequencies = geometry.shape
    period = max(2 * (frequencies - 1), 1)
    # Whole turns are dropped in integers, before any rounding, so no precision is lost.
    turns = (np.arange(length)[:, None] * np.arange(frequencies)[None, :] % period) / period
    wave = elementary.cos_turns(turns) if unit.side == "real" else elementary.sin_turns(-turns)
    if unit.window is not None:
        if isinstance(unit.window, tuple):
            taper = np.array(unit.window, dtype=np.float64)
        else:
            taper = window_values(unit.window, length, periodic=unit.periodic)
        if unit.scaling == "density":
            taper /= math.sqrt(math.fsum(taper * taper)) or 1.0
        elif unit.scaling == "spectrum":
            taper /= math.fsum(np.abs(taper)) or 1.0
        wave *= taper[:, None]
    return wave[:, None, :] if geometry.layout is None else wave.T[:, None, :]
