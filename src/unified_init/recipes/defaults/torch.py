"""PyTorch's own defaults, layer by layer, as rules; read from torch 2.13.0."""

from __future__ import annotations

from unified_init.recipes.defaults.beside_layers import BOUND, adapters, beside_layers
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.rule import Rule
from unified_init.spec import presets
from unified_init.spec.distributions import Normal
from unified_init.spec.initializer import Initializer

__all__ = ["torch_default", "torch_default_corrected"]

SOURCE = "https://github.com/pytorch/pytorch, torch 2.13.0: reset_parameters of torch/nn/modules"


def _rules(convention: str) -> tuple[Rule, ...]:
    def rule(spec: Initializer, **conditions: object) -> Rule:
        return Rule(spec=spec, optional=True, **conditions)  # type: ignore[arg-type]

    norms = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
    in_attention = ("attention.qkv", "attention.query", "attention.key", "attention.value")
    return (
        # Attention: Xavier on the fused matrix, whose outputs are three times the model's.
        rule(presets.xavier_uniform(), kind="attention", role="kernel", place=in_attention, fans=convention),
        rule(presets.xavier_normal(), kind="attention", role="token", fans="own"),
        rule(presets.zeros(), kind="attention", role="bias"),
        # Recurrent layers: everything, biases included, within 1/sqrt(hidden).
        rule(BOUND, kind=("lstm", "gru", "rnn"), fans="torch"),
        rule(
            BOUND,
            kind=("linear", "conv", "conv_transpose", "bilinear", "attention"),
            role=("kernel", "bias"),
            fans=convention,
        ),
        rule(
            Initializer(Normal(), presets.normal(0.0, 1.0).scale),
            kind="embedding",
            role="embedding",
            padding="zero",
        ),
        rule(presets.ones(), kind=norms, role=("scale", "variance")),
        rule(presets.zeros(), kind=norms, role=("offset", "mean", "count")),
        rule(presets.constant(0.25), kind="prelu", role="slope"),
        *beside_layers(),
        *adapters(),
    )


def torch_default() -> Recipe:
    """PyTorch's layer defaults, quirks included.

    Linear, convolutions, bilinear: U(-1/sqrt(n), 1/sqrt(n)), weight and bias, with n = size(1) of the
    weight times its window: a transposed convolution's n counts its outputs, a bilinear layer's only its
    first inputs. Recurrent layers: the same with n = hidden. Attention: the fused matrix
    U(+-sqrt(6 / 4d)), its output projection as a Linear, biases 0. Embedding: N(0, 1), the padding row
    0. Normalization: 1 and 0. PReLU: 0.25, the
    default of ``init=``: a layer made with another value gets 0.25 too.

    Beside layers, where PyTorch has no default: layer scales 1e-5, tables of relative positions and loose
    tokens N(0, 0.02^2), as timm has them; adapters as ``lora`` has them.

    Returns:
        The recipe; its rules are optional, because no model has all these layers.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer = torch.nn.ConvTranspose2d(16, 32, 3)
        >>> law = ui.plan(layer, ui.recipes.torch_default())["weight"].pieces[0].law
        >>> round(law.high * (32 * 9) ** 0.5, 12)
        1.0

    Source:
        torch 2.13.0, ``reset_parameters`` of torch/nn/modules.

    Differs from:
        ``torch_default_corrected``: its fans are the true ones.
    """
    return Recipe("torch_default", _rules("torch"), SOURCE)


def torch_default_corrected() -> Recipe:
    """PyTorch's layer defaults with the true fans: of one group, of one part, inputs as inputs.

    Transposed convolutions use their inputs (PyTorch: outputs), bilinear layers the product of both
    inputs (only the first), the fused attention matrix each part's own fans (three times the outputs).
    Everything else is as in ``torch_default``.

    Returns:
        The recipe.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer = torch.nn.ConvTranspose2d(16, 32, 3)
        >>> law = ui.plan(layer, ui.recipes.torch_default_corrected())["weight"].pieces[0].law
        >>> round(law.high * (16 * 9) ** 0.5, 12)
        1.0

    Source:
        torch 2.13.0, ``reset_parameters`` of torch/nn/modules, and pytorch/pytorch issues 23854 and 166378.

    Differs from:
        ``torch_default``: std times sqrt(outputs / inputs) for transposed convolutions, 1/sqrt(inputs 2)
        for bilinear layers, sqrt(2) for fused attention.
    """
    return Recipe("torch_default_corrected", _rules("own"), SOURCE)
