"""Fused projections: which parts one matrix holds, and how they lie along the axis of its outputs.

A split says it for every framework. What a class of a library splits is in that framework's walker; here is
what the name of a layer says by itself.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from unified_init.inventory.places import words_of
from unified_init.inventory.records import Part, Record

__all__ = ["GATED", "KV", "QKV", "THIRDS", "Split", "by_name", "fused_facts", "with_named_parts"]

QKV, KV, GATED = ("q", "k", "v"), ("k", "v"), ("gate", "up")
# The words of layers whose outputs are thirds: queries, then keys, then values. Not "query_key_value", which
# some codebases store head by head, nor "in_proj", which is also the input of a state-space layer.
THIRDS = re.compile(r"(^|_)(c_attn|att_proj|attn_in_proj|w?qkv)(_|\d*$)", re.IGNORECASE)
PLACES = {QKV: "attention.qkv", KV: "attention.qkv"}


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """How the outputs of a fused layer are split.

    Args:
        labels: one per part, in the order of storage.
        lengths: outputs of each part, in one block.
        blocks: how often that order repeats: 1 for parts one after another, the number of heads for parts
            that are stored head by head, of key-value groups, or of features for parts that alternate.
    """

    labels: tuple[str, ...]
    lengths: tuple[int, ...]
    blocks: int = 1

    @property
    def outputs(self) -> int:
        """The outputs of all parts."""
        return self.blocks * sum(self.lengths)

    def parts(self, path: str, shape: tuple[int, ...], axis: int) -> tuple[Part, ...]:
        """Return the parts of a native tensor whose outputs are one of its axes."""
        view = None
        if self.blocks > 1:
            view = (*shape[:axis], self.blocks, sum(self.lengths), *shape[axis + 1 :])
        before = tuple((0, size) for size in shape[:axis])
        after = tuple((0, size) for size in shape[axis + 1 :])
        repeated = ((0, self.blocks),) if self.blocks > 1 else ()
        parts, start = [], 0
        for label, length in zip(self.labels, self.lengths, strict=True):
            box = (*before, *repeated, (start, start + length), *after)
            parts.append(Part(label=label, length=self.blocks * length, path=path, box=box, view=view))
            start += length
        return tuple(parts)


def by_name(layer: str, inputs: int | None, outputs: int) -> Split | None:
    """Return the split of a layer by its name; None where its name or its sizes say nothing."""
    if THIRDS.search(layer) and inputs is not None and outputs == 3 * inputs:
        return Split(QKV, (inputs,) * 3)
    return None


def fused_facts(split: Split, path: str, shape: tuple[int, ...], axis: int) -> dict[str, Any]:
    """Return the fields of a record of a fused tensor, for its axis of outputs."""
    facts: dict[str, Any] = {"axis": axis, "parts": split.parts(path, shape, axis)}
    equal = len(set(split.lengths)) == 1
    facts["outputs"] = split.blocks * split.lengths[0] if equal else split.outputs
    if split.labels in PLACES:
        facts["place"] = PLACES[split.labels]
    return facts


def with_named_parts(record: Record) -> Record:
    """Return the record of a whole tensor with the parts that the name of its layer says it has.

    Outputs may be one axis, three times the inputs, or several, of which one has an extent of three.
    """
    words = words_of(record.path)
    is_fused = record.kind == "linear" and record.role in {"kernel", "bias"} and not record.parts
    if not is_fused or len(words) < 2 or not THIRDS.search(words[-2]) or record.layout is None:  # noqa: PLR2004  # a layer and its tensor
        return record
    axes = [axis for axis, letter in enumerate(record.layout) if letter == "O"]
    if len(axes) == 1:
        split = by_name(words[-2], record.inputs, record.shape[axes[0]])
    else:
        axes = [axis for axis in axes if record.shape[axis] == len(QKV)]
        split = Split(QKV, (1,) * len(QKV)) if len(axes) == 1 else None
    if split is None or "(" in record.layout or record.outputs is None:
        return record
    facts = fused_facts(split, record.path, record.shape, axes[0])
    return dataclasses.replace(record, **facts | {"outputs": record.outputs // len(QKV)})
