"""Dependence: patterns that independent draws do not have, along the flat order and across the axes.

All correlations are of grades (the probabilities below the values), which are bounded: their sums are
normal to far smaller p-values than those of the values themselves, whatever the law.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.testing.findings import Finding, finding, special

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.floating]

__all__ = [
    "RARE",
    "axes",
    "axes_findings",
    "correlation",
    "distinct",
    "grid_step",
    "neighbor_scores",
    "occupied",
    "repeated",
    "repeats",
    "repeats_findings",
    "run_length",
    "serial",
    "serial_finding",
    "serial_scores",
    "sharing",
    "spreads",
]

RARE = 1e-16  # the expected number of chance repeats
CHOOSING = 3  # first values of a run, by which it is chosen
SHORT = 6
LONG = 64  # values of a run, from which its hash is made by doubling
SHORT_MULTIPLIER = 0x9E3779B1  # odd, of well mixed bits
MULTIPLIER = 0x9E3779B97F4A7C15  # odd, of well mixed bits
COARSEST = 2.0**-23  # a float32 sampler has at least 2**23 equally likely values, as JAX's uniform
CLEAR = 64 * COARSEST  # so it reaches every cell of this probability
LENIENT = 4.0  # cells that are finer count as so much coarser
FEWEST = 16  # values in a mean, for it to be normal
MANY = 1 << 20
SPARE = 4  # bits of a table beyond those of its number of entries


def serial(centred: Array) -> Finding:
    """Correlation with the values 1, 2, 4, ... positions later, in the order of storage.

    Args:
        centred: grades less their mean, over their standard deviation, in the order of storage.
    """
    return serial_finding(serial_scores(centred, int(math.log2(centred.size)) - 1))


def serial_scores(centred: Array, lags: int) -> list[float]:
    """Return the correlations with the values 1, 2, 4, ... positions later, in their standard errors."""
    return [correlation(centred[1 << lag :], centred[: -(1 << lag)]) for lag in range(lags)]


def serial_finding(scores: Sequence[float]) -> Finding:
    """Return the finding of correlations in the order of storage."""
    total = math.fsum(score * score for score in scores)
    # scipy.stats.chi2 takes thirty times as long.
    return finding("serial correlation", total, len(scores), float(special().chdtrc(len(scores), total)))


def correlation(a: Array, b: Array) -> float:
    """Return the correlation of standardized grades, in its standard errors."""
    return float(np.vdot(a, b)) / math.sqrt(a.size)


def grid_step(weights: Array) -> float:
    """Return the smallest distance of the standardized grades of values with these probabilities."""
    variance = (1.0 - float((weights**3).sum())) / 12.0
    return float((weights[1:] + weights[:-1]).min()) / 2.0 / math.sqrt(variance)


def axes(centred: Array, step: float = 0.0) -> list[Finding]:
    """Correlation of neighbors along every axis except the last, and the spread of means along each axis.

    Args:
        centred: grades less their mean, over their standard deviation, in their shape.
        step: their smallest distance, if they are of few values.
    """
    return axes_findings(neighbor_scores(centred), spreads(centred), centred.size, step)


def neighbor_scores(centred: Array) -> list[float]:
    """Return the correlations of neighbors along each axis longer than 1, in their standard errors.

    Neighbors along the last one are those of the serial correlation.
    """
    scores = []
    for axis in _long_axes(centred)[:-1]:
        slices = np.ascontiguousarray(np.moveaxis(centred, axis, 0))  # here, and not for each of the two
        scores.append(correlation(slices[1:], slices[:-1]))
    return scores


def spreads(centred: Array) -> list[tuple[int, int, float]]:
    """Return each axis longer than 1, its length, and the squared deviations of its slices' means.

    The means are in their standard errors.
    """
    totals = []
    rest = centred  # summed over the axes before
    for axis in _long_axes(centred):
        size = centred.shape[axis]
        rows = rest.reshape(size, -1)
        sums, rest = rows.sum(axis=1, dtype=np.float64), rows.sum(axis=0, dtype=np.float64)
        means = sums / math.sqrt(centred.size // size)
        deviations = means - np.add.reduce(means) / size
        totals.append((axis, size, float(np.add.reduce(deviations * deviations))))
    return totals


def axes_findings(
    scores: Sequence[float], totals: Sequence[tuple[int, int, float]], size: int, step: float = 0.0
) -> list[Finding]:
    """Return the findings of ``neighbor_scores`` and ``spreads`` of so many values."""
    chdtr, chdtrc = special().chdtr, special().chdtrc
    findings = []
    if scores:
        total = math.fsum(score * score for score in scores)
        p = float(chdtrc(len(scores), total))
        findings.append(finding("cross-axis correlation", total, len(scores), p))
    for axis, length, total in totals if len(totals) > 1 else ():
        if size // length < FEWEST:
            continue
        # Means of few different values are on a grid, and may be equal: by chance, up to a step of it.
        apart = (math.sqrt(total) + step * length / math.sqrt(size)) ** 2
        tail = min(float(chdtrc(length - 1, total)), float(chdtr(length - 1, apart)))
        findings.append(finding(f"means along axis {axis}", total, length - 1, min(2 * tail, 1.0)))
    return findings


def _long_axes(values: NDArray[Any]) -> list[int]:
    return [axis for axis, size in enumerate(values.shape) if size > 1]


def occupied(n: int, weights: Array, chances: Array) -> tuple[float, float]:
    """Return the expected number of different values of a sample, and its largest variance.

    Where rounding cells are finer than a sampler's own steps, 2**21 equally likely values pass, or every
    fourth float.

    Args:
        n: the number of values.
        weights: how probable the values are for which ``chances`` are given.
        chances: the probability that a draw rounds to the same value as another.
    """
    chance_equal = np.where(chances > CLEAR, chances, LENIENT * np.maximum(chances, COARSEST))
    chance_empty = np.exp(n * np.log1p(-np.minimum(chance_equal, 1.0 - COARSEST)))
    cells = weights / chance_equal
    return float(cells @ (1.0 - chance_empty)), float(cells @ (chance_empty * (1.0 - chance_empty)))


def distinct(count: int, expected: float, variance: float) -> Finding:
    """How many different values there are: too few show that the sampler is coarse.

    Args:
        count: the number of different values.
        expected: the first result of ``occupied``.
        variance: its second result.
    """
    missing = max(expected - count, 0.0)
    # Bernstein's bound: the cells that stay empty are negatively associated.
    p = math.exp(-(missing**2) / (2.0 * (variance + missing / 3.0))) if missing else 1.0
    return finding("distinct values", count, expected, p, sign=-1.0)


def run_length(n: int, weights: Array, chances: Array) -> tuple[int, float]:
    """Return a length of runs of which none occurs twice by chance, and the expected number that do.

    The arguments are those of ``occupied``. Where no length is enough, that number is infinite.
    """
    pair = float(weights @ chances) + COARSEST
    largest = float(chances.max()) + COARSEST
    length, chance = 1, math.inf
    while chance > RARE and length < n // 2:
        length += 1
        chance = n * n / 2.0 * pair**length + n * length * largest**length
    return length, chance if chance <= RARE else math.inf


def repeats(
    ranks: NDArray[np.integer], length: int, chance: float, *, most: int | None = None
) -> list[Finding]:
    """How many runs of values occur twice: chance makes none, a repeated block or constant part many.

    Runs are compared in the order of storage, and in that of the reversed axes, where a column is a run.

    Args:
        ranks: one integer per distinct value, in the shape of the values.
        length: the first result of ``run_length``.
        chance: its second result.
        most: about how many runs are compared, chosen by their content; None is all.
    """
    orders = [ranks, ranks.T] if len(_long_axes(ranks)) > 1 else [ranks]
    return repeats_findings(
        [repeated(order.reshape(-1), length, most) if chance <= RARE else 0 for order in orders], chance
    )


def repeats_findings(counts: Sequence[int], chance: float) -> list[Finding]:
    """Return the findings of how many runs, and how many columns, occur twice.

    Args:
        counts: of runs, and of columns if there are any.
        chance: how many do by chance. Where it is not ``RARE``, nothing was counted.
    """
    expected = chance if chance <= RARE else 0.0
    names = ("repeated runs", "repeated columns")
    return [
        finding(name, count, expected, chance if count else 1.0)
        for name, count in zip(names, counts, strict=False)
    ]


def repeated(ranks: NDArray[np.integer], length: int, most: int | None = None) -> int:
    """Return how many runs of this length equal another one."""
    runs = ranks.size - length + 1
    starts = _chosen(ranks, runs, length, most)
    hashes = _hashes(ranks, starts, length)
    suspects = sharing(hashes)
    if not suspects.size:
        return 0
    starts, hashes = starts[suspects], hashes[suspects]
    order = np.argsort(hashes, kind="stable")
    equal_hashes = np.flatnonzero(hashes[order][1:] == hashes[order][:-1])
    if not equal_hashes.size:
        return 0
    # Unequal runs may have equal hashes by chance: compare the runs themselves.
    first, second = starts[order[equal_hashes]], starts[order[equal_hashes + 1]]
    equal = np.ones(equal_hashes.size, dtype=bool)
    for offset in range(length):
        equal &= ranks[first + offset] == ranks[second + offset]
    return int(equal.sum())


def _hashes(ranks: NDArray[np.integer], starts: NDArray[np.intp], length: int) -> NDArray[np.uint64]:
    """Return the hashes of runs: their ranks are the digits of a number, modulo 2**64."""
    if length <= LONG:
        hashes = np.zeros(starts.size, dtype=np.uint64)
        for offset in range(length):
            hashes *= np.uint64(MULTIPLIER)
            hashes += ranks[starts + offset].astype(np.uint64, copy=False)
        return hashes
    # The run of a length is that of half the length, then another: as in powers by repeated squaring.
    block, size = ranks.astype(np.uint64), 1
    result, done = np.zeros(ranks.size, dtype=np.uint64), 0
    while done < length:
        power = np.uint64(pow(MULTIPLIER, size, 1 << 64))
        if length & size:
            result = result[: block.size - done] * power + block[done:]
            done += size
        block = block[: block.size - size] * power + block[size:]
        size *= 2
    return result[starts]


def sharing(hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
    """Return the positions, increasing, of all hashes that occur twice, and of few others if well mixed.

    A table of the leading bits takes a fraction of the time that sorting does, as long as it is small.
    """
    if hashes.size > MANY:
        return np.arange(hashes.size)
    bits = hashes.size.bit_length() + SPARE
    cells = (hashes >> np.uint64(64 - bits)).view(np.int64)
    positions = np.arange(hashes.size, dtype=np.int32)
    last = np.empty(1 << bits, dtype=np.int32)
    last[cells] = positions
    earlier = cells[last[cells] != positions]
    if not earlier.size:
        return np.empty(0, dtype=np.intp)
    is_shared = np.zeros(1 << bits, dtype=np.bool_)
    is_shared[earlier] = True
    return np.flatnonzero(is_shared[cells])


def _chosen(ranks: NDArray[np.integer], runs: int, length: int, most: int | None) -> NDArray[np.intp]:
    """Return where the runs start that are compared: of equal runs all, or none.

    Those that begin with two equal values are compared in any case: few do, except in a constant part.
    """
    if most is None or runs <= most:
        shared = sharing(
            ranks.astype(np.uint64) * np.uint64(MULTIPLIER)
        )  # equal runs begin with equal values
        return shared[: np.searchsorted(shared, runs)]
    marks = np.zeros(runs, dtype=np.uint32)
    for offset in range(1 if length <= SHORT else CHOOSING):  # where runs are short, values hardly repeat
        marks += ranks[offset : offset + runs].astype(np.uint32, copy=False)
        marks *= np.uint32(SHORT_MULTIPLIER)
    constant = ranks[:runs] == ranks[1 : runs + 1]
    return np.flatnonzero((marks < np.uint32(most / runs * 2.0**32)) | constant)
