"""Which distributions, scale rules and components fit each other in a spec."""

from __future__ import annotations

import math
from typing import get_args

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.spec.distributions import (
    BilinearUpsampling,
    Constant,
    ConvolutionalOrthogonal,
    DeltaOrthogonal,
    Dirac,
    Distribution,
    Elementwise,
    FcnUpsampling,
    Formula,
    Hadamard,
    Identity,
    Listed,
    Mixed,
    Mixture,
    Named,
    Normal,
    Normed,
    OfSpecs,
    Orthogonal,
    Quantile,
    Scaled,
    Sparse,
    SparseOf,
    Stft,
    Sum,
    Transform,
    TruncatedNormal,
    Uniform,
)
from unified_init.spec.elementwise_law import std_of
from unified_init.spec.scales import (
    Between,
    FanInterval,
    FanMoments,
    Fixed,
    Gain,
    Interval,
    InverseFan,
    Scale,
    ScaledByFan,
    VarianceScaling,
)

__all__ = ["check_fit"]

DEEPEST = 64  # specs inside of each other: what walks through them recurses
# Which scale rules give which distributions their size.
RULES: dict[type, tuple[type, ...]] = {
    Normal: (Fixed, VarianceScaling, InverseFan, FanMoments),
    TruncatedNormal: (Fixed, Between, VarianceScaling, InverseFan, FanMoments),
    Uniform: (Interval, VarianceScaling, InverseFan, FanInterval, FanMoments),
    Quantile: (Gain, VarianceScaling, InverseFan, FanMoments),
    Transform: (Gain,),
    **dict.fromkeys(get_args(Named), (Gain, VarianceScaling, InverseFan)),
    Mixture: (Gain,),
    SparseOf: (Gain,),
    Sparse: (Fixed, VarianceScaling, InverseFan),
    Constant: (Gain, VarianceScaling, InverseFan),
    Listed: (Gain,),
    Orthogonal: (Gain, Fixed, VarianceScaling, InverseFan),
    DeltaOrthogonal: (Gain, Fixed, VarianceScaling, InverseFan),
    ConvolutionalOrthogonal: (Gain, Fixed, VarianceScaling, InverseFan),
    Identity: (Gain, VarianceScaling, InverseFan),
    Dirac: (Gain, VarianceScaling, InverseFan),
    Hadamard: (Gain, VarianceScaling, InverseFan),
    BilinearUpsampling: (Gain, VarianceScaling, InverseFan),
    FcnUpsampling: (Gain, VarianceScaling, InverseFan),
    Stft: (Gain,),
    Formula: (Gain,),
    Normed: (Gain,),
    Sum: (Gain,),
    Scaled: (Gain,),
}


def check_fit(distribution: Distribution, scale: Scale) -> None:
    """Refuse what is no distribution, a rule that does not fit it, and components that do not."""
    rules = RULES.get(type(distribution))
    if rules is None:
        msg = f"`distribution` must be a distribution of this library, got {shown(distribution)}."
        raise ArgumentTypeError(msg)
    if type(scale) not in rules:
        listing = " or ".join(rule.__name__ for rule in rules)
        msg = f"`scale` of a {type(distribution).__name__} must be {listing}, got {shown(scale)}."
        raise ArgumentTypeError(msg)
    if isinstance(scale, Fixed) and scale.mean and not isinstance(distribution, Elementwise):
        word = type(distribution).__name__
        msg = f"`mean` of a {word} initializer must be 0, got {shown(scale.mean)}."
        raise ArgumentValueError(msg)
    if isinstance(scale, Between) and isinstance(distribution, TruncatedNormal):
        _check_ends(distribution, scale)
    if isinstance(distribution, Mixed):
        _check_components(distribution)
    if isinstance(distribution, OfSpecs) and _depth(distribution) > DEEPEST:
        msg = f"`distribution` must have at most {DEEPEST} specs inside of each other."
        raise ArgumentValueError(msg)
    if isinstance(scale, ScaledByFan) and isinstance(distribution, Named):
        _check_std(distribution)


def _check_ends(distribution: TruncatedNormal, rule: Between) -> None:
    """Refuse absolute ends that differ from the bounds in sigmas by more than rounding."""
    for name, end, bound in (("low", rule.low, distribution.lower), ("high", rule.high, distribution.upper)):
        implied = rule.mean + rule.std * bound
        slack = 1e-12 * (abs(rule.mean) + abs(rule.std * bound))
        if implied != end and not abs(implied - end) <= slack:
            msg = (
                f"`{name}` must be the bound of the distribution, mean + std * {bound!r} = "
                f"{implied!r}, got {shown(end)}: trunc_normal() makes both from absolute bounds."
            )
            raise ArgumentValueError(msg)


def _check_std(distribution: Named) -> None:
    """Refuse a fan's std for a law whose own is infinite."""
    if math.isinf(std_of(distribution)):
        msg = (
            f"`scale` of {distribution.name} must be Gain: its std is infinite, and no factor makes "
            "it that of a fan; use more than 2 degrees of freedom."
        )
        raise ArgumentTypeError(msg)


def _check_components(distribution: Mixed) -> None:
    """Refuse parts of a mixture or of a sparse matrix that are no independent draws."""
    for part in distribution.components:
        if not _draws_each_value(part):
            msg = (
                f"`{distribution.inside}` must be an initializer of independent values (normal, uniform, "
                f"laplace, ...), got {shown(part)}."
            )
            raise ArgumentTypeError(msg)


def _draws_each_value(part: object) -> bool:
    from unified_init.spec.initializer import Initializer  # noqa: PLC0415  # it imports this module

    return isinstance(part, Initializer) and part.upscale == 1 and isinstance(part.distribution, Elementwise)


def _depth(distribution: Distribution) -> int:
    """Return how many specs are inside of each other, the outermost included."""
    deepest = 0
    for part in distribution.components if isinstance(distribution, OfSpecs) else ():
        deepest = max(deepest, _depth(part.distribution))
    return 1 + deepest
