"""Causes: explanations of a std that is not the expected one, and other faults that have a name."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from unified_init.errors import UnifiedInitError
from unified_init.recipes.assignment import assign, law_with_fans
from unified_init.recipes.block_counts import block_counts
from unified_init.recipes.defaults.equinox import equinox_default
from unified_init.recipes.defaults.flax import flax_linen_default, flax_nnx_default
from unified_init.recipes.defaults.haiku import haiku_default
from unified_init.recipes.defaults.keras import keras_default
from unified_init.recipes.defaults.torch import torch_default
from unified_init.recipes.fan_conventions import FANS_BY_CONVENTION
from unified_init.spec.distributions import STD_TRUNCATED_AT_2
from unified_init.spec.scales import FAN_MODES, InverseFan, VarianceScaling
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.auditing.expectations import Expectation
    from unified_init.auditing.values import Observed
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.law.law import Fans, Law
    from unified_init.recipes.assignment import Piece
    from unified_init.recipes.block_counts import BlockCount
    from unified_init.recipes.recipe import Recipe
    from unified_init.spec.initializer import Initializer
    from unified_init.testing.findings import Finding

__all__ = ["Context", "causes_of", "clamped_note", "context_of", "faithful_note", "low_precision_notes"]

DEFAULTS = {
    "torch": ("PyTorch", torch_default),
    "keras": ("Keras", keras_default),
    "flax_nnx": ("Flax", flax_nnx_default),
    "flax_linen": ("Flax", flax_linen_default),
    "haiku": ("Haiku", haiku_default),
    "equinox": ("Equinox", equinox_default),
}
OWNERS = {"own": "the true fans", "torch": "PyTorch's fans", "keras": "Keras' fans", "haiku": "Haiku's fans"}
SHAPES = {"uniform": 1.8, "normal": 3.0, "normal truncated at 2 sigma": 2.3658}  # kurtosis
KINDS = {"uniform": "uniform", "normal": "normal", "truncated_normal": "normal truncated at 2 sigma"}
ERRORS = 4.0  # standard errors within which a cause explains a std
ROUNDING = 5e-4
SAME = 1e-6
FAR = 5.0  # standard errors
NEAR_STEPS = 16.0  # steps of a narrow type, in standard deviations, by which a mean drawn in it may be off
DEPTH_POWERS = (0.5, 1.0, 0.25)  # of the number of blocks, by which recipes divide a std


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """What is known of a whole model: its number of blocks, its framework, and the stds of the recipe."""

    blocks: int
    framework: str
    others: Mapping[float, str]
    counts: tuple[BlockCount, ...] = ()


def context_of(inventory: Inventory, expectations: Sequence[Expectation], recipe: Recipe) -> Context:
    """Return the context of a model's parameters and of what a recipe expects of them."""
    others = {
        expectation.piece.law.std: f"rule {expectation.rule}, which gives {expectation.path!r} its std"
        for expectation in reversed(expectations)
        if expectation.piece is not None and expectation.piece.law.random
    }
    blocks = 1 + max((record.block for record in inventory if record.block is not None), default=-1)
    return Context(blocks, inventory.framework, others, tuple(block_counts(recipe, inventory)))


def causes_of(expectation: Expectation, observed: Observed, law: Law, context: Context) -> Iterator[str]:
    """Yield explanations of values that do not follow the law of their rule.

    Args:
        expectation: with a piece of independent draws.
        observed: the numbers of the tensor.
        law: that of the values which were observed: real ones, or the parts of complex ones.
        context: of the model.
    """
    piece = expectation.piece
    assert piece is not None  # noqa: S101  # the caller's condition
    expected = law.std
    if observed.std == 0.0:
        yield f"all values are {observed.mean:.6g}, where the law is random"
        return
    error = math.sqrt(max(observed.kurtosis - 1.0, 0.1) / (4.0 * observed.size))
    tolerance = ERRORS * error + ROUNDING
    ratio = observed.std / expected
    if abs(math.log(ratio)) > tolerance:
        parts = expected / piece.law.std  # of complex values, sqrt(1/2)
        cause = next(
            (
                cause
                for std, cause in _hypotheses(expectation.record, piece, context)
                if std > 0.0
                and abs(math.log(std / piece.law.std)) > SAME
                and abs(math.log(observed.std / (std * parts))) <= tolerance
            ),
            None,
        )
        text = f"the std is {observed.std:.4g}, expected {expected:.4g} ({ratio:.3g}x)"
        yield f"{text}. Likely cause: {cause}" if cause else text
    yield from _shape(piece, observed)


