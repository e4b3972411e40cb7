"""Measures a tensor's values and tests them against a law: the numbers of one row of an audit."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.auditing.report import LIMIT
from unified_init.law.layout import bind
from unified_init.law.unit_values import ConstantValues, OrthogonalMatrices
from unified_init.stream.arrange import to_logical
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.program import make_program
from unified_init.stream.run import on_host
from unified_init.testing.findings import Finding, finding, weighed
from unified_init.testing.goodness import MEDIAN, grades, kolmogorov_smirnov
from unified_init.testing.one_sample import FEWEST, ends_of, examine
from unified_init.testing.populations import population_of
from unified_init.testing.survey import DISTINCT, survey

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.inventory.records import Box, Record
    from unified_init.law.law import Law
    from unified_init.recipes.assignment import Piece
    from unified_init.testing.power_sums import PowerSums

__all__ = [
    "Observed",
    "examinable",
    "far_values",
    "findings_of",
    "law_of_reals",
    "observe",
    "reals_of",
    "sample_of",
    "structural_fault",
]

ROWS = 256  # of an orthogonal matrix that are multiplied with each other
SLACK = 4 * 2.0**-24  # of other libraries' arithmetic: some ulps of float32
LOOSE = 1e-4  # allowed error of products of orthonormal float32 vectors; a narrow type adds its own
EPSILONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float8_e4m3fn": 2.0**-3, "float8_e5m2": 2.0**-2}
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
    if values.dtype.kind != "c":
        return values
    return np.stack([values.real, values.imag], axis=-1)


def law_of_reals(law: Law, dtype: str) -> Law:
    """Return the law of ``reals_of``: each part of a complex value has half of the variance."""
    element_type = DTYPES.get(dtype)
    if element_type is None or not element_type.is_complex:
        return law
    root = math.sqrt(0.5)
    return dataclasses.replace(law, std=law.std * root, scale=law.scale * root)


def observe(sums: PowerSums | None, sample: NDArray[Any]) -> Observed:
    """Return the numbers of a tensor: from the power sums of its values, and from a sample of them."""
    if sums is None:
        return Observed(0, 0, *(math.nan,) * 5, 0)
    flat = sample.reshape(-1)
    head = flat[:DISTINCT] if flat.dtype.itemsize > NARROW else flat
    return Observed(
        sums.size, sample.size, sums.mean, sums.std, sums.low, sums.high, sums.kurtosis, _distinct(head)
    )


def _distinct(values: NDArray[Any]) -> int:
    """Return the number of different values; those of a narrow type are counted by their bits."""
    width = values.dtype.itemsize
    if width > NARROW:
        return int(np.unique(values).size)
    patterns = np.flatnonzero(np.bincount(values.view(f"u{width}"))).astype(f"u{width}")
    return int(np.unique(patterns.view(values.dtype).astype(np.float32)).size)


def findings_of(sample: NDArray[Any], law: Law, sums: PowerSums, distinct: int) -> tuple[Finding, ...]:
    """Return the findings of values under a law of independent draws."""
    if sample.size >= FEWEST:
        return survey(sample, law, sums, distinct) or examine(sample, law)
    # Below a hundred values the statistics of sums are not exact. The distance of distributions is, for any
    # size.
    element_type = DTYPES[sample.dtype.name]
    low, high = ends_of(law, element_type)
    flat = np.sort(sample.astype(np.float64).reshape(-1))
    outside = int(((flat < low) | (flat > high)).sum())
    distance, p = kolmogorov_smirnov(grades(flat, population_of(law, sample.dtype.name)))
    return weighed(
        [finding("Kolmogorov-Smirnov", distance, MEDIAN / math.sqrt(flat.size), p)],
        [finding("bounds", outside, 0.0, 0.0 if outside else 1.0)],
    )


def examinable(piece: Piece, dtype: str) -> bool:
    """Whether the values are independent draws, which statistics can test."""
    return piece.law.independent and piece.law.repeat == 1 and dtype in DTYPES


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


def structural_fault(
    values: NDArray[Any], record: Record, piece: Piece, box: Box | None = None
) -> str | None:
    """Return the fault of values that a formula gives, or that are orthogonal; "" if there is none.

    None means that such a law is not examined: a region (``box``) says nothing of an orthogonal matrix.
    """
    law = piece.law
    if (
        isinstance(law.unit, ConstantValues)
        and law.low == law.high == law.mean
        and (values == law.mean).all()
    ):
        return ""  # without an array of the expected values
    if not law.random:
        return _unequal(values, _expected(values, record, piece, box))
    if isinstance(law.unit, OrthogonalMatrices) and box is None:
        return _not_orthogonal(values, record, piece, law.unit)
    return None


def _expected(values: NDArray[Any], record: Record, piece: Piece, box: Box | None) -> NDArray[Any]:
    dtype = DTYPES.get(values.dtype.name)
    if dtype is None:  # integers, which can only hold a constant
        return np.full(values.shape, piece.law.mean)
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    index = None if box is None else tuple(slice(*ends) for ends in box)
    program = make_program(piece.law, geometry, index=index, name="", dtype=dtype)
    return on_host(program, None)


def _unequal(values: NDArray[Any], expected: NDArray[Any]) -> str:
    is_wrong = values != expected
    if is_wrong.any() and (expected != expected.flat[0]).any():
        # Logarithms and the like, whose last bit is that of the library that computed them.
        is_wrong &= np.abs(values - expected) > SLACK * np.abs(expected)
    count = int(is_wrong.sum())
    if not count:
        return ""
    first = tuple(map(int, np.argwhere(is_wrong)[0]))
    return (
        f"{count:,} of {values.size:,} values are not those of the law: at {first} "
        f"{float(values[first].real):.6g} where {float(expected[first].real):.6g} is due"
    )


def _not_orthogonal(values: NDArray[Any], record: Record, piece: Piece, unit: OrthogonalMatrices) -> str:
    """Return how far the vectors of the shorter side are from orthonormal ones; "" if within tolerance."""
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    matrices = to_logical(np, values.astype(np.float64), geometry)
    matrices = matrices.reshape(unit.groups, unit.rows, unit.columns)
    gain = piece.law.scale
    largest = 0.0
    for matrix in matrices[:ROWS]:
        rows = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        rows = sample_of(rows, ROWS * rows.shape[1])[:ROWS]
        gram = rows @ rows.T / gain**2
        largest = max(largest, float(np.abs(gram - np.eye(len(gram))).max()))
    tolerance = max(LOOSE, 2.0 * EPSILONS.get(values.dtype.name, 0.0))
    if largest <= tolerance:
        return ""
    return f"not orthogonal: products of its vectors are off by {largest:.3g} (allowed {tolerance:.3g})"
