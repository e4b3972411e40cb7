"""What the descriptions of layers share: fused parts, stacked layers, parameters of unknown layers."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from unified_init.errors import ArgumentValueError
from unified_init.inventory.parts import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ComputedError", "PackedError", "check_complete", "loose", "pieces", "stacked"]

POSITION = re.compile(r"pos(ition)?_?(al)?_?(emb|enc)|^pos$|rel_pos")
TOKEN = re.compile(
    r"(cls|class|reg(ister)?|mask|dist(ill(ation)?)?|sep|query)_?(tokens?|embeddings?|emb)(?![a-z])"
    r"|(?<!embed)_tokens?$|^(cls|reg(ister)?s?)$"
)
BIAS = re.compile(r"(^|_)bias$")
SCALED = re.compile(r"layer_?scale|^gamma(_\d)?$|lambda_?\d|^ls\d?$")


class ComputedError(ArgumentValueError):
    """A tensor that its layer computes from others, or changes before use: a written value would not last."""


class PackedError(ArgumentValueError):
    """Weights in a form of their framework's own, which cannot be read."""


def check_complete(abstract: Iterable[str], advice: str) -> None:
    """Refuse to leave arrays without values in a model whose other arrays get some."""
    paths = sorted(abstract)
    if paths:
        names = ", ".join(map(repr, paths[:5]))
        msg = (
            f"{names} {'is' if len(paths) == 1 else 'are'} abstract and would stay without values: {advice}."
        )
        raise ArgumentValueError(msg)


def loose(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the facts of a parameter without a known layer, as far as its name shows them."""
    layout = "B" * (len(shape) - 1) + "O" if shape else None
    facts: dict[str, Any] = {"kind": "parameter", "layout": layout, "outputs": shape[-1] if shape else None}
    if POSITION.search(name):
        return facts | {"role": "position", "place": "embedding.position"}
    if TOKEN.search(name):
        return facts | {"role": "token"}
    if SCALED.search(name):
        return facts | {"role": "layer_scale"}
    if BIAS.search(name):
        return facts | {"role": "bias"}
    return {"kind": "parameter", "role": "parameter", "layout": None}


def pieces(
    path: str,
    shape: tuple[int, ...],
    axis: int,
    labels: Sequence[str],
    *,
    start: tuple[int, ...] | None = None,
    shifts: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return equal parts along one axis of a region of a native tensor.

    Args:
        path: the native tensor.
        shape: shape of the region.
        axis: the axis along which the parts follow each other.
        labels: one per part, in the order of storage.
        start: where the region starts in the tensor; None is its origin.
        shifts: the numbers that the forward pass adds to parts, by label.
    """
    origin = start or (0,) * len(shape)
    length = shape[axis] // len(labels)
    parts = []
    for index, label in enumerate(labels):
        box = [(first, first + size) for first, size in zip(origin, shape, strict=True)]
        first = origin[axis] + index * length
        box[axis] = (first, first + length)
        shift = (shifts or {}).get(label, 0.0)
        parts.append(Part(label=label, length=length, path=path, box=tuple(box), shift=shift))
    return {"axis": axis, "parts": tuple(parts)}


def stacked(facts: Mapping[str, Any], lead: tuple[int, ...]) -> dict[str, Any]:
    """Return the facts of independent layers that are stacked along leading axes."""
    result = dict(facts)
    if not lead:
        return result
    result["shape"] = (*lead, *result["shape"])
    if result["layout"] is not None or len(result["shape"]) == len(lead):
        result["layout"] = "B" * len(lead) + (result["layout"] or "")
    if "axis" in result:
        lead_box = tuple((0, size) for size in lead)
        result["axis"] += len(lead)
        result["parts"] = tuple(
            dataclasses.replace(
                part,
                box=(*lead_box, *(part.box or ())),
                view=None if part.view is None else (*lead, *part.view),
            )
            for part in result["parts"]
        )
    return result
