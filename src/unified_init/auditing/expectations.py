"""Expectations: the law that a recipe expects of each tensor of a model, or why it expects none.

Where ``plan`` refuses a recipe that does not fit a model, an audit says so in the row of the record: each
record is assigned separately.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import UnifiedInitError
from unified_init.models.tensors import LogicalTensor
from unified_init.recipes.assignment import assign_by, deciding_rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.parts import Box, Part
    from unified_init.inventory.records import Record
    from unified_init.recipes.assignment import Piece
    from unified_init.recipes.recipe import Recipe

__all__ = ["Expectation", "deciding_rules", "expectations_of", "read_tensor", "unused_rules"]

NO_RULE, NO_LAW, LEFT, OK = "no rule", "no law", "left", "ok"


@dataclasses.dataclass(frozen=True, slots=True)
class Expectation:
    """The expectation of one tensor: of a record, of one part of it, or of all its parts as one.

    ``piece`` has the law. Without it, ``why`` says why nothing is expected, and ``reason`` has the message of
    an error. ``box`` is the region of the tensor that the rule is about; None is all of it.
    """

    record: Record
    rule: int | None = None
    piece: Piece | None = None
    zero_row: int | None = None
    box: Box | None = None
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


def deciding_rules(inventory: Inventory, recipe: Recipe) -> list[int | None]:
    """Return the index of the rule that decides each record; None where none does."""
    frozen = inventory.frozen
    return [deciding_rule(record, recipe, frozen=record.path in frozen) for record in inventory]


def expectations_of(
    inventory: Inventory, recipe: Recipe, deciding: Sequence[int | None]
) -> Iterator[Expectation]:
    """Yield the expectation of each tensor, in the order of the inventory."""
    frozen = inventory.frozen
    for record, index in zip(inventory, deciding, strict=True):
        if index is None:
            yield Expectation(record, why=LEFT if record.path in frozen else NO_RULE)
            continue
        try:
            assignment = assign_by(index, record, recipe)
        except UnifiedInitError as error:
            yield Expectation(record, why=NO_LAW, reason=str(error))
            continue
        if not assignment.pieces:  # an empty tensor follows every law
            yield Expectation(record, assignment.rule, why=LEFT if record.size else OK)
        for piece in assignment.pieces:
            zero_row, box = assignment.zero_row, assignment.box
            if zero_row is not None and box is not None:
                zero_row -= box[0][0]
            yield Expectation(assignment.record, assignment.rule, piece, zero_row, box)


def unused_rules(inventory: Inventory, recipe: Recipe, deciding: Sequence[int | None]) -> tuple[str, ...]:
    """Return the rules that decide nothing and are not optional, in words."""
    frozen = inventory.frozen
    tables, used = [record for record in inventory if record.path in frozen], set(deciding)
    return tuple(
        f"rule {index} ({rule})"
        for index, rule in enumerate(recipe.rules)
        if not rule.optional and index not in used and not any(map(rule.matches, tables))
    )


def read_tensor(read: Callable[[str], NDArray[Any]], expectation: Expectation) -> NDArray[Any]:
    """Return the values of a tensor, or of its region, as the model's forward pass sees them."""
    values = _whole(read, expectation)
    return values if expectation.box is None else values[tuple(slice(*ends) for ends in expectation.box)]


def _whole(read: Callable[[str], NDArray[Any]], expectation: Expectation) -> NDArray[Any]:
    record = expectation.record
    if not expectation.parts:
        return np.asarray(read(record.path)).reshape(record.shape)
    assert record.axis is not None  # noqa: S101  # a record with parts has an axis
    tensors = [LogicalTensor(record, part, record.name) for part in expectation.parts]
    return np.concatenate([tensor.values(read) for tensor in tensors], axis=record.axis)
