"""Laws of independent draws: a location and a scale for the unit variable of a distribution."""

from __future__ import annotations

import dataclasses
from typing import assert_never

from unified_init.law.law import Law
from unified_init.law.named_values import transform_ends
from unified_init.law.unit_values import (
    UnitNormal,
    UnitQuantile,
    UnitTransform,
    UnitTruncatedNormal,
    UnitUniform,
)
from unified_init.spec.distributions import (
    Cauchy,
    Discrete,
    Elementwise,
    Laplace,
    Logistic,
    LogNormal,
    Named,
    Normal,
    Quantile,
    StudentT,
    Transform,
    TruncatedNormal,
    Uniform,
)
from unified_init.spec.scales import (
    Between,
    FanInterval,
    FanMoments,
    Fixed,
    Gain,
    Interval,
    InverseFan,
    Scale,
    VarianceScaling,
)

__all__ = ["elementwise_law", "std_of"]


def std_of(dist: Elementwise) -> float:
    """Return the standard deviation of a distribution before its scale rule."""
    return dist.moments[1] if isinstance(dist, Named) else dist.unit_std


# Which number of a law a rule gives, if it is not the realized std.
SIZED_BY: dict[type, str] = {Fixed: "parent", Between: "parent", Interval: "ends", FanInterval: "ends"}


def elementwise_law(
    dist: Elementwise, rule: Scale, *, factor: float, fan_in: float | None, fan_out: float | None
) -> Law:
    """Return the law of a distribution under a scale rule; the fans that it needs are known."""
    loc, scale = (factor * number for number in _location_and_scale(dist, rule, fan_in, fan_out))
    law = Law(
        unit=UnitNormal(), mean=loc, std=scale, loc=loc, scale=scale, fan_in=fan_in, fan_out=fan_out,
        sized_by=SIZED_BY.get(type(rule), "std"),
    )  # fmt: skip
    match dist:
        case Normal():
            return law
        case TruncatedNormal(lower, upper):
            low, high = loc + scale * lower, loc + scale * upper
            if isinstance(rule, Between):  # its own ends, to the last digit
                low, high = rule.low * factor, rule.high * factor
            return dataclasses.replace(
                law,
                unit=UnitTruncatedNormal(lower, upper),
                mean=loc + scale * dist.unit_mean,
                std=scale * dist.unit_std,
                low=low,
                high=high,
            )
        case Uniform():
            low, high = loc - scale, loc + scale
            if isinstance(rule, Interval):  # its own ends, to the last digit
                low, high = rule.low * factor, rule.high * factor
            if isinstance(rule, FanInterval):
                low, high = (end * factor for end in rule.ends_of(fan_in, fan_out))
            return dataclasses.replace(law, unit=UnitUniform(), std=scale * dist.unit_std, low=low, high=high)
        case Quantile():
            return dataclasses.replace(
                law,
                unit=UnitQuantile(dist.knots, dist.exponent),
                mean=loc + scale * dist.mean,
                std=scale * dist.std,
                low=loc + scale * dist.low,
                high=loc + scale * dist.high,
            )
        case Transform(name, arguments):
            unit = UnitTransform(name, arguments)
            low, high = (scale * end for end in transform_ends(unit))
            return dataclasses.replace(
                law, unit=unit, mean=scale * dist.unit_mean, std=scale * dist.unit_std, low=low, high=high
            )
        case Laplace() | Logistic() | StudentT() | LogNormal() | Cauchy() | Discrete():
            # Mean, std and ends are its own, and ``scale`` is a gain.
            (mean, std), (low, high) = dist.moments, dist.ends
            return dataclasses.replace(
                law,
                unit=dist.unit,
                mean=loc + scale * mean,
                std=scale * std,
                low=loc + scale * low,
                high=loc + scale * high,
                loc=loc + scale * dist.loc,
                scale=scale * dist.scale,
            )
        case _:
            assert_never(dist)


def _location_and_scale(
    dist: Elementwise, rule: Scale, fan_in: float | None, fan_out: float | None
) -> tuple[float, float]:
    """Location and scale of the unit variable."""
    match rule:
        case Fixed(std, mean) | Between(std, mean):
            return mean, std
        case Interval(low, high):
            return low / 2 + high / 2, high / 2 - low / 2
        case FanInterval():
            low, high = rule.ends_of(fan_in, fan_out)
            return low / 2 + high / 2, high / 2 - low / 2
        case FanMoments():
            mean, std = rule.moments_of(fan_in, fan_out)
            scale = std / std_of(dist)
            return mean - scale * _unit_mean(dist), scale
        case Gain(gain):
            return 0.0, abs(gain)  # the law is made without its sign
        case VarianceScaling() | InverseFan():
            return 0.0, rule.std_of(fan_in, fan_out) / std_of(dist)
        case _:
            assert_never(rule)


def _unit_mean(dist: Elementwise) -> float:
    """Mean of the unit variable."""
    match dist:
        case TruncatedNormal():
            return dist.unit_mean
        case Quantile():
            return dist.mean
        case _:
            return 0.0
