"""Measures a tensor's values and tests them against a law: the numbers of one row of an audit."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.auditing.report import LIMIT
from unified_init.errors import UnifiedInitError
from unified_init.law.combination import Combination
from unified_init.law.complex_law import complex_law, part_law
from unified_init.stream.dtypes import DTYPES, name_of
from unified_init.testing.complex_values import is_polar, parts_of, reals_of_law
from unified_init.testing.findings import Finding, finding, weighed
from unified_init.testing.goodness import MEDIAN, grades, kolmogorov_smirnov
from unified_init.testing.one_sample import FEWEST, ends_of, examine, fixed_findings
from unified_init.testing.populations import population_of
from unified_init.testing.power_sums import PowerSums, power_sums_of
from unified_init.testing.residuals import residual_of
from unified_init.testing.survey import different_and_twice, different_patterns, survey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.law import Law

__all__ = [
    "Measured",
    "Observed",
    "far_values",
    "findings_of",
    "grades_of",
    "law_of_reals",
    "measure",
    "reals_of",
    "sample_of",
]

NARROW = 2  # bytes of a type whose bit patterns are so few that counting them is quick
OUTLIERS = 64  # of the farthest values, so many are looked at
RARE = 1e-3  # a value is an outlier if fewer than so many as far out are due in the whole tensor


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """The numbers of a tensor. ``examined`` and ``distinct`` are of a sample, the others of all values."""

    size: int
    examined: int
    mean: float
    std: float
    low: float
    high: float
    kurtosis: float
    distinct: int


def sample_of(values: NDArray[Any], limit: int = LIMIT) -> NDArray[Any]:
    """Return evenly spaced slices of the longest axes, the same ones every time; all of a small tensor."""
    while values.size > limit:
        axis = int(np.argmax(values.shape))
        length = values.shape[axis]
        count = max(1, length * limit // values.size)
        values = values.take(np.arange(count) * length // count, axis=axis)
    return np.ascontiguousarray(values)


def reals_of(values: NDArray[Any]) -> NDArray[Any]:
    """Return real values: the parts of complex ones along a new last axis."""
    return parts_of(values) if values.dtype.kind == "c" else values


def law_of_reals(law: Law, dtype: str) -> Law:
    """Return the law of ``reals_of``: the parts of complex values, of which each has half of the variance."""
    element_type = DTYPES.get(dtype)
    if element_type is None or not element_type.is_complex:
        return law
    if law.independent:
        with contextlib.suppress(UnifiedInitError):  # of values that no draw has given
            return part_law(complex_law(law, dtype))
    root = math.sqrt(0.5)
    return dataclasses.replace(law, std=law.std * root, scale=law.scale * root)


def grades_of(values: NDArray[Any], law: Law) -> NDArray[Any] | None:
    """Return the grades of complex values whose parts are not independent; None of any others."""
    if values.dtype.kind != "c" or not is_polar(law, name_of(values.dtype)):
        return None
    return reals_of_law("values", values, law)[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """Real values, their power sums (None of no values), a sample of them, and their numbers."""

    reals: NDArray[Any]
    sums: PowerSums | None
    sample: NDArray[Any]
    observed: Observed
    twice: NDArray[np.uint32] | None = None  # where in the sample values are that it has twice


def measure(values: NDArray[Any]) -> Measured:
    """Measure values of any type."""
    reals = reals_of(values)
    sums, sample = power_sums_of(reals) if reals.size else None, sample_of(reals)
    if sums is None:
        return Measured(reals, sums, sample, Observed(0, 0, *(math.nan,) * 5, 0))
    distinct, twice = _distinct(sums, sample)
    mean, std, kurtosis = sums.moments
    observed = Observed(sums.size, sample.size, mean, std, sums.low, sums.high, kurtosis, distinct)
    return Measured(reals, sums, sample, observed, twice)


def _distinct(sums: PowerSums, sample: NDArray[Any]) -> tuple[int, NDArray[np.uint32] | None]:
    """Return the number of different values, and where they are that occur twice if that is known."""
    if sums.low == sums.high and sample.dtype.kind not in "iu":
        return 1, None
    if sample.dtype.itemsize <= NARROW:
        return different_patterns(sample.reshape(-1)), None
    return different_and_twice(sample)


def findings_of(measured: Measured, law: Law) -> tuple[Finding, ...]:
    """Return the findings of values under a law of independent draws."""
    sums, sample = measured.sums, measured.sample
    assert sums is not None  # noqa: S101  # the caller has seen that there are values
    if isinstance(law.unit, Combination):
        return _findings_of_combination(measured.reals, law)
    if sample.size >= FEWEST:
        findings = survey(sample, law, sums, measured.observed.distinct, measured.twice)
        return findings or examine(sample, law)
    return _few_findings(sample, law)


def _findings_of_combination(values: NDArray[Any], law: Law) -> tuple[Finding, ...]:
    """Return the findings of a sum or a product: of all values, of which each has its place."""
    if values.size >= FEWEST:
        return examine(values, law)
    residual = residual_of(values, law)
    fixed = [] if residual.is_plain else fixed_findings(residual)
    few = _few_findings(residual.values, residual.law) if residual.values.size else ()
    return weighed(few, fixed)


def _few_findings(sample: NDArray[Any], law: Law) -> tuple[Finding, ...]:
    """Return the findings of few values.

    Below a hundred the statistics of sums are not exact. The distance of distributions is, for any size.
    """
    dtype = name_of(sample.dtype)
    low, high = ends_of(law, DTYPES[dtype])
    flat = np.sort(sample.astype(np.float64).reshape(-1))
    outside = 0 if low <= flat[0] and flat[-1] <= high else int(((flat < low) | (flat > high)).sum())
    distance, p = kolmogorov_smirnov(grades(flat, population_of(law, dtype)))
    return weighed(
        [finding("Kolmogorov-Smirnov", distance, MEDIAN / math.sqrt(flat.size), p)],
        [finding("bounds", outside, 0.0, 0.0 if outside else 1.0)],
    )


def far_values(values: NDArray[Any], law: Law, removed_row: int | None = None) -> tuple[int, str]:
    """Return how many values the law excludes, or are outliers of it, and a text with the index of one.

    Args:
        values: all of a tensor, real.
        law: of independent draws.
        removed_row: the row that was left out of the values; indices are those with it.
    """
    element_type = DTYPES[values.dtype.name]
    low, high = ends_of(law, element_type)
    outside = (values < values.dtype.type(low)) | (values > values.dtype.type(high))
    count = int(outside.sum())
    if count:
        place = _place(values, int(np.argmax(outside)), removed_row)
        text = f"{_counted(count, values.size)} outside of [{law.low:.6g}, {law.high:.6g}]"
        return count, f"{text}, where the law has none: {place}"
    distances = np.abs(values.reshape(-1).astype(np.float64) - law.mean)
    farthest = _largest(distances)
    below = population_of(law, values.dtype.name).below(values.reshape(-1)[farthest].astype(np.float64))
    count = int((np.minimum(below, 1.0 - below) * values.size < RARE).sum())
    if not count:
        return 0, ""
    head = f"{_counted(count, values.size)} {'an outlier' if count == 1 else 'outliers'}"
    place, distance = _place(values, int(farthest[0]), removed_row), distances[farthest[0]] / law.std
    return count, f"{head}: {place} is {distance:.3g} standard deviations from the mean"


def _place(values: NDArray[Any], position: int, removed_row: int | None) -> str:
    """Return a value and its index in the tensor from which one row may have been removed."""
    row, *others = map(int, np.unravel_index(position, values.shape))
    if removed_row is not None and row >= removed_row:
        row += 1
    return f"{float(values.reshape(-1)[position]):.6g} at {(row, *others)}"


def _largest(distances: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the indices of the largest distances, the largest first."""
    count = min(OUTLIERS, distances.size)
    farthest = np.argpartition(-distances, count - 1)[:count]
    order: NDArray[np.intp] = farthest[np.argsort(-distances[farthest])]
    return order


def _counted(count: int, size: int) -> str:
    return f"{count:,} of {size:,} values {'is' if count == 1 else 'are'}"
