"""Published initializations of decoder-only transformers."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.recipes.published.shared_rules import AT_3_SIGMA, DENSE, kernels, may, must, rest, tables
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import VarianceScaling

if TYPE_CHECKING:
    from unified_init.recipes.rule import Rule

__all__ = [
    "gpt2", "llama", "megatron", "olmo_full_megatron", "olmo_mitchell", "small_init", "wang_init",
]  # fmt: skip


def gpt2(n_layer: int, std: float = 0.02) -> Recipe:
    """GPT-2: one normal for all weights, a smaller one for the matrices that end a residual branch.

    w ~ N(0, std^2); output projections of attention and feed-forward layers N(0, (std / sqrt(2 n_layer))^2);
    biases 0, normalizations 1 and 0

    Args:
        n_layer: number of blocks, each with two residual branches.
        std: 0.02 as published.

    Returns:
        The recipe; a model without such output projections is refused. A tied head is the embedding.

    Raises:
        ArgumentValueError: ``n_layer`` below 1 or ``std`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> round(ui.recipes.gpt2(n_layer=12).rules[0].spec.scale.std, 6)
        0.004082

    Source:
        Radford et al., "Language Models are Unsupervised Multitask Learners", 2019; transformers
        ``GPT2PreTrainedModel._init_weights``; nanoGPT ``GPT.__init__``.

    Differs from:
        The paper's text says 1/sqrt(N) with N residual layers: N is 2 n_layer.
    """
    count = checks.count("n_layer", n_layer)
    size = checks.positive("std", std)
    rules = _two_sizes(presets.normal(0.0, size), presets.normal(0.0, size / math.sqrt(2 * count)))
    source = "Radford et al. 2019; transformers GPT2PreTrainedModel._init_weights"
    return Recipe("gpt2", rules, source, blocks={"*": count})


def megatron(n_layer: int, std: float = 0.02) -> Recipe:
    """Megatron-LM: ``init_method`` for all weights, ``output_layer_init_method`` where branches end.

    w ~ N(0, std^2); output projections N(0, (std / sqrt(2 n_layer))^2); biases 0, normalizations 1 and 0

    Args:
        n_layer: number of blocks.
        std: ``init_method_std``; 0.02 by default.

    Returns:
        The recipe; a model without such output projections is refused.

    Raises:
        ArgumentValueError: ``n_layer`` below 1 or ``std`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.megatron(8, std=0.01).rules[0].spec.scale.std == 0.01 / 4
        True

    Source:
        Shoeybi et al., "Megatron-LM", 2019; megatron/core/utils.py, ``scaled_init_method_normal``.

    Differs from:
        ``gpt2``: the same laws under another name.
    """
    source = "Shoeybi et al. 2019; megatron/core/utils.py scaled_init_method_normal"
    return dataclasses.replace(gpt2(n_layer, std), name="megatron", source=source)


def llama(std: float = 0.02) -> Recipe:
    """Llama as transformers initializes it: one normal for all weights, whatever the depth.

    w ~ N(0, std^2), the padding row 0; normalizations 1; biases, where there are any, 0

    Args:
        std: ``initializer_range``; 0.02 by default.

    Returns:
        The recipe; rotary frequencies are left as they are.

    Raises:
        ArgumentValueError: ``std`` is not positive.
        ArgumentTypeError: ``std`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.llama().rules[0].spec == ui.normal(0.0, 0.02)
        True

    Source:
        transformers 5, ``PreTrainedModel._init_weights``, which ``LlamaPreTrainedModel`` inherits.

    Differs from:
        ``olmo_full_megatron``, which OLMo's configuration says was used for Llama 2: truncated, with
        smaller output projections.
    """
    spec = presets.normal(0.0, checks.positive("std", std))
    rules = (kernels(spec), *tables(spec), *rest())
    return Recipe("llama", rules, "transformers 5 PreTrainedModel._init_weights")


def olmo_mitchell(d_model: int) -> Recipe:
    """OLMo's "mitchell": sizes by width, and by the index of the block where a branch ends.

    std 1 / sqrt(d_model); output projections of attention 1 / sqrt(2 d_model (l + 1)), of feed-forward
    layers 1 / sqrt(2 fan_in (l + 1)), l the block from 0; all truncated at 3 sigmas of the parent normal

    Args:
        d_model: width of the model.

    Returns:
        The recipe; the stds are the parents', realized ones 0.98658 of them.

    Raises:
        ArgumentValueError: ``d_model`` below 1.
        ArgumentTypeError: ``d_model`` is no integer.

    Example:
        >>> import unified_init as ui
        >>> rule = ui.recipes.olmo_mitchell(512).rules[0]
        >>> rule.spec.scale.std == 1 / 32, rule.by_block
        (True, -0.5)

    Source:
        Groeneveld et al., "OLMo", 2024; olmo/model.py, ``reset_parameters`` with ``InitFnType.mitchell``.

    Differs from:
        ``gpt2``: the depth is that of the block, not of the model.
    """
    width = checks.count("d_model", d_model)
    inner = _truncated(1.0 / math.sqrt(width))
    rules = (
        must(_truncated(1.0 / math.sqrt(2 * width)), by_block=-0.5, **_ends("attention.out")),
        must(_truncated_by_inputs(0.5), by_block=-0.5, **_ends("mlp.out")),
        kernels(inner), *tables(inner, padding="drawn"), *rest(),
    )  # fmt: skip
    return Recipe("olmo_mitchell", rules, "Groeneveld et al. 2024; olmo/model.py InitFnType.mitchell")


def olmo_full_megatron(n_layer: int, std: float = 0.02) -> Recipe:
    """OLMo's "full_megatron": Megatron's sizes, truncated at 3 sigmas, and a head by its width.

    std ``std``; output projections std / sqrt(2 n_layer); an untied head 1 / sqrt(d_model); all of the
    parent normal

    Args:
        n_layer: number of blocks.
        std: ``init_std``; 0.02 by default.

    Returns:
        The recipe; realized stds are 0.98658 of the parents'.

    Raises:
        ArgumentValueError: ``n_layer`` below 1 or ``std`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.olmo_full_megatron(2).rules[0].spec.scale.std
        0.01

    Source:
        Groeneveld et al., "OLMo", 2024; olmo/model.py with ``InitFnType.full_megatron``.

    Differs from:
        ``megatron``: truncated, and the head has a size of its own.
    """
    count = checks.count("n_layer", n_layer)
    size = checks.positive("std", std)
    residual, inner = _truncated(size / math.sqrt(2 * count)), _truncated(size)
    rules = (
        must(residual, **_ends("attention.out")),
        must(residual, **_ends("mlp.out")),
        may(_truncated_by_inputs(1.0), kind=DENSE, role="kernel", place="head"),
        kernels(inner), *tables(inner, padding="drawn"), *rest(),
    )  # fmt: skip
    source = "Groeneveld et al. 2024; olmo/model.py InitFnType.full_megatron"
    return Recipe("olmo_full_megatron", rules, source, blocks={"*": count})


def small_init(d_model: int) -> Recipe:
    """SmallInit: one normal for all weights, the size Xavier gives to a feed-forward matrix (d, 4d).

    w ~ N(0, 2 / (5 d_model)); biases 0, normalizations 1 and 0

    Args:
        d_model: width of the model.

    Returns:
        The recipe.

    Raises:
        ArgumentValueError: ``d_model`` below 1.
        ArgumentTypeError: ``d_model`` is no integer.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.small_init(1000).rules[0].spec.scale.std
        0.02

    Source:
        Nguyen, Salazar, "Transformers without Tears", 2019; gpt-neox init_functions.py,
        ``small_init_init_method``.

    Differs from:
        ``wang_init``: GPT-NeoX-20B takes this for all but the ends of branches.
    """
    spec = presets.normal(0.0, math.sqrt(2.0 / (5 * checks.count("d_model", d_model))))
    rules = (kernels(spec), *tables(spec), *rest())
    return Recipe("small_init", rules, "Nguyen, Salazar 2019; gpt-neox small_init_init_method")


def wang_init(n_layer: int, d_model: int) -> Recipe:
    """GPT-NeoX-20B: Wang's size where a residual branch ends, SmallInit for all other weights.

    output projections N(0, (2 / (n_layer sqrt(d_model)))^2); other weights N(0, 2 / (5 d_model))

    Args:
        n_layer: number of blocks.
        d_model: width of the model.

    Returns:
        The recipe; a model without such output projections is refused.

    Raises:
        ArgumentValueError: a number below 1.
        ArgumentTypeError: something other than integers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.wang_init(4, 625).rules[0].spec.scale.std
        0.02

    Source:
        Black et al., "GPT-NeoX-20B", 2022; gpt-neox init_functions.py, ``wang_init_method``.

    Differs from:
        ``small_init``: that size for all matrices.
    """
    count = checks.count("n_layer", n_layer)
    width = checks.count("d_model", d_model)
    inner = presets.normal(0.0, math.sqrt(2.0 / (5 * width)))
    rules = _two_sizes(inner, presets.normal(0.0, 2.0 / count / math.sqrt(width)))
    source = "Black et al. 2022; gpt-neox wang_init_method"
    return Recipe("wang_init", rules, source, blocks={"*": count})


def _ends(place: str) -> dict[str, object]:
    """Return the conditions of the matrices that end a residual branch."""
    return {"kind": DENSE, "role": "kernel", "place": place}


def _two_sizes(inner: Initializer, residual: Initializer) -> tuple[Rule, ...]:
    return (
        must(residual, **_ends("attention.out")),
        must(residual, **_ends("mlp.out")),
        kernels(inner), *tables(inner), *rest(),
    )  # fmt: skip


def _truncated(std: float) -> Initializer:
    """Return a normal truncated at 3 sigmas; ``std`` is the parent's."""
    return presets.truncated_normal(0.0, std, -3.0, 3.0)


def _truncated_by_inputs(scale: float) -> Initializer:
    """Return a normal truncated at 3 sigmas whose parent has the variance scale / fan_in.

    A scale rule states the realized variance, hence the factor.
    """
    return Initializer(AT_3_SIGMA, VarianceScaling(scale * AT_3_SIGMA.unit_std**2, "fan_in"))
