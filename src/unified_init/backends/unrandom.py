"""Tensors without randomness in a framework's trace: made there, so that they are no large constants of it.

A constant is broadcast from its numbers. An identity-like kernel is a choice between few numbers by row and
column. Only Fourier matrices, whose entries are cosines of their own, are made on the host and put into the
program.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.unit_values import (
    BilinearKernels,
    ConstantValues,
    DiracKernels,
    FormulaValues,
    FourierKernels,
    HadamardKernels,
    IdentityMatrices,
)
from unified_init.stream.arrange import selected, to_storage
from unified_init.stream.formulas import along_last
from unified_init.stream.kernels import bilinear_filter, later_middle, times, whole_kernel
from unified_init.stream.structured import structured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.backends.protocol import Ops
    from unified_init.stream.program import Program

__all__ = ["draw"]

# ruff: noqa: ANN401  # arrays of any framework

Kernels = IdentityMatrices | DiracKernels | HadamardKernels | BilinearKernels


def draw(ops: Ops, program: Program) -> Any:
    """Return the tensor of a law without randomness, or the slice of it that the program draws."""
    unit, geometry, entries = program.law.unit, program.geometry, program.entries
    if isinstance(unit, FourierKernels):
        return ops.constant(structured(program, None).astype(program.dtype.numpy))
    if isinstance(unit, FormulaValues):
        tensor = selected(ops.xp, to_storage(ops.xp, _formula(ops, unit, program), geometry), entries)
    elif isinstance(unit, ConstantValues):
        given = np.asarray(unit.value, dtype=np.complex128 if unit.is_complex else np.float64)
        values = ops.constant(_rounded(given, program))
        if not isinstance(unit.value, tuple):
            tensor = ops.xp.broadcast_to(values, program.index.shape)
        else:
            tensor = selected(ops.xp, ops.xp.broadcast_to(values, geometry.shape), entries)
    else:
        assert isinstance(unit, Kernels)  # noqa: S101  # the others are random
        tensor = selected(ops.xp, to_storage(ops.xp, _kernels(ops, unit, program), geometry), entries)
    return ops.cast(tensor, program.dtype.name) if _is_float8(program) else tensor


def _is_float8(program: Program) -> bool:
    return program.dtype.numpy.itemsize == 1


def _rounded(values: NDArray[Any], program: Program) -> NDArray[Any]:
    """Return unit values, scaled and rounded as the host rounds them.

    Frameworks do little with 8-bit floats: those come as float32, and are converted at the end, exactly.
    """
    single: Any = np.float64 if program.dtype.bits == 64 else np.float32  # noqa: PLR2004
    if program.dtype.is_complex:
        single = program.dtype.numpy
    with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
        rounded = times(values, program.law.scale).astype(single).astype(program.dtype.numpy)
        return rounded.astype(np.float32) if _is_float8(program) else rounded


def _kernels(ops: Ops, unit: Kernels, program: Program) -> Any:
    """Return kernels: zero, except where the row and the column meet, at some or all positions."""
    row, column = (
        ops.xp.reshape(ops.cast(ops.xp.arange(size), "int32"), shape)
        for size, shape in ((unit.rows, (1, unit.rows, 1, 1)), (unit.columns, (1, 1, unit.columns, 1)))
    )
    is_diagonal = (row ^ column) < 1
    zero = _constant(ops, np.zeros(1), program)
    match unit:
        case IdentityMatrices():
            matrix = ops.xp.where(is_diagonal, _constant(ops, np.ones(1), program), zero)
        case DiracKernels():
            height = max(unit.rows // unit.blocks, 1)
            is_paired = ((row % height) ^ column) < 1
            matrix = ops.xp.where(is_paired, _constant(ops, _at_middle(unit.spatial), program), zero)
        case HadamardKernels() if unit.rows <= unit.columns:
            matrix = ops.xp.where(is_diagonal, _constant(ops, _at_middle(unit.spatial), program), zero)
        case HadamardKernels():
            entry = _at_middle(unit.spatial) / math.sqrt(1 << (unit.rows - 1).bit_length())
            negative = np.where(entry > 0.0, -entry, 0.0)  # zeros have no sign
            odd = _parity(ops, row & column) > 0
            matrix = ops.xp.where(odd, _constant(ops, negative, program), _constant(ops, entry, program))
        case BilinearKernels():
            filter_ = bilinear_filter(unit).reshape(-1)
            matrix = ops.xp.where(is_diagonal, _constant(ops, filter_, program), zero)
    positions = 1 if isinstance(unit, IdentityMatrices) else math.prod(unit.spatial)
    return ops.xp.broadcast_to(matrix, (unit.groups, unit.rows, unit.columns, positions))


def _formula(ops: Ops, unit: FormulaValues, program: Program) -> Any:
    """Return the values of a formula: one row as a constant, broadcast to the others; a matrix whole."""
    shape = program.geometry.logical_shape
    row = along_last(unit)
    if row is None:
        return ops.constant(_rounded(whole_kernel(unit, program.geometry), program))
    row = row.reshape(shape[-1:])  # of a scalar, which is the first of its formula, it has no axis
    return ops.xp.broadcast_to(ops.constant(_rounded(row, program)), shape)


def _constant(ops: Ops, positions: NDArray[np.float64], program: Program) -> Any:
    """Return the numbers of all positions as a constant that broadcasts to kernels."""
    return ops.constant(_rounded(positions.reshape(1, 1, 1, -1), program))


def _at_middle(spatial: tuple[int, ...]) -> NDArray[np.float64]:
    """Return 1 at the middle position and 0 at the others."""
    positions = np.zeros(spatial)
    positions[tuple(map(later_middle, spatial))] = 1.0
    return positions.reshape(-1)


def _parity(ops: Ops, bits: Any) -> Any:
    """Return whether the count of set bits is odd, as 0 or 1."""
    for distance in (16, 8, 4, 2, 1):
        bits = bits ^ ops.xp.bitwise_right_shift(bits, distance)
    return bits & 1
