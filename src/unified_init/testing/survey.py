"""The statistics of ``one_sample`` at a few nanoseconds per value, from a histogram: no value is sorted.

Mean, variance, kurtosis, ends and bounds are of all values. The rest is of a sample of them: the distances
of Kolmogorov-Smirnov and Anderson-Darling from counts in up to 2**14 cells, correlation from the grades of
those cells. Two statistics look at less. Distinct values are counted among the first 2**15, which shows a
sampler of up to 2**20 values. Of all runs of more than 2**16 values, one in n / 2**14 is compared, chosen by
its content, so that both copies of a run are compared or neither: in 2**18 values a block of 128 that occurs
twice is missed once in 3,000 times, and one of fewer than 10 more often than not.

Where a compiler was, ``c_survey.c`` computes the numbers, in several threads if there are many values.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream.dtypes import name_of
from unified_init.testing import dependence
from unified_init.testing.cells import cell_count, equal_cells, lattice, unit_law
from unified_init.testing.compiled import compiled, in_threads
from unified_init.testing.figures import numpy_figures
from unified_init.testing.findings import finding, weighed
from unified_init.testing.goodness import MEDIAN
from unified_init.testing.inversion import anderson_darling_above
from unified_init.testing.one_sample import ends_of, extremes, moment_findings, occupied, run_length
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.testing.cells import Cells
    from unified_init.testing.figures import Figures
    from unified_init.testing.findings import Finding
    from unified_init.testing.power_sums import PowerSums

__all__ = ["DISTINCT", "different", "different_and_twice", "different_patterns", "survey"]

DISTINCT = 1 << 15
RUNS = 1 << 14
WHOLE = 1 << 16  # values of which all runs are compared, by the values that are there twice
MANY = 1 << 9  # values from which a table is quicker than sorting
FULL = 4  # bytes of float32, below which a type is narrow
SHARED = 1 << 17  # values of a sample that several threads examine


def survey(
    sample: NDArray[Any],
    law: Law,
    sums: PowerSums,
    distinct: int,
    twice: NDArray[np.uint32] | None = None,
) -> tuple[Finding, ...] | None:
    """Return the findings of ``examine``, or None where a histogram does not resolve the law.

    Args:
        sample: at least 100 of the values, all finite, of a real floating type.
        law: of independent draws.
        sums: the power sums of all values.
        distinct: the number of different values among the first ``DISTINCT``, or of a narrow type among all.
        twice: the second result of ``different_and_twice``.
    """
    dtype = name_of(sample.dtype)
    population = population_of(law, dtype)
    narrow = population.dtype.narrow
    if population.discrete and (not narrow or population.values.size == 1):
        return None
    cells = lattice(population) if narrow else equal_cells(law.unit, cell_count(sample.size))
    if cells is None:
        return None
    # About 0, sums and chance repeats do not depend on the scale: one computation serves all stds.
    basis, loc, scale = population, 0.0, 1.0
    if not narrow and law.loc == 0.0:
        basis, scale = population_of(unit_law(law.unit), dtype), law.scale
    mean, std = loc + scale * basis.mean, scale * basis.std
    first, second, _, fourth = sums.about(mean, std)
    length, chance = run_length(basis, sample.size)
    if chance > dependence.RARE:
        length = 0
    figures, runs = _examined(sample, cells, law, length, twice)
    exact = [
        *moment_findings({1: first, 2: second, 4: fourth}, sums.size, basis, mean, std),
        *_goodness(figures, sample.size),
        *extremes(np.array([sums.low, sums.high]), sums.size, population),
        dependence.serial_finding(figures.serial),
        *dependence.axes_findings(figures.neighbors, figures.spreads, sample.size, population.step),
    ]
    low, high = ends_of(law, population.dtype)
    is_outside = sums.low < low or sums.high > high
    bounds = [
        finding("bounds", float(is_outside), 0.0, 0.0 if is_outside else 1.0),
        dependence.distinct(
            distinct, *occupied(basis, sample.size if narrow else min(sample.size, DISTINCT))
        ),
        *dependence.repeats_findings(runs, chance),
    ]
    return weighed(exact, bounds)


def different_and_twice(sample: NDArray[Any]) -> tuple[int, NDArray[np.uint32] | None]:
    """Return the number of different values among the first ``DISTINCT``, of which none is NaN.

    Beside it, the positions of all values of the sample that are there twice, where it is found at once.
    """
    flat = sample.reshape(-1)
    kernels = compiled()
    if kernels is None or flat.dtype.itemsize != FULL or not kernels.takes(flat):
        return different(flat[:DISTINCT]), None
    if flat.size <= WHOLE:
        return kernels.twice(flat, DISTINCT)
    return kernels.twice(flat[:DISTINCT], DISTINCT)[0], None


def different(values: NDArray[Any]) -> int:
    """Return the number of different values, of which none is NaN."""
    if values.size < MANY:
        return len(set(values.tolist()))
    if values.dtype.kind != "f":
        return int(np.unique(values).size)
    bits = (values + 0.0).view(f"u{values.dtype.itemsize}")  # -0.0 becomes 0.0
    suspects = bits[dependence.sharing(bits * np.uint64(dependence.MULTIPLIER))]
    return int(values.size - suspects.size + np.unique(suspects).size)


def different_patterns(values: NDArray[Any]) -> int:
    """Return the number of different values of a narrow type, counted by their bits."""
    kernels = compiled()
    if kernels is not None and kernels.takes(values):
        return kernels.different(values)
    unsigned = f"u{values.dtype.itemsize}"
    patterns = np.flatnonzero(np.bincount(values.view(unsigned))).astype(unsigned)
    return int(np.unique(patterns.view(values.dtype).astype(np.float32)).size)


def _bits(sample: NDArray[Any]) -> NDArray[np.uint32]:
    """Return 32 bits of each value, which differ where the values do, with hardly an exception."""
    if sample.dtype.itemsize == FULL:
        return (sample + np.float32(0.0)).view(np.uint32)  # -0.0 becomes 0.0
    words = sample.view(np.uint64)
    return (words ^ (words >> np.uint64(32))).astype(np.uint32)


def _examined(
    sample: NDArray[Any], cells: Cells, law: Law, length: int, twice: NDArray[np.uint32] | None
) -> tuple[Figures, tuple[int, ...]]:
    """Return the numbers of a sample, and how many runs and columns occur twice, of length 0 none."""
    is_table = sum(size > 1 for size in sample.shape) > 1
    orders = (False, True) if is_table else (False,)
    most = RUNS if sample.size > WHOLE else None
    kernels = compiled()
    if kernels is None:
        words = _words(sample, cells, law)
        lines = [words.T.reshape(-1) if order else words.reshape(-1) for order in orders]
        counts = [dependence.repeated(line, length, most) if length else 0 for line in lines]
        return numpy_figures(sample, cells, law), tuple(counts)
    sample = np.ascontiguousarray(sample)
    jobs: list[Callable[[], Any]] = [functools.partial(kernels.figures, sample, cells, law)]
    if length:
        words = sample if kernels.takes(sample) else _words(sample, cells, law)
        runs = (
            functools.partial(kernels.repeated, words, length, most)
            if twice is None
            else functools.partial(kernels.repeated_at, words, length, twice)
        )
        jobs += [functools.partial(runs, is_reversed=order) for order in orders]
    figures, *counts = in_threads(jobs) if sample.size >= SHARED else [job() for job in jobs]
    return figures, tuple(counts) or (0,) * len(orders)


def _words(sample: NDArray[Any], cells: Cells, law: Law) -> NDArray[Any]:
    """Return an integer for each value of a type of 8 or 64 bits."""
    return cells.of(sample, law).astype(np.uint32) if sample.dtype.itemsize < FULL else _bits(sample)


def _goodness(figures: Figures, n: int) -> list[Finding]:
    """Return Kolmogorov-Smirnov's and Anderson-Darling's statistics of a sample whose cells are counted.

    The distance is the largest at an edge of a cell, which is no larger than that of the values. Its p-value
    is Massart's bound ("The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", 1990), which is
    exact far out.
    """
    p = min(1.0, 2.0 * math.exp(-2.0 * n * figures.distance**2))
    statistic = n * figures.integral
    return [
        finding("Kolmogorov-Smirnov", figures.distance, MEDIAN / math.sqrt(n), p),
        finding("Anderson-Darling", statistic, 1.0, anderson_darling_above(statistic)),
    ]
