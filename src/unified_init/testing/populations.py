"""The exact distribution of a law's values in an element type, with which a sample is compared.

A law whose interval has few representable values, as in a narrow type, is discrete: each value has the
probability of its rounding cell. Any other law is continuous, and its expectations are integrals over the
probability, by Gauss-Legendre in each octave of both tails.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from unified_init.law.unit_laws import UnitSteps
from unified_init.law.unit_values import (
    Independent,
    Tabulated,
    UnitMirror,
    UnitMixture,
    UnitNormal,
    UnitQuantile,
    UnitTransform,
    UnitTruncatedNormal,
    UnitUniform,
)
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.knots import FORMAT32, halves, probabilities
from unified_init.stream.transforms import transform_quantiles
from unified_init.testing.atoms import atoms_of
from unified_init.testing.dependence import grid_step
from unified_init.testing.named_laws import named_below, named_quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.stream.dtypes import DType

    Array = NDArray[np.float64]

__all__ = ["Population", "clean", "population_of"]

OCTAVES = 60  # of tail probability: down to 2**-61
NODES = 16  # per octave
ROUNDING = 1e-15
ULPS = 4.0  # of float64
ENUMERABLE = 1 << 17  # a law with more values than this is treated as continuous


@dataclasses.dataclass(frozen=True, eq=False)  # no slots: its moments are computed once
class Population:
    """A law in an element type.

    ``values`` and ``weights`` give expectations; of a discrete population they are all its values
    and their probabilities, and ``discrete`` is true.
    """

    law: Law
    dtype: DType
    discrete: bool
    values: Array
    weights: Array

    def expectation(self, function_values: Array) -> float:
        """Return the expectation of a function, given at ``values``."""
        return float(self.weights @ function_values)

    @functools.cached_property
    def mean(self) -> float:
        """The mean of a value; 0 where it is 0 except for rounding."""
        return clean(self.expectation(self.values), self.values)

    @functools.cached_property
    def std(self) -> float:
        """The standard deviation of a value."""
        return float(np.sqrt(self.expectation((self.values - self.mean) ** 2)))

    @functools.cached_property
    def chances(self) -> Array:
        """The probability that a second draw rounds to the same value, for each of ``values``."""
        if self.discrete:
            return self.weights
        lower, upper = self.cells(self.values)
        return upper - lower

    @functools.cached_property
    def step(self) -> float:
        """The smallest distance of the standardized grades of two values; 0 of a continuous law."""
        return grid_step(self.weights) if self.discrete else 0.0

    @functools.cached_property
    def largest(self) -> float:
        """The largest magnitude of ``values``."""
        return float(np.abs(self.values[[0, -1]]).max())

    def cells(self, values: Array) -> tuple[Array, Array]:
        """Return the probabilities at both edges of the rounding cells of values."""
        below = self.below(np.concatenate(self.edges(values)))
        return below[: values.size], below[values.size :]

    def edges(self, values: Array) -> tuple[Array, Array]:
        """Return both edges of the rounding cells of values.

        No number is half-way between two of float64, in which edges are computed. For single values of the
        law they are some ulps away there: more than arithmetic moves those.
        """
        if self.dtype.bits != FORMAT32.bits and atoms_of(self.law).size:
            reach = ULPS * np.spacing(np.abs(values))
            return values - reach, values + reach
        return _edges(values, self.dtype)

    def below(self, values: Array) -> Array:
        """Return the distribution function of the unrounded law."""
        return _unit_below((values - self.law.loc) / self.law.scale, _independent(self.law))

    def quantile(self, probability: float) -> float:
        """Return a value with about this probability below it."""
        return float(np.interp(probability, self._middles, self.values))

    @functools.cached_property
    def _middles(self) -> Array:
        """The probability below the middle of each of ``weights``."""
        middles: Array = np.cumsum(self.weights) - self.weights / 2
        return middles


def clean(mean: float, values: Array) -> float:
    """Return the mean of values, or 0 where it is no more than their rounding."""
    return mean if abs(mean) > ROUNDING * float(np.abs(values).max()) else 0.0


@functools.lru_cache(maxsize=512)
def population_of(law: Law, dtype_name: str) -> Population:
    """Return the population of a law of independent draws in a real element type."""
    dtype = DTYPES[dtype_name]
    unit_values = _independent(law)
    if isinstance(unit_values, UnitSteps):
        return _few_values(law, unit_values, dtype)
    unit, weights = _mixed_nodes(unit_values) if isinstance(unit_values, UnitMixture) else _nodes(unit_values)
    values = law.loc + law.scale * unit
    population = Population(law, dtype, discrete=False, values=values, weights=weights)
    representable = _representable(dtype, float(values[0]), float(values[-1]))
    if representable is None:
        return population
    lower, upper = population.cells(representable)
    occupied = upper > lower
    return dataclasses.replace(
        population, discrete=True, values=representable[occupied], weights=(upper - lower)[occupied]
    )


def _few_values(law: Law, unit: UnitSteps, dtype: DType) -> Population:
    """Return the population of a law on a few values, each rounded to the type; some may become equal."""
    weights = np.diff(np.asarray(unit.ends, dtype=np.float64), prepend=0.0) / 2.0**32
    rounded = np.asarray(unit.values) * law.scale + law.loc
    if dtype.bits == FORMAT32.bits:
        rounded = rounded.astype(np.float32)
    values, position = np.unique(rounded.astype(dtype.numpy).astype(np.float64), return_inverse=True)
    return Population(
        law, dtype, discrete=True, values=values, weights=np.bincount(position, weights).astype(np.float64)
    )


def _mixed_nodes(unit: UnitMixture) -> tuple[Array, Array]:
    """Values of all components, increasing, and the probability that each stands for."""
    shares = np.diff(np.asarray(unit.ends, dtype=np.float64), prepend=0.0) / 2.0**32
    populations = [population_of(law, "float64") for law in unit.components]
    values = np.concatenate([population.values for population in populations])
    weights = [share * part.weights for share, part in zip(shares, populations, strict=True)]
    order = np.argsort(values, kind="stable")
    return values[order], np.concatenate(weights)[order]


@functools.lru_cache(maxsize=64)
def _nodes(unit: Tabulated | UnitMirror) -> tuple[Array, Array]:
    """Values of the unit variable, increasing, and the probability that each stands for."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    ends = 2.0 ** -np.arange(1, OCTAVES + 1)  # each octave is [end / 2, end]
    tails = np.multiply.outer(ends, 0.75 + points / 4).reshape(-1)
    mass = np.multiply.outer(ends, weights / 4).reshape(-1)
    order = np.argsort(tails)
    lower, upper = _unit_quantiles(tails[order], unit)
    half_masses = np.concatenate([mass[order], mass[order][::-1]])
    return np.concatenate([lower, upper[::-1]]), half_masses / half_masses.sum()


