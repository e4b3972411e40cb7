"""Goodness of fit: Kolmogorov-Smirnov and Anderson-Darling, for one sample and for two."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from unified_init.testing.inversion import anderson_darling_limit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.testing.populations import Population

    Array = NDArray[np.float64]

__all__ = [
    "anderson_darling",
    "grades",
    "kolmogorov_smirnov",
    "two_anderson_darling",
    "two_kolmogorov_smirnov",
]

TINY = 2.0**-1074
MEDIAN = 0.8276  # of Kolmogorov's distribution: of the largest distance times the root of n
FEW = 140  # values, up to which the powers of a matrix stay in range
TAIL = 4.0  # n distance**2 beyond which hardly ever both one-sided distances are as large


def grades(ordered: Array, population: Population) -> Array:
    """Return an increasing sample's values as probabilities under a law: uniform if it follows the law.

    Equal values are spread evenly over the probability of their rounding cell, which makes the statistics
    of a discrete law smaller than chance would, the more so the coarser its cells, and never larger.
    """
    n = ordered.size
    is_new = ordered[1:] != ordered[:-1]
    if is_new.all():
        lower, upper = population.cells(ordered)
        return lower + 0.5 * (upper - lower)
    starts = np.flatnonzero(np.concatenate([[True], is_new]))
    counts = np.diff(np.append(starts, n))
    lower, upper = population.cells(ordered[starts])
    position = np.arange(n) - np.repeat(starts, counts) + 0.5
    return np.repeat(lower, counts) + position * np.repeat((upper - lower) / counts, counts)


def kolmogorov_smirnov(u: Array) -> tuple[float, float]:
    """Return the largest distance of increasing probabilities from uniform ones, and its p-value."""
    steps = np.arange(u.size + 1) / u.size
    distance = float(max((steps[1:] - u).max(), (u - steps[:-1]).max()))
    return distance, _above(distance, u.size)


def _above(distance: float, n: int) -> float:
    """Return the p-value of the distance of n probabilities from uniform ones.

    G. Marsaglia, W. W. Tsang and J. Wang, "Evaluating Kolmogorov's distribution", 2003, except far out. There
    one of both one-sided distances decides, as in SciPy, which takes up to forty times as long.
    """
    from scipy.special import smirnov  # the extra `testing`

    if n > FEW:
        from scipy.stats import kstwo  # as above; its import takes half a second

        return float(kstwo.sf(distance, n))
    if distance >= 0.5 or n * distance**2 > TAIL:  # noqa: PLR2004  # beyond a half, it is exact
        return float(2.0 * smirnov(n, distance))
    order = math.floor(n * distance) + 1
    size, rest = 2 * order - 1, order - n * distance
    powers = rest ** np.arange(1, size + 1)
    matrix, inverse_factorials = _matrices(size)
    matrix = matrix.copy()
    matrix[:, 0] -= powers
    matrix[-1] -= powers[::-1]
    matrix[-1, 0] += max(0.0, 2.0 * rest - 1.0) ** size
    power = np.linalg.matrix_power(matrix * inverse_factorials, n)
    return float(1.0 - power[order - 1, order - 1] * (math.factorial(n) / n**n))


@functools.lru_cache(maxsize=64)
def _matrices(size: int) -> tuple[Array, Array]:
    """Return ones on, below and one above the diagonal, and what divides the entries: (row - column + 1)!."""
    steps = np.subtract.outer(np.arange(size), np.arange(size)) + 1
    inverses = np.array([1.0 / math.factorial(step) for step in range(size + 1)])
    return (steps >= 0).astype(np.float64), inverses[np.maximum(steps, 0)]


def anderson_darling(u: Array) -> tuple[float, float]:
    """Return the Anderson-Darling statistic of increasing probabilities, and its p-value."""
    n = u.size
    odd = 2.0 * np.arange(n) + 1.0
    logs = np.log(np.maximum(u, TINY)) + np.log(np.maximum(1.0 - u[::-1], TINY))
    statistic = float(-n - odd @ logs / n)
    return statistic, anderson_darling_limit().above(statistic)


def two_kolmogorov_smirnov(counts_a: Array, counts_b: Array, n: int, m: int) -> tuple[float, float]:
    """Return the largest distance of two samples' distribution functions, and its p-value.

    Args:
        counts_a: how many of the first sample are at most each distinct value of both, increasing.
        counts_b: how many of the second.
        n: size of the first.
        m: size of the second.
    """
    from scipy.stats import kstwo  # the extra `testing`

    distance = float(np.abs(counts_a / n - counts_b / m).max())
    return distance, float(kstwo.sf(distance, round(n * m / (n + m))))


def two_anderson_darling(counts_a: Array, counts_b: Array, n: int, m: int) -> tuple[float, float]:
    """Return Pettitt's two-sample statistic, with one term per distinct value, and its p-value.

    The arguments are those of ``two_kolmogorov_smirnov``. A. N. Pettitt, "A two-sample Anderson-Darling
    rank statistic", 1976: its limit is that of the one-sample statistic.
    """
    total = n + m
    pooled = counts_a + counts_b
    weights = np.diff(pooled, prepend=0.0)[:-1]
    pooled = pooled[:-1]
    terms = weights * (counts_a[:-1] * total - n * pooled) ** 2 / (pooled * (total - pooled))
    statistic = float(terms.sum() / (n * m))
    return statistic, anderson_darling_limit().above(statistic)
