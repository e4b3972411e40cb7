"""Expectations: the law that a recipe expects of each tensor of a model, or why it expects none.

Where ``plan`` refuses a recipe that does not fit a model, an audit says so in the row of the record: each
record is assigned separately.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import UnifiedInitError
from unified_init.recipes.assignment import assign, deciding_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from unified_init.inventory.records import Inventory, Part, Record
    from unified_init.recipes.assignment import Piece
    from unified_init.recipes.rule import Recipe

__all__ = ["Expectation", "expectations_of", "read_tensor", "unused_rules"]

NO_RULE, NO_LAW, LEFT, OK = "no rule", "no law", "left", "ok"


@dataclasses.dataclass(frozen=True, slots=True)
class Expectation:
    """The expectation of one tensor: of a record, of one part of it, or of all its parts as one.

    ``piece`` has the law. Without it, ``why`` says why nothing is expected, and ``reason`` has the message of
    an error.
    """

    record: Record
    rule: int | None = None
    piece: Piece | None = None
    zero_row: int | None = None
    why: str = ""
    reason: str = ""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in the tensor, in their order along the record's axis."""
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


def expectations_of(inventory: Inventory, recipe: Recipe) -> Iterator[Expectation]:
    """Yield the expectation of each tensor, in the order of the inventory."""
    for record in inventory:
        try:
            assignment = assign(record, recipe)
        except UnifiedInitError as error:
            yield Expectation(record, why=NO_LAW, reason=str(error))
            continue
        if assignment is None:
            yield Expectation(record, why=NO_RULE)
            continue
        if not assignment.pieces:  # an empty tensor follows every law
            yield Expectation(record, assignment.rule, why=LEFT if record.size else OK)
        for piece in assignment.pieces:
            yield Expectation(record, assignment.rule, piece, assignment.zero_row)


def unused_rules(inventory: Inventory, recipe: Recipe) -> tuple[str, ...]:
    """Return the rules that decide nothing and are not optional, in words."""
    deciding = {deciding_rule(record, recipe) for record in inventory}
    return tuple(
        f"rule {index} ({rule})"
        for index, rule in enumerate(recipe.rules)
        if not rule.optional and index not in deciding
    )


def read_tensor(read: Callable[[str], NDArray[Any]], expectation: Expectation) -> NDArray[Any]:
    """Return the values of a tensor in its shape, as the model's forward pass sees them."""
    record = expectation.record
    if not expectation.parts:
        return np.reshape(read(record.path), record.shape)
    assert record.axis is not None  # noqa: S101  # a record with parts has an axis
    return np.concatenate(
        [_region(read(part.path), part, record) for part in expectation.parts], axis=record.axis
    )


def _region(values: NDArray[Any], part: Part, record: Record) -> NDArray[Any]:
    shaped: NDArray[Any] = part.region(values).reshape(record.part_shape(part))
    return shaped + shaped.dtype.type(part.shift) if part.shift else shaped
