"""Distributions of independent draws: unit variables, which a scale rule gives location and scale.

``Normal`` and ``TruncatedNormal`` have a parent normal of mean 0 and standard deviation 1,
``Uniform`` is on (-1, 1), ``Quantile`` is as its table says.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import weakref
from typing import ClassVar

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, literal, shown
from unified_init.errors import ArgumentValueError
from unified_init.law.unit_normal import tail, truncated_moments
from unified_init.spec.distributions.continuous import Cauchy, Laplace, Logistic, LogNormal, StudentT
from unified_init.spec.distributions.discrete import Discrete
from unified_init.spec.distributions.named import Transform

__all__ = [
    "AT_2_SIGMA",
    "STD_TRUNCATED_AT_2",
    "STD_UNIT_UNIFORM",
    "Elementwise",
    "Named",
    "Normal",
    "Quantile",
    "TruncatedNormal",
    "Uniform",
]

# Standard deviation of a unit normal truncated at two sigmas, sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)).
# A literal, because it enters the integer tables, which no libm may touch.
STD_TRUNCATED_AT_2 = 0.87962566103423978
# Beyond this many sigmas a tail's mass times the smallest probability of a draw, 2**-64, is a subnormal
# float64, which some processes flush to zero.
FARTHEST = 35.0
# 1 / sqrt(3), the standard deviation of a uniform variable on (-1, 1).
STD_UNIT_UNIFORM = 0.57735026918962576


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Normal:
    """The normal distribution, never truncated.

    Made by ``ui.normal(mean, std)``, which has the formula, and by the presets that scale it with a fan.
    """

    unit_std: ClassVar[float] = 1.0
    __repr__ = call_repr


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TruncatedNormal:
    """A normal distribution truncated at two bounds, given in sigmas of the parent normal.

    Made by ``ui.truncated_normal(mean, std, lower, upper)``, which has the formula.

    Args:
        lower: lower bound, below ``upper`` and at most 35; may be ``-inf``.
        upper: upper bound, at least -35; may be ``inf``.

    Raises:
        ArgumentTypeError: a bound that is not a number.
        ArgumentValueError: NaN, ``lower >= upper``, an interval too narrow (below 1e-5 of the mass
            of the side it is on) or too far out (beyond 35 sigmas) to be computed exactly.

    Example:
        >>> import unified_init as ui
        >>> round(ui.TruncatedNormal(-2, 2).unit_std, 4)
        0.8796
    """

    lower: float
    upper: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the bounds."""
        lower = checks.number("lower", self.lower)
        upper = checks.number("upper", self.upper)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        if lower >= upper:
            msg = f"`lower` must be less than `upper`, got {shown(lower)} and {upper!r}."
            raise ArgumentValueError(msg)
        nearest = max(lower, -upper, 0.0)
        if nearest > FARTHEST:
            msg = (
                "`lower` and `upper` must leave some mass of the normal within 35 sigmas of its "
                f"mean, got {shown(lower)} and {upper!r}."
            )
            raise ArgumentValueError(msg)
        if self.mass < 1e-5 * tail(nearest):
            msg = (
                "`lower` and `upper` must enclose at least 1e-5 of the mass beyond the nearer one, "
                f"got {shown(lower)} and {upper!r}: between such bounds use uniform(low, high)."
            )
            raise ArgumentValueError(msg)

    @property
    def mass(self) -> float:
        """Probability that the parent normal is between the bounds."""
        if self.lower >= 0:
            return tail(self.lower) - tail(self.upper)
        if self.upper <= 0:
            return tail(-self.upper) - tail(-self.lower)
        return 1.0 - tail(-self.lower) - tail(self.upper)

    @property
    def unit_mean(self) -> float:
        """Mean of the truncated unit normal."""
        return truncated_moments(self.lower, self.upper)[0]

    @property
    def unit_std(self) -> float:
        """Standard deviation of the truncated unit normal."""
        if (self.lower, self.upper) == (-2.0, 2.0):
            return STD_TRUNCATED_AT_2
        return truncated_moments(self.lower, self.upper)[1]


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Uniform:
    """The uniform distribution on (-1, 1).

    Made by ``ui.uniform(low, high)``, which has the formula, and by the presets that scale it with a fan.
    """

    unit_std: ClassVar[float] = STD_UNIT_UNIFORM
    __repr__ = call_repr


