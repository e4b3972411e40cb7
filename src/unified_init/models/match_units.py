"""The tensors that a match pairs: records, and parts of fused ones, with the properties that are compared."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

from unified_init.law.layout import bind

if TYPE_CHECKING:
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.parts import Part
    from unified_init.inventory.records import Record

__all__ = ["GATED", "LABELED", "Unit", "units_of"]

# The places of the parts of a fused projection, by label.
LABELED = {
    "q": "attention.query", "k": "attention.key", "v": "attention.value", "gate": "mlp.gate", "up": "mlp.in",
}  # fmt: skip
GATED = frozenset({"lstm", "gru", "rnn"})  # layers whose parts are gates, which stay together
UNCOUNTED = frozenset({"count", "buffer"})  # not matched: one framework has them and another does not


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
    def gate(self) -> str:
        """The label of a recurrent layer's gate; "" elsewhere."""
        return self.part.label if self.part is not None and self.record.kind in GATED else ""

    @property
    def label(self) -> str:
        """The label of the projection that is fused with others; "" for one that is not."""
        return self.part.label if self.part is not None and self.record.kind not in GATED else ""

    @property
    def place(self) -> str:
        """The place of its layer in the architecture; of a part of a fused projection, by its label."""
        fused = self.record.place in {"attention.qkv", "mlp.in", "mlp.gate", ""}
        return LABELED.get(self.label, self.record.place) if fused else self.record.place

    @property
    def is_pointwise(self) -> bool:
        """Whether it is the kernel of a convolution with one position, which is that of a linear layer."""
        record = self.record
        if record.kind != "conv" or record.role != "kernel" or record.groups > 1 or record.layout is None:
            return False
        return set(bind(record.shape, record.layout, dict(record.sizes) or None).spatial()) == {1}

    @property
    def look(self) -> tuple[Any, ...]:
        """The properties that paired tensors share: role, label of a gate, extents of logical axes."""
        record, part = self.record, self.part
        shape = record.shape if part is None else record.part_shape(part)
        geometry = bind(shape, record.layout, dict(record.sizes) or None)
        if record.layout is None:
            extents: tuple[int, ...] = (math.prod(shape),)
        elif record.kind == "embedding":
            extents = (geometry.extent("B"), geometry.extent("O"))
        else:
            extents = (math.prod(geometry.extent(role) for role in "BO"), geometry.extent("I"))
            extents += () if self.is_pointwise else geometry.spatial()
        return record.role, self.gate, extents

    @property
    def extents(self) -> tuple[int, ...]:
        """Its shape in logical order, without extents of 1: what tensors that hold the same values share."""
        shape = self.record.shape if self.part is None else self.record.part_shape(self.part)
        geometry = bind(shape, self.record.layout, dict(self.record.sizes) or None)
        if geometry.layout is None:
            return tuple(size for size in shape if size != 1)
        letters = dict.fromkeys(digit.role for digit in geometry.digits)
        return tuple(size for size in map(geometry.extent, letters) if size != 1)

    @property
    def shown(self) -> str:
        """What it is, in a message."""
        role, gate, extents = self.look
        return f"{self.record.kind} {role}{f' of gate {gate}' if gate else ''} of extents {extents}"


def units_of(inventory: Inventory) -> list[Unit]:
    """Return the units of an inventory in its order, without those that only some frameworks have."""
    records = [record for record in inventory if record.role not in UNCOUNTED]
    # A part without a label is the record itself; it only has the shift that the forward pass adds, say.
    pairs = [
        (record, part if part and part.label else None)
        for record in _numbered(records)
        for part in record.parts or (None,)
    ]
    return [Unit(record, part, order) for order, (record, part) in enumerate(pairs)]


def _numbered(records: list[Record]) -> list[Record]:
    """Return records with numbers in numerical order where they are in the order of a sorted tree of JAX.

    There "Dense_10" comes before "Dense_2". Any other order is the model's own, and stays.
    """
    series: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        series.setdefault(re.sub(r"\d+", "#", record.path), []).append(index)
    ordered = list(records)
    for indices in series.values():
        paths = [records[index].path for index in indices]
        if paths != sorted(paths):
            continue
        ranked = sorted(
            indices, key=lambda index: [int(digits) for digits in re.findall(r"\d+", records[index].path)]
        )
        for index, source in zip(indices, ranked, strict=True):
            ordered[index] = records[source]
    return ordered
