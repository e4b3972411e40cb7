"""What descriptions of layers share: fused pieces, stacked copies, parameters that no layer explains."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from unified_init.errors import ArgumentValueError
from unified_init.inventory.records import Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ComputedError", "check_complete", "loose", "pieces", "stacked"]

POSITION = re.compile(r"pos(ition)?_?(al)?_?(emb|enc)|^pos$|rel_pos")
TOKEN = re.compile(r"(cls|class|reg|mask|dist|sep|query)_?(token|embedding|emb)|_token$")
SCALED = re.compile(r"layer_?scale|^gamma(_\d)?$|lambda_?\d|^ls\d?$")


class ComputedError(ArgumentValueError):
    """A tensor that its layer computes from others, or changes before it uses it: no written value stays."""


def check_complete(abstract: Iterable[str], advice: str) -> None:
    """Refuse to leave arrays without values in a model whose other arrays get some."""
    lost = sorted(abstract)
    if lost:
        shown = ", ".join(map(repr, lost[:5]))
        msg = f"{shown} {'is' if len(lost) == 1 else 'are'} abstract and would stay without values: {advice}."
        raise ArgumentValueError(msg)


def loose(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return what a parameter without a known layer is, as far as its name says."""
    layout = "B" * (len(shape) - 1) + "O" if shape else None
    found: dict[str, Any] = {"kind": "parameter", "layout": layout, "outputs": shape[-1] if shape else None}
    if POSITION.search(name):
        return found | {"role": "position", "place": "embedding.position"}
    if TOKEN.search(name):
        return found | {"role": "token"}
    if SCALED.search(name):
        return found | {"role": "layer_scale"}
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
        axis: the axis that is cut.
        labels: one a part, in the order of storage.
        start: where the region starts in the tensor; None is its origin.
        shifts: what the forward pass adds to parts.
    """
    origin = start or (0,) * len(shape)
    length = shape[axis] // len(labels)
    parts = []
    for at, label in enumerate(labels):
        box = [(first, first + size) for first, size in zip(origin, shape, strict=True)]
        first = origin[axis] + at * length
        box[axis] = (first, first + length)
        shift = (shifts or {}).get(label, 0.0)
        parts.append(Part(label=label, length=length, path=path, box=tuple(box), shift=shift))
    return {"axis": axis, "parts": tuple(parts)}


def stacked(facts: Mapping[str, Any], lead: tuple[int, ...]) -> dict[str, Any]:
    """Return the facts of copies of a layer that leading axes hold, drawn apart from each other."""
    found = dict(facts)
    if not lead:
        return found
    found["shape"] = (*lead, *found["shape"])
    if found["layout"] is not None or len(found["shape"]) == len(lead):
        found["layout"] = "B" * len(lead) + (found["layout"] or "")
    if "axis" in found:
        ahead = tuple((0, size) for size in lead)
        found["axis"] += len(lead)
        found["parts"] = tuple(
            dataclasses.replace(part, box=(*ahead, *(part.box or ()))) for part in found["parts"]
        )
    return found
