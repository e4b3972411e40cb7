"""Initializations of single models of transformers, where they are not its defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.recipes.defaults.transformers import transformers_default
from unified_init.recipes.published.shared_rules import BY_WIDTH, INTO_HEADS, may, must, rest
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets
from unified_init.spec.distributions import Normal
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import VarianceScaling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.recipes.rule import Rule

__all__ = ["clip", "deit_hf", "whisper"]

# ln(1 / 0.07), as the configuration rounds it.
TEMPERATURE = 2.6592
LINEAR = {"kind": "linear", "role": "kernel"}


def clip(n_text: int, n_vision: int, *, factor: float = 1.0, std: float = 0.02) -> Recipe:
    """CLIP as transformers initializes it: sizes by width, and by depth where a branch begins or ends.

    std, times ``factor``: queries, keys and values (d 2 L)^-1/2, attention's outputs d^-1/2; feed-forward
    inputs (2 d)^-1/2, outputs (d 2 L)^-1/2; projections to the shared space and the class token d^-1/2;
    tokens and positions of text 0.02; patches and positions of images ``std``. The temperature
    2.6592, normalizations 1 and 0, biases 0

    Args:
        n_text: number of layers of the text model.
        n_vision: number of layers of the vision model.
        factor: ``initializer_factor``; 1 by default.
        std: ``initializer_range`` of the vision model; 0.02 by default.

    Returns:
        The recipe; a model that lacks one of the two towers is refused.

    Raises:
        ArgumentValueError: a depth below 1, ``factor`` or ``std`` not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.recipes.clip(n_text=2, n_vision=8).rules[0].spec
        >>> spec.resolve((64, 64), layout="OI").std == (64 * 2 * 2) ** -0.5
        True

    Source:
        Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021;
        transformers 5.24.0, ``CLIPPreTrainedModel._init_weights``.

    Differs from:
        OpenAI's code (openai/CLIP, model.py), which makes attention's *outputs* smaller with depth and
        queries, keys and values d^-1/2, and leaves the vision model as PyTorch does.
    """
    size, vision = checks.positive("factor", factor), checks.positive("std", std)
    depths = checks.count("n_text", n_text), checks.count("n_vision", n_vision)
    blocks = dict(zip(("*text_model*", "*vision_model*"), depths, strict=True))
    rules = (
        *_tower("*text_model*", depths[0], size),
        *_tower("*vision_model*", depths[1], size),
        must(presets.normal(0.0, 0.02 * size), role="embedding", path="*text_model*"),
        must(presets.normal(0.0, vision * size), role="embedding", path="*vision_model*"),
        must(presets.normal(0.0, vision * size), kind="conv", role="kernel", place="patch"),
        must(BY_WIDTH * size, role="token"),
        may(_by_inputs(1.0, size), **LINEAR, path=("*text_projection*", "*visual_projection*")),
        may(presets.constant(TEMPERATURE), path="*logit_scale", shape=()),
        *rest(),
    )
    source = "Radford et al. 2021; transformers 5.24.0 CLIPPreTrainedModel._init_weights"
    return Recipe("clip", rules, source, blocks=blocks)


def whisper(std: float = 0.02) -> Recipe:
    """Whisper as transformers initializes it: one normal, and an encoder whose positions are computed.

    w ~ N(0, std^2); biases 0, normalizations 1 and 0, the padding row 0; the sinusoids of the encoder are
    left as they are

    Args:
        std: ``init_std``; 0.02 by default.

    Returns:
        The recipe; a model without the encoder's positions is refused.

    Raises:
        ArgumentValueError: ``std`` is not positive.
        ArgumentTypeError: ``std`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.whisper().rules[0].path
        ('*encoder.embed_positions.*',)

    Source:
        Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022; transformers
        5.24.0, ``WhisperPreTrainedModel._init_weights``.

    Differs from:
        OpenAI's code, which leaves all layers as PyTorch does. ``transformers_default`` leaves the encoder's
        positions only where they are frozen.
    """
    rules = transformers_default(checks.positive("std", std)).rules
    sinusoids = must(
        None, path="*encoder.embed_positions.*", note="sines and cosines that the model computes"
    )
    source = "Radford et al. 2022; transformers 5.24.0 WhisperPreTrainedModel._init_weights"
    return Recipe("whisper", (sinusoids, *rules), source)


def deit_hf(std: float = 0.02) -> Recipe:
    """DeiT as transformers initializes it: tokens and positions start at 0.

    matrices and the patch convolution N(0, std^2); class, distillation and mask tokens and positions 0;
    biases 0, normalizations 1 and 0

    Args:
        std: ``initializer_range``; 0.02 by default.

    Returns:
        The recipe; a model without tokens or positions is refused.

    Raises:
        ArgumentValueError: ``std`` is not positive.
        ArgumentTypeError: ``std`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.deit_hf().rules[0].spec == ui.zeros()
        True

    Source:
        Touvron et al., "Training data-efficient image transformers & distillation through attention", 2020;
        transformers 5.24.0, ``DeiTPreTrainedModel._init_weights``.

    Differs from:
        ``deit``: timm draws the tokens and the positions, as the paper's code does.
    """
    rules = transformers_default(checks.positive("std", std)).rules
    zeros = presets.zeros()
    source = "Touvron et al. 2020; transformers 5.24.0 DeiTPreTrainedModel._init_weights"
    return Recipe("deit_hf", (must(zeros, role="token"), must(zeros, role="position"), *rules), source)


def _by_inputs(scale: float, factor: float) -> Initializer:
    return Initializer(Normal(), VarianceScaling(scale, "fan_in")) * factor


def _tower(path: str, n_layer: int, factor: float) -> Iterator[Rule]:
    """Yield the rules of the blocks of a text or vision model."""
    by_depth = 1.0 / (2 * n_layer)
    outputs = Initializer(Normal(), VarianceScaling(by_depth, "fan_out")) * factor
    yield must(_by_inputs(by_depth, factor), place=INTO_HEADS, path=path, **LINEAR)
    yield must(_by_inputs(1.0, factor), place="attention.out", path=path, **LINEAR)
    yield must(_by_inputs(0.5, factor), place="mlp.in", path=path, **LINEAR)
    yield must(outputs, place="mlp.out", path=path, **LINEAR)
