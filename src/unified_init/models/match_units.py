"""What matching compares: records and parts of fused ones, by what twins have in common."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

from unified_init.law.layout import bind

if TYPE_CHECKING:
    from unified_init.inventory.records import Inventory, Part, Record

__all__ = ["Unit", "units_of"]

# Kinds that are one thing under two names: a projection of attention is a linear layer.
KIN = {"attention": "linear", "rms_norm": "layer_norm"}
LABELLED = {"q": "attention.query", "k": "attention.key", "v": "attention.value"}
UNCOUNTED = frozenset({"count", "buffer"})  # counters, which one framework has and the other not
SIDES = {
    "encoder": "encoder", "enc": "encoder", "decoder": "decoder", "dec": "decoder",
    "reverse": "backward", "backward": "backward", "bwd": "backward", "forward": "forward", "fwd": "forward",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """A record, or one part of a fused one: what is matched with what. ``order`` is its turn in the model."""

    record: Record
    part: Part | None
    order: int

    @property
    def path(self) -> str:
        """The key of a name map."""
        return self.record.path if self.part is None else f"{self.record.path}/{self.part.label}"

    @property
    def stream(self) -> str:
        """The name it is drawn under."""
        return self.record.name if self.part is None else f"{self.record.name}/{self.part.label}"

    @property
    def place(self) -> str:
        """The place of its layer in the architecture; that of a part of attention, by the part's label."""
        if self.part is not None and self.record.place == "attention.qkv":
            return LABELLED.get(self.part.label, self.record.place)
        return self.record.place

    @property
    def side(self) -> str:
        """The side that its path names: encoder or decoder, forward or backward; "" for none or several."""
        sides = {SIDES[word] for word in re.split(r"[^a-z]+", self.record.path.lower()) if word in SIDES}
        return sides.pop() if len(sides) == 1 else ""

    @property
    def setting(self) -> tuple[str, str]:
        """Its place and its side."""
        return self.place, self.side

    @property
    def layer(self) -> tuple[str, ...]:
        """The words of the layer's path; those of the tensor differ between frameworks."""
        words = re.split(r"[./~#]+", self.record.path)
        label = () if self.part is None else (self.part.label,)
        return (*words[:-1], *(words[-1:] if len(words) == 1 else ()), *label)

    @property
    def look(self) -> tuple[Any, ...]:
        """What twins have in common: kind, role, label of a gate, extents of the logical axes."""
        record, part = self.record, self.part
        shape = record.shape if part is None else record.part_shape(part)
        geometry = bind(shape, record.layout, dict(record.sizes) or None)
        if record.layout is None:
            extents: tuple[int, ...] = (math.prod(shape),)
        else:
            extents = (math.prod(geometry.extent(role) for role in "BO"), geometry.extent("I"))
            extents += geometry.spatial()
        gate = part.label if part is not None and part.label not in LABELLED else ""
        return KIN.get(record.kind, record.kind), record.role, gate, extents


def units_of(inventory: Inventory) -> list[Unit]:
    """Return what can be matched of an inventory, in its order, with numbers in the order of numbers.

    A tree of JAX is sorted by its keys, in which "Dense_10" comes before "Dense_2".
    """
    records = [record for record in inventory if record.role not in UNCOUNTED]
    series: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        series.setdefault(re.sub(r"\d+", "#", record.path), []).append(index)
    ordered = list(records)
    for indices in series.values():
        ranked = sorted(indices, key=lambda index: [int(n) for n in re.findall(r"\d+", records[index].path)])
        for index, source in zip(indices, ranked, strict=True):
            ordered[index] = records[source]
    # A part without a label is the record itself: it says what the forward pass adds, say.
    pairs = [
        (record, part if part and part.label else None)
        for record in ordered
        for part in record.parts or (None,)
    ]
    return [Unit(record, part, order) for order, (record, part) in enumerate(pairs)]
