"""Haiku's own defaults, layer by layer, as rules; read from dm-haiku 0.0.17."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.recipes.defaults.beside_layers import adapters, beside_layers
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.rule import Rule
from unified_init.spec import presets
from unified_init.spec.distributions import AT_2_SIGMA
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Fixed, VarianceScaling

if TYPE_CHECKING:
    from typing import Any

__all__ = ["haiku_default", "haiku_default_corrected"]

# Truncated at two sigmas without correction: the realized std is this much of 1 / sqrt(fan_in).
REALIZED = AT_2_SIGMA.unit_std
TRUNCATED = Initializer(AT_2_SIGMA, VarianceScaling(REALIZED**2, "fan_in"))
TRUNCATED_TABLE = presets.truncated_normal(0.0, 1.0)
TABLE = Initializer(AT_2_SIGMA, Fixed(1.0 / REALIZED))
SOURCE = "https://github.com/google-deepmind/dm-haiku, dm-haiku 0.0.17: the layers of haiku/_src"


def _rules(weights: Initializer, table: Initializer) -> tuple[Rule, ...]:
    def rule(spec: Initializer, **conditions: Any) -> Rule:  # noqa: ANN401  # fields of a rule
        return Rule(spec=spec, optional=True, **conditions)

    norms = ("batch_norm", "layer_norm", "group_norm", "rms_norm")
    kernels = ("kernel", "recurrent_kernel")
    biases = ("bias", "recurrent_bias")
    return (
        # In Haiku an LSTM's input and state are one vector.
        rule(weights, kind="lstm", role=kernels, fans="haiku"),
        rule(weights, kind="lstm", role="projection"),
        # VarianceScaling(), which corrects for the truncation: a GRU's own, and attention's deprecated one.
        rule(presets.lecun_normal(), kind=("gru", "attention"), role=kernels),
        rule(weights, kind=("linear", "conv", "conv_transpose", "rnn"), role=kernels),
        # The forward pass adds 1 to the forget gate: the bias is 1 in effect.
        rule(presets.zeros(), kind=("lstm", "conv"), role="bias", parts=(("f", presets.ones()),)),
        rule(
            presets.zeros(),
            kind=("linear", "conv_transpose", "attention", "lstm", "gru", "rnn", "parameter"),
            role=biases,
        ),
        rule(table, kind="embedding", role="embedding"),
        rule(presets.ones(), kind=norms, role=("scale", "variance")),
        rule(presets.zeros(), kind=norms, role=("offset", "mean", "count")),
        *beside_layers(),
        *adapters(),
    )


def haiku_default() -> Recipe:
    """Haiku's layer defaults, quirks included.

    Linear, convolutions, transposed ones, RNN: N(0, 1/n) truncated at two sigmas, with n the inputs that an
    output sees; the realized std is 0.8796 / sqrt(n), without correction for the truncation. LSTM: the same
    with n = inputs + hidden, and in effect a forget bias of 1, which its forward pass adds to a stored 0.
    GRU: truncated at two sigmas of a parent so wide that the realized std is 1/sqrt(n). Biases 0.
    Embed: N(0, 1) truncated at two. Normalization: 1 and 0.

    Attention has no default in Haiku; it gets what ``w_init_scale=1.0`` gives, as a GRU does. So has a
    moving average, which starts from the statistics of the example batch: here from mean 0 and variance
    1; the first step of training replaces it. A GRU's ``z`` there is the share of the new state, PyTorch's
    that of the old: it is called ``z`` in both. Haiku has no bilinear layer and no PReLU; a model that has
    them needs another rule for them. Layer scales, relative positions, loose tokens and adapters: as in
    ``torch_default``.

    Returns:
        The recipe; its rules are optional, because no model has all these layers.

    Example:
        >>> import unified_init as ui
        >>> record = ui.Record(name="linear/w", path="linear/w", shape=(400, 10), layout="IO", kind="linear",
        ...                    role="kernel", inputs=400, outputs=10)
        >>> inventory = ui.Inventory("haiku", (record,))
        >>> law = ui.plan(inventory, ui.recipes.haiku_default())["linear/w"].pieces[0].law
        >>> round(law.high, 12), round(law.std, 6)
        (0.1, 0.043981)

    Source:
        dm-haiku 0.0.17, the layers of haiku/_src.

    Differs from:
        ``haiku_default_corrected``: its realized std is 1 / sqrt(n), 1.137 times this one's.
        ``lecun_normal`` of Flax: the same ratio.
    """
    return Recipe("haiku_default", _rules(TRUNCATED, TRUNCATED_TABLE), SOURCE)


def haiku_default_corrected() -> Recipe:
    """Haiku's layer defaults with the std that its documentation gives: 1 / sqrt(n) after truncation.

    Everything else is as in ``haiku_default``; an embedding's realized std is 1.

    Returns:
        The recipe.

    Example:
        >>> import unified_init as ui
        >>> record = ui.Record(name="linear/w", path="linear/w", shape=(400, 10), layout="IO", kind="linear",
        ...                    role="kernel", inputs=400, outputs=10)
        >>> inventory = ui.Inventory("haiku", (record,))
        >>> ui.plan(inventory, ui.recipes.haiku_default_corrected())["linear/w"].pieces[0].law.std
        0.05

    Source:
        dm-haiku 0.0.17, the layers of haiku/_src.

    Differs from:
        ``haiku_default``: std times 1.137.
    """
    return Recipe("haiku_default_corrected", _rules(presets.lecun_normal(), TABLE), SOURCE)
