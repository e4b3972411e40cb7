"""What a spec is called in messages, plans and explanations: a word of the field, not one of our classes."""

from __future__ import annotations

import re

from unified_init.spec.distributions import (
    AT_2_SIGMA,
    Constant,
    DeltaOrthogonal,
    Distribution,
    Hadamard,
    Identity,
    Named,
    Normal,
    Orthogonal,
    Quantile,
    Uniform,
)
from unified_init.spec.scales import Between, Gain, InverseFan, Scale, VarianceScaling

__all__ = ["LABELS", "label_of"]

# The presets that have one distribution and one rule.
LABELS: dict[tuple[Distribution, Scale], str] = {
    (dist, VarianceScaling(scale, mode)): f"{author}_{kind}"
    for author, scale, mode in (
        ("glorot", 1.0, "fan_avg"),
        ("he", 2.0, "fan_in"),
        ("lecun", 1.0, "fan_in"),
    )
    for dist, kind in ((AT_2_SIGMA, "normal"), (Uniform(), "uniform"))
} | {
    (Normal(), VarianceScaling(1.0, "fan_avg")): "xavier_normal",
    (Normal(), VarianceScaling(2.0, "fan_in")): "kaiming_normal",
    (Constant(0.0), Gain()): "zeros",
    (Constant(1.0), Gain()): "ones",
    (Orthogonal(), Gain()): "orthogonal",
    (DeltaOrthogonal(), Gain()): "delta_orthogonal",
    (Identity(), Gain()): "identity",
    (Hadamard(), Gain()): "hadamard",
}
# PyTorch's names of untruncated laws that scale with one fan, or with the mean of both.
FAMILIES = {"fan_in": "kaiming", "fan_out": "kaiming", "fan_avg": "xavier"}


def label_of(distribution: Distribution, scale: Scale) -> str:
    """Return the preset's name where this is one, else the name of its family."""
    preset = LABELS.get((distribution, scale))
    if preset is not None:
        return preset
    if isinstance(distribution, Named):
        word = distribution.name
    elif isinstance(distribution, Quantile):
        word = "from_quantile"
    else:
        word = re.sub(r"(?<!^)(?=[A-Z])", "_", type(distribution).__name__).lower()
    if isinstance(scale, VarianceScaling):
        family = FAMILIES.get(scale.mode)
        return f"{family}_{word}" if family and word in {"normal", "uniform"} else f"variance_scaling({word})"
    if isinstance(scale, InverseFan):
        return "siren" if isinstance(distribution, Uniform) else f"inverse_fan({word})"
    return "trunc_normal" if isinstance(scale, Between) else word
