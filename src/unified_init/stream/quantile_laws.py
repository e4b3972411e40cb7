"""Quantiles of the laws beside normal and uniform, from ``+ - * / sqrt frexp ldexp`` only."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import numpy as np

from unified_init.law.moments import cauchy_turns
from unified_init.law.unit_laws import UnitCauchy, UnitLaplace, UnitLogistic, UnitLogNormal, UnitStudentT
from unified_init.stream.elementary import cos_turns, exp, log, normal_quantile, sin_turns
from unified_init.stream.student_t import student_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.unit_values import Smooth

    Array = NDArray[np.float64]

__all__ = ["smooth_quantiles"]

NODES = 24  # per octave: with a singularity at probability 0, the interpolation error is about 6**-24


def smooth_quantiles(unit: Smooth, p: Array) -> tuple[Array, Array | None]:
    """Return the quantiles at probabilities in (0, 1/2], and at one minus these.

    The second is None where it mirrors the first.
    """
    match unit:
        case UnitLaplace():
            return np.minimum(log(2.0 * p), 0.0), None
        case UnitLogistic():
            return np.minimum(log(p / (1.0 - p)), 0.0), None
        case UnitStudentT(df):
            return _by_octaves(lambda nodes: student_quantile(nodes, df), p), None
        case UnitLogNormal(sigma):
            lower = exp(sigma * normal_quantile(p))
            return lower, 1.0 / lower
        case UnitCauchy(low, high):
            return _cauchy(p, low, high)
        case _:
            assert_never(unit)


def _cauchy(p: Array, lower: float, upper: float) -> tuple[Array, Array | None]:
    """Return -cot(pi q) at the probability q of the untruncated law, counted from the end of each half."""
    below, above, mass = cauchy_turns(lower, upper)
    low_half = np.clip(-_cotangent(below + p * mass), lower, upper)
    if upper == -lower:
        return np.minimum(low_half, 0.0), None
    return low_half, np.clip(_cotangent(above + p * mass), lower, upper)


def _cotangent(q: Array) -> Array:
    """Return cot(pi q)."""
    return cos_turns(q / 2.0) / sin_turns(q / 2.0)


def _by_octaves(function: Callable[[Array], Array], p: Array) -> Array:
    """Return a smooth function of probabilities from few of its values.

    In each octave [2**-k / 2, 2**-k] the function is interpolated at Chebyshev's points of the octave by the
    barycentric formula: it must be analytic wherever the probability is positive.
    """
    index = np.arange(NODES)
    points = cos_turns((index + 0.5) / (2 * NODES))  # in (-1, 1)
    weights = np.where(index % 2 == 0, 1.0, -1.0) * sin_turns((index + 0.5) / (2 * NODES))
    octave = np.frexp(p)[1]
    octave = np.where(p == np.ldexp(1.0, octave - 1), octave - 1, octave)  # 2**-k is the end of the lower one
    ends = np.ldexp(1.0, np.unique(octave))
    values = function((ends[:, None] * (0.75 + 0.25 * points)).reshape(-1)).reshape(ends.size, NODES)
    row = np.searchsorted(ends, np.ldexp(1.0, octave))
    x = (np.ldexp(p, -octave) - 0.75) * 4.0
    above, below = np.zeros_like(p), np.zeros_like(p)
    exact = np.full(p.shape, np.nan)
    for node in range(NODES):
        distance = x - points[node]
        exact = np.where(distance == 0.0, values[row, node], exact)
        share = weights[node] / np.where(distance == 0.0, 1.0, distance)
        above += share * values[row, node]
        below += share
    return np.where(np.isnan(exact), above / below, exact)
