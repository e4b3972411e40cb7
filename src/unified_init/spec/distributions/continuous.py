"""Continuous distributions by name and parameters, whose size is their own unless a fan sets it.

Each is ``loc + scale * unit``; a gain multiplies that, and a scale rule with a fan replaces its std.
Parameters have the names of SciPy, NumPy and ``torch.distributions``: ``scale`` is none of them the standard
deviation.
"""

from __future__ import annotations

import dataclasses
import math

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentValueError
from unified_init.law.moments import (
    STD_LAPLACE,
    STD_LOGISTIC,
    cauchy_moments,
    exp,
    lognormal_moments,
)
from unified_init.law.unit_laws import UnitCauchy, UnitLaplace, UnitLogistic, UnitLogNormal, UnitStudentT

__all__ = ["Cauchy", "Laplace", "LogNormal", "Logistic", "StudentT"]

LEAST_DF, MOST_DF = 1.0, 1000.0
# The smallest tail of a float32 draw is 2**-33. At this sigma 0.5 % of a log-normal's std is beyond it, and
# ever more with a larger one: a third at sigma 3.2.
LARGEST_SIGMA = 2.0
LARGEST_MU = 60.0  # exp(mu) beyond it and float32 part company
WIDEST = 1e4  # scales between a Cauchy's bounds: what 32 bits of fixed point resolve to 2e-7 std


