"""What a plan refuses as a whole: idle rules, labels of no part, two parameters on one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.errors import ArgumentValueError
from unified_init.recipes.near_misses import agreement, hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.inventory.records import Inventory, Record
    from unified_init.recipes.assignment import Assignment
    from unified_init.recipes.rule import Recipe

__all__ = ["check_labels", "check_lost", "check_rules", "check_streams"]

SHOWN = 5


def check_lost(recipe: Recipe, lost: Sequence[Record], count: int) -> None:
    """Refuse parameters that no rule matches."""
    if not lost:
        return
    shown = [
        f"{record.path!r} ({', '.join(filter(None, (record.kind, record.role, record.place)))})"
        for record in lost[:SHOWN]
    ]
    more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
    nearest = max(recipe.rules, key=lambda rule: agreement(rule, lost[0]))
    msg = (
        f"no rule of recipe {recipe.name!r} matches {len(lost)} of {count} parameters: "
        f"{', '.join(shown)}{more}; "
        f"the nearest rule to the first is {recipe.rules.index(nearest)} ({nearest}): add a rule, "
        "one with spec=None to leave them as they are, or skip= them."
    )
    raise ArgumentValueError(msg)


def check_labels(recipe: Recipe, inventory: Inventory, decided: Sequence[int | None]) -> None:
    """Refuse labels of parts that none of a rule's records has."""
    for index, rule in enumerate(recipe.rules):
        records = [record for record, by in zip(inventory, decided, strict=True) if by == index]
        labels = {part.label for record in records for part in record.parts}
        for label, _ in rule.parts:
            if label not in labels and not rule.optional:
                existing = ", ".join(sorted(labels)) or "none"
                msg = (
                    f"`parts` of rule {index} of recipe {recipe.name!r} ({rule}) names {label!r}, which "
                    f"none of its parameters has; their parts are {existing}."
                )
                raise ArgumentValueError(msg)


def check_rules(recipe: Recipe, inventory: Inventory, decided: Sequence[int | None]) -> None:
    """Refuse a rule that decides nothing, unless it is optional."""
    for index, rule in enumerate(recipe.rules):
        if rule.optional or index in decided:
            continue
        taken = [(record, by) for record, by in zip(inventory, decided, strict=True) if rule.matches(record)]
        head = f"rule {index} of recipe {recipe.name!r} ({rule})"
        if taken:
            record, by = taken[0]
            msg = (
                f"{head} decides nothing: rule {by} comes first for all it matches, such as {record.path!r}."
            )
            raise ArgumentValueError(msg)
        msg = f"{head} matches no parameter{hint(rule, inventory)}"
        raise ArgumentValueError(msg)


def check_streams(assignments: Sequence[Assignment]) -> None:
    """Refuse two random pieces of one name: they would have the same values."""
    seen: dict[str, str] = {}
    for assignment in assignments:
        for piece in assignment.pieces:
            if not piece.law.random:
                continue
            if piece.name in seen:
                msg = (
                    f"the stream {piece.name!r} would draw both {seen[piece.name]!r} and "
                    f"{assignment.record.path!r}, which would be equal: give one another name with `names`."
                )
                raise ArgumentValueError(msg)
            seen[piece.name] = assignment.record.path
