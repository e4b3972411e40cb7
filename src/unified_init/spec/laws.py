"""The law of a spec on a shape: which function makes it, and the sign of its factor."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.law.along import Along
from unified_init.law.negatives import negative
from unified_init.spec.combination_law import along_fans, product_law, sum_law
from unified_init.spec.distributions import Combination, Elementwise, Mixed, Normed, Scaled, SparseOf, Sum
from unified_init.spec.elementwise_law import elementwise_law
from unified_init.spec.fans import explicit_fans, fans_on, numbers_of
from unified_init.spec.mixed_law import mixed_law
from unified_init.spec.normed_law import normed_law
from unified_init.spec.scales import Gain, InverseFan, Scale, VarianceScaling
from unified_init.spec.structured_law import matrix_sizes, scaled_law

if TYPE_CHECKING:
    from unified_init.law.law import Fans, GivenFans, Law
    from unified_init.law.layout import Geometry
    from unified_init.spec.initializer import Initializer

__all__ = ["law_of"]

FANS = ("fan_in", "fan_out")


def law_of(spec: Initializer, geometry: Geometry, fans: GivenFans | None) -> Law:
    """Return the law of a spec on a geometry."""
    pair = None if fans is None else explicit_fans(fans)
    if isinstance(spec.distribution, Sum):
        terms = tuple([term.law(geometry, pair) for term in spec.distribution.terms])
        return sum_law(terms, geometry, spec.label)
    if isinstance(spec.distribution, Scaled):
        base = spec.distribution.base.law(geometry, pair)
        return product_law(base, spec.distribution.by, geometry, spec.label)
    if pair is not None and any(isinstance(fan, Along) for fan in pair):
        return _law_along_fans(spec, geometry, pair)
    law = _positive_law(spec, geometry, None if pair is None else numbers_of(pair, None))
    return law if spec.factor * _gain_of(spec.scale) > 0.0 else negative(law)


def _law_along_fans(spec: Initializer, geometry: Geometry, fans: GivenFans) -> Law:
    """Return the law where outputs have fans of their own: a multiple of the law with fans of 1."""
    fan_in, fan_out = (fan if name in spec.needs else None for name, fan in zip(FANS, fans, strict=True))
    if not isinstance(fan_in, Along) and not isinstance(fan_out, Along):
        return spec.law(geometry, numbers_of(fans, None))
    if not isinstance(spec.scale, (VarianceScaling, InverseFan)):
        msg = (
            f"`fans` of {spec.label} must be numbers, got {shown(fans)}: arrays by named axes fit specs "
            "of which all values are multiplied by one power of a fan."
        )
        raise ArgumentValueError(msg)
    ones = (None if fan_in is None else 1.0, None if fan_out is None else 1.0)
    fans_on(geometry, ones, needs=spec.needs, label=spec.label)  # refuses one that is missing
    array = along_fans((fan_in, fan_out), geometry, spec.scale.std_of, spec.label)
    base = dataclasses.replace(spec.law(geometry, ones), fan_in=None, fan_out=None)
    return product_law(base, array, geometry, spec.label)


def _positive_law(spec: Initializer, geometry: Geometry, fans: Fans | None) -> Law:
    """Return the law without the sign of the factor."""
    if isinstance(spec.distribution, Elementwise):
        return _elementwise_law(spec, spec.distribution, geometry, fans)
    if isinstance(spec.distribution, Normed):
        assert isinstance(spec.scale, Gain)  # noqa: S101  # RULES has no other for it
        base = spec.distribution.base.law(geometry, fans)
        return normed_law(spec.distribution.norm, base, geometry, abs(spec.factor * spec.scale.gain))
    assert not isinstance(spec.distribution, Combination)  # noqa: S101  # the caller has looked
    fan_in, fan_out = fans_on(geometry, fans, needs=spec.needs, label=spec.label)
    if isinstance(spec.distribution, Mixed):
        law = _mixed_law(spec, spec.distribution, geometry, fans)
        return dataclasses.replace(law, fan_in=fan_in, fan_out=fan_out)
    return scaled_law(
        spec.distribution, spec.scale, geometry, factor=abs(spec.factor), fan_in=fan_in, fan_out=fan_out
    )


def _mixed_law(spec: Initializer, dist: Mixed, geometry: Geometry, fans: Fans | None) -> Law:
    """Return the law of a mixture or a sparse tensor; ``fans`` are those that are given."""
    assert isinstance(spec.scale, Gain)  # noqa: S101  # RULES has no other for these
    gain = checks.positive("gain", abs(spec.factor * spec.scale.gain))
    matrix = matrix_sizes(geometry, "sparse_of") if isinstance(dist, SparseOf) else None
    laws = tuple(part.law(geometry, fans) for part in dist.components)
    return mixed_law(dist, laws, matrix, gain)


def _elementwise_law(spec: Initializer, dist: Elementwise, geometry: Geometry, fans: Fans | None) -> Law:
    fan_in, fan_out = fans_on(geometry, fans, needs=spec.needs, label=spec.label)
    repeat = 1
    if spec.upscale > 1:
        repeat = spec.upscale ** len(geometry.spatial())
        fan_out = _upscaled_fan_out(spec, geometry, fan_out, repeat, explicit=fans is not None)
    law = elementwise_law(dist, spec.scale, factor=abs(spec.factor), fan_in=fan_in, fan_out=fan_out)
    if min(law.scale, law.std) < checks.SMALLEST_SIZE or not all(map(math.isfinite, (law.loc, law.scale))):
        msg = (
            f"{spec.label} has the scale {law.scale!r} about {law.loc!r} and the std {law.std!r} on "
            f"shape {geometry.shape}; all must be finite, scale and std 2**-90 or more."
        )
        raise ArgumentValueError(msg)
    return dataclasses.replace(law, repeat=repeat)


def _upscaled_fan_out(
    spec: Initializer, geometry: Geometry, fan_out: float | None, repeat: int, *, explicit: bool
) -> float | None:
    """Fan of the kernel that is drawn before its outputs are repeated."""
    outputs = [digit.size for digit in geometry.digits if digit.role == "O"]
    if len(outputs) != 1 or not geometry.spatial() or outputs[0] % repeat:
        msg = (
            f"icnr with factor {spec.upscale} needs a layout with spatial axes and one O axis "
            f"that factor**(number of spatial axes) divides, got shape {geometry.shape} "
            f"with layout {geometry.layout!r}."
        )
        raise ArgumentValueError(msg)
    return fan_out if explicit or fan_out is None else fan_out / repeat


def _gain_of(rule: Scale) -> float:
    """Return the gain of a rule, the only size with a sign; 1 for a rule without one."""
    return rule.gain if isinstance(rule, Gain) else 1.0
