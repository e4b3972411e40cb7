"""The numbers of one sample that its findings are about, computed in NumPy from the cells of its values."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.testing import dependence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.testing.cells import Cells

__all__ = ["Figures", "lag_count", "numpy_figures"]


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """The numbers of a sample.

    Args:
        distance: Kolmogorov-Smirnov's, the largest at an edge of a cell.
        integral: Anderson-Darling's statistic over the number of values.
        serial: correlations with the values 1, 2, 4, ... positions later, in standard errors.
        neighbors: correlations along each axis longer than 1 except the last, in standard errors.
        spreads: each axis longer than 1, its length, and the squared deviations of its slices' means.
    """

    distance: float
    integral: float
    serial: Sequence[float]
    neighbors: Sequence[float]
    spreads: Sequence[tuple[int, int, float]]


def lag_count(size: int) -> int:
    """Return how many distances in the order of storage are looked at."""
    return int(math.log2(size)) - 1


def numpy_figures(sample: NDArray[Any], cells: Cells, law: Law) -> Figures:
    """Return the numbers of a sample under a law."""
    codes = cells.of(sample, law)
    counts = np.bincount(codes.reshape(-1), minlength=cells.grades.size)
    centred = cells.grades.take(codes)
    distance, integral = _goodness(counts, cells)
    return Figures(
        distance,
        integral,
        dependence.serial_scores(centred.reshape(-1), lag_count(sample.size)),
        dependence.neighbor_scores(centred),
        dependence.spreads(centred),
    )


def _goodness(counts: NDArray[np.integer], cells: Cells) -> tuple[float, float]:
    """Return the largest distance at an edge, and the integral: within a cell, functions are straight."""
    gaps = -cells.below
    gaps[1:] += np.cumsum(counts) / int(counts.sum())
    distance = max(float(gaps.max()), -float(gaps.min()))
    (first, both, second), before, after = cells.weights, gaps[:-1], gaps[1:]
    return distance, float(((first * before + both * after) * before + second * after * after).sum())
