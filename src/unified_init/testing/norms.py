"""Statistics of matrices that were scaled to a norm: the norm itself, and the law that was scaled."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.law import scaled
from unified_init.law.unit_laws import UnitSteps
from unified_init.law.unit_values import NORM_NAMES, SparseMatrices, UnitNormal
from unified_init.stream.norms import norm_of
from unified_init.testing.atoms import atoms_of
from unified_init.testing.findings import Finding, finding, weighed
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.law.unit_values import NormedValues

    Examine = Callable[[Any, Law], tuple[Finding, ...]]

__all__ = ["examine_normed", "matrices_of"]

CLOSE = 1e-4  # relative error of a norm: of values in float32, drawn inside a compiled program
EPSILONS = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float8_e4m3fn": 2.0**-4, "float8_e5m2": 2.0**-3}
HEAVY = 10.0  # kurtosis from which the mean square is too uncertain
# Statistics that are not tested by their distribution once the size is taken from the sample itself.
OF_SIZE = {"variance", "mean distance", "Anderson-Darling", "smallest value", "largest value", "bounds"}


def matrices_of(values: NDArray[Any], unit: NormedValues) -> NDArray[Any]:
    """Return a sample as (groups, rows, columns); a single matrix may be transposed.

    Raises:
        ArgumentValueError: the shape does not say which values are a matrix.
    """
    shape = (unit.groups, unit.rows, unit.columns)
    if values.shape == shape:
        return values
    if unit.groups == 1 and values.shape in {shape[1:], shape[:0:-1]}:
        return values[None]
    if unit.groups == 1 and unit.norm == "frobenius" and values.size == unit.rows * unit.columns:
        return values[None]
    msg = (
        f"`sample` must have the shape of the law's matrices, {shape} (one of them may be transposed), got "
        f"{values.shape}: permute its axes."
    )
    raise ArgumentValueError(msg)


def examine_normed(
    matrices: NDArray[Any], law: Law, unit: NormedValues, examine: Examine
) -> tuple[Finding, ...]:
    """Return the findings of matrices under the law of a norm.

    The norms are compared exactly, except for rounding. Then each matrix is tested against the law that was
    scaled, at the size which its own mean square gives. Statistics that say nothing but that size are left
    out, and those that have the ends of an interval; the p-values of the others are upper bounds nearly.

    Args:
        matrices: (groups, ...), those of the law.
        law: whose unit is of values scaled to a norm.
        unit: the law's unit.
        examine: the test of independent draws.

    Raises:
        ArgumentValueError: the base has no independent draws that are known, or too few values.
    """
    exact: list[Finding] = []
    norms = []
    for matrix in matrices:
        values, base = _draws(matrix, unit)
        if not np.isfinite(values).all():
            return weighed(
                [], [finding("finite values", np.isfinite(values).sum(), values.size, 0.0, sign=-1.0)]
            )
        norms += [norm_of(matrix.astype(np.float64).reshape(-1, matrix.shape[-1]), unit.norm)]
        if isinstance(unit.base.unit, SparseMatrices):
            exact.append(_zeros(matrix, unit.base.unit))
        exact += _at_own_size(values, base, examine)
    return weighed(exact, [_worst(norms, law, unit, matrices.dtype.name)])


def _draws(matrix: NDArray[Any], unit: NormedValues) -> tuple[NDArray[Any], Law]:
    """Return the independent draws of a matrix, and their law before it was scaled."""
    base = unit.base
    if isinstance(base.unit, SparseMatrices):
        matrix = matrix[matrix != 0.0]
        base = base.unit.values or dataclasses.replace(base, unit=UnitNormal(), std=base.scale)
    # Of draws among a few values the mean square does not tell the factor, nor which values are due.
    if base.independent and base.repeat == 1 and np.unique(np.abs(atoms_of(base))).size <= _few(base):
        return matrix, base
    msg = (
        f"`law` must scale independent draws or sparse ones, got {unit.kind!r}: compare such a tensor with "
        "draw() by assert_identical()."
    )
    raise ArgumentValueError(msg)


def _few(base: Law) -> int:
    """Return how many sizes the single values of a law may have: one, if it has no others."""
    return int(isinstance(base.unit, UnitSteps))


def _zeros(matrix: NDArray[Any], unit: SparseMatrices) -> Finding:
    """Compare the number of zeros in each line; a square matrix may be transposed."""
    axes = [axis for axis in (-2, -1) if matrix.shape[axis] == unit.rows]
    if unit.along == "all":
        counts = [np.array([(matrix == 0.0).sum()])]
    elif unit.along == "row":
        counts = [(matrix == 0.0).sum(axis=-3 - axis) for axis in axes]
    else:
        counts = [(matrix == 0.0).sum(axis=axis) for axis in axes]
    worst = min((count[count != unit.zeros] for count in counts), key=len)
    observed = worst[0] if worst.size else unit.zeros
    line = "the matrix" if unit.along == "all" else f"a {unit.along}"
    return finding(f"zeros of {line}", observed, unit.zeros, 0.0 if worst.size else 1.0)


def _at_own_size(values: NDArray[Any], base: Law, examine: Examine) -> Iterator[Finding]:
    """Yield the findings of draws against their law at the size that they have themselves."""
    own = scaled(base, _size(values.astype(np.float64), base))
    return (entry for entry in examine(values, own) if entry.name not in OF_SIZE)


def _size(values: NDArray[np.float64], base: Law) -> float:
    """Return the size of draws over that of their law: by the mean square, or by the median size.

    A few values make the mean square where tails are heavy: it says little then.
    """
    population = population_of(base, "float64")
    standard = (population.values - population.mean) / population.std
    if population.expectation(standard**4) <= HEAVY and math.isfinite(base.std):
        return math.sqrt(float(np.mean(np.square(values))) / (base.std**2 + base.mean**2))
    sizes = np.abs(population.values)
    order = np.argsort(sizes)
    shares = np.cumsum(population.weights[order])
    return float(np.median(np.abs(values)) / np.interp(0.5, shares, sizes[order]))


def _worst(norms: list[float], law: Law, unit: NormedValues, dtype: str) -> Finding:
    worst = max(norms, key=lambda norm: abs(norm - law.scale), default=law.scale)
    allowed = max(CLOSE, EPSILONS.get(dtype, 0.0))
    is_right = abs(worst - law.scale) <= allowed * law.scale
    sign = math.copysign(1.0, worst - law.scale)
    return finding(NORM_NAMES[unit.norm], worst, law.scale, 1.0 if is_right else 0.0, sign=sign)
