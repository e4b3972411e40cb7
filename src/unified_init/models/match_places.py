"""Places that ``match`` was told of layers of one model, said of their counterparts in the other."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from unified_init.inventory.stacks import base_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.vocabulary import Place
    from unified_init.models.match_given import Pair
    from unified_init.models.match_units import Unit

__all__ = ["with_told_places"]

# The place of a fused tensor, by that of a tensor of its own which is a part of it in the other model.
FUSED: dict[Place, Place] = {
    "attention.query": "attention.qkv", "attention.key": "attention.qkv", "attention.value": "attention.qkv",
    "mlp.gate": "mlp.in",
}  # fmt: skip


def with_told_places(
    read: Inventory, pairs: Sequence[Pair], told: tuple[AbstractSet[str], AbstractSet[str]]
) -> Inventory:
    """Return the second model's inventory in which counterparts of told tensors have their places.

    Args:
        read: the second model's inventory.
        pairs: the tensors of both models that are counterparts.
        told: the paths of each model's tensors whose places were told; one that was told keeps its own.
    """
    places = {
        pair.second.record.path: _counterpart_place(pair.first, pair.second)
        for pair in pairs
        if base_of(pair.first.record) in told[0] and base_of(pair.second.record) not in told[1]
    }
    records = (dataclasses.replace(record, place=places.get(record.path, record.place)) for record in read)
    return dataclasses.replace(read, records=tuple(records))


def _counterpart_place(first: Unit, second: Unit) -> Place:
    """Return the place of the second tensor; one model may have fused what the other has apart."""
    place = first.record.place
    if second.part is None:
        return cast("Place", first.place) if place else place
    return place if first.part is not None else FUSED.get(place, place)
