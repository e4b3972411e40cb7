"""Published initializations of vision transformers, and of diffusion transformers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.recipes.defaults.beside_layers import BOUND
from unified_init.recipes.published.shared_rules import DENSE, INTO_HEADS, kernels, may, must, rest
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.recipes.rule import Rule
    from unified_init.spec.initializer import Initializer

__all__ = ["dit", "vit_jax", "vit_jax_nlhb", "vit_moco", "vit_timm"]

TIMM = "timm 1.0, models/vision_transformer.py"


def vit_timm(layer_scale: float = 1e-5) -> Recipe:
    """ViT as timm initializes it by default.

    matrices N(0, 0.02^2), the head too: timm's truncation at +-2, absolute, has no effect; the patch
    convolution as PyTorch's, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), weight and bias; positions N(0, 0.02^2);
    class and register tokens N(0, 1e-12), a std of 1e-6; other biases 0, normalizations 1 and 0

    Args:
        layer_scale: the value of layer scales, where the model has them: timm's ``init_values``.

    Returns:
        The recipe; a model without attention, such as a ConvNeXt, is refused.

    Raises:
        ArgumentTypeError: ``layer_scale`` is not a number.
        ArgumentValueError: ``layer_scale`` is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.vit_timm().rules[0].spec.resolve((768, 768)).std
        0.02

    Source:
        timm 1.0, ``init_weights_vit_timm`` and ``VisionTransformer.init_weights``.

    Differs from:
        transformers' ViT: its patch convolution is N(0, 0.02^2), its class token 0.02 too. timm's own
        function, one of whose values in some 24 million is -2, 100 sigmas away; here none is.
    """
    spec = presets.trunc_normal(std=0.02)
    rules = (*_attends(spec), kernels(spec), *_torch_patch(), *_timm_tokens(layer_scale), *rest())
    return Recipe("vit_timm", rules, f"{TIMM} init_weights_vit_timm")


def vit_jax(*, layer_scale: float = 1e-5, fused: bool = True) -> Recipe:
    """ViT as timm's ``weight_init="jax"``: the head 0, everything else Xavier's uniform.

    head 0, weight and bias; other matrices U(-b, b), b = sqrt(6 / (fan_in + fan_out)); biases of
    feed-forward layers N(0, 1e-12), a std of 1e-6, others 0; the patch convolution LeCun's truncated
    normal, bias 0; tokens and positions as in ``vit_timm``

    Args:
        layer_scale: as for ``vit_timm``.
        fused: True counts queries, keys and values as one matrix of three times the outputs, as timm
            does, whether a model stores them so or not; False counts each apart, as JAX's own code does.

    Returns:
        The recipe; a model without a head is refused.

    Raises:
        ArgumentTypeError: ``layer_scale`` is not a number, or ``fused`` not True or False.
        ArgumentValueError: ``layer_scale`` is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.vit_jax().rules[0].spec == ui.zeros()
        True

    Source:
        timm 1.0, ``init_weights_vit_jax``; google-research/vision_transformer, vit_jax/models_vit.py.

    Differs from:
        JAX's own code: queries, keys and values there are apart, bounds sqrt(2) larger.
    """
    return Recipe("vit_jax", _jax_rules(0.0, layer_scale, fused=fused), f"{TIMM} init_weights_vit_jax")


def vit_jax_nlhb(num_classes: int, *, layer_scale: float = 1e-5, fused: bool = True) -> Recipe:
    """ViT as timm's ``weight_init="jax_nlhb"``: as ``vit_jax``, with a negative logarithm as head bias.

    head bias -ln(num_classes): at first every class has the probability 1 / num_classes of its own

    Args:
        num_classes: number of classes.
        layer_scale: as for ``vit_timm``.
        fused: as for ``vit_jax``.

    Returns:
        The recipe; a model without a head is refused.

    Raises:
        ArgumentTypeError: something other than numbers, or ``fused`` not True or False.
        ArgumentValueError: ``num_classes`` below 1.

    Example:
        >>> import math
        >>> import unified_init as ui
        >>> ui.recipes.vit_jax_nlhb(10).rules[1].spec == ui.constant(-math.log(10))
        True

    Source:
        timm 1.0, ``VisionTransformer.init_weights``; vit_jax/models_vit.py, ``head_bias_init``.

    Differs from:
        ``vit_jax``: only the head's bias.
    """
    bias = -math.log(checks.count("num_classes", num_classes))
    return Recipe("vit_jax_nlhb", _jax_rules(bias, layer_scale, fused=fused), f"{TIMM} init_weights_vit_jax")


def vit_moco(layer_scale: float = 1e-5) -> Recipe:
    """ViT as timm's ``weight_init="moco"``: Xavier's uniform, queries, keys and values each apart.

    matrices U(-b, b), b = sqrt(6 / (fan_in + fan_out)), fused ones part by part; biases 0; the patch
    convolution as PyTorch's; tokens and positions as in ``vit_timm``

    Args:
        layer_scale: as for ``vit_timm``.

    Returns:
        The recipe; a model without attention, such as a ConvNeXt, is refused.

    Raises:
        ArgumentTypeError: ``layer_scale`` is not a number.
        ArgumentValueError: ``layer_scale`` is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.vit_moco().rules[0].spec == ui.xavier_uniform()
        True

    Source:
        Chen, Xie, He, "An Empirical Study of Training Self-Supervised Vision Transformers", 2021; timm
        1.0, ``init_weights_vit_moco``.

    Differs from:
        MoCo v3 itself: it has fixed positions and freezes the patch convolution.
    """
    spec = presets.xavier_uniform()
    rules = (*_attends(spec), kernels(spec), *_torch_patch(), *_timm_tokens(layer_scale), *rest())
    return Recipe("vit_moco", rules, f"{TIMM} init_weights_vit_moco")


def dit() -> Recipe:
    """DiT with adaLN-Zero: every block starts as the identity, and the model's output is 0.

    modulation and final layer 0, weight and bias; embeddings of time and labels N(0, 0.02^2); other
    matrices U(-b, b), b = sqrt(6 / (fan_in + fan_out)), fused ones as one matrix; the patch convolution the
    same as a matrix (outputs, inputs times window), its bias PyTorch's; other biases 0

    Returns:
        The recipe; positions are left as they are, for the model computes them. A model without
        modulation, time embedding or final layer is refused.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.dit().rules[0].spec == ui.zeros()
        True

    Source:
        Peebles, Xie, "Scalable Diffusion Models with Transformers", 2022; facebookresearch/DiT models.py,
        ``initialize_weights``.

    Differs from:
        ``vit_jax``: zeros end the branches, and labels are embedded.
    """
    dense = {"kind": DENSE, "role": "kernel"}
    rules = (
        must(presets.zeros(), kind=DENSE, place="modulation"),
        must(presets.zeros(), kind=DENSE, place="head"),
        must(presets.normal(0.0, 0.02), place="time", **dense),
        may(presets.normal(0.0, 0.02), role="embedding"),
        must(presets.xavier_uniform(), kind="conv", role="kernel", place="patch", fans="flat"),
        may(BOUND, kind="conv", role="bias"),
        may(None, role="position", note="sines and cosines that the model computes"),
        kernels(presets.xavier_uniform(), fans="fused"),
        *rest(),
    )
    return Recipe("dit", rules, "Peebles, Xie 2022; facebookresearch/DiT models.py initialize_weights")


def _attends(spec: Initializer, **conditions: Any) -> Iterator[Rule]:  # noqa: ANN401  # the fields of a rule
    """Yield the rule that refuses a model without attention, such as a ConvNeXt, whose laws are others."""
    note = "a vision transformer attends; for a ConvNeXt there is recipes.convnext()"
    yield must(spec, kind=DENSE, role="kernel", place=INTO_HEADS, note=note, **conditions)


def _torch_patch() -> tuple[Rule, ...]:
    return (may(BOUND, kind="conv", role=("kernel", "bias"), fans="torch"),)


def _timm_tokens(layer_scale: float) -> tuple[Rule, ...]:
    return (
        may(presets.trunc_normal(std=0.02), role="position"),
        may(presets.normal(0.0, 1e-6), role="token"),
        may(presets.constant(checks.finite("layer_scale", layer_scale)), role="layer_scale"),
    )


def _jax_rules(head_bias: float, layer_scale: float, *, fused: bool) -> tuple[Rule, ...]:
    fans = "fused" if checks.switch("fused", fused) else "own"
    return (
        must(presets.zeros(), kind=DENSE, role="kernel", place="head"),
        may(presets.constant(head_bias), kind=DENSE, role="bias", place="head"),
        may(presets.normal(0.0, 1e-6), kind=DENSE, role="bias", place=("mlp.in", "mlp.gate", "mlp.out")),
        *_attends(presets.xavier_uniform(), fans=fans),
        kernels(presets.xavier_uniform(), fans=fans),
        may(presets.lecun_normal(), kind="conv", role="kernel"),
        *_timm_tokens(layer_scale),
        *rest(),
    )
