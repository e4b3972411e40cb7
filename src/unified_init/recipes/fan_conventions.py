"""Fan conventions: the fans that a framework's own layers give to their initializers, right or wrong.

A record has the true fans, of one group. Where a framework computes other fans from the stored shape, its
recipe names the convention, and a model ported to any framework gets the same laws.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

from unified_init.law.layout import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.inventory.records import Record
    from unified_init.law.law import Fans

__all__ = ["CONVENTIONS", "FANS_BY_CONVENTION", "Convention"]

Convention = Literal["own", "torch", "keras", "flax", "haiku", "equinox", "fused", "flat"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

# Grouped convolutions of Keras, which stores them as any other even where a group has one input.
KERAS_CONVS = ("Conv1D", "Conv2D", "Conv3D")


def true_fans(record: Record) -> Fans:
    """The true fans: group by group, part by part."""
    return record.fans


def _counts(record: Record) -> tuple[int, int] | None:
    if record.inputs is None or record.outputs is None:
        return None
    return record.inputs * record.space, record.outputs * record.space


def torch(record: Record) -> Fans:  # noqa: PLR0911  # one return per kind
    """PyTorch: size(1) and size(0) of the stored weight, whatever they mean; 1/sqrt(hidden) cells.

    A transposed convolution thereby counts its outputs as inputs; fan_out counts all groups; a fused
    attention matrix is one matrix of three times the outputs.
    """
    if record.hidden:
        return record.hidden, record.hidden
    counts = _counts(record)
    if counts is None:
        return record.fans
    fan_in, fan_out = counts
    match record.kind:
        case "conv":
            return fan_in, fan_out * record.groups
        case "conv_transpose":
            return fan_out, fan_in * record.groups
        case "bilinear":
            return record.features, fan_out
        case "attention" if record.place == "attention.qkv":
            return fan_in, fan_out * max(1, len(record.parts))
        case "attention" if record.place in {"attention.query", "attention.key", "attention.value"}:
            # In PyTorch one matrix, unless keys or values have another number of inputs.
            return (fan_in, fan_out) if record.features else (fan_in, 3 * fan_out)
    return record.fans


def keras(record: Record) -> Fans:
    """Keras: the last two axes of the stored kernel times its window, gates and multipliers included.

    A depthwise kernel thereby counts all channels as inputs of each; a transposed one swaps its fans;
    a recurrent layer's fan_out has all gates, a grouped convolution's all groups.
    """
    counts = _counts(record)
    if counts is None:
        return record.fans
    fan_in, fan_out = counts
    if record.hidden:
        fan_out *= max(1, len(record.parts))
    elif record.depthwise and record.native not in KERAS_CONVS:
        fan_in *= record.groups
    elif record.kind in {"conv", "linear"}:  # the groups of an equation count as outputs too
        fan_out *= record.groups
    elif record.kind == "conv_transpose":
        fan_in, fan_out = fan_out, fan_in
    elif record.kind == "attention" and record.role == "scale":  # a vector: both are its length
        fan_out = fan_in
    elif record.kind == "lora":
        fan_in *= record.groups
    return fan_in, fan_out


def _unstacked_shape(record: Record) -> list[int]:
    """Return a kernel's shape without the axes that stack layers, but with those of its own groups."""
    axes = list(zip(parse(record.layout or ""), record.shape, strict=True))
    stacked = math.prod(size for role, size in axes if role == "B") // record.groups
    shape = []
    for role, size in axes:
        if role == "B" and stacked > 1:
            stacked //= size
        else:
            shape.append(size)
    return shape


def flax(record: Record) -> Fans:
    """Flax: JAX' fans, axes -2 and -1 of the stored kernel times all others.

    Groups of a dense layer thereby count as inputs; a transposed convolution whose outputs are stored first
    swaps its fans; an einsum's kernel is read as a convolution's.
    """
    counts = _counts(record)
    if counts is None or record.hidden:
        return record.fans
    fan_in, fan_out = counts
    match record.kind:
        case "linear" if record.native == "Einsum" and record.role == "kernel" and len(record.shape) > 1:
            *others, inputs, outputs = _unstacked_shape(record)
            return inputs * math.prod(others), outputs * math.prod(others)
        case "linear":
            return fan_in * record.groups, fan_out
        case "conv":
            return fan_in, fan_out * record.groups
        case "conv_transpose" if (record.layout or "").endswith("OI"):
            return fan_out, fan_in
    return record.fans


def haiku(record: Record) -> Fans:
    """Haiku: all axes except the last; an LSTM's input and state are one matrix with both as inputs."""
    if record.kind == "lstm":
        return record.features + record.hidden, 4 * record.hidden
    return record.fans


def equinox(record: Record) -> Fans:
    """Equinox: the true fans, at least 1; the hidden size for recurrent cells."""
    if record.hidden:
        return record.hidden, record.hidden
    fan_in, fan_out = record.fans
    return (None if fan_in is None else max(1, fan_in)), (None if fan_out is None else max(1, fan_out))


def fused(record: Record) -> Fans:
    """Queries, keys and values as one matrix of three times the outputs, however they are stored."""
    fan_in, fan_out = record.fans
    if record.place in {"attention.qkv", "attention.query", "attention.key", "attention.value"}:
        return fan_in, None if fan_out is None else 3 * fan_out
    return torch(record)


def flat(record: Record) -> Fans:
    """A convolution as the matrix of its unfolded windows: its outputs are not times the window."""
    return record.fans[0], record.outputs


FANS_BY_CONVENTION: dict[Convention, Callable[[Record], Fans]] = {
    "own": true_fans,
    "torch": torch,
    "keras": keras,
    "flax": flax,
    "haiku": haiku,
    "equinox": equinox,
    "fused": fused,
    "flat": flat,
}
