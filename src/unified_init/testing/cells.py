"""Cells of a histogram: the probability below their edges, and what the statistics need of each."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.law import Law
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.testing.populations import Population

    Array = NDArray[np.float64]
    Index = NDArray[np.integer]

__all__ = ["Cells", "cell_count", "equal_cells", "lattice", "unit_law"]

CELLS = 1 << 14  # of a continuous law, at most
FEWEST_CELLS = 1 << 10
REACH = 8.0  # standard deviations about the mean that the cells cover
TINY = 2.0**-60  # of u (1 - u): a gap has an error of 2**-53
COARSE = 2.0**-5  # a cell with more probability than this is a peak that the histogram would not resolve
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
    ranks: NDArray[np.int64] | None = None

    def of(self, values: NDArray[Any], law: Law) -> Index:
        """Return the cell of each value; those outside are in the first or the last."""
        if self.ranks is not None:
            ranks: Index = self.ranks[values.view(f"u{values.dtype.itemsize}")]
            return ranks
        real = values.dtype.type
        places = (values - real(law.loc + self.low * law.scale)) * real(self.per_unit / law.scale)
        cells: Index = np.clip(places, 0, self.grades.size - 1, out=places).astype(np.int32)
        return cells


def cell_count(size: int) -> int:
    """Return how many cells resolve a sample of so many values."""
    return min(max(1 << (size - 1).bit_length(), FEWEST_CELLS), CELLS)


def unit_law(unit: Any) -> Law:  # noqa: ANN401  # any of the unit variables
    """Return the law of a unit variable, without what distinguishes one shape from another."""
    return Law(unit=unit, mean=0.0, std=1.0)


@functools.lru_cache(maxsize=64)
def equal_cells(unit: Any, count: int) -> Cells | None:  # noqa: ANN401  # as above
    """Return equally wide cells of a unit variable; None if one would hold a peak."""
    population = population_of(unit_law(unit), "float32")
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
def lattice(population: Population) -> Cells:
    """Return one cell for each value of a narrow type that a law has."""
    numpy = np.dtype(population.dtype.numpy)
    patterns = np.arange(1 << 8 * numpy.itemsize, dtype=f"u{numpy.itemsize}")
    with np.errstate(all="ignore"):  # patterns that are not numbers
        values = patterns.view(numpy).astype(np.float64)
    ranks = np.searchsorted(population.values, values).astype(np.int64)
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
