"""Laws of independent draws: a location and a scale for the unit variable of a distribution."""

from __future__ import annotations

import dataclasses
from typing import assert_never

from unified_init.law.law import Law
from unified_init.law.unit_values import UnitNormal, UnitQuantile, UnitTruncatedNormal, UnitUniform
from unified_init.spec.distributions import Elementwise, Normal, Quantile, TruncatedNormal, Uniform
from unified_init.spec.scales import Between, Fixed, Gain, Interval, InverseFan, Scale, VarianceScaling

__all__ = ["elementwise_law"]


def elementwise_law(
    dist: Elementwise, rule: Scale, *, factor: float, fan_in: float | None, fan_out: float | None
) -> Law:
    """Return the law of a distribution under a scale rule; the fans that it needs are known."""
    loc, scale = (factor * number for number in _location_and_scale(dist, rule, fan_in, fan_out))
    law = Law(unit=UnitNormal(), mean=loc, std=scale, loc=loc, scale=scale, fan_in=fan_in, fan_out=fan_out)
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
        case Gain(gain):
            return 0.0, abs(gain)  # the law is made without its sign
        case VarianceScaling() | InverseFan():
            return 0.0, rule.std_of(fan_in, fan_out) / dist.unit_std
        case _:
            assert_never(rule)
