"""Fan conventions: which fans a framework's own layers hand to their initializers, wrong ones included.

A record has the true fans, of one group. Where a framework computes others from the stored shape, its
recipe names the convention, and a port to any framework reproduces it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.inventory import Record
    from unified_init.law import Fans

__all__ = ["CONVENTIONS"]


def own(record: Record) -> Fans:
    """The true fans: group by group, part by part."""
    return record.fans


def _counts(record: Record) -> tuple[int, int] | None:
    if record.inputs is None or record.outputs is None:
        return None
    return record.inputs * record.space, record.outputs * record.space


def torch(record: Record) -> Fans:  # noqa: PLR0911  # one return a kind
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
            # One matrix there, unless keys or values have inputs of their own.
            return (fan_in, fan_out) if record.features else (fan_in, 3 * fan_out)
    return record.fans


def keras(record: Record) -> Fans:
    """Keras: the last two axes of the stored kernel times its window, gates and multipliers included.

    A depthwise kernel thereby counts all channels as inputs of each; a transposed one swaps its fans;
    a recurrent layer's fan_out has all gates.
    """
    counts = _counts(record)
    if counts is None:
        return record.fans
    fan_in, fan_out = counts
    if record.hidden:
        return fan_in, fan_out * max(1, len(record.parts))
    if record.depthwise:
        return record.space * record.groups, fan_out
    match record.kind:
        case "conv":
            return fan_in, fan_out * record.groups
        case "conv_transpose":
            return fan_out, fan_in
    return record.fans


def haiku(record: Record) -> Fans:
    """Haiku: all axes but the last; an LSTM's input and state are one matrix with both as inputs."""
    if record.kind == "lstm":
        return record.features + record.hidden, 4 * record.hidden
    return record.fans


def fused(record: Record) -> Fans:
    """Queries, keys and values as one matrix of three times the outputs, however they are stored."""
    fan_in, fan_out = record.fans
    if record.place in {"attention.qkv", "attention.query", "attention.key", "attention.value"}:
        return fan_in, None if fan_out is None else 3 * fan_out
    return torch(record)


def flat(record: Record) -> Fans:
    """A convolution as the matrix of its unfolded windows: its outputs are not times the window."""
    return record.fans[0], record.outputs


CONVENTIONS: dict[str, Callable[[Record], Fans]] = {
    "own": own,
    "torch": torch,
    "keras": keras,
    "haiku": haiku,
    "fused": fused,
    "flat": flat,
}
