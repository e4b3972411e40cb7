"""The law of what another initializer draws, once its matrices are scaled to a norm."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.law.law import Law
from unified_init.law.unit_values import (
    NORM_NAMES,
    ConvolutionalOrthogonalKernels,
    DeltaOrthogonalKernels,
    NormedValues,
    OrthogonalMatrices,
    SparseMatrices,
    UnitNormal,
    UnitTruncatedNormal,
    UnitUniform,
)
from unified_init.spec.structured_law import matrix_sizes

if TYPE_CHECKING:
    from unified_init.law.layout import Geometry

__all__ = ["normed_law"]

# Units of which every value has the law of its negative, where the ends lie so too.
SYMMETRIC = (
    UnitNormal, UnitTruncatedNormal, UnitUniform, SparseMatrices, OrthogonalMatrices, DeltaOrthogonalKernels,
    ConvolutionalOrthogonalKernels,
)  # fmt: skip


def normed_law(norm: str, base: Law, geometry: Geometry, size: float) -> Law:
    """Return the law of matrices with a norm.

    The mean square of the entries follows from a Frobenius norm, for any base. Of the other norms no moment
    of an entry is known.

    Args:
        norm: frobenius, spectral or spectral_radius.
        base: the law of what is scaled.
        geometry: shape and roles.
        size: the norm of each matrix, positive.
    """
    checks.positive("gain", size)
    if base.std == 0.0:
        msg = f"a {base.kind} law of zeros has no norm to scale, on shape {geometry.shape}."
        raise ArgumentValueError(msg)
    name = NORM_NAMES[norm]
    if norm == "frobenius" and geometry.layout is None:
        groups, rows, columns = 1, 1, math.prod(geometry.shape)
    elif norm == "frobenius":
        groups = geometry.extent("B")
        rows, columns = 1, math.prod(geometry.shape) // max(groups, 1)
    else:
        groups, rows, columns = matrix_sizes(geometry, f"a {name}")
    if norm == "spectral_radius" and rows != columns:
        msg = (
            f"a spectral radius needs square matrices, got {rows} rows and {columns} columns on shape "
            f"{geometry.shape}."
        )
        raise ArgumentValueError(msg)
    unit = NormedValues(base, norm, groups, rows, columns)
    mean = std = math.nan
    if norm == "frobenius" and isinstance(base.unit, SYMMETRIC) and base.low == -base.high:
        mean, std = 0.0, size / math.sqrt(max(rows * columns, 1))
    end = math.inf if norm == "spectral_radius" else size
    return Law(
        unit=unit,
        mean=mean,
        std=std,
        low=-end,
        high=end,
        fan_in=base.fan_in,
        fan_out=base.fan_out,
        scale=size,
    )
