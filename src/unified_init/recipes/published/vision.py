"""Published initializations of ConvNeXt, Swin and DeiT."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.recipes.defaults.beside_layers import BOUND
from unified_init.recipes.published.shared_rules import kernels, may, must, rest
from unified_init.recipes.published.vit import vit_timm
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets

if TYPE_CHECKING:
    from unified_init.recipes.rule import Rule

__all__ = ["convnext", "deit", "swin"]

SMALL = presets.trunc_normal(std=0.02)
CONV = {"kind": "conv", "role": "kernel"}


def convnext(layer_scale: float = 1e-6, head_scale: float = 1.0) -> Recipe:
    """ConvNeXt and ConvNeXt V2.

    convolutions and matrices N(0, 0.02^2): a truncation at +-2, absolute, has no effect; the head's times
    ``head_scale``; layer scales ``layer_scale``; global response normalizations 0; biases 0,
    normalizations 1 and 0

    Args:
        layer_scale: the value of layer scales, where the model has them; 1e-6 as published.
        head_scale: ``head_init_scale``; 1 by default, 0.001 where the paper fine-tunes.

    Returns:
        The recipe; a model without depthwise convolutions is refused.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: ``layer_scale`` is not finite, or ``head_scale`` not positive.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.convnext(head_scale=0.5).rules[0].spec.resolve((10, 64)).std
        0.01

    Source:
        Liu et al., "A ConvNet for the 2020s", 2022; Woo et al., "ConvNeXt V2", 2023; timm 1.0.31
        models/convnext.py, torchvision 0.28 models/convnext.py, transformers 5.24.0 models/convnext.

    Differs from:
        ``resnet``: He's law, by the outputs of each convolution.
    """
    scale = presets.constant(checks.finite("layer_scale", layer_scale))
    head = SMALL * checks.positive("head_scale", head_scale)
    rules = (
        may(head, kind="linear", role="kernel", place="head"),
        must(SMALL, depthwise=True, note="a ConvNeXt has depthwise convolutions", **CONV),
        must(SMALL, kind=("conv", "linear"), role="kernel"),
        may(scale, role="layer_scale"),
        may(presets.zeros(), kind="parameter", path=("*grn.weight", "*grn.bias")),
        *rest(),
    )
    return Recipe("convnext", rules, "Liu et al. 2022; timm 1.0.31 models/convnext.py _init_weights")


def swin(*, zero_init_norms: bool = False) -> Recipe:
    """Swin and Swin V2 as timm and torchvision initialize them.

    matrices N(0, 0.02^2): a truncation at +-2, absolute, has no effect; tables of relative positions the
    same; temperatures of V2 ln 10; the patch convolution as PyTorch's, U(-1/sqrt(fan_in), 1/sqrt(fan_in)),
    weight and bias; other biases 0, normalizations 1 and 0

    Args:
        zero_init_norms: whether the normalizations that end a branch start at 0: True for V2 in timm, as in
            the paper's code; False in torchvision and for the first Swin, whose normalizations come first.

    Returns:
        The recipe; a model without relative positions, as a table or as a network, is refused.

    Raises:
        ArgumentTypeError: something other than True or False.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.swin(zero_init_norms=True).rules[0].spec == ui.zeros()
        True

    Source:
        Liu et al., "Swin Transformer", 2021, and "Swin Transformer V2", 2022; timm 1.0.31
        models/swin_transformer.py and swin_transformer_v2.py; torchvision 0.28 models/swin_transformer.py.

    Differs from:
        transformers: ``transformers_default`` has its laws, tables of 0 and a patch convolution N(0, 0.02^2).
    """
    has_zeros = checks.switch("zero_init_norms", zero_init_norms)
    ends = r"re:(?:.*[./])?(?:blocks|features)[./].*norm[12][./].*"
    rules = (
        *((must(presets.zeros(), role=("scale", "offset"), path=ends),) if has_zeros else ()),
        must(
            SMALL,
            path=("*relative_position_bias_table", "*cpb_mlp*weight", "*cpb_mlp*kernel"),
            note="a Swin has relative positions",
        ),
        kernels(SMALL),
        may(presets.constant(math.log(10.0)), path="*logit_scale"),
        *_torch_patch(),
        *rest(),
    )
    return Recipe("swin", rules, "Liu et al. 2021, 2022; timm 1.0.31 models/swin_transformer.py")


def deit(layer_scale: float = 1e-6) -> Recipe:
    """DeiT, distilled, as timm initializes it.

    the distillation token N(0, 0.02^2); all else as in ``vit_timm``, the second head too

    Args:
        layer_scale: as for ``vit_timm``.

    Returns:
        The recipe; a model without a distillation token is refused: ``vit_timm`` has its laws.

    Raises:
        ArgumentTypeError: ``layer_scale`` is not a number.
        ArgumentValueError: ``layer_scale`` is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.deit().rules[0].path
        ('*dist_token', '*distillation_token')

    Source:
        Touvron et al., "Training data-efficient image transformers & distillation through attention", 2020;
        timm 1.0.31, models/deit.py ``VisionTransformerDistilled.init_weights``.

    Differs from:
        The paper's code, on timm 0.3, which draws the class token N(0, 0.02^2) too. ``deit_hf``: 0 for all.
    """
    token = must(SMALL, role="token", path=("*dist_token", "*distillation_token"))
    rules = (token, *vit_timm(layer_scale).rules)
    return Recipe("deit", rules, "Touvron et al. 2020; timm 1.0.31 models/deit.py init_weights")


def _torch_patch() -> tuple[Rule, ...]:
    return (may(BOUND, kind="conv", role=("kernel", "bias"), fans="torch"),)
