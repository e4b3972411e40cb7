"""Measures a tensor's values and tests them against a law: the numbers of one row of an audit."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.auditing.report import LIMIT
from unified_init.law.layout import bind
from unified_init.law.unit_values import OrthogonalMatrices
from unified_init.stream.arrange import to_logical
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.program import make_program
from unified_init.stream.run import on_host
from unified_init.testing.findings import Finding, finding, weighed
from unified_init.testing.goodness import MEDIAN, grades, kolmogorov_smirnov
from unified_init.testing.one_sample import FEWEST, examine
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.inventory.records import Box, Record
    from unified_init.recipes.assignment import Piece

__all__ = ["Observed", "examinable", "findings_of", "observe", "sample_of", "structural_fault"]

ROWS = 256  # of an orthogonal matrix that are multiplied with each other
LOOSE = 1e-4  # allowed error of products of orthonormal float32 vectors; a narrow type adds its own
EPSILONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float8_e4m3fn": 2.0**-3, "float8_e5m2": 2.0**-2}
SLACK = 4 * 2.0**-24  # other libraries' arithmetic may pass an end by some ulps of float32


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """The numbers of a tensor. ``low``, ``high`` and ``finite`` are of all values, the others of a sample."""

    size: int
    examined: int
    finite: int
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
    return values


def observe(values: NDArray[Any], sample: NDArray[Any]) -> Observed:
    """Return the moments of a sample, and the ends of all values."""
    if not values.size:
        return Observed(0, 0, 0, *(math.nan,) * 5, 0)
    reals = np.abs(values) if values.dtype.kind == "c" else values
    reals = reals.astype(np.float32) if reals.dtype.itemsize < 4 else reals  # noqa: PLR2004  # narrow floats
    flat = (np.real(sample) if sample.dtype.kind == "c" else sample).astype(np.float64).reshape(-1)
    with np.errstate(all="ignore"):
        mean = float(flat.mean())
        variance = float(np.mean((flat - mean) ** 2))
        fourth = float(np.mean((flat - mean) ** 4))
        kurtosis = fourth / variance**2 if variance**2 > 0.0 else math.nan
        ends = float(reals.min()), float(reals.max())
    finite = int(np.isfinite(reals).sum())
    return Observed(
        values.size, flat.size, finite, mean, math.sqrt(variance) if variance >= 0.0 else math.nan,
        *ends, kurtosis, int(np.unique(flat).size),
    )  # fmt: skip


def findings_of(sample: NDArray[Any], piece: Piece) -> tuple[Finding, ...]:
    """Return the findings of a sample under a law of independent draws."""
    if sample.size >= FEWEST:
        return examine(sample, piece.law)
    # Below a hundred values the statistics of sums are not exact. The distance of distributions is, for any
    # size.
    population = population_of(piece.law, sample.dtype.name)
    flat = sample.astype(np.float64).reshape(-1)
    ends = np.array([piece.law.low, piece.law.high])
    ends += np.array([-1.0, 1.0]) * SLACK * np.abs(ends)
    low, high = ends.astype(DTYPES[sample.dtype.name].numpy).astype(np.float64)
    outside = int(((flat < low) | (flat > high)).sum())
    distance, p = kolmogorov_smirnov(grades(np.sort(flat), population))
    return weighed(
        [finding("Kolmogorov-Smirnov", distance, MEDIAN / math.sqrt(flat.size), p)],
        [finding("bounds", outside, 0.0, 0.0 if outside else 1.0)],
    )


def examinable(piece: Piece, dtype: str) -> bool:
    """Whether the values are independent draws, which statistics can test."""
    element_type = DTYPES.get(dtype)
    return (
        piece.law.independent
        and piece.law.repeat == 1
        and element_type is not None
        and not element_type.is_complex
    )


def structural_fault(
    values: NDArray[Any], record: Record, piece: Piece, box: Box | None = None
) -> str | None:
    """Return the fault of values that a formula gives, or that are orthogonal; "" if there is none.

    None means that such a law is not examined: a region (``box``) says nothing of an orthogonal matrix.
    """
    law = piece.law
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
