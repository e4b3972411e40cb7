"""The pieces of an audit: what a recipe expects of each tensor, or why it expects nothing.

Where ``plan`` refuses a recipe that does not fit a model, an audit says so in a row: each record is planned
on its own.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import UnifiedInitError
from unified_init.inventory.records import Inventory
from unified_init.models.planning import plan_inventory
from unified_init.recipes.rule import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from unified_init.inventory.records import Part, Record
    from unified_init.models.planning import Piece

__all__ = ["Unit", "read_unit", "units_of", "unused_rules"]

NO_RULE, NO_LAW, LEFT, OK = "no rule", "no law", "left", "ok"


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """A tensor to look at: a record, one part of it or all its parts as one.

    ``piece`` is what the rule gives it; without one ``why`` says why nothing is expected, and ``reason``
    has the message of an error.
    """

    record: Record
    rule: int | None = None
    piece: Piece | None = None
    zero_row: int | None = None
    why: str = ""
    reason: str = ""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that it holds, in the order in which they lie in it."""
        return self.record.parts if self.piece is None else self.piece.parts

    @property
    def path(self) -> str:
        """The native path, with the label of a part."""
        label = self.parts[0].label if len(self.parts) == 1 else ""
        return f"{self.record.path}/{label}" if label else self.record.path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in the record's layout."""
        return self.record.shape if self.piece is None else self.piece.shape


def units_of(inventory: Inventory, recipe: Recipe) -> Iterator[Unit]:
    """Yield what is to be looked at, in order of the paths."""
    # Rules that this record does not meet are no fault of it.
    lenient = Recipe(
        recipe.name, tuple(dataclasses.replace(rule, optional=True) for rule in recipe.rules), recipe.source
    )
    for record in inventory:
        if lenient.rule_for(record) is None:
            yield Unit(record, why=NO_RULE)
            continue
        try:
            (one,) = plan_inventory(Inventory(inventory.framework, (record,)), lenient)
        except UnifiedInitError as error:
            yield Unit(record, why=NO_LAW, reason=str(error))
            continue
        if not one.pieces:
            yield Unit(record, one.rule, why=LEFT if record.size else OK)  # no values follow every law
        for piece in one.pieces:
            yield Unit(record, one.rule, piece, one.zero_row)


def unused_rules(inventory: Inventory, recipe: Recipe) -> tuple[str, ...]:
    """Return the rules that decide nothing and are not optional, in words."""
    deciding = {id(recipe.rule_for(record)) for record in inventory}
    return tuple(
        f"rule {index} ({rule})"
        for index, rule in enumerate(recipe.rules)
        if not rule.optional and id(rule) not in deciding
    )


def read_unit(read: Callable[[str], NDArray[Any]], unit: Unit) -> NDArray[Any]:
    """Return the values of a unit in its shape, as the model's forward pass sees them."""
    record = unit.record
    if not unit.parts:
        return np.reshape(read(record.path), record.shape)
    assert record.axis is not None  # noqa: S101  # a record with parts has an axis
    return np.concatenate([_region(read(part.path), part, record) for part in unit.parts], axis=record.axis)


def _region(values: NDArray[Any], part: Part, record: Record) -> NDArray[Any]:
    inside = values if part.box is None else values[tuple(slice(*ends) for ends in part.box)]
    shaped = inside.reshape(record.part_shape(part))
    return shaped + shaped.dtype.type(part.shift) if part.shift else shaped
