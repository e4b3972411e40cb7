"""Every statistic of one sample under a law."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.core.reprs import shown
from unified_init.drawing.digests import values_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.combination import Combination
from unified_init.law.law import Law
from unified_init.law.unit_laws import UnitLaplace, UnitStudentT
from unified_init.law.unit_values import NormedValues
from unified_init.stream.dtypes import DTYPES
from unified_init.testing import dependence
from unified_init.testing.complex_values import GRADES, parts_of, reals_of_law
from unified_init.testing.findings import Finding, finding, special, weighed
from unified_init.testing.goodness import MEDIAN, anderson_darling, grades, kolmogorov_smirnov
from unified_init.testing.inversion import Inverted, mean_of
from unified_init.testing.norms import examine_normed, matrices_of
from unified_init.testing.populations import Population, clean, population_of
from unified_init.testing.residuals import Residual, residual_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from unified_init.stream.dtypes import DType

    Array = NDArray[np.float64]

KEPT = 1 << 12  # of what depends on the law, or on it and the size: as many as a model has
RESOLUTION = 2.0**-29  # of the largest magnitude: some units of a draw's fixed point

__all__ = [
    "FEWEST",
    "MOST",
    "ends_of",
    "examine",
    "extremes",
    "fixed_findings",
    "moment_findings",
    "occupied",
    "real_values",
    "run_length",
]

FEWEST = 100  # values: the limits that some p-values take hold from here on
FINE = 2048  # values from which the distribution of a sum is computed, at most
MOST = 1 << 26  # beyond it, the 2**24 values of a float32 uniform show in its extremes
FAR = 0.005  # tail probability from which a distance counts as that of the quantile
SLACK = 4 * 2.0**-24  # other libraries' arithmetic may pass an end by some ulps of float32


def examine(sample: Any, law: Law) -> tuple[Finding, ...]:  # noqa: ANN401  # an array of any framework
    """Return every statistic of a sample with its p-value under a law of independent draws.

    Bounds; mean, variance and kurtosis by the exact distribution of the sums; Kolmogorov-Smirnov and
    Anderson-Darling; the smallest and the largest value; distinct values; runs of values that repeat;
    correlation in the order of storage, between neighbors across axes, and the means of slices. In a
    narrow element type the law is first made discrete, by its rounding cells. Of matrices that were scaled to
    a norm (``with_norm``), the norm, and what the law that was scaled says about all except the size.

    Args:
        sample: an array of any framework, of a floating or complex type, with 100 to 2**26 values. Where a
            law bounds the modulus of complex values, the findings are of grades: the values of the
            distribution functions of modulus and angle, spread over (-1, 1). It is read as NumPy values;
            nothing of the framework is set.
        law: what ``Initializer.resolve`` returns for the shape; ``law.kind`` is normal,
            truncated_normal, uniform or quantile, or one of these or a sparse one scaled to a norm. The
            matrices of such a law have rows and columns, and a sample of several has the shape (groups, rows,
            columns). Of a sum or a product, whatever draws nothing is subtracted and the array of the product
            divided by first: what is left must be one law of these, or a sum of normals.

    Returns:
        The findings, with shares of the false-alarm rate that sum to 1. ``family_p`` judges them together.

    Raises:
        ArgumentTypeError: no array, or no law.
        ArgumentValueError: the law has no independent draws, or the sample too few or too many values.

    Example:
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> sample = ui.draw(ui.he_normal(), (300, 100), layout="OI", seed=0, name="fc")
        >>> findings = testing.examine(sample, ui.he_normal().resolve((300, 100), layout="OI"))
        >>> print(findings[1])  # doctest: +ELLIPSIS
        variance               observed  0.0...
    """
    _check_law(law)
    with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a test
        return _findings(sample, law)


def _findings(sample: Any, law: Law) -> tuple[Finding, ...]:  # noqa: ANN401  # as above
    values, law = real_values("sample", sample, law)
    if isinstance(law.unit, NormedValues):
        return examine_normed(matrices_of(values, law.unit), law, law.unit, examine)
    if isinstance(law.unit, Combination):
        return _of_residual(residual_of(values, law))
    return _statistics(values, law)


def _of_residual(residual: Residual) -> tuple[Finding, ...]:
    """Return the findings of what is left of a sum or a product."""
    if residual.is_plain:
        return _statistics(residual.values, residual.law)
    return _statistics(residual.values, residual.law, fixed_findings(residual))


def fixed_findings(residual: Residual) -> list[Finding]:
    """Return the findings of what a law fixes: values without randomness, and what was subtracted."""
    findings = [finding("fixed values", residual.wrong, 0.0, 0.0 if residual.wrong else 1.0)]
    if residual.slope is not None:
        p = 2.0 * float(special().ndtr(-abs(residual.slope)))
        findings.append(finding("fixed part", residual.slope, 0.0, p, sign=residual.slope))
    return findings


def _statistics(values: NDArray[Any], law: Law, fixed: list[Finding] | None = None) -> tuple[Finding, ...]:
    """Return the findings of real values.

    ``fixed`` are the findings beside those of a residual, which is no longer on the grid of the type
    that was drawn: how many different values it has is then not compared.
    """
    population = population_of(law, values.dtype.name)
    if population.discrete and population.weights.max() == 1.0:
        msg = (
            f"`sample` has the type {values.dtype.name}, in which its law has the one value "
            f"{population.mean!r}: compare it with draw() by assert_identical()."
        )
        raise ArgumentValueError(msg)
    flat = values.astype(np.float64).reshape(-1)
    finite = int(np.isfinite(flat).sum())
    if finite < flat.size:
        return weighed([], [finding("finite values", finite, flat.size, 0.0, sign=-1.0)])
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    u = grades(ordered, population)
    starts = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    ranks = np.empty(flat.size, dtype=np.int64)
    ranks[order] = np.cumsum(starts) - 1
    centred = _centred(ordered[starts], population)[ranks]
    exact = [
        *_moments(flat, population),
        finding("Kolmogorov-Smirnov", (ks := kolmogorov_smirnov(u))[0], MEDIAN / math.sqrt(flat.size), ks[1]),
        finding("Anderson-Darling", (ad := anderson_darling(u))[0], 1.0, ad[1]),
        *_spread(flat, population),
        *extremes(ordered[[0, -1]], flat.size, population),
        dependence.serial(centred),
        *dependence.axes(centred.reshape(values.shape), population.step),
    ]
    if fixed is not None:
        return weighed(exact, [_outside(flat, population), *fixed])
    bounds = [
        _outside(flat, population),
        dependence.distinct(int(starts.sum()), *occupied(population, flat.size)),
        *dependence.repeats(ranks.reshape(values.shape), *run_length(population, flat.size)),
    ]
    findings = weighed(exact, bounds)
    if law is not GRADES:
        return findings
    return tuple(dataclasses.replace(entry, name=f"{entry.name} of grades") for entry in findings)


def _check_law(law: object) -> None:
    if not isinstance(law, Law):
        msg = f"`law` must be a Law, as spec.resolve(shape, layout=...) returns it, got {shown(law)}."
        raise ArgumentTypeError(msg)
    if isinstance(law.unit, NormedValues | Combination):
        return
    if not law.independent:
        msg = (
            f"`law` must be of independent draws, got one of kind {shown(law.kind)}: compare such a tensor "
            "with draw() by assert_identical()."
        )
        raise ArgumentValueError(msg)
    if law.repeat != 1:
        msg = (
            f"`law` must be of independent draws, got one whose draws are shared by {law.repeat} outputs: "
            "pass one output of each group, and the law of the initializer inside."
        )
        raise ArgumentValueError(msg)


def real_values(argument: str, sample: Any, law: Law | None) -> tuple[NDArray[Any], Any]:  # noqa: ANN401
    """Return a sample's real values (those of complex ones along a new last axis), and their law."""
    values = values_of(sample, argument)
    dtype = DTYPES.get(values.dtype.name)
    if dtype is None:
        msg = f"`{argument}` must have a floating type that can be drawn, got {values.dtype.name}."
        raise ArgumentTypeError(msg)
    if dtype.is_complex:
        values, law = (parts_of(values), law) if law is None else reals_of_law(argument, values, law)
    if not FEWEST <= values.size <= MOST:
        msg = f"`{argument}` must have {FEWEST} to 2**26 values, got {values.size} in shape {values.shape}."
        raise ArgumentValueError(msg)
    if law is None and not (finite := np.isfinite(values)).all():
        msg = f"`{argument}` must hold finite values only, got {int((~finite).sum())} others."
        raise ArgumentValueError(msg)
    return values, law