def _check_location(instance: Laplace | Logistic | StudentT | Cauchy) -> None:
    object.__setattr__(instance, "loc", checks.finite("loc", instance.loc))
    object.__setattr__(instance, "scale", checks.positive("scale", instance.scale))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Laplace:
    """The Laplace (double exponential) distribution.

    Made by ``ui.laplace(loc, scale)``, which has the formula.

    Args:
        loc: mean and median, finite.
        scale: the mean distance from ``loc``, positive; the std is sqrt(2) times that.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``scale`` is not positive, or ``loc`` is not finite.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.Initializer(ui.Laplace(0.0, 1.0), ui.VarianceScaling(2.0, "fan_in"))
        >>> spec.resolve((64, 50), layout="OI").std
        0.2
    """

    loc: float
    scale: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        _check_location(self)

    @property
    def name(self) -> str:
        """The law in a word."""
        return "laplace"

    @property
    def unit(self) -> UnitLaplace:
        """The variable before location and scale."""
        return UnitLaplace()

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        return self.loc, STD_LAPLACE * self.scale

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the support."""
        return -math.inf, math.inf


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Logistic:
    """The logistic distribution.

    Made by ``ui.logistic(loc, scale)``, which has the formula.

    Args:
        loc: mean and median, finite.
        scale: positive; the std is pi / sqrt(3) = 1.8138 times that.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``scale`` is not positive, or ``loc`` is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.Initializer(ui.Logistic(0.5, 0.1)) == ui.logistic(0.5, 0.1)
        True
    """

    loc: float
    scale: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        _check_location(self)

    @property
    def name(self) -> str:
        """The law in a word."""
        return "logistic"

    @property
    def unit(self) -> UnitLogistic:
        """The variable before location and scale."""
        return UnitLogistic()

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        return self.loc, STD_LOGISTIC * self.scale

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the support."""
        return -math.inf, math.inf


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class StudentT:
    """Student's t distribution.

    Made by ``ui.student_t(df, loc, scale)``, which has the formula.

    Args:
        df: degrees of freedom, from 1 (the Cauchy distribution) to 1000; not necessarily an integer.
        loc: the median, finite.
        scale: positive; the std is sqrt(df / (df - 2)) times that, infinite up to 2 degrees of freedom.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``df`` is outside its range, ``scale`` is not positive, or ``loc`` is not finite.

    Example:
        >>> import unified_init as ui
        >>> round(ui.Initializer(ui.StudentT(4, 0.0, 1.0)).resolve(1).std, 6)
        1.414214
    """

    df: float
    loc: float
    scale: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check all three."""
        object.__setattr__(self, "df", checks.positive("df", self.df))
        if not LEAST_DF <= self.df <= MOST_DF:
            msg = f"`df` must be from 1 to 1000, got {shown(self.df)}: beyond 1000 use normal(loc, scale)."
            raise ArgumentValueError(msg)
        _check_location(self)

    @property
    def name(self) -> str:
        """The law in a word, with its degrees of freedom."""
        return self.unit.kind

    @property
    def unit(self) -> UnitStudentT:
        """The variable before location and scale."""
        return UnitStudentT(self.df)

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation; with one degree of freedom the mean is the median's."""
        if self.df <= 2.0:  # noqa: PLR2004  # there the variance is infinite
            return self.loc, math.inf
        return self.loc, self.scale * math.sqrt(self.df / (self.df - 2.0))

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the support."""
        return -math.inf, math.inf


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class LogNormal:
    """The log-normal distribution: the exponential of a normal variable.

    Made by ``ui.lognormal(mu, sigma)``, which has the formula.

    Args:
        mu: mean of the logarithm, from -60 to 60.
        sigma: standard deviation of the logarithm, positive and at most 2: beyond it a draw would lose more
            of its std than 0.5 %, since no word is for the tail that has it.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``sigma`` or ``mu`` is outside its range.

    Example:
        >>> import unified_init as ui
        >>> ui.Initializer(ui.LogNormal(0.0, 0.5)) == ui.lognormal(0.0, 0.5)
        True
    """

    mu: float
    sigma: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        object.__setattr__(self, "mu", checks.finite("mu", self.mu))
        object.__setattr__(self, "sigma", checks.positive("sigma", self.sigma))
        if abs(self.mu) > LARGEST_MU:
            msg = f"`mu` must be from -60 to 60, got {shown(self.mu)}: values are about exp(mu)."
            raise ArgumentValueError(msg)
        if self.sigma > LARGEST_SIGMA:
            msg = (
                f"`sigma` must be at most 2, got {shown(self.sigma)}: draws end at the probability 2**-33, "
                "and what is beyond it would be missing from the std (1 % at sigma 2.14, a third at 3.2)."
            )
            raise ArgumentValueError(msg)

    @property
    def name(self) -> str:
        """The law in a word."""
        return "lognormal"

    @property
    def loc(self) -> float:
        """What the unit variable's zero becomes."""
        return 0.0

    @property
    def scale(self) -> float:
        """The median, exp(mu)."""
        return exp(self.mu)

    @property
    def unit(self) -> UnitLogNormal:
        """The variable before it is scaled."""
        return UnitLogNormal(self.sigma)

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        return lognormal_moments(self.mu, self.sigma)

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of the support."""
        return 0.0, math.inf


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Cauchy:
    """The Cauchy (Lorentz) distribution truncated at absolute bounds, without which it has no std.

    Made by ``ui.cauchy(loc, scale, low, high)``, which has the formula.

    Args:
        loc: median of the untruncated distribution, finite.
        scale: half of its interquartile range, positive.
        low: lower bound, finite and at most 10,000 scales below ``high``.
        high: upper bound, above ``low``.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: bounds that are not finite, not in order or too far apart or away, or a ``scale``
            that is not positive.

    Example:
        >>> import unified_init as ui
        >>> ui.Initializer(ui.Cauchy(0.0, 1.0, -10.0, 10.0)) == ui.cauchy(0.0, 1.0, -10.0, 10.0)
        True
    """

    loc: float
    scale: float
    low: float
    high: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check all four."""
        _check_location(self)
        low, high = checks.finite("low", self.low), checks.finite("high", self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if low >= high:
            msg = f"`low` must be less than `high`, got {shown(low)} and {high!r}."
            raise ArgumentValueError(msg)
        farthest = max(abs(low - self.loc), abs(high - self.loc))
        if not 1e-3 * self.scale <= high - low <= WIDEST * self.scale or farthest > WIDEST * self.scale:
            msg = (
                "`low` and `high` must be 0.001 to 10,000 scales apart and at most 10,000 from `loc`, "
                f"got {shown(low)} and {high!r} with loc {self.loc!r} and scale {self.scale!r}."
            )
            raise ArgumentValueError(msg)

    @property
    def name(self) -> str:
        """The law in a word."""
        return "cauchy"

    @property
    def unit(self) -> UnitCauchy:
        """The variable before location and scale."""
        return UnitCauchy((self.low - self.loc) / self.scale, (self.high - self.loc) / self.scale)

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation between the bounds."""
        unit = self.unit
        mean, std = cauchy_moments(unit.lower, unit.upper)
        return self.loc + self.scale * mean, self.scale * std

    @property
    def ends(self) -> tuple[float, float]:
        """The bounds."""
        return self.low, self.high
