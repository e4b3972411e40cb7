"""The defaults of transformers' models, layer by layer, as rules; read from transformers 5.24.0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.recipes.defaults.beside_layers import BOUND, adapters
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.rule import Rule
from unified_init.spec import presets

if TYPE_CHECKING:
    from unified_init.spec.initializer import Initializer

__all__ = ["transformers_default"]

SOURCE = (
    "https://github.com/huggingface/transformers, transformers 5.24.0: PreTrainedModel._init_weights of "
    "modeling_utils.py"
)
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
LAYERS = ("linear", "conv", "conv_transpose")
IN_ATTENTION = ("attention.qkv", "attention.query", "attention.key", "attention.value")


def transformers_default(initializer_range: float = 0.02, layer_scale: float = 1e-6) -> Recipe:
    """What transformers gives the layers of a model that does not say otherwise.

    Linear, convolutions, transposed ones, embeddings, routers and stacked experts: N(0,
    initializer_range^2), biases 0, the padding row 0. Normalization: 1 and 0. LSTM: each stored matrix
    Xavier uniform, all gates as outputs, biases 0. ``torch.nn.MultiheadAttention``: PyTorch's, except for its
    output projection, which is a linear layer. GRU, RNN, bilinear and PReLU layers keep PyTorch's defaults.

    Positions and tokens that are parameters: N(0, initializer_range^2) truncated at +-2, absolute. Relative
    positions, mask tokens, global response normalizations and the biases by which a router corrects its
    scores: 0. In gpt-oss a router's bias and the sinks of attention are drawn like matrices. Temperatures of
    attention: ln 10. Adapters as ``lora`` has them.

    Args:
        initializer_range: of the model's configuration; 0.02 in most.
        layer_scale: the value of layer scales, ``layer_scale_init_value`` of the configuration.

    Returns:
        The recipe; its rules are optional, because no model has all these layers. A model that overrides
        ``_init_weights`` for more than this has a recipe of its own: ``gpt2``, ``t5``, ``clip``, ``whisper``,
        ``deit_hf``, ``mamba``. No rule matches the step sizes of state-space layers.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``initializer_range`` is not positive, or ``layer_scale`` is not finite.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer = torch.nn.Conv2d(3, 8, 3)
        >>> ui.plan(layer, ui.recipes.transformers_default())["weight"].pieces[0].law.std
        0.02

    Source:
        transformers 5.24.0, ``PreTrainedModel._init_weights`` and what ViT, Swin, ConvNeXt V2, Mixtral and
        gpt-oss add to it.

    Differs from:
        ``torch_default``: transformers draws anew what PyTorch's layers drew. ``llama`` and ``bert_hf`` are
        the same laws, and refuse a model that has other layers.
    """
    spec = presets.normal(0.0, checks.positive("initializer_range", initializer_range))
    scale = presets.constant(checks.finite("layer_scale", layer_scale))
    return Recipe("transformers_default", _rules(spec, scale), SOURCE)


def _rules(spec: Initializer, layer_scale: Initializer) -> tuple[Rule, ...]:
    def rule(spec: Initializer, **conditions: object) -> Rule:
        return Rule(spec=spec, optional=True, **conditions)  # type: ignore[arg-type]

    zeros, ones = presets.zeros(), presets.ones()
    loose = presets.trunc_normal(std=spec.resolve(()).std)
    return (
        rule(presets.xavier_uniform(), kind="attention", role="kernel", place=IN_ATTENTION, fans="torch"),
        rule(presets.xavier_normal(), kind="attention", role="token"),
        # xavier_uniform_ sees the matrix as it is stored, all gates one below the other.
        rule(
            presets.xavier_uniform(),
            kind="lstm",
            role=("kernel", "recurrent_kernel", "projection"),
            fans="keras",
        ),
        rule(zeros, kind="lstm", role=("bias", "recurrent_bias")),
        rule(BOUND, kind=("gru", "rnn", "bilinear"), fans="torch"),
        rule(spec, kind="linear", role="bias", path="*router.bias", note="gpt-oss"),
        rule(spec, kind="parameter", path="*sinks", note="gpt-oss"),
        rule(spec, kind=(*LAYERS, "attention"), role="kernel"),
        rule(zeros, kind=(*LAYERS, "attention"), role="bias"),
        rule(spec, kind="embedding", role="embedding", padding="zero"),
        rule(ones, kind=NORMS, role=("scale", "variance")),
        rule(zeros, kind=NORMS, role=("offset", "mean", "count")),
        rule(presets.constant(0.25), kind="prelu", role="slope"),
        rule(zeros, kind="parameter", path=("*grn.weight", "*grn.bias", "*mask_token")),
        rule(zeros, kind="parameter", role="bias", path="re:(?!.*dt_bias$).*"),
        rule(presets.constant(math.log(10.0)), kind="parameter", path="*attention*logit_scale"),
        rule(layer_scale, role="layer_scale"),
        rule(zeros, role="position", place="attention.extra"),
        rule(loose, kind="parameter", role=("position", "token")),
        *adapters(),
    )
