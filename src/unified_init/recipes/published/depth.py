"""Published initializations of deep transformers: gains on the matrices of residual branches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.recipes.defaults.beside_layers import BOUND
from unified_init.recipes.published.shared_rules import BY_WIDTH, DENSE, INTO_HEADS, may, must, rest, tables
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets
from unified_init.spec.distributions import Normal
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import VarianceScaling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.recipes.rule import Rule

__all__ = ["deepnorm", "magneto", "t_fixup"]

# In a record, only the path distinguishes an encoder from a decoder.
ENCODER = "*[eE]ncoder*"
DECODER = "*[dD]ecoder*"
CROSS = (
    "*encoder_attn*", "*EncDecAttention*", "*[cC]ross[aA]ttention*", "*cross_att*", "*multihead_attn*",
)  # fmt: skip
HEAD = Initializer(Normal(), VarianceScaling(1.0, "fan_in"))


def deepnorm(n_encoder: int, n_decoder: int, encoder_gain: float = 0.87) -> Recipe:
    """DeepNet: Xavier's normal, with a gain on values, attention's outputs and feed-forward layers.

    gain (8 n)^-1/4 where there is only an encoder or only a decoder; else in the encoder
    encoder_gain (n_encoder^4 n_decoder)^-1/16, in the decoder (12 n_decoder)^-1/4. Queries and keys have
    gain 1; embeddings and an untied head N(0, 1 / d); biases 0, normalizations 1 and 0.

    Args:
        n_encoder: number of encoder blocks; 0 for none.
        n_decoder: number of decoder blocks; 0 for none. Paths with "decoder" belong to it, all others to
            the encoder.
        encoder_gain: 0.87, the paper's. torchscale divides by (n_encoder^4 n_decoder)^1/16 / 1.15, which
            is a gain of 1.15, the paper's number upside down. With 0.87 the product of the gain and the
            residual factor alpha is 1/sqrt(2), as in all other rows of the paper's table; hence this choice.

    Returns:
        The recipe; the residual factor alpha (post-norm: LN(alpha x + f(x))) is the model's to apply.

    Raises:
        ArgumentValueError: no block at all, a negative number, or a gain that is not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.deepnorm(n_encoder=0, n_decoder=2).rules[0].spec.factor
        0.5

    Source:
        Wang et al., "DeepNet: Scaling Transformers to 1,000 Layers", 2022; microsoft/torchscale
        architecture/encoder.py and decoder.py.

    Differs from:
        torchscale: it also divides biases, and scales PyTorch's defaults instead of Xavier's normal.
    """
    encoder, decoder = _sides(n_encoder, n_decoder)
    gain = checks.positive("encoder_gain", encoder_gain)
    if encoder and decoder:
        gains = (gain * (encoder**4 * decoder) ** -0.0625, (12.0 * decoder) ** -0.25)
    else:
        gains = ((8.0 * max(encoder, decoder)) ** -0.25,) * 2
    rules = _gain_rules(gains, presets.xavier_normal(), both=bool(encoder and decoder))
    source = "Wang et al. 2022 (DeepNet); microsoft/torchscale"
    return Recipe("deepnorm", rules, source, blocks=_blocks(encoder, decoder))


def magneto(n_encoder: int, n_decoder: int) -> Recipe:
    """Magneto, also called Sub-LN: DeepNet's matrices, with gains that grow with the logarithm of depth.

    gain sqrt(ln(2 n)) where there is only an encoder or only a decoder; else in the encoder
    sqrt(ln(3 n_decoder) ln(2 n_encoder) / 3), in the decoder sqrt(ln(3 n_decoder)), its attention to the
    encoder excepted: gain 1. The rest as in ``deepnorm``.

    Args:
        n_encoder: number of encoder blocks; 0 for none.
        n_decoder: number of decoder blocks; 0 for none.

    Returns:
        The recipe; the additional normalizations are the model's.

    Raises:
        ArgumentValueError: no block at all, or a negative number.
        ArgumentTypeError: something other than integers.

    Example:
        >>> import math
        >>> import unified_init as ui
        >>> ui.recipes.magneto(n_encoder=12, n_decoder=0).rules[0].spec.factor == math.sqrt(math.log(24))
        True

    Source:
        Wang et al., "Foundation Transformers" (Magneto), 2022; microsoft/torchscale
        architecture/encoder.py and decoder.py.

    Differs from:
        ``deepnorm``: pre-norm, gains above 1. torchscale also multiplies biases, and scales PyTorch's
        defaults instead of Xavier's normal.
    """
    encoder, decoder = _sides(n_encoder, n_decoder)
    both = bool(encoder and decoder)
    if both:
        log = math.log(3 * decoder)
        gains = (math.sqrt(log * math.log(2 * encoder) / 3), math.sqrt(log))
    else:
        gains = (math.sqrt(math.log(2 * max(encoder, decoder))),) * 2
    base = presets.xavier_normal()
    crossing = (may(base, kind=DENSE, role="kernel", path=CROSS),) if both else ()
    return Recipe(
        "magneto",
        (*crossing, *_gain_rules(gains, base, both=both)),
        "Wang et al. 2022 (Magneto); microsoft/torchscale",
        blocks=_blocks(encoder, decoder),
    )


def t_fixup(n_encoder: int, n_decoder: int, d_model: int) -> Recipe:
    """T-Fixup: Xavier's uniform with gains that let transformers train without normalization or warm-up.

    gain 0.67 n_encoder^-1/4 in the encoder and (9 n_decoder)^-1/4 in the decoder on values, attention's
    outputs and feed-forward layers; embeddings N(0, 1 / d_model) times (9 n)^-1/4; queries and keys have
    gain 1/sqrt(2), the reference implementation's base; an untied head N(0, 1 / d_model); biases 0, those of
    queries, keys and values PyTorch's

    Args:
        n_encoder: number of encoder blocks; 0 for none.
        n_decoder: number of decoder blocks; 0 for none. Paths with "decoder" belong to it; an embedding
            that both share is the encoder's.
        d_model: width of the model.

    Returns:
        The recipe.

    Raises:
        ArgumentValueError: no block at all, or a number that is too small.
        ArgumentTypeError: something other than integers.

    Example:
        >>> import unified_init as ui
        >>> ui.recipes.t_fixup(n_encoder=16, n_decoder=0, d_model=512).rules[0].spec.factor
        0.335

    Source:
        Huang, Perez, Ba, Volkovs, "Improving Transformer Optimization Through Better Initialization",
        2020; layer6ai-labs/T-Fixup, fairseq/modules/transformer_layer.py.

    Differs from:
        The paper's text does not mention the 1/sqrt(2) of queries and keys, which fairseq has.
    """
    encoder, decoder = _sides(n_encoder, n_decoder)
    width = checks.count("d_model", d_model)
    both = bool(encoder and decoder)
    gains = (
        0.67 * encoder**-0.25 if encoder else (9 * decoder) ** -0.25,
        (9 * decoder) ** -0.25 if decoder else 0.0,
    )
    base, std = presets.xavier_uniform(), width**-0.5
    # An embedding that both share has paths in both.
    side_depths = [(encoder, {"path": ENCODER}), (decoder, {"path": DECODER})] if both else []
    depths = [*side_depths, (encoder or decoder, {})]
    tokens = [
        may(presets.normal(0.0, std * (9 * depth) ** -0.25), role="embedding", padding="zero", **conditions)
        for depth, conditions in depths
    ]
    rules = (
        *_gain_rules(gains, base, both=both, others=base * (2.0**-0.5), tables_of=tokens),
        may(BOUND, kind=DENSE, role="bias", place=INTO_HEADS),
        *rest(),
    )
    source = "Huang et al. 2020; layer6ai-labs/T-Fixup"
    return Recipe("t_fixup", rules, source, blocks=_blocks(encoder, decoder))


def _sides(n_encoder: int, n_decoder: int) -> tuple[int, int]:
    encoder = checks.count("n_encoder", n_encoder, least=0)
    decoder = checks.count("n_decoder", n_decoder, least=0)
    if not encoder and not decoder:
        msg = "`n_encoder` and `n_decoder` must not both be 0: the gains depend on the number of blocks."
        raise ArgumentValueError(msg)
    return encoder, decoder


def _blocks(encoder: int, decoder: int) -> dict[str, int]:
    """Return the numbers of blocks by path: all that is not the decoder's is the encoder's."""
    return {DECODER: decoder, "*": encoder} if encoder and decoder else {"*": encoder or decoder}


def _gain_rules(
    gains: tuple[float, float],
    base: Initializer,
    *,
    both: bool,
    others: Initializer | None = None,
    tables_of: list[Rule] | None = None,
) -> tuple[Rule, ...]:
    """Return the rules of a model whose branches have gains, one for the encoder and one for the decoder."""
    heads = base if others is None else others
    sides: list[tuple[float, dict[str, Any]]] = [(gains[0], {})]
    if both:
        sides.insert(0, (gains[1], {"path": DECODER}))
    rules: list[Rule] = []
    for gain, conditions in sides:
        rules.extend(_branch(base * gain, heads, conditions))
    rules.append(may(heads, kind=DENSE, role="kernel", place=("attention.query", "attention.key")))
    rules.append(may(HEAD, kind=DENSE, role="kernel", place="head"))
    rules.append(may(base, kind=DENSE, role="kernel"))
    if tables_of is None:
        return (*rules, *tables(BY_WIDTH), *rest())
    return (*rules, *tables_of, may(BY_WIDTH, role=("position", "token")))


def _branch(scaled: Initializer, heads: Initializer, conditions: dict[str, Any]) -> Iterator[Rule]:
    matrix = {"kind": DENSE, "role": "kernel", **conditions}
    yield must(scaled, place="attention.out", **matrix)
    yield must(scaled, place=("mlp.in", "mlp.gate", "mlp.out"), **matrix)
    yield may(scaled, place="attention.value", **matrix)
    yield may(heads, place="attention.qkv", parts={"v": scaled}, **matrix)