def _hypotheses(record: Record, piece: Piece, context: Context) -> Iterator[tuple[float, str]]:
    """Yield stds with the cause that would give them, the likeliest first."""
    std, blocks, others = piece.law.std, context.blocks, context.others
    yield from _default_hypotheses(record, piece, context.framework)
    yield from _fan_hypotheses(record, piece, context.framework)
    if blocks:
        yield std * math.sqrt(2 * blocks), f"the depth factor 1/sqrt(2 * {blocks}) is missing"
        yield (
            std / math.sqrt(2 * blocks),
            f"a depth factor 1/sqrt(2 * {blocks}), which the recipe does not have",
        )
    for count in context.counts if record.block is not None else ():
        for power in DEPTH_POWERS:
            cause = (
                f"the recipe is for {count.expected} blocks, the values for {count.counted}, as the model has"
            )
            yield std * (count.expected / count.counted) ** power, cause
    if record.block is not None:
        layer = record.block + 1
        yield std / math.sqrt(layer), f"divided by sqrt({layer}), the number of the layer"
        yield std / math.sqrt(2 * layer), f"divided by sqrt(2 * {layer}), the number of the layer"
    for other_std, source in others.items():
        yield other_std, f"the std of {source}"
    yield std * STD_TRUNCATED_AT_2, "the correction for truncation at 2 sigma is missing"
    yield std / STD_TRUNCATED_AT_2, "a correction for truncation, which the law does not have"
    yield std / math.sqrt(3), "the std was taken as the bound"
    yield std * math.sqrt(3), "the bound was taken as the std"
    yield std**2, "the variance was taken as the std"
    yield math.sqrt(std), "the square root of the std"


def _default_hypotheses(record: Record, piece: Piece, framework: str) -> Iterator[tuple[float, str]]:
    """Yield the std that the default of the model's own framework gives: a layer that nobody initialized."""
    owner, default = DEFAULTS.get(framework, ("", None))
    try:
        assignment = default and assign(record, default())
    except UnifiedInitError:  # a layer that its framework does not have
        return
    for other in assignment.pieces if assignment else ():
        if other.label == piece.label:
            fans = f"fan_in {_number(other.law.fan_in)}, fan_out {_number(other.law.fan_out)}"
            yield other.law.std, f"{owner}'s own default for this layer ({fans})"


def _fan_hypotheses(record: Record, piece: Piece, framework: str) -> Iterator[tuple[float, str]]:
    """Yield the stds of the rule with other fans, and those of the frameworks' own layers."""
    fan_in, fan_out = record.fans
    own = framework.partition("_")[0]
    names = sorted(FANS_BY_CONVENTION, key=lambda name: (name != "own", name != own))
    tables: list[tuple[Fans, str]] = [
        (FANS_BY_CONVENTION[name](record), OWNERS.get(name, f"the fans of {name!r}")) for name in names
    ]
    if record.parts and fan_out is not None:
        tables.append(
            ((fan_in, fan_out * len(record.parts)), f"the fans of all {len(record.parts)} parts as one")
        )
    if record.groups > 1 and fan_out is not None and fan_in is not None:
        tables.append(((fan_in * record.groups, fan_out * record.groups), "the fans of all groups together"))
    if piece.spec.needs:
        for fans, description in tables:
            yield from _std_with_fans(record, piece, piece.spec, fans, f"computed with {description}")
    yield from _framework_hypotheses(tables)
    if isinstance(piece.spec.scale, (VarianceScaling, InverseFan)):
        for mode in FAN_MODES:
            scale = dataclasses.replace(piece.spec.scale, mode=mode)
            spec = dataclasses.replace(piece.spec, scale=scale)
            for fans, description in tables:
                yield from _std_with_fans(
                    record, piece, spec, fans, f"computed with {mode} and {description}"
                )


def _framework_hypotheses(tables: Sequence[tuple[Fans, str]]) -> Iterator[tuple[float, str]]:
    """Yield the stds of layers that a framework's default initialized."""
    for (fan_in, fan_out), owner in tables:
        if not fan_in or not fan_out:
            continue
        yield 1.0 / math.sqrt(3.0 * fan_in), f"PyTorch's default for a layer, with {owner}"
        yield math.sqrt(2.0 / fan_in), f"He's, with {owner}"
        yield math.sqrt(2.0 / fan_out), f"He's by fan_out, with {owner}"
        yield 1.0 / math.sqrt(fan_in), f"LeCun's, with {owner}"
        yield math.sqrt(2.0 / (fan_in + fan_out)), f"Glorot's, with {owner}"