def _unit_quantiles(  # noqa: PLR0911  # one for each kind of law
    p: Array, unit: Tabulated | UnitMirror
) -> tuple[Array, Array]:
    """Quantiles of the unit variable at tail probabilities p: from below, and from above."""
    from scipy import special  # the extra `testing`

    match unit:
        case UnitNormal():
            return special.ndtri(p), -special.ndtri(p)
        case UnitTruncatedNormal(lower, upper):
            from scipy import stats  # as above; its import takes half a second

            return stats.truncnorm.ppf(p, lower, upper), stats.truncnorm.isf(p, lower, upper)
        case UnitUniform():
            return 2.0 * p - 1.0, 1.0 - 2.0 * p
        case UnitMirror(base):
            from_below, from_above = _unit_quantiles(p, base)
            return -from_above, -from_below
        case UnitTransform():
            return transform_quantiles(unit, p)
        case UnitQuantile():
            knots, from_below, from_above = _tabulated(unit)
            return np.interp(p, knots, from_below), np.interp(p, knots, from_above)
        case smooth:
            return named_quantiles(p, smooth)


def _unit_below(z: Array, unit: Independent) -> Array:  # noqa: PLR0911  # one for each kind of law
    """Distribution function of the unit variable."""
    from scipy import special  # the extra `testing`

    match unit:
        case UnitNormal():
            return np.asarray(special.ndtr(z), dtype=np.float64)
        case UnitTruncatedNormal(low, high):
            # By tails, as SciPy's truncnorm.cdf, which takes ten times as long.
            side = -1.0 if low > 0.0 else 1.0
            first, last = special.ndtr(side * low), special.ndtr(side * high)
            inner = special.ndtr(side * np.minimum(np.maximum(z, low), high))
            return np.asarray((inner - first) / (last - first), dtype=np.float64)
        case UnitUniform():
            return np.minimum(np.maximum((z + 1.0) / 2.0, 0.0), 1.0)
        case UnitMirror(base):
            return 1.0 - _unit_below(-z, base)
        case UnitTransform():
            return _transform_below(z, unit)
        case UnitQuantile():
            knots, lower, upper = _tabulated(unit)
            values = np.concatenate([lower, upper[::-1]])
            cumulated = np.concatenate([knots, 1.0 - knots[::-1]])
            below: Array = np.interp(z, values, cumulated, left=0.0, right=1.0)
            return below
        case UnitSteps(values, ends):
            passed = np.searchsorted(np.asarray(values), z, side="right")
            return np.concatenate([[0.0], np.asarray(ends) / 2.0**32])[passed]
        case UnitMixture():
            return _mixed_below(z, unit)
        case smooth:
            return named_below(z, smooth)