@functools.lru_cache(maxsize=KEPT)
def ends_of(law: Law, dtype: DType) -> tuple[float, float]:
    """Return the law's ends, rounded to a type, with the slack that other libraries' arithmetic needs."""
    ends = np.array([law.low, law.high])
    ends += np.array([-1.0, 1.0]) * SLACK * np.abs(ends)
    low, high = np.clip(ends, -dtype.largest, dtype.largest).astype(dtype.numpy)
    return float(low), float(high)


def _outside(flat: Array, population: Population) -> Finding:
    """How many values are outside the law's rounded ends, where there can be none."""
    low, high = ends_of(population.law, population.dtype)
    inside = (flat >= low) & (flat <= high)
    outside = int(flat.size - inside.sum())
    return finding("bounds", outside, 0.0, 0.0 if outside else 1.0)


def _centred(values: Array, population: Population) -> Array:
    """Return the grades of values in the middle of their cells, standardized."""
    lower, upper = population.cells(values)
    variance = 1.0 / 12.0
    if population.discrete:
        variance -= float((population.weights**3).sum()) / 12.0
    return ((lower + upper) / 2.0 - 0.5) / math.sqrt(variance)


@functools.lru_cache(maxsize=KEPT)
def _moment(population: Population, power: int, n: int) -> tuple[float, float, Inverted | None]:
    """Mean and std of the standardized values to a power, and the distribution of their sample mean."""
    powers, weights = ((population.values - population.mean) / population.std) ** power, population.weights
    mean, std = _mean_and_std(powers, weights)
    half = powers.size // 2
    if 2 * half == powers.size and (powers == powers[::-1]).all() and (weights == weights[::-1]).all():
        powers, weights = powers[:half], 2.0 * weights[:half]  # an even power of a symmetric law
    powers, weights = _coarse(powers, weights)
    middle, spread = _mean_and_std(powers, weights)
    # Of two values that are equally likely, the even powers do not vary.
    distribution = mean_of(n, (powers - middle) / spread, weights) if spread > 0.0 else None
    return mean, std, distribution


