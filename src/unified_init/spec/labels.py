"""The label of a spec in messages, plans and explanations: a word of the field, not one of our classes."""

from __future__ import annotations

import re

from unified_init.law.unit_values import NORM_NAMES
from unified_init.spec.distributions import (
    AT_2_SIGMA,
    Constant,
    DeltaOrthogonal,
    Distribution,
    Elementwise,
    Formula,
    Hadamard,
    Identity,
    Named,
    Normal,
    Normed,
    Orthogonal,
    Quantile,
    RandomMatrix,
    Scaled,
    Sum,
    Transform,
    Uniform,
)
from unified_init.spec.scales import (
    Between,
    FanInterval,
    FanMoments,
    Gain,
    InverseFan,
    Scale,
    VarianceScaling,
)

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
    (Orthogonal(), VarianceScaling(1.0, "fan_avg")): "glorot_orthogonal",
    (Formula("hippo_legs_a"), Gain()): "hippo_legs",
    (Formula("hippo_legt_a"), Gain()): "hippo_legt",
    (Formula("s4d_lin_imag"), Gain()): "s4d_lin",
    (Formula("s4d_inv_imag"), Gain()): "s4d_inv",
    (Formula("log_index"), Gain()): "s4d_real",
    (Formula("zigzag", (-1.2039728043259361, 0.5)), Gain()): "rwkv_time_first",  # log(0.3)
    (Transform("inverse_softplus_of_log_uniform", (0.001, 0.1)), Gain()): "mamba_dt_bias",
    (Orthogonal(), Gain()): "orthogonal",
    (DeltaOrthogonal(), Gain()): "delta_orthogonal",
    (Identity(), Gain()): "identity",
    (Hadamard(), Gain()): "hadamard",
}
# PyTorch's names of untruncated laws that scale with one fan, or with the mean of both.
FAMILIES = {"fan_in": "kaiming", "fan_out": "kaiming", "fan_avg": "xavier"}


def label_of(distribution: Distribution, scale: Scale) -> str:
    """Return the preset's name where this is one, else the name of its family, with its size."""
    if isinstance(distribution, Sum):
        return " + ".join(term.label for term in distribution.terms)
    preset = LABELS.get((distribution, scale))
    if preset is not None:
        return preset
    word = _word(distribution)
    if not isinstance(distribution, Elementwise):
        return _structured(word, scale, is_random=isinstance(distribution, RandomMatrix))
    return _independent(word, scale)


def _word(distribution: Distribution) -> str:
    """Return the name of a distribution."""
    if isinstance(distribution, Scaled):
        return f"{distribution.base.label} along {distribution.by.axes}"
    if isinstance(distribution, Normed):
        return f"{distribution.base.label} by {NORM_NAMES[distribution.norm]}"
    if isinstance(distribution, Named | Formula | Transform):
        return distribution.name
    if isinstance(distribution, Quantile):
        return "from_quantile"
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(distribution).__name__).lower()


def _independent(word: str, scale: Scale) -> str:
    """Return the name of independent draws, with the rule of their size if that is a fan."""
    name = word
    match scale:
        case VarianceScaling(_, mode):
            family = FAMILIES.get(mode)
            is_known = family and word in {"normal", "uniform"}
            name = f"{family}_{word}" if is_known else f"variance_scaling({word})"
        case InverseFan():
            name = "siren" if word == "uniform" else f"inverse_fan({word})"
        case FanInterval(low, high, mode, power):
            name = f"{word} between {low!r} and {high!r}, over {_raised(mode, power)}"
        case FanMoments(std, mean, mode, power, mean_power):
            size = f"std {std!r} / {_raised(mode, power)}, mean {mean!r} / {_raised(mode, mean_power)}"
            name = f"{word} of {size}"
        case Between():
            name = "trunc_normal"
    return name


def _structured(word: str, scale: Scale, *, is_random: bool) -> str:
    """Return the name of what is no independent draws, with the rule of its size if that is a fan."""
    match scale:
        case VarianceScaling(variance, mode):
            size = f"{variance!r} / {mode}"
            return f"{word} of variance {size}" if is_random else f"{word} times sqrt({size})"
        case InverseFan(gain, mode):
            return f"{word} {'of std' if is_random else 'times'} {gain!r} / {mode}"
        case _:
            return word


def _raised(mode: str, power: float) -> str:
    return {0.5: f"sqrt({mode})", 1.0: mode}.get(power, f"{mode}**{power:g}")
