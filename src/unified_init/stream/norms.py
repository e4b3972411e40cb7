"""Norms of matrices on the host, and what is scaled to one.

They are computed in float64 from the float32 values. Sums are of a fixed order, by halves, so that they have
one value everywhere. Singular values and eigenvalues are LAPACK's, whose last bits may depend on its threads:
so a norm is rounded to fewer bits before it divides.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.unit_values import NORM_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.unit_values import NormedValues

__all__ = ["norm_of", "scaled_to_norm"]

BITS = {"float32": 24, "float64": 40}  # of a norm


def scaled_to_norm(matrices: NDArray[Any], unit: NormedValues, size: float, largest: float) -> NDArray[Any]:
    """Return matrices of one shape, each multiplied so that its norm is ``size``.

    Args:
        matrices: (groups, rows, columns), in float32 or float64.
        unit: says which norm.
        size: positive.
        largest: the largest number of the type of the draw.

    Raises:
        ArgumentValueError: a matrix has the norm 0, or an entry is too large for the type.
    """
    result = np.empty_like(matrices)
    if not matrices.size:
        return result
    bits = BITS[matrices.dtype.name]
    for group, matrix in enumerate(matrices):
        wide = np.ascontiguousarray(matrix, dtype=np.float64)
        norm = _rounded(norm_of(wide, unit.norm), bits)
        if not norm > 0.0:
            name = NORM_NAMES[unit.norm]
            msg = (
                f"a matrix of shape {matrix.shape} was drawn whose {name} is 0: no factor makes it {size!r}."
            )
            raise ArgumentValueError(msg)
        wide *= size / norm
        magnitude = float(np.abs(wide).max())
        if not magnitude <= largest:
            msg = (
                f"an entry of a matrix with the {NORM_NAMES[unit.norm]} {size!r} is {magnitude!r}, and "
                f"the largest number of the type is {largest!r}: scale the initializer down or use a wider "
                "dtype."
            )
            raise ArgumentValueError(msg)
        result[group] = wide
    return result


def norm_of(matrix: NDArray[np.float64], norm: str) -> float:
    """Return a norm of a matrix that has entries."""
    if norm == "frobenius":
        peak = float(np.abs(matrix).max())
        exponent = math.frexp(peak)[1]  # so that no square underflows or overflows
        return math.ldexp(math.sqrt(_sum(np.square(np.ldexp(matrix, -exponent)))), exponent)
    if norm == "spectral":
        return float(np.linalg.svd(matrix, compute_uv=False)[0])
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def _sum(values: NDArray[np.float64]) -> float:
    """Return the sum of an array in row-major order, by halves: additions in one order, on any machine."""
    rest = values.reshape(-1)
    while rest.size > 1:
        half = rest.size // 2
        pairs = rest[:half] + rest[half : 2 * half]
        rest = np.concatenate([pairs, rest[2 * half :]])
    return float(rest[0])


def _rounded(value: float, bits: int) -> float:
    mantissa, exponent = math.frexp(value)
    return math.ldexp(round(math.ldexp(mantissa, bits)), exponent - bits)
