"""Flax' own defaults, Linen's and NNX', layer by layer, as rules; read from flax 0.12.8."""

from __future__ import annotations

from unified_init.recipes.defaults.beside_layers import beside_layers
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.rule import Rule
from unified_init.spec import presets
from unified_init.spec.distributions import Normal
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import VarianceScaling

__all__ = [
    "flax_linen_default",
    "flax_linen_default_corrected",
    "flax_nnx_default",
    "flax_nnx_default_corrected",
]

LINEN = "https://github.com/google/flax, flax 0.12.8: flax/linen"
NNX = "https://github.com/google/flax, flax 0.12.8: flax/nnx/nn"
# variance_scaling(1.0, "fan_in", "normal", out_axis=0): its fan_in is the number of features.
EMBEDDING = Initializer(Normal(), VarianceScaling(1.0, "fan_out"))
RECURRENT = ("lstm", "gru", "rnn")
NORMS = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
LINEAR = ("linear", "conv", "conv_transpose", "bilinear", "attention")


def _rules(convention: str, *, joined: bool) -> tuple[Rule, ...]:
    """Return the rules; with ``joined``, gates that are stored as one matrix are one orthogonal matrix."""

    def rule(spec: Initializer, **conditions: object) -> Rule:
        return Rule(spec=spec, optional=True, **conditions)  # type: ignore[arg-type]

    kernels, zeros, ones = presets.lecun_normal(), presets.zeros(), presets.ones()
    orthogonal = presets.orthogonal()
    joined_rules = (
        rule(orthogonal, kind="lstm", role="recurrent_kernel", path="re:(.*/)?dense_h/kernel", unit="whole"),
        rule(orthogonal, kind="gru", role="recurrent_kernel", unit="whole"),
    )
    return (
        rule(kernels, kind=LINEAR, role="kernel", fans=convention),
        rule(zeros, kind=LINEAR, role="bias"),
        # The convolutional LSTM: its forward pass adds 1 to what its forget gate has stored.
        rule(kernels, kind="lstm", role="recurrent_kernel", path="re:(.*/)?hh/kernel"),
        rule(zeros, kind="lstm", role="bias", path="re:(.*/)?ih/bias", parts=(("f", ones),)),
        rule(kernels, kind=RECURRENT, role=("kernel", "projection")),
        *(joined_rules if joined else ()),
        rule(orthogonal, kind=RECURRENT, role="recurrent_kernel"),
        # A GRU with a gate f is a minimal gated unit.
        rule(zeros, kind="gru", role="bias", parts=(("f", ones),)),
        rule(zeros, kind=RECURRENT, role=("bias", "recurrent_bias")),
        rule(EMBEDDING, kind="embedding", role="embedding", padding="zero"),
        rule(ones, kind=NORMS, role=("scale", "variance")),
        rule(zeros, kind=NORMS, role=("offset", "mean", "count")),
        rule(presets.constant(0.01), kind="prelu", role="slope"),
        rule(presets.he_uniform(), kind="lora", role="adapter_a"),
        rule(zeros, kind="lora", role="adapter_b"),
        *beside_layers(),
    )


def flax_linen_default() -> Recipe:
    """Linen's layer defaults, quirks included.

    Kernels: truncated normal of std 1/sqrt(n), with n = fan_in of the stored kernel: a transposed convolution
    with ``transpose_kernel`` counts its outputs, a dense layer with ``batch_dims`` and a local convolution
    all their groups, an einsum all axes of its kernel except the last. Embedding: N(0, 1/sqrt(D)). Recurrent
    kernels: one orthogonal matrix per gate; biases 0, a minimal gated unit's forget gate 1, a convolutional
    LSTM's 1 in sum. Normalization: 1 and 0. PReLU: 0.01. LoRA: He uniform and 0.

    Layers that Flax lacks: a bilinear layer has the product of its inputs as fan_in, a recurrent layer's
    projection is a dense kernel, the row of an embedding that stands for padding is 0. Layer scales, relative
    positions and loose tokens: as in ``torch_default``. Other parameters of no known layer match no rule,
    because in Flax each has its own initializer.

    Returns:
        The recipe; its rules are optional, because no model has all these layers.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> law = ui.plan(torch.nn.Linear(100, 50), ui.recipes.flax_linen_default())["weight"].pieces[0].law
        >>> law.kind, law.std
        ('truncated_normal', 0.1)

    Source:
        flax 0.12.8, the layers of flax/linen and their ``default_kernel_init``.

    Differs from:
        ``flax_linen_default_corrected``: its fans are the true ones. ``flax_nnx_default``: recurrent kernels
        of several gates that are stored as one matrix are one orthogonal matrix there.
    """
    return Recipe("flax_linen_default", _rules("flax", joined=False), LINEN)


