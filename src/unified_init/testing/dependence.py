"""Dependence: what independent draws do not show, along the flat order and across the axes.

All correlations are of grades (the probabilities below the values), which are bounded: their sums are
normal to far smaller p-values than those of the values themselves, whatever the law.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from unified_init.testing.findings import Finding, finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["axes", "correlation", "distinct", "occupied", "repeats", "run_length", "serial"]

RARE = 1e-16  # the expected number of chance repeats
MULTIPLIER = 0x9E3779B97F4A7C15  # odd, of well mixed bits
COARSEST = 2.0**-23  # a float32 sampler has at least 2**23 equally likely values, as JAX's uniform
CLEAR = 64 * COARSEST  # and so enough for all cells that are as probable as this
LENIENT = 4.0
FEWEST = 16  # values in a mean, for it to be normal


def serial(centred: Array) -> Finding:
    """Correlation with the values 1, 2, 4, ... places on, in the order of storage.

    Args:
        centred: grades less their mean, over their standard deviation, in the order of storage.
    """
    from scipy.stats import chi2  # the extra `testing`

    n = centred.size
    lags = 2 ** np.arange(int(math.log2(n)) - 1)
    scores = [correlation(centred[lag:], centred[:-lag]) for lag in lags]
    total = float(np.square(scores).sum())
    return finding("serial correlation", total, len(lags), float(chi2.sf(total, len(lags))))


def correlation(a: Array, b: Array) -> float:
    """Return the correlation of standardised grades, in its standard errors."""
    return float(np.vdot(a, b)) / math.sqrt(a.size)


def axes(centred: Array) -> list[Finding]:
    """Correlation of neighbours along every axis but the last, and the spread of means along each axis.

    Args:
        centred: grades less their mean, over their standard deviation, in their shape.
    """
    from scipy.stats import chi2  # the extra `testing`

    findings = []
    long = [axis for axis, size in enumerate(centred.shape) if size > 1]
    scores = []
    for axis in long[:-1]:  # neighbours along the last one are those of the serial correlation
        moved = np.moveaxis(centred, axis, 0)
        scores.append(correlation(moved[1:], moved[:-1]))
    if scores:
        total = float(np.square(scores).sum())
        p = float(chi2.sf(total, len(scores)))
        findings.append(finding("cross-axis correlation", total, len(scores), p))
    for axis in long if len(long) > 1 else []:
        size = centred.shape[axis]
        if centred.size // size < FEWEST:
            continue
        means = np.moveaxis(centred, axis, 0).reshape(size, -1).sum(axis=1) / math.sqrt(centred.size // size)
        total = float(np.square(means - means.mean()).sum())
        tail = min(float(chi2.sf(total, size - 1)), float(chi2.cdf(total, size - 1)))
        findings.append(finding(f"means along axis {axis}", total, size - 1, min(2 * tail, 1.0)))
    return findings


def occupied(n: int, weights: Array, chances: Array) -> tuple[float, float]:
    """Return the expected number of different values of a sample, and its largest variance.

    Where rounding cells are finer than a sampler's own steps, 2**21 equally likely values pass, or every
    fourth float.

    Args:
        n: the number of values.
        weights: how probable the places are at which ``chances`` are given.
        chances: the probability there that two draws round to one value.
    """
    together = np.where(chances > CLEAR, chances, LENIENT * np.maximum(chances, COARSEST))
    alone = np.exp(n * np.log1p(-np.minimum(together, 1.0 - COARSEST)))
    cells = weights / together
    return float(cells @ (1.0 - alone)), float(cells @ (alone * (1.0 - alone)))


def distinct(found: int, expected: float, variance: float) -> Finding:
    """How many different values there are: too few are a coarse sampler's.

    Args:
        found: the number of different values.
        expected: what ``occupied`` returns first.
        variance: and second.
    """
    missing = max(expected - found, 0.0)
    # Bernstein's bound: the cells that stay empty are negatively associated.
    p = math.exp(-(missing**2) / (2.0 * (variance + missing / 3.0))) if missing else 1.0
    return finding("distinct values", found, expected, p, sign=-1.0)


def run_length(n: int, weights: Array, chances: Array) -> tuple[int, float]:
    """Return how long a run must be not to occur twice, and the expected number of those that do.

    The arguments are those of ``occupied``. Where no run is long enough, that number is infinite.
    """
    pair = float(weights @ chances) + COARSEST
    most = float(chances.max()) + COARSEST
    length, chance = 1, math.inf
    while chance > RARE and length < n // 2:
        length += 1
        chance = n * n / 2.0 * pair**length + n * length * most**length
    return length, chance if chance <= RARE else math.inf


def repeats(ranks: NDArray[np.integer], length: int, chance: float) -> list[Finding]:
    """How many runs of values occur twice: chance makes none, a repeated block or constant part many.

    They are looked for in the order of storage, and in that of the reversed axes, where a column is a run.

    Args:
        ranks: one integer a distinct value, in their shape.
        length: what ``run_length`` returns first.
        chance: and second.
    """
    orders = [("repeated runs", ranks)]
    if sum(size > 1 for size in ranks.shape) > 1:
        orders.append(("repeated columns", ranks.T))
    if chance > RARE:
        return [finding(name, 0.0, 0.0, 1.0) for name, _ in orders]
    found = [(name, _repeated(order.reshape(-1), length)) for name, order in orders]
    return [finding(name, count, chance, chance if count else 1.0) for name, count in found]


def _repeated(ranks: NDArray[np.integer], length: int) -> int:
    """Return how many runs of this length equal another one."""
    runs = ranks.size - length + 1
    hashes = np.zeros(runs, dtype=np.uint64)
    for place in range(length):
        hashes = hashes * np.uint64(MULTIPLIER) + ranks[place : place + runs].astype(np.uint64)
    order = np.argsort(hashes, kind="stable")
    same = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
    # Equal hashes of unequal runs are chance: look at the runs.
    first, second = order[same], order[same + 1]
    equal = np.ones(same.size, dtype=bool)
    for place in range(length):
        equal &= ranks[first + place] == ranks[second + place]
    return int(equal.sum())
