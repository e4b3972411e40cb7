"""Published initializations of sequence models beside Mamba: RWKV, S4D, the LRU, and NormFormer's scalars."""

from __future__ import annotations

import math

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.recipes.published.shared_rules import may, must, rest
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets

__all__ = ["lru", "normformer", "rwkv", "s4d"]

LEFT = "only the parameters that the paper adds are initialized"


def rwkv(
    n_layer: int, d_model: int, vocab_size: int, *, d_attention: int | None = None, d_ff: int | None = None
) -> Recipe:
    """RWKV-4 as transformers initializes it, with the bonus of the current token as published.

    time_decay, time_first and time_mix_* by ``ui.rwkv_time_decay``, ``ui.rwkv_time_first`` and
    ``ui.rwkv_time_mix``; matrices orthogonal, times sqrt(outputs / inputs) where outputs are more; the head
    times 0.5; the embedding orthogonal, times 1e-4 sqrt(max(vocab_size, d_model)); normalizations 1

    Args:
        n_layer: number of layers.
        d_model: ``hidden_size``.
        vocab_size: number of tokens.
        d_attention: ``attention_hidden_size``; None is ``d_model``.
        d_ff: ``intermediate_size``; None is 4 ``d_model``.

    Returns:
        The recipe; a model of fewer layers is refused.

    Raises:
        ArgumentValueError: a number below 1.
        ArgumentTypeError: something other than integers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.rwkv(12, 768, 50277).rules[0].spec == ui.rwkv_time_decay(0, 12)
        True

    Source:
        Peng et al., "RWKV: Reinventing RNNs for the Transformer Era", 2023; transformers 5.24.0,
        ``RwkvPreTrainedModel._init_weights``; BlinkDL/RWKV-LM, RWKV-v4neo/src/model.py.

    Differs from:
        transformers, whose ``time_first`` is 1: it takes ``ones_like`` of the published values. RWKV-LM sets
        keys, receptances and outputs to 0.
    """
    layers, width = checks.count("n_layer", n_layer), checks.count("d_model", d_model)
    tokens = checks.count("vocab_size", vocab_size)
    inner = width if d_attention is None else checks.count("d_attention", d_attention)
    hidden = 4 * width if d_ff is None else checks.count("d_ff", d_ff)
    tables = tuple(
        must(spec, block=layer, path=pattern)
        for layer in range(layers)
        for spec, pattern in (
            (presets.rwkv_time_decay(layer, layers), "*time_decay"),
            (presets.rwkv_time_mix(layer, layers), ("*time_mix_key", "*feed_forward.time_mix_receptance")),
            (presets.rwkv_time_mix(layer, layers, "value"), "*time_mix_value"),
            (presets.rwkv_time_mix(layer, layers, "receptance"), "*attention.time_mix_receptance"),
        )
    )
    matrices = (
        (inner, width, ("*attention.key.weight", "*attention.value.weight", "*attention.receptance.weight")),
        (width, inner, "*attention.output.weight"),
        (hidden, width, "*feed_forward.key.weight"),
        (width, width, "*feed_forward.receptance.weight"),
        (width, hidden, "*feed_forward.value.weight"),
    )
    ratio = math.sqrt(max(1.0, tokens / width))
    rules = (
        *tables,
        must(presets.rwkv_time_first(), path="*time_first"),
        *(
            must(presets.orthogonal(math.sqrt(max(1.0, rows / columns))), shape=(rows, columns), path=pattern)
            for rows, columns, pattern in matrices
        ),
        may(presets.orthogonal(0.5 * ratio), shape=(tokens, width), kind="linear", role="kernel"),
        must(presets.orthogonal(1e-4 * math.sqrt(max(tokens, width))), role="embedding", layout="OI"),
        *rest(),
    )
    return Recipe("rwkv", rules, "Peng et al. 2023; transformers 5.24.0 RwkvPreTrainedModel._init_weights")


