"""Gains: multipliers of a standard deviation, for a nonlinearity or for depth."""

from __future__ import annotations

import difflib
import math

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError

__all__ = ["calculate_gain", "depth_factor", "squared_gain"]

# Literals, because gains enter the integer tables, which no libm may touch. The gains of gelu, silu, elu and
# mish are 1 / sqrt(E[f(z)^2]), z a unit normal; the others are PyTorch's table.
GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 1.6666666666666667,
    "relu": 1.4142135623730951,
    "leaky_relu": 1.4141428569978354,  # at the default slope
    "selu": 0.75,
    "gelu": 1.5335304411955353,
    "silu": 1.6765324703310911,
    "swish": 1.6765324703310911,
    "elu": 1.2451983007007066,
    "mish": 1.4868475812732081,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the gain of a nonlinearity: what keeps the signal's size through it.

    relu: sqrt(2); leaky_relu: sqrt(2 / (1 + param**2)); tanh: 5 / 3; selu: 3 / 4; linear, sigmoid and
    the convolutions: 1. gelu, silu (swish), elu and mish: 1 / sqrt(E[f(z)**2]), z a unit normal, the
    rule that gives relu its sqrt(2).

    Args:
        nonlinearity: the name, in lower case.
        param: the negative slope of leaky_relu, finite; None is 0.01. The other names ignore it, as
            ``kaiming_normal(a)`` needs.

    Returns:
        The multiplier of a standard deviation.

    Raises:
        ArgumentValueError: a name without a known gain. It is never taken as 1.
        ArgumentTypeError: ``param`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.calculate_gain("tanh") == 5 / 3, round(ui.calculate_gain("gelu"), 4)
        (True, 1.5335)

    Reference:
        He, Zhang, Ren, Sun, "Delving Deep into Rectifiers", 2015; torch.nn.init.calculate_gain.

    Differs from:
        PyTorch: equal where it has a value; it refuses gelu, silu, elu and mish.
        Keras and JAX: they have no gains; their ``scale`` is the square of this.
        gelu is the exact one, which PyTorch uses unless told otherwise; jax.nn.gelu is the tanh
        approximation unless told otherwise, whose gain is the same to four digits.
    """
    word = checks.plain(nonlinearity)
    if word not in GAINS:
        matches = difflib.get_close_matches(word or shown(nonlinearity), GAINS, n=1)
        hint = f" Did you mean {matches[0]!r}?" if matches else ""
        msg = (
            f"`nonlinearity` must be one with a known gain ({', '.join(GAINS)}), got {shown(nonlinearity)}: "
            f"for another, give its gain as a number.{hint}"
        )
        raise ArgumentValueError(msg)
    if word == "leaky_relu" and param is not None:
        return math.sqrt(squared_gain(word, param))
    return GAINS[word]


def squared_gain(nonlinearity: str, param: float) -> float:
    """Return the square of a gain: exact for relu and leaky_relu, where rooting would lose a bit."""
    word = checks.plain(nonlinearity)
    if word == "relu":
        return 2.0
    if word == "leaky_relu":
        slope = checks.finite("param", param)
        return 2.0 / (1.0 + slope * slope)
    gain = calculate_gain(nonlinearity)
    return gain * gain


def depth_factor(n_layer: int, per_layer: int = 2) -> float:
    """Return the factor that keeps a residual stream's size with depth: 1 / sqrt(per_layer * n_layer).

    For the last matrix of every residual branch, as ``spec * depth_factor(n_layer)``.

    Args:
        n_layer: number of blocks, at least 1.
        per_layer: residual branches per block, at least 1; 2 is a transformer's (attention and MLP).

    Returns:
        A factor in (0, 1].

    Raises:
        ArgumentValueError: a number below 1.
        ArgumentTypeError: a number that is not an integer.

    Example:
        >>> import unified_init as ui
        >>> round(ui.depth_factor(12), 4)
        0.2041
        >>> spec = ui.normal(0.0, 0.02) * ui.depth_factor(8)
        >>> spec.resolve((768, 768)).std
        0.005

    Reference:
        Radford, Wu, Child, Luan, Amodei, Sutskever, "Language Models are Unsupervised Multitask
        Learners", 2019.

    Differs from:
        No framework has it; GPT-2, Megatron-LM and OLMo write 0.02 / sqrt(2 * n_layer) by hand.
    """
    branches = checks.count("n_layer", n_layer) * checks.count("per_layer", per_layer)
    return 1.0 / math.sqrt(branches)
