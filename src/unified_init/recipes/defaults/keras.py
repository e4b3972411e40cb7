"""Keras' own defaults, layer by layer, as rules; read from keras 3.15.1."""

from __future__ import annotations

from unified_init.recipes.defaults.beside_layers import beside_layers
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.rule import Rule
from unified_init.spec import presets

__all__ = ["keras_default", "keras_default_corrected"]

SOURCE = "https://github.com/keras-team/keras, keras 3.15.1: the constructors of keras/src/layers"
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
RECURRENT = ("lstm", "gru", "rnn")
PLAIN = ("linear", "conv", "conv_transpose", "bilinear", "attention")


def _rules(convention: str, unit: str) -> tuple[Rule, ...]:
    def rule(spec: object, **conditions: object) -> Rule:
        return Rule(spec=spec, optional=True, **conditions)  # type: ignore[arg-type]

    glorot, zeros, ones = presets.glorot_uniform(), presets.zeros(), presets.ones()
    return (
        rule(ones, kind="attention", role="scale", shape=()),
        rule(glorot, kind="attention", role=("scale", "token"), fans=convention),
        rule(glorot, kind=PLAIN, role="kernel", fans=convention),
        rule(zeros, kind=PLAIN, role="bias"),
        rule(glorot, kind=RECURRENT, role="kernel", fans=convention),
        rule(presets.orthogonal(), kind=RECURRENT, role="recurrent_kernel", unit=unit),
        # Where two biases are added, only one of them is 1, so that the sum is 1.
        rule(zeros, kind="lstm", role="bias", parts=(("f", ones),)),
        rule(zeros, kind=RECURRENT, role=("bias", "recurrent_bias")),
        rule(glorot, kind="lstm", role="projection"),
        rule(presets.uniform(-0.05, 0.05), kind="embedding", role="embedding"),
        rule(ones, kind=NORMS, role=("scale", "variance")),
        rule(zeros, kind=NORMS, role=("offset", "mean", "count")),
        rule(zeros, kind="prelu", role="slope"),
        rule(presets.he_uniform(), kind="lora", role="adapter_a", fans=convention),
        rule(zeros, kind="lora", role="adapter_b"),
        *beside_layers(),
    )


def keras_default() -> Recipe:
    """Keras' layer defaults, quirks included.

    Kernels: U(-b, b), b = sqrt(6 / (fan_in + fan_out)), with the fans of the stored kernel: a depthwise
    one counts all channels as inputs of each, a recurrent one all gates as outputs, a grouped one all
    groups; EinsumDense and attention the axes of their equation. Recurrent kernels: one orthogonal matrix
    of all gates. Biases 0, an LSTM's forget gate 1, also of a layer with ``unit_forget_bias=False``: that
    is an initializer, like ``kernel_initializer``, and records have none. Embedding: U(-0.05, 0.05), masked
    row included. Normalization: 1 and 0. PReLU: 0. Additive attention's scale of n: U(+-sqrt(3 / n)). LoRA:
    He uniform and 0.

    Layers that Keras lacks: fused attention is drawn part by part, because Keras has separate queries, keys
    and values; of two biases of an LSTM only one has the forget gate's 1; a bilinear layer has the product of
    its inputs as fan_in; a recurrent layer's projection and the extra tokens of attention are Glorot uniform,
    as every weight without an initializer is in Keras. Layer scales, relative positions and loose tokens: as
    in ``torch_default``. Other parameters of no known layer match no rule.

    Returns:
        The recipe; its rules are optional, because no model has all these layers.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> model, _ = ui.apply(torch.nn.LSTM(4, 3), ui.recipes.keras_default(), seed=0)
        >>> (model.bias_ih_l0 + model.bias_hh_l0).tolist()
        [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]

    Source:
        keras 3.15.1, the constructors of keras/src/layers and ``compute_fans``.

    Differs from:
        ``keras_default_corrected``: its fans are the true ones. Keras releases
        whose initializers have no ``input_axes``: there EinsumDense and attention have the fans of a
        convolution.
    """
    return Recipe("keras_default", _rules("keras", "whole"), SOURCE)


def keras_default_corrected() -> Recipe:
    """Keras' layer defaults with the true fans: of one group, of one gate, of one channel.

    Depthwise kernels count one channel as input (Keras: all), grouped ones the outputs of one group (all),
    recurrent ones the outputs of one gate (all), EinsumDense with groups one group (all), additive
    attention's scale one output (as many as inputs). Each gate's recurrent kernel is a separate
    orthogonal matrix (one matrix of all gates). Everything else is as in ``keras_default``.

    Returns:
        The recipe.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer = torch.nn.Conv2d(16, 32, 3, groups=16)
        >>> law = ui.plan(layer, ui.recipes.keras_default_corrected())["weight"].pieces[0].law
        >>> law.fan_in, law.fan_out
        (9, 18)

    Source:
        keras 3.15.1, the constructors of keras/src/layers; keras-team/keras issue 11773.

    Differs from:
        ``keras_default``: std times sqrt((channels + m) / (1 + m)) for depthwise kernels of multiplier m,
        2 for the square recurrent kernels of an LSTM, sqrt(3) for those of a GRU.
    """
    return Recipe("keras_default_corrected", _rules("own", "part"), SOURCE)
