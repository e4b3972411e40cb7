"""Convolution kernels that are isometries (Xiao et al. 2018, algorithm 1), for any array namespace.

A kernel of two positions [P, 1 - P] along an axis keeps the norm of its input if P is a projection. The
kernel is an orthogonal matrix, convolved with one such kernel per further position of every axis.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.law.unit_values import ConvolutionalOrthogonalKernels

__all__ = ["axes_of", "isometry", "matrix_count"]

# ruff: noqa: ANN401  # arrays of any framework


def axes_of(spatial: tuple[int, ...]) -> list[int]:
    """Return the axis along which each two-position kernel lies: all axes in turn, as far as each reaches."""
    return [axis for step in range(1, max(spatial)) for axis, size in enumerate(spatial) if step < size]


def matrix_count(unit: ConvolutionalOrthogonalKernels) -> int:
    """Return how many orthogonal matrices a kernel takes: its own, and that of each projection."""
    return 1 + len(axes_of(unit.spatial))


def isometry(
    xp: Any, matrices: Sequence[Any], kept: Sequence[Any], unit: ConvolutionalOrthogonalKernels
) -> Any:
    """Return one kernel, shape (rows, columns, *spatial).

    Args:
        xp: an array namespace.
        matrices: ``matrix_count`` orthogonal matrices of ``rows`` squared.
        kept: for each matrix except the first, ones for the columns that span its projection, zeros for the
            others; shape (1, rows).
        unit: the sizes.
    """
    rows, columns = unit.rows, unit.columns
    sizes = [1] * len(unit.spatial)
    kernel = xp.reshape(matrices[0][:columns, :], (*sizes, columns, rows))
    for axis, matrix, kept_columns in zip(axes_of(unit.spatial), matrices[1:], kept, strict=True):
        span = matrix * kept_columns
        projection = xp.matmul(span, xp.permute_dims(span, (1, 0)))
        flat = xp.reshape(kernel, (math.prod(sizes) * columns, rows))
        projected = xp.reshape(xp.matmul(flat, projection), (*sizes, columns, rows))
        shape = [*sizes, columns, rows]
        shape[axis] = 1
        zeros = xp.zeros(tuple(shape), dtype=kernel.dtype)
        kernel = xp.concat([projected, zeros], axis=axis) + xp.concat([zeros, kernel - projected], axis=axis)
        sizes[axis] += 1
    rank = len(sizes)
    kernel = xp.permute_dims(kernel, (rank + 1, rank, *range(rank)))
    # Rounding may leave an entry a little beyond 1, which the law's ends exclude.
    one = xp.ones_like(kernel)
    return xp.minimum(xp.maximum(kernel, -one), one)
