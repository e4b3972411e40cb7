"""Published initializations of BERT and T5."""

from __future__ import annotations

from unified_init.core import checks
from unified_init.recipes.published.shared_rules import DENSE, kernels, may, must, rest, tables
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets

__all__ = ["bert_google", "bert_hf", "t5"]


def bert_google(std: float = 0.02) -> Recipe:
    """BERT as Google initializes it: a normal truncated at two sigmas, whose realized std is 0.8796 of it.

    w ~ N(0, std^2) within +-2 std; biases 0, normalizations 1 and 0; a padding row is drawn

    Args:
        std: ``initializer_range``, of the parent normal; 0.02 as published.

    Returns:
        The recipe.

    Raises:
        ArgumentValueError: ``std`` is not positive.
        ArgumentTypeError: ``std`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> round(ui.recipes.bert_google().rules[0].spec.resolve((768, 768)).std, 6)
        0.017593

    Source:
        Devlin et al., "BERT", 2018; google-research/bert modeling.py, ``create_initializer``.

    Differs from:
        ``bert_hf``: not truncated, so its std is 1.137 of this.
    """
    spec = presets.truncated_normal(0.0, checks.positive("std", std))
    rules = (kernels(spec), *tables(spec, padding="drawn"), *rest())
    return Recipe("bert_google", rules, "Devlin et al. 2018; google-research/bert modeling.py")


def bert_hf(std: float = 0.02) -> Recipe:
    """BERT as transformers initializes it: a normal that is not truncated, and a padding row of 0.

    w ~ N(0, std^2); biases 0, normalizations 1 and 0

    Args:
        std: ``initializer_range``; 0.02 by default.

    Returns:
        The recipe.

    Raises:
        ArgumentValueError: ``std`` is not positive.
        ArgumentTypeError: ``std`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.bert_hf().rules[0].spec == ui.normal(0.0, 0.02)
        True

    Source:
        transformers 5, ``PreTrainedModel._init_weights``; fairseq ``init_bert_params``.

    Differs from:
        ``bert_google``: truncated.
    """
    spec = presets.normal(0.0, checks.positive("std", std))
    rules = (kernels(spec), *tables(spec), *rest())
    return Recipe("bert_hf", rules, "transformers 5 PreTrainedModel._init_weights")


def t5(d_model: int, d_kv: int, n_heads: int, d_ff: int, factor: float = 1.0) -> Recipe:
    """T5: sizes that do without a division by sqrt(d_kv) in attention.

    std, times ``factor``: queries (d_model d_kv)^-1/2; keys, values, inputs and gates of feed-forward
    layers and relative biases d_model^-1/2; attention's outputs (n_heads d_kv)^-1/2; feed-forward outputs
    d_ff^-1/2; embedding and an untied head 1; normalizations ``factor``; biases 0

    Args:
        d_model: width of the model.
        d_kv: width of a head.
        n_heads: number of heads.
        d_ff: width inside a feed-forward layer.
        factor: ``initializer_factor``; 1 by default.

    Returns:
        The recipe; a model that lacks one of these matrices is refused.

    Raises:
        ArgumentValueError: a width below 1, or ``factor`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.t5(d_model=64, d_kv=16, n_heads=4, d_ff=256).rules[0].spec.scale.std
        0.03125

    Source:
        Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
        Transformer", 2020; transformers 5, ``T5PreTrainedModel._init_weights``.

    Differs from:
        ``bert_hf`` and others: queries are smaller by sqrt(d_kv), for nothing divides the scores.
    """
    width, head = checks.count("d_model", d_model), checks.count("d_kv", d_kv)
    heads, inner = checks.count("n_heads", n_heads), checks.count("d_ff", d_ff)
    multiplier = checks.positive("factor", factor)
    by_width = presets.normal(0.0, multiplier * width**-0.5)
    matrix = {"kind": DENSE, "role": "kernel"}
    rules = (
        must(presets.normal(0.0, multiplier * (width * head) ** -0.5), place="attention.query", **matrix),
        must(by_width, place=("attention.key", "attention.value"), **matrix),
        must(presets.normal(0.0, multiplier * (heads * head) ** -0.5), place="attention.out", **matrix),
        must(by_width, place=("mlp.in", "mlp.gate"), **matrix),
        must(presets.normal(0.0, multiplier * inner**-0.5), place="mlp.out", **matrix),
        # Heads of tasks other than language modelling are as wide as the model.
        may(by_width, path=("*qa_outputs*", "*classification_head*"), **matrix),
        may(presets.normal(0.0, multiplier), place="head", **matrix),
        may(by_width, kind="embedding", place="attention.extra"),
        must(presets.normal(0.0, multiplier), role="embedding"),
        may(presets.constant(multiplier), role="scale"),
        *rest(),
    )
    return Recipe("t5", rules, "Raffel et al. 2020; transformers 5 T5PreTrainedModel._init_weights")
