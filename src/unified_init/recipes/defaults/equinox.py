"""Equinox's own defaults, layer by layer, as rules; read from equinox 0.13.8."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.recipes.defaults.beside_layers import BOUND, adapters, beside_layers
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.rule import Rule
from unified_init.spec import presets

if TYPE_CHECKING:
    from typing import Any

    from unified_init.spec.initializer import Initializer

__all__ = ["equinox_default"]

SOURCE = "https://github.com/patrick-kidger/equinox, equinox 0.13.8: the layers of equinox/nn"


def equinox_default() -> Recipe:
    """Equinox's layer defaults.

    Linear, convolutions, transposed ones and the projections of attention: U(-1/sqrt(n), 1/sqrt(n)),
    weight and bias, with n the inputs that an output sees, 1 if there are none. LSTM and GRU cells: all
    tensors the same with n = hidden. Embedding: N(0, 1). Normalization: 1 and 0. PReLU: 0.25.

    Layer scales, relative positions, loose tokens and adapters: as in ``torch_default``.

    Equinox has no bilinear layer, and attention without biases unless they are asked for.

    Returns:
        The recipe; its rules are optional, because no model has all these layers.

    Example:
        >>> import equinox as eqx, jax
        >>> import unified_init as ui
        >>> layer = eqx.nn.ConvTranspose2d(16, 32, 3, key=jax.random.key(0))
        >>> law = ui.plan(layer, ui.recipes.equinox_default())["weight"].pieces[0].law
        >>> round(law.high, 6), round((16 * 9) ** -0.5, 6)
        (0.083333, 0.083333)

    Source:
        equinox 0.13.8, the layers of equinox/nn.

    Differs from:
        ``torch_default``: the inputs of a transposed convolution are its inputs (PyTorch: its outputs),
        and attention is a linear layer like any other (PyTorch: Xavier, biases 0).
    """

    def rule(spec: Initializer, **conditions: Any) -> Rule:  # noqa: ANN401  # fields of a rule
        return Rule(spec=spec, optional=True, **conditions)

    norms = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
    linear = ("linear", "conv", "conv_transpose", "attention")
    rules = (
        rule(BOUND, kind=("lstm", "gru", "rnn"), fans="equinox"),
        rule(BOUND, kind=linear, role=("kernel", "bias"), fans="equinox"),
        rule(presets.normal(0.0, 1.0), kind="embedding", role="embedding"),
        rule(presets.ones(), kind=norms, role=("scale", "variance")),
        rule(presets.zeros(), kind=norms, role=("offset", "mean", "count")),
        rule(presets.constant(0.25), kind="prelu", role="slope"),
        *beside_layers(),
        *adapters(),
    )
    return Recipe("equinox_default", rules, SOURCE)