def flax_linen_default_corrected() -> Recipe:
    """Linen's layer defaults with the true fans: of one group, inputs as inputs.

    Transposed convolutions use their inputs whatever the order of storage (Linen: outputs under
    ``transpose_kernel``), batched, local and einsum layers the inputs of one output (all groups). Everything
    else is as in ``flax_linen_default``.

    Returns:
        The recipe.

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp
        >>> import unified_init as ui
        >>> module, x = nn.DenseGeneral(8, batch_dims=(0,)), jnp.ones((16, 64))
        >>> model = ui.linen(module, jax.eval_shape(module.init, jax.random.key(0), x), x)
        >>> quirk, corrected = ui.recipes.flax_linen_default(), ui.recipes.flax_linen_default_corrected()
        >>> [ui.plan(model, recipe)["kernel"].pieces[0].law.std for recipe in (quirk, corrected)]
        [0.03125, 0.125]

    Source:
        flax 0.12.8, the layers of flax/linen.

    Differs from:
        ``flax_linen_default``: std times sqrt(outputs / inputs) for those transposed convolutions, and times
        sqrt(groups) for batched and local layers.
    """
    return Recipe("flax_linen_default_corrected", _rules("own", joined=False), LINEN)


def flax_nnx_default() -> Recipe:
    """NNX' layer defaults, quirks included.

    As ``flax_linen_default``, except for recurrent kernels: ``OptimizedLSTMCell`` and ``GRUCell`` store their
    gates as one matrix and make it one orthogonal matrix, whose std is 1/sqrt(gates H) and not 1/sqrt(H).
    ``LSTMCell`` has one matrix per gate. An LSTM of another framework is taken for that, a GRU for NNX' own.

    Returns:
        The recipe; its rules are optional, because no model has all these layers.

    Example:
        >>> from flax import nnx
        >>> import unified_init as ui
        >>> cell = nnx.OptimizedLSTMCell(8, 16, rngs=nnx.Rngs(0))
        >>> ui.plan(cell, ui.recipes.flax_nnx_default())["dense_h/kernel"].pieces[0].law.std
        0.125

    Source:
        flax 0.12.8, the layers of flax/nnx/nn.

    Differs from:
        ``flax_nnx_default_corrected``: its fans are the true ones, and each gate is orthogonal.
    """
    return Recipe("flax_nnx_default", _rules("flax", joined=True), NNX)


def flax_nnx_default_corrected() -> Recipe:
    """NNX' layer defaults with the true fans and an orthogonal matrix for each gate.

    As ``flax_linen_default_corrected``: with it a model in Linen and one in NNX have the same laws.

    Returns:
        The recipe.

    Example:
        >>> from flax import nnx
        >>> import unified_init as ui
        >>> cell = nnx.OptimizedLSTMCell(8, 16, rngs=nnx.Rngs(0))
        >>> ui.plan(cell, ui.recipes.flax_nnx_default_corrected())["dense_h/kernel"].pieces[0].law.std
        0.25

    Source:
        flax 0.12.8, the layers of flax/nnx/nn.

    Differs from:
        ``flax_nnx_default``: as ``flax_linen_default_corrected`` from its own, and std times sqrt(gates) for
        recurrent kernels that are stored as one matrix.
    """
    return Recipe("flax_nnx_default_corrected", _rules("own", joined=False), NNX)
