"""Inventories of models, as walkers make them and as users describe their layers or edit them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.layer import layer_items, place_items
from unified_init.inventory.stacks import apart
from unified_init.inventory.teaching import check_taught, taught
from unified_init.walkers.fused import with_named_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.inventory.records import Record
    from unified_init.recipes.recipe import Recipe

__all__ = ["described", "edited"]

# ruff: noqa: ANN401  # what users pass


def described(
    inventories: Sequence[Inventory], layers: Any, places: Any, recipe: Recipe | None = None
) -> tuple[Inventory, ...]:
    """Return inventories with the layers that are described; each description is about one of them at least.

    Args:
        inventories: as walkers made them.
        layers: descriptions by class or glob, which come after the recipe's own.
        places: places by glob, in the same way.
        recipe: what may have descriptions too.
    """
    own_layers, own_places = (recipe.layers, recipe.places) if recipe is not None else ((), ())
    layer_pairs = tuple({**dict(own_layers), **dict(layer_items(() if layers is None else layers))}.items())
    place_pairs = tuple({**dict(own_places), **dict(place_items(() if places is None else places))}.items())
    if not layer_pairs and not place_pairs:
        return tuple(inventories)
    check_taught(inventories, layer_pairs, place_pairs)
    return tuple(
        _with_parts(inventory, taught(inventory, layer_pairs, place_pairs)) for inventory in inventories
    )


def _with_parts(before: Inventory, after: Inventory) -> Inventory:
    """Return an inventory in which projections that were described have the parts that their names say."""
    pairs = zip(before.records, after.records, strict=True)
    records = [record if record == old else with_named_parts(record) for old, record in pairs]
    return dataclasses.replace(after, records=tuple(records))


def edited(inventory: Any, own: Inventory) -> Inventory:
    """Return a model's inventory as a user edited it; refuse one that is of another model.

    Args:
        inventory: the edited one: the same paths and shapes, and parts inside of the same tensors.
        own: as the walker made it.
    """
    if not isinstance(inventory, Inventory):
        msg = f"`inventory` must be an Inventory, got {type(inventory).__name__}: inspect(model) makes one."
        raise ArgumentTypeError(msg)
    own = apart(own, [record.path for record in inventory], inventory.records)
    known = {record.path: record for record in own}
    given = {record.path: record for record in inventory}
    for path in sorted(known.keys() ^ given.keys()):
        verb = "lacks" if path in known else "has"
        msg = f"`inventory` {verb} {path!r}, unlike the model: edit records of inspect(model), all of them."
        raise ArgumentValueError(msg)
    for path, record in given.items():
        if record.shape != known[path].shape:
            msg = f"`inventory` has {path!r} of shape {record.shape}, and the model of {known[path].shape}."
            raise ArgumentValueError(msg)
        _check_parts(record, known[path])
    return inventory


def _check_parts(record: Record, own: Record) -> None:
    """Refuse parts that are outside of the record's tensors, or of another size than their values."""
    if record.parts == own.parts:
        return
    paths = {path for path, _ in own.stored}
    whole = own.size * (own.stack[1] if own.stack else 1)
    for part in record.parts:
        size = math.prod(record.part_shape(part))
        native = part.view if part.view is not None else record.shape
        box = part.box if part.box is not None else tuple((0, length) for length in native)
        fits = len(box) == len(native) and math.prod(native) == whole
        inside = fits and all(stop <= length for (_, stop), length in zip(box, native, strict=True))
        if part.path not in paths or not inside or math.prod(stop - start for start, stop in box) != size:
            name = f"{part.label!r} of {record.path!r}"
            msg = f"`inventory` has a part {name} that is not a region of it: {shown(part)}."
            raise ArgumentValueError(msg)