# The tables that a repr names. It holds none of them alive.
_shown: weakref.WeakValueDictionary[str, Quantile] = weakref.WeakValueDictionary()


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False, weakref_slot=True)
class Quantile:
    """A one-dimensional distribution given by its quantile table; made by ``from_quantile``.

    Its repr names the table by a digest, since the table has 120,000 characters: it evaluates to an equal
    distribution as long as this one exists, in the same process. ``ui.to_json`` is for anything else.

    Args:
        knots: base64 of little-endian int32: the quantile at the stream's knots, lower half, then
            the upper half unless the law is symmetric about zero. In units of ``2**exponent``.
        exponent: the binary exponent of the unit, from -125 to 200.
        mean: mean of the table's values, finite.
        std: standard deviation of the table's values, positive.
        low: lower end of the support, below ``high``; ``-inf`` where there is none.
        high: upper end of the support, ``inf`` where there is none.

    Raises:
        ArgumentTypeError: ``knots`` is not text, or another field not a number.
        ArgumentValueError: ``knots`` does not hold a table, or a number outside its range.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.from_quantile(lambda p: p - 0.5, lambda p: 0.5 - p, low=-0.5, high=0.5)
        >>> spec.distribution.low, spec.distribution.high, spec.distribution.exponent
        (-0.5, 0.5, -32)
    """

    knots: str
    exponent: int
    mean: float
    std: float
    low: float
    high: float

    # 31 octaves of at most 1024 knots, the two ends: see stream/table.py, which reads them.
    LARGEST_EXPONENT: ClassVar[int] = 200
    KNOTS: ClassVar[int] = 1023 + 21 * 1024 + 2

    def __post_init__(self) -> None:
        """Check the table."""
        object.__setattr__(self, "knots", checks.text("knots", self.knots))
        try:
            size = len(base64.b64decode(self.knots, validate=True))
        except (binascii.Error, ValueError):
            size = -1
        if size not in {4 * self.KNOTS, 8 * self.KNOTS}:
            msg = (
                f"`knots` must be base64 of {self.KNOTS} or {2 * self.KNOTS} int32 numbers, "
                f"got {len(self.knots)} characters that are not: make it with from_quantile()."
            )
            raise ArgumentValueError(msg)
        object.__setattr__(self, "exponent", checks.count("exponent", self.exponent, least=-125))
        if self.exponent > self.LARGEST_EXPONENT:
            msg = f"`exponent` must be at most {self.LARGEST_EXPONENT}, got {self.exponent}."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "mean", checks.finite("mean", self.mean))
        object.__setattr__(self, "std", checks.positive("std", self.std))
        object.__setattr__(self, "low", checks.number("low", self.low))
        object.__setattr__(self, "high", checks.number("high", self.high))
        if self.low >= self.high:
            msg = f"`low` must be less than `high`, got {shown(self.low)} and {self.high!r}."
            raise ArgumentValueError(msg)

    def __repr__(self) -> str:
        """Return a call that finds this distribution by its digest."""
        fields = (self.exponent, self.mean, self.std, self.low, self.high, self.knots)
        digest = hashlib.sha256(repr(fields).encode()).hexdigest()[:16]
        _shown[digest] = self
        return f"Quantile.of_repr({digest!r}, {literal(self.mean)}, {literal(self.std)})"

    @classmethod
    def of_repr(cls, digest: str, mean: float, std: float) -> Quantile:
        """Return the distribution that was shown with this digest; mean and std are for whoever reads it."""
        distribution = _shown.get(digest)
        if distribution is None:
            msg = (
                f"`digest` {digest!r} names no quantile table of this process (mean {mean!r}, std {std!r}): "
                "the repr has no room for a table, write the spec with to_json()."
            )
            raise ArgumentValueError(msg)
        return distribution

    @property
    def unit_std(self) -> float:
        """Standard deviation of the table's values."""
        return self.std


# What Keras, TensorFlow and JAX mean by a truncated normal.
AT_2_SIGMA = TruncatedNormal(-2.0, 2.0)

# Distributions that have a name, a location and a scale of their own.
Named = Laplace | Logistic | StudentT | LogNormal | Cauchy | Discrete
Elementwise = Normal | TruncatedNormal | Uniform | Quantile | Transform | Named