def _std_with_fans(
    record: Record, piece: Piece, spec: Initializer, fans: Fans, description: str
) -> Iterator[tuple[float, str]]:
    law = law_with_fans(record, piece, spec, fans)
    if law is None:
        return
    fan_texts = [f"{name} {_number(value)}" for name, value in zip(("fan_in", "fan_out"), fans, strict=True)]
    yield law.std, f"{description} ({', '.join(fan_texts)})"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _shape(piece: Piece, observed: Observed) -> Iterator[str]:
    """Yield a note if the values have the kurtosis of another distribution."""
    expected = SHAPES.get(KINDS.get(piece.law.kind, ""))
    if expected is None:
        return
    error = FAR * math.sqrt(24.0 / observed.examined)
    name, nearest = min(SHAPES.items(), key=lambda shape: abs(shape[1] - observed.kurtosis))
    if abs(observed.kurtosis - expected) > error and abs(observed.kurtosis - nearest) <= error:
        yield f"the values are distributed as a {name}, where the law is {piece.law.kind.replace('_', ' ')}"


def clamped_note(reals: NDArray[Any], law: Law, framework: str) -> Iterator[str]:
    """Yield a note if the lowest value is the end to which a sampler by erfinv clamps minus infinity."""
    is_far = math.isfinite(law.low) and law.mean - law.low > FAR * law.std
    if framework != "torch" or not is_far or reals.min() != reals.dtype.type(law.low):
        return
    yield (
        f"{law.low:g} is the lower end of trunc_normal_. Samplers by erfinv (timm's, and PyTorch's before it "
        "drew by rejection) give it about once in 2**24 values, however far out it is: a fault of the sampler"
    )


def faithful_note(expectation: Expectation) -> Iterator[str]:
    """Yield a note on the std that the true fans would give, where a rule has a framework's fans."""
    piece, record = expectation.piece, expectation.record
    if piece is None or (piece.law.fan_in, piece.law.fan_out) == record.fans:  # nearly always
        return
    if not piece.spec.needs or not piece.law.std > 0.0:
        return
    true_fans_std = next(_std_with_fans(record, piece, piece.spec, record.fans, ""), None)
    if true_fans_std is None or abs(math.log(piece.law.std / true_fans_std[0])) <= SAME:
        return
    fans_word = "group-correct" if record.groups > 1 else "true"
    rule_fans = f"fan_in {_number(piece.law.fan_in)}, fan_out {_number(piece.law.fan_out)}"
    ratio = piece.law.std / true_fans_std[0]
    yield (
        f"the rule computes its std with {rule_fans}. With the {fans_word} fans{true_fans_std[1]} it "
        f"would be {1.0 / ratio:.3g}x as large"
    )


def low_precision_notes(failed: Sequence[Finding], law: Law, dtype: str) -> Iterator[str]:
    """Yield notes if values were drawn in a narrow type: few distinct ones, a mean or an end that is off.

    A uniform sampler takes steps of 2**-8 of the interval in bfloat16, from its low end on: it never reaches
    the high one, and its mean is half a step too low.
    """
    if dtype not in DTYPES or not DTYPES[dtype].narrow:
        return
    step = 2.0 ** -(DTYPES[dtype].mantissa + 1)
    is_low_end_there = law.kind == "uniform" and all(finding.name != "smallest value" for finding in failed)
    for finding in failed:
        distance = abs(finding.observed - finding.expected)
        if finding.name == "distinct values":
            yield (
                f"{finding.observed:.0f} distinct values, where {dtype} rounded from float32 has about "
                f"{finding.expected:.0f}: drawn in {dtype} itself"
            )
        if finding.name == "mean" and distance < NEAR_STEPS * step * law.std:
            yield f"the mean is {finding.z:+.1f} standard errors off, as draws in {dtype} itself are"
        is_a_step = is_low_end_there and distance <= step * (law.high - law.low)
        if finding.name == "largest value" and is_a_step:
            yield (
                f"the largest value is {finding.observed:.6g}, and the end {finding.expected:.6g} is never "
                f"reached: drawn in {dtype} itself, as PyTorch's uniform_ does, and not rounded from float32"
            )
