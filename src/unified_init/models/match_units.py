"""The units of matching: records, and parts of fused ones, with the properties that are compared."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

from unified_init.law.layout import bind

if TYPE_CHECKING:
    from unified_init.inventory.records import Inventory, Part, Record

__all__ = ["Unit", "units_of"]

# Kinds that match each other: a projection of attention is a linear layer.
KIN = {"attention": "linear", "rms_norm": "layer_norm"}
LABELLED = {"q": "attention.query", "k": "attention.key", "v": "attention.value"}
UNCOUNTED = frozenset({"count", "buffer"})  # not matched: one framework has them and another does not
SIDES = {
    "encoder": "encoder", "enc": "encoder", "decoder": "decoder", "dec": "decoder",
    "reverse": "backward", "backward": "backward", "bwd": "backward", "forward": "forward", "fwd": "forward",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """A record, or one part of a fused record. ``order`` is its position in the model."""

    record: Record
    part: Part | None
    order: int

    @property
    def path(self) -> str:
        """The key of a name map."""
        return self.record.path if self.part is None else f"{self.record.path}/{self.part.label}"

    @property
    def stream(self) -> str:
        """The stream name under which it is drawn."""
        return self.record.name if self.part is None else f"{self.record.name}/{self.part.label}"

    @property
    def place(self) -> str:
        """The place of its layer in the architecture; for a part of fused attention, by the part's label."""
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
        """The words of the layer's path. The tensor's own word is left out: frameworks differ in it."""
        words = re.split(r"[./~#]+", self.record.path)
        label = () if self.part is None else (self.part.label,)
        return (*words[:-1], *(words[-1:] if len(words) == 1 else ()), *label)

    @property
    def look(self) -> tuple[Any, ...]:
        """The properties that matched units share: kind, role, label of a gate, extents of logical axes."""
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
    """Return the units of an inventory in its order, except that numbers in paths are in numerical order.

    A tree of JAX is sorted by its keys, where "Dense_10" comes before "Dense_2".
    """
    records = [record for record in inventory if record.role not in UNCOUNTED]
    series: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        series.setdefault(re.sub(r"\d+", "#", record.path), []).append(index)
    ordered = list(records)
    for indices in series.values():
        ranked = sorted(
            indices, key=lambda index: [int(digits) for digits in re.findall(r"\d+", records[index].path)]
        )
        for index, source in zip(indices, ranked, strict=True):
            ordered[index] = records[source]
    # A part without a label is the record itself; it only has the shift that the forward pass adds, say.
    pairs = [
        (record, part if part and part.label else None)
        for record in ordered
        for part in record.parts or (None,)
    ]
    return [Unit(record, part, order) for order, (record, part) in enumerate(pairs)]
