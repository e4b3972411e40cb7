"""Stacked layers that are separate in the other model: each is compared as a layer of its own."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

from unified_init.inventory.stacks import in_turn, layers_of_stack, stack_of
from unified_init.models.match_fused import whole
from unified_init.models.match_layers import KERNELS
from unified_init.models.match_units import Unit

if TYPE_CHECKING:
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record

__all__ = ["with_layers_apart"]

Stacks = dict[str, tuple["Record", ...]]  # the layers of each stacked tensor, by its path


def with_layers_apart(a: Inventory, b: Inventory) -> tuple[Inventory, Inventory]:
    """Return two inventories in which stacked layers have records of their own, if the other model's have.

    All tensors of one stack are apart or none is: they are apart if more of its kernels have separate tensors
    as counterparts than stacked ones.
    """
    stacks = _stacks_of(a), _stacks_of(b)
    return _apart(a, stacks[0], b, stacks[1]), _apart(b, stacks[1], a, stacks[0])


def _stacks_of(inventory: Inventory) -> Stacks:
    layers = {record.path: layers_of_stack(record) for record in inventory}
    return {path: records for path, records in layers.items() if records}


def _apart(inventory: Inventory, stacks: Stacks, other: Inventory, others: Stacks) -> Inventory:
    if not stacks:
        return inventory
    own = _separate_looks(inventory, stacks)
    separate = _separate_looks(other, others)
    stacked = [
        Counter((len(layers), _look(layers[0])) for layers in side.values()) for side in (stacks, others)
    ]
    votes: Counter[tuple[int, str]] = Counter()
    for layers in stacks.values():
        look = len(layers), _look(layers[0])
        is_separate = any(separate[unit] > own[unit] for unit in _looks(layers[0]))
        is_stacked = stacked[0][look] == stacked[1][look]
        if layers[0].role in KERNELS:
            votes[stack_of(layers[0])] += 1 if is_separate and not is_stacked else -1
    records: list[Record] = []
    for record in inventory:
        layers = stacks.get(record.path, ())
        records += layers if layers and votes[stack_of(layers[0])] > 0 else (record,)
    return dataclasses.replace(inventory, records=tuple(in_turn(records, lambda record: record)))


def _separate_looks(inventory: Inventory, stacks: Stacks) -> Counter[Any]:
    return Counter(look for record in inventory if record.path not in stacks for look in _looks(record))


def _looks(record: Record) -> set[Any]:
    """Return the looks of a tensor and of its parts, of which the other model may have either."""
    return {_look(whole(record)), *(Unit(record, part, 0).look for part in record.parts if part.label)}


def _look(record: Record) -> Any:  # noqa: ANN401  # what is compared
    return Unit(record, None, 0).look