def s4d(*, inverse: bool = False, shortest: float = 0.001, longest: float = 0.1) -> Recipe:
    """S4D's diagonal state-space kernels. All other parameters are left as they are.

    log_dt U(log shortest, log longest); log_A_real log(1/2); A_imag of S4D-Lin or S4D-Inv; C complex
    normal of variance 1, as real and imaginary parts; D N(0, 1)

    Args:
        inverse: whether the imaginary parts are those of S4D-Inv; S4D-Lin by default.
        shortest: the shortest step, positive.
        longest: the longest step.

    Returns:
        The recipe; a model without these parameters is refused.

    Raises:
        ArgumentValueError: steps that do not increase or are not positive.
        ArgumentTypeError: ``inverse`` is no bool, or a step no number.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.s4d().rules[2].spec == ui.s4d_lin()
        True

    Source:
        Gu, Gupta, Goel, Ré, "On the Parameterization and Initialization of Diagonal State Space Models",
        2022; state-spaces/s4, models/s4/s4d.py, ``S4DKernel``.

    Differs from:
        state-spaces/s4 models/s4/s4.py, which has more choices and another scale of C.
    """
    checks.switch("inverse", inverse)
    first, last = checks.positive("shortest", shortest), checks.positive("longest", longest)
    if first >= last:
        msg = f"`shortest` must be less than `longest`, got {shown(shortest)} and {shown(longest)}."
        raise ArgumentValueError(msg)
    rules = (
        must(presets.uniform(math.log(first), math.log(last)), path="*log_dt"),
        must(presets.constant(math.log(0.5)), path="*log_A_real"),
        must(presets.s4d_inv() if inverse else presets.s4d_lin(), path="*A_imag"),
        must(presets.normal(0.0, math.sqrt(0.5)), kind="parameter", path=r"re:(.*[./])?C"),
        may(presets.normal(0.0, 1.0), kind="parameter", path=r"re:(.*[./])?D"),
        may(None, note=LEFT),
    )
    return Recipe("s4d", rules, "Gu et al. 2022; state-spaces/s4 models/s4/s4d.py S4DKernel")


def lru(*, r_min: float = 0.0, r_max: float = 1.0, max_phase: float = 2.0 * math.pi) -> Recipe:
    """Linear recurrent units. All other parameters are left as they are.

    nu_log, theta_log and gamma_log by the presets of these names, gamma_log of the states of nu_log; B and C
    normal of variance 1 / inputs, as real and imaginary parts for B, each of 1 / inputs for C; D N(0, 1)

    Args:
        r_min: inner radius of the ring of states.
        r_max: outer radius, at most 1.
        max_phase: the largest phase of a state.

    Returns:
        The recipe; a model without these parameters is refused.

    Raises:
        ArgumentValueError: radii that do not increase, or outside of [0, 1]; a phase that is not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.lru(r_min=0.9, r_max=0.999).rules[2].stream
        ('gamma_log', 'nu_log')

    Source:
        Orvieto et al., "Resurrecting Recurrent Neural Networks for Long Sequences", 2023, appendix A;
        NicolasZucchet/minimal-LRU, lru/model.py.

    Differs from:
        No library has one.
    """
    part = {"kind": "parameter", "layout": "OI"}
    rules = (
        must(presets.lru_nu_log(r_min, r_max), path="*nu_log"),
        must(presets.lru_theta_log(max_phase), path="*theta_log"),
        must(presets.lru_gamma_log(r_min, r_max), path="*gamma_log", stream=("gamma_log", "nu_log")),
        must(presets.variance_scaling(0.5, "fan_in", "untruncated_normal"), path=("*B_re", "*B_im"), **part),
        must(presets.variance_scaling(1.0, "fan_in", "untruncated_normal"), path=("*C_re", "*C_im"), **part),
        may(presets.normal(0.0, 1.0), kind="parameter", path=r"re:(.*[./])?D"),
        may(None, note=LEFT),
    )
    return Recipe("lru", rules, "Orvieto et al. 2023; NicolasZucchet/minimal-LRU lru/model.py")


def normformer() -> Recipe:
    """NormFormer's scalars: they start at 1. All other parameters are left as they are.

    c_attn, a factor per head, and w_resid, a factor per channel of the residual: 1

    Returns:
        The recipe; a model without them is refused. Its first rule goes before those of another recipe.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.normformer().rules[0].path
        ('*c_attn', '*w_resid')

    Source:
        Shleifer, Weston, Ott, "NormFormer: Improved Transformer Pretraining with Extra Normalization", 2021;
        facebookresearch/fairseq, ``scale_heads`` and ``scale_resids``.

    Differs from:
        No library has one; the added normalizations start at 1 as all others.
    """
    rules = (
        must(presets.ones(), kind="parameter", path=("*c_attn", "*w_resid")),
        may(None, note=LEFT),
    )
    return Recipe("normformer", rules, "Shleifer et al. 2021; facebookresearch/fairseq transformer_layer.py")
