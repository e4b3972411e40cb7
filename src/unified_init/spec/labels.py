"""The presets that are one distribution and one scale rule, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.spec.distributions import (
    AT_2_SIGMA,
    Constant,
    DeltaOrthogonal,
    Hadamard,
    Identity,
    Normal,
    Orthogonal,
    Uniform,
)
from unified_init.spec.scales import Gain, VarianceScaling

if TYPE_CHECKING:
    from unified_init.spec.distributions import Distribution
    from unified_init.spec.scales import Scale

__all__ = ["LABELS"]

# For messages and explanations.
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
