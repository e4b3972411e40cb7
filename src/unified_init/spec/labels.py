"""Specs that no preset makes, in a few words, for messages and explanations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.law.unit_values import NORM_NAMES
from unified_init.spec.distributions import (
    ConvolutionalOrthogonal,
    DeltaOrthogonal,
    Elementwise,
    Formula,
    Normed,
    Orthogonal,
    Sparse,
    Transform,
)
from unified_init.spec.scales import FanInterval, FanMoments, InverseFan, VarianceScaling

if TYPE_CHECKING:
    from unified_init.spec.distributions import Distribution
    from unified_init.spec.scales import Scale

__all__ = ["label_of"]


def label_of(distribution: Distribution, scale: Scale) -> str:
    """Return the name of a distribution, with the law of its size where that is not the usual one."""
    if isinstance(distribution, Normed):
        return f"{distribution.base.label} by {NORM_NAMES[distribution.norm]}"
    if isinstance(distribution, Formula | Transform):
        return distribution.name
    name = type(distribution).__name__
    is_random = isinstance(distribution, Orthogonal | DeltaOrthogonal | ConvolutionalOrthogonal | Sparse)
    match scale:
        case FanInterval(low, high, mode, power):
            return f"{name} between {low!r} and {high!r}, over {_raised(mode, power)}"
        case FanMoments(std, mean, mode, power, mean_power):
            return (
                f"{name} of std {std!r} / {_raised(mode, power)}, mean {mean!r} / {_raised(mode, mean_power)}"
            )
        case VarianceScaling(variance, mode) if not isinstance(distribution, Elementwise):
            size = f"{variance!r} / {mode}"
            return f"{name} of variance {size}" if is_random else f"{name} times sqrt({size})"
        case InverseFan(gain, mode) if not isinstance(distribution, Elementwise):
            return f"{name} {'of std' if is_random else 'times'} {gain!r} / {mode}"
        case _:
            return name


def _raised(mode: str, power: float) -> str:
    return {0.5: f"sqrt({mode})", 1.0: mode}.get(power, f"{mode}**{power:g}")
