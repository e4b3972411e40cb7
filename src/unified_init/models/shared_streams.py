"""Parameters that depend on another one: drawn under its stream name, so that the same words decide both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError

if TYPE_CHECKING:
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.recipes.recipe import Recipe

__all__ = ["stream_of_other"]


def stream_of_other(record: Record, recipe: Recipe, index: int, inventory: Inventory) -> str | None:
    """Return the stream name of the parameter on which a record depends by its rule; None if on none.

    Args:
        record: the record.
        recipe: the recipe.
        index: the rule that decides the record.
        inventory: all records, with the stream names that are used.

    Raises:
        ArgumentValueError: the model has no such parameter.
    """
    rule = recipe.rules[index]
    if rule.stream is None:
        return None
    old, new = rule.stream
    if old in record.path:
        path = record.path.replace(old, new)
        for other in inventory:
            if path in (other.path, *other.ties) and other.size == record.size:
                return other.name
        reason = f"the model has no parameter {path!r} with as many values"
    else:
        reason = f"its path has no {old!r}"
    msg = (
        f"{record.path!r}, by rule {index} of recipe {recipe.name!r} ({rule}): `stream` must name another "
        f"parameter, got {shown(rule.stream)}: {reason}."
    )
    raise ArgumentValueError(msg)
