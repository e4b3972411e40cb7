"""Scale rules: what fixes the size of the values. Frozen values, no arrays.

A size (a std, the magnitude of a gain, ``high - low``) is at least 2**-90: below it some frameworks would
flush to zero numbers that a draw needs.
"""

from __future__ import annotations

import dataclasses
import math

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentValueError

__all__ = [
    "FAN_MODES",
    "Between",
    "FanInterval",
    "FanMoments",
    "Fixed",
    "Gain",
    "Interval",
    "InverseFan",
    "Scale",
    "ScaledByFan",
    "VarianceScaling",
    "fan",
]

FAN_MODES = ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Fixed:
    """A mean and the standard deviation of the parent normal, before any truncation.

    Args:
        std: the standard deviation, positive.
        mean: finite; 0 by default.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``std`` is not positive, or a number is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.Initializer(ui.Normal(), ui.Fixed(0.02)) == ui.normal(0.0, 0.02)
        True
    """

    std: float
    mean: float = 0.0
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        object.__setattr__(self, "std", checks.positive("std", self.std))
        object.__setattr__(self, "mean", checks.finite("mean", self.mean))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Between:
    """Mean and standard deviation of the parent normal, and the absolute ends of the interval.

    For truncated normals whose absolute ends are given: in sigmas they would lose their last digit.
    Made by ``ui.trunc_normal(mean, std, a, b)``.

    Args:
        std: standard deviation of the parent normal, positive.
        mean: mean of the parent normal, finite.
        low: the lower end; may be ``-inf``.
        high: the upper end; may be ``inf``. Both must be the bounds of the ``TruncatedNormal`` that
            they are used with, except for rounding.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``std`` is not positive, ``mean`` is not finite, or an end is NaN.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.trunc_normal(0.1, 0.3, -1.0, 1.0)
        >>> spec.scale
        Between(0.3, 0.1, -1.0, 1.0)
    """

    std: float
    mean: float
    low: float
    high: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check all four."""
        object.__setattr__(self, "std", checks.positive("std", self.std))
        object.__setattr__(self, "mean", checks.finite("mean", self.mean))
        object.__setattr__(self, "low", checks.number("low", self.low))
        object.__setattr__(self, "high", checks.number("high", self.high))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Interval:
    """The two ends of a uniform distribution.

    Args:
        low: the lower end, finite.
        high: the upper end, finite; ``high - low`` is a size.

    Raises:
        ArgumentTypeError: an end that is not a number.
        ArgumentValueError: ``low >= high``, ends too close to each other, or one that is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.Initializer(ui.Uniform(), ui.Interval(-0.05, 0.05)) == ui.uniform(-0.05, 0.05)
        True
    """

    low: float
    high: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the ends."""
        low = checks.finite("low", self.low)
        high = checks.finite("high", self.high)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        if low >= high:
            hint = "use constant(value) for values that do not vary" if low == high else "exchange them"
            msg = f"`low` must be less than `high`, got {shown(low)} and {high!r}: {hint}."
            raise ArgumentValueError(msg)
        checks.positive("high - low", high - low)


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Gain:
    """A multiplier of values that have a natural size, such as those of an orthogonal matrix.

    Args:
        gain: of either sign, not 0; 1 by default.

    Raises:
        ArgumentTypeError: ``gain`` is not a number.
        ArgumentValueError: ``gain`` is 0.

    Example:
        >>> import unified_init as ui
        >>> ui.Initializer(ui.Orthogonal(), ui.Gain(2.0)) == ui.orthogonal(2.0)
        True
    """

    gain: float = 1.0
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the gain."""
        object.__setattr__(self, "gain", checks.nonzero("gain", self.gain))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class VarianceScaling:
    """The realized variance is ``scale / fan``.

    Args:
        scale: the variance that a fan of 1 would have, positive; the square of PyTorch's gain.
        mode: which fan: fan_in, fan_out, fan_avg ((in + out) / 2), fan_geo_avg (sqrt(in out)).

    Raises:
        ArgumentTypeError: ``scale`` is not a number.
        ArgumentValueError: ``scale`` is not positive, or a mode that is not listed.

    Example:
        >>> import unified_init as ui
        >>> ui.VarianceScaling(2.0, "fan_in").std_of(50, None)
        0.2
    """

    scale: float
    mode: str
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        object.__setattr__(self, "scale", checks.positive("scale", self.scale))
        object.__setattr__(self, "mode", checks.choice("mode", self.mode, FAN_MODES))

    def std_of(self, fan_in: float | None, fan_out: float | None) -> float:
        """The realized standard deviation."""
        return math.sqrt(self.scale / fan(self.mode, fan_in, fan_out))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class InverseFan:
    """The realized standard deviation is ``gain / fan``: it falls with the fan, not with its root.

    Args:
        gain: the standard deviation that a fan of 1 would have, positive.
        mode: as for ``VarianceScaling``.

    Raises:
        ArgumentTypeError: ``gain`` is not a number.
        ArgumentValueError: ``gain`` is not positive, or a mode that is not listed.

    Example:
        >>> import unified_init as ui
        >>> ui.InverseFan(1.0, "fan_in").std_of(50, None)
        0.02
    """

    gain: float
    mode: str
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        object.__setattr__(self, "gain", checks.positive("gain", self.gain))
        object.__setattr__(self, "mode", checks.choice("mode", self.mode, FAN_MODES))

    def std_of(self, fan_in: float | None, fan_out: float | None) -> float:
        """The realized standard deviation."""
        return self.gain / fan(self.mode, fan_in, fan_out)


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class FanInterval:
    """The two ends of a uniform distribution: ``low / fan**power`` and ``high / fan**power``.

    For intervals that are not symmetric. ``VarianceScaling`` is for those that are.

    Args:
        low: the lower end that a fan of 1 would have, finite.
        high: the upper end that a fan of 1 would have, finite; ``high - low`` is a size.
        mode: as for ``VarianceScaling``.
        power: 0.5, 1, 1.5 or 2; 0.5 (the square root of the fan) by default.

    Raises:
        ArgumentTypeError: an end or a power that is not a number.
        ArgumentValueError: ``low >= high``, an end that is not finite, or a mode or power that is not listed.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.Initializer(ui.Uniform(), ui.FanInterval(0.0, 1.0, "fan_in"))
        >>> law = spec.resolve((8, 16), layout="OI")
        >>> law.low, law.high
        (0.0, 0.25)
    """

    low: float
    high: float
    mode: str
    power: float = 0.5
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the ends, the mode and the power."""
        ends = Interval(self.low, self.high)
        object.__setattr__(self, "low", ends.low)
        object.__setattr__(self, "high", ends.high)
        object.__setattr__(self, "mode", checks.choice("mode", self.mode, FAN_MODES))
        object.__setattr__(self, "power", _power("power", self.power))

    def ends_of(self, fan_in: float | None, fan_out: float | None) -> tuple[float, float]:
        """The two ends."""
        divisor = _raised(fan(self.mode, fan_in, fan_out), self.power)
        return self.low / divisor, self.high / divisor


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class FanMoments:
    """A realized standard deviation and a realized mean that both fall with the fan.

    The standard deviation is ``std / fan**power``, the mean ``mean / fan**mean_power``. After any truncation:
    unlike ``Fixed``, which has the moments of the parent normal.

    Args:
        std: the standard deviation that a fan of 1 would have, positive.
        mean: the mean that a fan of 1 would have, finite.
        mode: as for ``VarianceScaling``; one fan for both.
        power: of the standard deviation: 0.5, 1, 1.5 or 2; 0.5 (the square root of the fan) by default.
        mean_power: of the mean, one of the same; 1 by default, so that the sum over a fan keeps its mean.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``std`` is not positive, ``mean`` is not finite, or a mode or power that is not
            listed.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.Initializer(ui.Normal(), ui.FanMoments(0.5, 2.0, "fan_in"))
        >>> law = spec.resolve((8, 16), layout="OI")
        >>> law.mean, law.std
        (0.125, 0.125)
    """

    std: float
    mean: float
    mode: str
    power: float = 0.5
    mean_power: float = 1.0
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check all five."""
        object.__setattr__(self, "std", checks.positive("std", self.std))
        object.__setattr__(self, "mean", checks.finite("mean", self.mean))
        object.__setattr__(self, "mode", checks.choice("mode", self.mode, FAN_MODES))
        object.__setattr__(self, "power", _power("power", self.power))
        object.__setattr__(self, "mean_power", _power("mean_power", self.mean_power))

    def moments_of(self, fan_in: float | None, fan_out: float | None) -> tuple[float, float]:
        """The realized mean and standard deviation."""
        size = fan(self.mode, fan_in, fan_out)
        return self.mean / _raised(size, self.mean_power), self.std / _raised(size, self.power)


Scale = Fixed | Between | Interval | Gain | VarianceScaling | InverseFan | FanInterval | FanMoments
ScaledByFan = VarianceScaling | InverseFan | FanInterval | FanMoments  # the rules that need a fan

# Powers of a fan that are the same number on every platform: products, and a square root.
POWERS = (0.5, 1.0, 1.5, 2.0)


def _power(name: str, value: object) -> float:
    power = checks.finite(name, value)
    if power not in POWERS:
        msg = f"`{name}` must be 0.5, 1, 1.5 or 2, got {shown(value)}."
        raise ArgumentValueError(msg)
    return power


def _raised(size: float, power: float) -> float:
    """Return a fan to one of the powers."""
    product = size if power >= 1.0 else 1.0
    if power == 2.0:  # noqa: PLR2004  # a square
        return product * size
    return product if power == 1.0 else product * math.sqrt(size)


def fan(mode: str, fan_in: float | None, fan_out: float | None) -> float:
    """Return the fan of a mode. The fans that it needs must be known, as ``Initializer.resolve`` checks."""
    if mode == "fan_in" and fan_in is not None:
        return _checked("fan_in", fan_in)
    if mode == "fan_out" and fan_out is not None:
        return _checked("fan_out", fan_out)
    if fan_in is None or fan_out is None:
        msg = f"`mode` {mode!r} needs fans that are not known, got {shown(fan_in)} and {shown(fan_out)}."
        raise ArgumentValueError(msg)
    fan_in, fan_out = _checked("fan_in", fan_in), _checked("fan_out", fan_out)
    return (fan_in + fan_out) / 2 if mode == "fan_avg" else math.sqrt(fan_in * fan_out)


def _checked(name: str, value: float) -> float:
    """Return a positive number; an int stays one, whose products are exact."""
    number = checks.positive(name, value)
    return value if type(value) is int else number
