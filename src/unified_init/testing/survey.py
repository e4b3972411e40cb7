"""The statistics of ``one_sample`` at a few nanoseconds per value, from a histogram: no value is sorted.

Mean, variance, kurtosis, ends and bounds are of all values. The rest is of a sample of them: the distances
of Kolmogorov-Smirnov and Anderson-Darling from counts in up to 2**14 cells, correlation from the grades of
those cells. Two statistics look at less. Distinct values are counted among the first 2**15, which shows a
sampler of up to 2**20 values. Of all runs, one in n / 2**14 is compared, chosen by its content, so that both
copies of a run are compared or neither: in 2**18 values a block of 128 that occurs twice is missed once in
3,000 times, and one of fewer than 10 more often than not.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.law import Law
from unified_init.stream.dtypes import name_of
from unified_init.testing import dependence
from unified_init.testing.findings import finding, weighed
from unified_init.testing.goodness import MEDIAN
from unified_init.testing.inversion import anderson_darling_limit
from unified_init.testing.one_sample import ends_of, extremes, moment_findings, occupied, run_length
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.testing.findings import Finding
    from unified_init.testing.populations import Population
    from unified_init.testing.power_sums import PowerSums

    Array = NDArray[np.float64]
    Index = NDArray[np.integer]

__all__ = ["DISTINCT", "different", "survey"]

CELLS = 1 << 14  # of a continuous law, at most
FEWEST_CELLS = 1 << 10
REACH = 8.0  # standard deviations about the mean that the cells cover
TINY = 2.0**-60  # of u (1 - u): a gap has an error of 2**-53
COARSE = 2.0**-5  # a cell with more probability than this is a peak that the histogram would not resolve
DISTINCT = 1 << 15
RUNS = 1 << 14
MANY = 1 << 9  # values from which a table is quicker than sorting
POINTS, POINT_WEIGHTS = np.polynomial.legendre.leggauss(3)
NODES, WEIGHTS = (POINTS[:, None] + 1.0) / 2.0, POINT_WEIGHTS[:, None] / 2.0  # on [0, 1], for each cell


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """The cells of a histogram.

    Args:
        below: the probability below each edge; one more than there are cells.
        weights: Anderson-Darling's integral over each cell as a quadratic form of the distances at its edges:
            of the square of the first, of their product, and of the square of the second.
        grades: the middle grade of each cell, standardized.
        low: the first edge of cells that are equally wide, in units of the law; 0 for cells of single values.
        per_unit: cells in one unit of the law; 0 for cells of single values.
        ranks: the cell of each bit pattern of a narrow type; None for cells that are equally wide.
    """

    below: Array
    weights: tuple[Array, Array, Array]
    grades: NDArray[np.float32]
    low: float = 0.0
    per_unit: float = 0.0
    ranks: NDArray[np.intp] | None = None

    def of(self, values: NDArray[Any], law: Law) -> Index:
        """Return the cell of each value; those outside are in the first or the last."""
        if self.ranks is not None:
            ranks: Index = self.ranks[values.view(f"u{values.dtype.itemsize}")]
            return ranks
        real = values.dtype.type
        places = (values - real(law.loc + self.low * law.scale)) * real(self.per_unit / law.scale)
        cells: Index = np.clip(places, 0, self.grades.size - 1, out=places).astype(np.int32)
        return cells


def survey(sample: NDArray[Any], law: Law, sums: PowerSums, distinct: int) -> tuple[Finding, ...] | None:
    """Return the findings of ``examine``, or None where a histogram does not resolve the law.

    Args:
        sample: at least 100 of the values, all finite, of a real floating type.
        law: of independent draws.
        sums: the power sums of all values.
        distinct: the number of different values among the first ``DISTINCT``, or of a narrow type among all.
    """
    dtype = name_of(sample.dtype)
    population = population_of(law, dtype)
    narrow = population.dtype.narrow
    if population.discrete and (not narrow or population.values.size == 1):
        return None
    cells = _lattice(population) if narrow else _cells(law.unit, _cell_count(sample.size))
    if cells is None:
        return None
    # About 0, sums and chance repeats do not depend on the scale: one computation serves all stds.
    basis, loc, scale = population, 0.0, 1.0
    if not narrow and law.loc == 0.0:
        basis, scale = population_of(_unit_law(law.unit), dtype), law.scale
    mean, std = loc + scale * basis.mean, scale * basis.std
    first, second, _, fourth = sums.about(mean, std)
    codes = cells.of(sample, law)
    counts = np.bincount(codes.reshape(-1), minlength=cells.grades.size)
    centred = cells.grades.take(codes)
    exact = [
        *moment_findings({1: first, 2: second, 4: fourth}, sums.size, basis, mean, std),
        *_goodness(counts, cells),
        *extremes(np.array([sums.low, sums.high]), sums.size, population),
        dependence.serial(centred.reshape(-1)),
        *dependence.axes(centred),
    ]
    low, high = ends_of(law, population.dtype)
    is_outside = sums.low < low or sums.high > high
    bounds = [
        finding("bounds", float(is_outside), 0.0, 0.0 if is_outside else 1.0),
        dependence.distinct(
            distinct, *occupied(basis, sample.size if narrow else min(sample.size, DISTINCT))
        ),
        *dependence.repeats(codes if narrow else _bits(sample), *run_length(basis, sample.size), most=RUNS),
    ]
    return weighed(exact, bounds)


def different(values: NDArray[Any]) -> int:
    """Return the number of different values, of which none is NaN."""
    if values.size < MANY:
        return len(set(values.tolist()))
    if values.dtype.kind != "f":
        return int(np.unique(values).size)
    bits = (values + 0.0).view(f"u{values.dtype.itemsize}")  # -0.0 becomes 0.0
    suspects = bits[dependence.sharing(bits * np.uint64(dependence.MULTIPLIER))]
    return int(values.size - suspects.size + np.unique(suspects).size)


def _cell_count(size: int) -> int:
    return min(max(1 << (size - 1).bit_length(), FEWEST_CELLS), CELLS)


def _unit_law(unit: Any) -> Law:  # noqa: ANN401  # any of the unit variables
    """Return the law of a unit variable, without what distinguishes one shape from another."""
    return Law(unit=unit, mean=0.0, std=1.0)


@functools.lru_cache(maxsize=64)
def _cells(unit: Any, count: int) -> Cells | None:  # noqa: ANN401  # as above
    """Return equally wide cells of a unit variable; None if one would hold a peak."""
    population = population_of(_unit_law(unit), "float32")
    if population.discrete:
        return None
    low = max(float(population.values[0]), population.mean - REACH * population.std)
    high = min(float(population.values[-1]), population.mean + REACH * population.std)
    below = population.below(np.linspace(low, high, count + 1))
    below[0], below[-1] = 0.0, 1.0
    if np.diff(below).max() > COARSE:
        return None
    return _cells_between(below, low=low, per_unit=count / (high - low))


@functools.lru_cache(maxsize=64)
def _lattice(population: Population) -> Cells:
    """Return one cell for each value of a narrow type that a law has."""
    numpy = np.dtype(population.dtype.numpy)
    patterns = np.arange(1 << 8 * numpy.itemsize, dtype=f"u{numpy.itemsize}")
    with np.errstate(all="ignore"):  # patterns that are not numbers
        values = patterns.view(numpy).astype(np.float64)
    ranks = np.searchsorted(population.values, values)
    below = np.minimum(np.concatenate([[0.0], np.cumsum(population.weights)]), 1.0)
    below[-1] = 1.0
    return _cells_between(below, ranks=np.minimum(ranks, population.values.size - 1))


def _cells_between(below: Array, **places: Any) -> Cells:  # noqa: ANN401  # the other fields
    """Return the cells whose edges have these probabilities below them."""
    masses = np.diff(below)
    variance = (1.0 - float((masses**3).sum())) / 12.0
    grades = (((below[1:] + below[:-1]) / 2.0 - 0.5) / math.sqrt(variance)).astype(np.float32)
    u = below[:-1] + NODES * masses
    densities = WEIGHTS * masses / np.maximum(u * (1.0 - u), TINY)
    forms = ((1.0 - NODES) ** 2, 2.0 * NODES * (1.0 - NODES), NODES**2)
    first, both, second = ((form * densities).sum(axis=0) for form in forms)
    return Cells(below, (first, both, second), grades, **places)


def _bits(sample: NDArray[Any]) -> NDArray[np.uint32]:
    """Return 32 bits of each value, which differ where the values do, with hardly an exception."""
    if sample.dtype.itemsize == 4:  # noqa: PLR2004  # float32
        return sample.view(np.uint32)
    words = sample.view(np.uint64)
    return (words ^ (words >> np.uint64(32))).astype(np.uint32)


def _goodness(counts: NDArray[np.integer], cells: Cells) -> list[Finding]:
    """Return Kolmogorov-Smirnov's and Anderson-Darling's statistics of a sample whose cells are counted.

    The distance is the largest at an edge of a cell, which is no larger than that of the values. Its p-value
    is Massart's bound ("The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", 1990), which is
    exact far out. Within a cell, both distribution functions are taken as straight.
    """
    n = int(counts.sum())
    gaps = -cells.below
    gaps[1:] += np.cumsum(counts) / n
    distance = max(float(gaps.max()), -float(gaps.min()))
    (first, both, second), before, after = cells.weights, gaps[:-1], gaps[1:]
    statistic = float(((first * before + both * after) * before + second * after * after).sum())
    p = min(1.0, 2.0 * math.exp(-2.0 * n * distance**2))
    return [
        finding("Kolmogorov-Smirnov", distance, MEDIAN / math.sqrt(n), p),
        finding("Anderson-Darling", n * statistic, 1.0, anderson_darling_limit().above(n * statistic)),
    ]