def _mixed_below(z: Array, unit: UnitMixture) -> Array:
    """Distribution function of a mixture."""
    shares = np.diff(np.asarray(unit.ends, dtype=np.float64), prepend=0.0) / 2.0**32
    total = np.zeros(z.shape)
    for share, law in zip(shares, unit.components, strict=True):
        total += share * population_of(law, "float64").below(z)
    return total


def _transform_below(z: Array, unit: UnitTransform) -> Array:
    """Distribution function of a named function of a uniform variable: the uniform's, at the inverse."""
    first, last = unit.arguments
    with np.errstate(over="ignore", divide="ignore"):
        match unit.name:
            case "log_of_uniform":
                below = (np.exp(z) - first) / (last - first)
            case "inverse_softplus_of_log_uniform":
                below = (np.log(np.logaddexp(0.0, z)) - np.log(first)) / (np.log(last) - np.log(first))
            case _:
                # 1 - |lambda|^2, which increases.
                rest = -np.expm1(-2.0 * np.exp(z))
                below = (rest - (1.0 - last) * (1.0 + last)) / ((last - first) * (last + first))
    inside: Array = np.minimum(np.maximum(below, 0.0), 1.0)
    return inside


def _independent(law: Law) -> Independent:
    """Return the unit variable of a law of independent draws."""
    assert isinstance(law.unit, Independent)  # noqa: S101  # one_sample refuses all others
    return law.unit


def _tabulated(unit: UnitQuantile) -> tuple[Array, Array, Array]:
    """Tail probabilities of a quantile table, and the unit variable there, from below and from above."""
    lower, upper = halves(unit, FORMAT32)
    from_below = lower[:, 0]
    return probabilities(FORMAT32)[:, 0], from_below, -from_below if upper is None else upper[:, 0]


def _edges(values: Array, dtype: DType) -> tuple[Array, Array]:
    """Return the edges of the rounding cells of values: half-way to their neighbors in the type."""
    if dtype.narrow:
        index, middles = np.searchsorted(_all_values(dtype.name), values), _all_middles(dtype.name)
        return middles[index], middles[index + 1]
    typed = values.astype(dtype.numpy)
    before, after = (np.nextafter(typed, typed.dtype.type(end)) for end in (-np.inf, np.inf))
    return values / 2 + before.astype(np.float64) / 2, values / 2 + after.astype(np.float64) / 2


def _representable(dtype: DType, first: float, last: float) -> Array | None:
    """Return all values of a type from first to last, and one more at both ends; None if there are many."""
    if dtype.narrow:
        grid = _all_values(dtype.name)
        return grid[max(np.searchsorted(grid, first) - 1, 0) : np.searchsorted(grid, last) + 1]
    if dtype.bits != FORMAT32.bits:
        return None
    low, high = (_ordinal(np.float32(end)) for end in (first, last))
    if high - low > ENUMERABLE:
        return None
    ordinals = np.arange(low - 1, high + 2)
    bits = np.where(ordinals >= 0, ordinals, -(2**31) - ordinals).astype(np.int64)
    return (bits & 0xFFFFFFFF).astype(np.uint32).view(np.float32).astype(np.float64)


def _ordinal(value: np.float32) -> int:
    """Return the position of a float32 among all: neighbors differ by one."""
    bits = int(value.view(np.int32))
    return bits if bits >= 0 else -(2**31) - bits


@functools.cache
def _all_values(dtype_name: str) -> Array:
    """Return the finite values of a narrow type, increasing."""
    dtype = DTYPES[dtype_name].numpy
    patterns = np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}")
    with np.errstate(all="ignore"):
        values = patterns.view(dtype).astype(np.float64)
    return np.unique(values[np.isfinite(values)])


@functools.cache
def _all_middles(dtype_name: str) -> Array:
    """Return what is half-way between the values of a narrow type, and infinity at both ends."""
    grid = _all_values(dtype_name)
    return np.concatenate([[-np.inf], (grid[1:] + grid[:-1]) / 2, [np.inf]])
