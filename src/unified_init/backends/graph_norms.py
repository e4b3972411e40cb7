"""Norms of matrices in a framework's trace, from products and square roots only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError

if TYPE_CHECKING:
    from unified_init.backends.protocol import Ops
    from unified_init.law.unit_values import NormedValues

__all__ = ["check_traceable", "scaled_to_norm"]

# ruff: noqa: ANN401  # arrays of any framework

# Each squaring halves what the smaller singular values add: after so many, log(10,000) / 2**24 = 5e-7 of the
# norm.
SQUARINGS = 24


def check_traceable(unit: NormedValues) -> None:
    """Refuse a norm that no framework computes everywhere in its programs."""
    if unit.norm == "spectral_radius":
        msg = (
            "a spectral radius needs eigenvalues, which are computed on the host: draw outside of a compiled "
            "function and without a device, and pass the tensor in or move it."
        )
        raise ArgumentValueError(msg)


def scaled_to_norm(ops: Ops, values: Any, unit: NormedValues, size: float, dtype: str) -> Any:
    """Return matrices, each multiplied so that its norm is ``size``."""
    check_traceable(unit)
    shape = (unit.groups, unit.rows, unit.columns)
    matrices = ops.xp.reshape(values, shape)
    if 0 in shape:
        return matrices
    (unscaled,) = ops.call(_divided, matrices, norm=unit.norm, shape=shape)
    return unscaled * ops.constant(np.asarray(size, dtype=dtype))


def _divided(ops: Ops, matrices: Any, *, norm: str, shape: tuple[int, int, int]) -> tuple[Any]:
    """Divide each matrix by its norm."""
    compute = _frobenius if norm == "frobenius" else _spectral
    matrices = matrices / _peak(
        ops, matrices, shape
    )  # so that squares are of moderate size, whatever the law
    return (matrices / compute(ops, matrices, shape),)


def _peak(ops: Ops, matrices: Any, shape: tuple[int, int, int]) -> Any:
    """Return the largest magnitude of each matrix, by halves, which overlap where the number is odd."""
    groups, rows, columns = shape
    count = rows * columns
    sizes = ops.xp.reshape(ops.xp.abs(matrices), (groups, count))
    while count > 1:
        start, count = count // 2, count - count // 2
        first, last = sizes[:, :count], sizes[:, start:]
        sizes = ops.xp.where(first < last, last, first)
    return ops.xp.reshape(sizes, (groups, 1, 1))


def _frobenius(ops: Ops, matrices: Any, shape: tuple[int, ...]) -> Any:
    """Return the root of the sum of squares of each matrix."""
    xp = ops.xp
    rows = xp.sum(matrices * matrices, axis=2)
    return xp.reshape(xp.sqrt(xp.sum(rows, axis=1)), (shape[0], 1, 1))


def _spectral(ops: Ops, matrices: Any, shape: tuple[int, int, int]) -> Any:
    """Return the largest singular value of each matrix.

    Its square is the largest eigenvalue of the Gram matrix of the shorter side. That of a power of the Gram
    matrix is nearly the power's Frobenius norm, since the others vanish beside it: the matrix is squared
    again and again, divided by its norm each time, and the roots of those norms are taken backwards.
    """
    xp = ops.xp
    groups, rows, columns = shape
    transposed = xp.permute_dims(matrices, (0, 2, 1))
    power = xp.matmul(matrices, transposed) if rows <= columns else xp.matmul(transposed, matrices)
    side = min(rows, columns)
    sizes = []
    for _ in range(SQUARINGS):
        sizes.append(_frobenius(ops, power, (groups, side, side)))
        power = power / sizes[-1]
        power = xp.matmul(power, power)
    eigenvalue = _frobenius(ops, power, (groups, side, side))
    for size in reversed(sizes):
        eigenvalue = size * xp.sqrt(eigenvalue)
    return xp.sqrt(eigenvalue)