def _coarse(values: Array, weights: Array) -> tuple[Array, Array]:
    """Return values and weights, of which neighbors are merged into one where the grid is fine."""
    if values.size <= FINE:
        return values, weights
    starts = np.arange(0, values.size, -(-values.size // FINE))
    sums = np.add.reduceat(weights, starts)
    return np.add.reduceat(weights * values, starts) / sums, sums


@functools.lru_cache(maxsize=KEPT)
def occupied(population: Population, n: int) -> tuple[float, float]:
    """Return ``dependence.occupied`` of a population."""
    return dependence.occupied(n, population.weights, population.chances)


@functools.lru_cache(maxsize=KEPT)
def run_length(population: Population, n: int) -> tuple[int, float]:
    """Return ``dependence.run_length`` of a population."""
    return dependence.run_length(n, population.weights, population.chances)


def _mean_and_std(values: Array, weights: Array) -> tuple[float, float]:
    mean = clean(float(weights @ values), values)
    return mean, math.sqrt(float(weights @ (values - mean) ** 2))


def _moments(flat: Array, population: Population) -> list[Finding]:
    standard = (flat - population.mean) / population.std
    means = {power: float(np.mean(standard**power)) for power in (1, 2, 4)}
    return moment_findings(means, flat.size, population, population.mean, population.std)


def moment_findings(
    means: Mapping[int, float], n: int, population: Population, mean: float, std: float
) -> list[Finding]:
    """Return mean, variance and kurtosis about the law's mean and std, by the distribution of their sums.

    Args:
        means: the means of the first, second and fourth power of the standardized values.
        n: the number of values.
        population: of the law, or of its unit variable: the distribution of a standardized sum is the same.
        mean: the law's mean, about which the values were standardized.
        std: the law's std.
    """
    findings = []
    for name, power, unit in (("mean", 1, std), ("variance", 2, std * std), ("kurtosis", 4, 1.0)):
        offset = mean if power == 1 else 0.0
        expected, spread, distribution = _moment(population, power, n)
        observed = means[power]
        if distribution is None:
            continue
        z = (observed - expected) / spread * math.sqrt(n)
        p = distribution.two_sided(z)
        findings.append(Finding(name, observed * unit + offset, expected * unit + offset, z, p))
    return findings


def _spread(flat: Array, population: Population) -> list[Finding]:
    """Return a finding of the scale of laws whose variance says little about it, because few values make it.

    It is the mean distance from the center of a Laplace law or of Student's t, where no value counts for more
    than one of the farthest in a hundred. Other laws have no such finding.
    """
    if not isinstance(population.law.unit, UnitLaplace | UnitStudentT):
        return []
    farthest, expected, spread, distribution = _distance(population, flat.size)
    observed = float(np.mean(np.minimum(np.abs(flat - population.law.loc), farthest)))
    z = (observed - expected) / spread * math.sqrt(flat.size)
    return [Finding("mean distance", observed, expected, z, distribution.two_sided(z))]


@functools.lru_cache(maxsize=KEPT)
def _distance(population: Population, n: int) -> tuple[float, float, float, Inverted]:
    """Limit, mean and std of the distance from the center, and the distribution of its sample mean."""
    center = population.law.loc
    farthest = population.quantile(1.0 - FAR) - center
    distances = np.minimum(np.abs(population.values - center), farthest)
    mean, std = _mean_and_std(distances, population.weights)
    return farthest, mean, std, mean_of(n, *_coarse((distances - mean) / std, population.weights))


@functools.lru_cache(maxsize=KEPT)
def _median_ends(population: Population, n: int) -> tuple[float, float]:
    """Return the medians of the smallest and of the largest of n values."""
    middle = 0.5 ** (1.0 / n)
    return population.quantile(1.0 - middle), population.quantile(middle)


def extremes(ends: Array, n: int, population: Population) -> list[Finding]:
    """Return findings of the smallest and the largest of n values: each is a power of a uniform variable.

    Of more than ``MOST`` values only ends that are too far out are reported: other libraries' samplers have
    no finer tails than so many values show.
    """
    # A draw has a fixed point of 32 bits: all the mass closer to an end than its unit is on one value. And an
    # open end is not drawn, so its neighbor has more.
    steps = np.spacing(np.abs(ends).astype(np.float32 if population.dtype.bits == 32 else np.float64))  # noqa: PLR2004
    unit = np.maximum(RESOLUTION * population.largest, 2.0 * steps.astype(np.float64))
    lower, upper = ends - unit, ends + unit
    if population.dtype.narrow:  # of any other type, two steps reach past the rounding cell
        edges = population.edges(ends)
        lower, upper = np.minimum(lower, edges[0]), np.maximum(upper, edges[1])
    places = np.concatenate([lower, upper])
    outer_low, inner_high, inner_low, outer_high = population.below(places).tolist()
    expected_low, expected_high = _median_ends(population, n)
    findings = []
    for name, value, inner, outer, expected, sign in (
        ("smallest value", ends[0], inner_low, outer_low, expected_low, -1.0),
        ("largest value", ends[1], 1.0 - inner_high, 1.0 - outer_high, expected_high, 1.0),
    ):
        # P(no value farther out than the outer edge), P(some value at or past the inner edge).
        p_farther = -math.expm1(n * math.log1p(-min(inner, 1.0 - 2.0**-53)))
        p_nearer = math.exp(n * math.log1p(-min(outer, 1.0 - 2.0**-53))) if n <= MOST else 1.0
        p = min(1.0, 2.0 * min(p_farther, p_nearer))
        findings.append(finding(name, value, expected, p, sign=sign if p_farther < p_nearer else -sign))
    return findings
