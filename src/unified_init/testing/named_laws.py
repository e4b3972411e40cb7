"""Exact quantiles and distribution functions of the named laws, from SciPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import numpy as np

from unified_init.law.unit_laws import UnitCauchy, UnitLaplace, UnitLogistic, UnitLogNormal, UnitStudentT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.unit_values import Smooth

    Array = NDArray[np.float64]

__all__ = ["named_below", "named_quantiles"]


def named_quantiles(p: Array, unit: Smooth) -> tuple[Array, Array]:
    """Quantiles of the unit variable at tail probabilities p: from below, and from above."""
    from scipy import special  # the extra `testing`

    match unit:
        case UnitLaplace():
            lower = np.log(2.0 * p)
        case UnitLogistic():
            lower = np.log(p / (1.0 - p))
        case UnitStudentT(df):
            lower = special.stdtrit(df, p)
        case UnitLogNormal(sigma):
            return np.exp(sigma * special.ndtri(p)), np.exp(-sigma * special.ndtri(p))
        case UnitCauchy(low, high):
            below, above = _outside(low, high)
            mass = 1.0 - below - above
            return -1.0 / np.tan(np.pi * (below + p * mass)), 1.0 / np.tan(np.pi * (above + p * mass))
        case _:
            assert_never(unit)
    return lower, -lower


def named_below(z: Array, unit: Smooth) -> Array:
    """Distribution function of the unit variable."""
    from scipy import special  # as above

    match unit:
        case UnitLaplace():
            tail = np.exp(-np.abs(z)) / 2.0
            return np.where(z < 0.0, tail, 1.0 - tail)
        case UnitLogistic():
            return np.asarray(special.expit(z), dtype=np.float64)
        case UnitStudentT(df):
            return np.asarray(special.stdtr(df, z), dtype=np.float64)
        case UnitLogNormal(sigma):
            positive = np.maximum(z, 1e-300)
            return np.asarray(special.ndtr(np.log(positive) / sigma), dtype=np.float64)
        case UnitCauchy(low, high):
            below, above = _outside(low, high)
            inner = np.minimum(np.maximum(z, low), high)
            return (np.arctan2(1.0, -inner) / np.pi - below) / (1.0 - below - above)
        case _:
            assert_never(unit)


def _outside(low: float, high: float) -> tuple[float, float]:
    """Probabilities of a unit Cauchy variable below and above two bounds."""
    return float(np.arctan2(1.0, -low) / np.pi), float(np.arctan2(1.0, high) / np.pi)
