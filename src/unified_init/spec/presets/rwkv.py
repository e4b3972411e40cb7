"""Presets of RWKV: its tables of decay, bonus and time mixing."""

from __future__ import annotations

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.spec.distributions import Formula
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain

__all__ = ["rwkv_time_decay", "rwkv_time_first", "rwkv_time_mix"]

MIXES = ("key", "value", "receptance", "channel_receptance")


def rwkv_time_decay(layer: int, n_layer: int) -> Initializer:
    """Fill with the decay speeds of a layer of RWKV-4: ``time_decay``.

    w[..., h] = -5 + 8 (h / (H - 1))^(0.7 + 1.3 l / (L - 1))

    Args:
        layer: l, the index of the layer, from 0.
        n_layer: L, the number of layers.

    Returns:
        The spec; it needs no seed.

    Raises:
        ArgumentValueError: a layer that there is not.
        ArgumentTypeError: something other than integers.

    Example:
        >>> import unified_init as ui
        >>> [round(float(value), 4) for value in ui.draw(ui.rwkv_time_decay(0, 12), (3,))]
        [-5.0, -0.0754, 3.0]

    Reference:
        Peng et al., "RWKV: Reinventing RNNs for the Transformer Era", 2023; BlinkDL/RWKV-LM, RWKV-v4neo,
        ``RWKV_TimeMix``.

    Differs from:
        PyTorch, Keras and JAX have none. transformers: equal.
    """
    depth, _ = _ratios(layer, n_layer)
    return Initializer(Formula("power_ramp", (-5.0, 8.0, 0.7 + 1.3 * depth, 1.0)), Gain())


def rwkv_time_first() -> Initializer:
    """Fill with the bonus of the current token of RWKV-4: ``time_first``.

    w[..., h] = log(0.3) + ((h + 1) mod 3 - 1) / 2

    Returns:
        The spec; it needs no seed.

    Example:
        >>> import unified_init as ui
        >>> [round(float(value), 4) for value in ui.draw(ui.rwkv_time_first(), (3,))]
        [-1.204, -0.704, -1.704]

    Reference:
        Peng et al., "RWKV: Reinventing RNNs for the Transformer Era", 2023; BlinkDL/RWKV-LM, RWKV-v4neo,
        ``RWKV_TimeMix``.

    Differs from:
        PyTorch, Keras and JAX have none. transformers 5.24.0 fills ones: it takes ``ones_like`` of this.
    """
    return Initializer(Formula("zigzag", (-1.2039728043259361, 0.5)), Gain())


def rwkv_time_mix(layer: int, n_layer: int, of: str = "key") -> Initializer:
    """Fill with the share of the current token in a layer of RWKV-4: ``time_mix_key`` and the others.

    w[..., i] = (i / C)^r, r = 1 - l / L; 0.3 l / (L - 1) more for values, r / 2 for receptances

    Args:
        layer: l, the index of the layer, from 0.
        n_layer: L, the number of layers.
        of: "key", "value", "receptance" (of time mixing) or "channel_receptance" (of channel mixing, which
            has the exponent r).

    Returns:
        The spec; it needs no seed.

    Raises:
        ArgumentValueError: a layer that there is not, or another word.
        ArgumentTypeError: something of another type.

    Example:
        >>> import unified_init as ui
        >>> ui.draw(ui.rwkv_time_mix(0, 12), (1, 1, 4)).ravel().tolist()
        [0.0, 0.25, 0.5, 0.75]

    Reference:
        Peng et al., "RWKV: Reinventing RNNs for the Transformer Era", 2023; BlinkDL/RWKV-LM, RWKV-v4neo,
        ``RWKV_TimeMix`` and ``RWKV_ChannelMix``.

    Differs from:
        PyTorch, Keras and JAX have none. transformers: equal.
    """
    depth, rest = _ratios(layer, n_layer)
    word = checks.choice("of", of, MIXES)
    start = 0.3 * depth if word == "value" else 0.0
    exponent = 0.5 * rest if word == "receptance" else rest
    return Initializer(Formula("power_ramp", (start, 1.0, exponent, 0.0)), Gain())


def _ratios(layer: int, n_layer: int) -> tuple[float, float]:
    """Return the depth of a layer from 0 to 1, and what is left from 1 to almost 0."""
    index, count = checks.count("layer", layer, least=0), checks.count("n_layer", n_layer)
    if index >= count:
        msg = f"`layer` must be less than `n_layer`, got {shown(index)} and {count}."
        raise ArgumentValueError(msg)
    return index / max(count - 1, 1), 1.0 - index / count
