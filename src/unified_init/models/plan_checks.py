"""Checks of a plan as a whole: idle rules, labels without a part, two parameters on one stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.errors import ArgumentValueError
from unified_init.recipes.near_misses import agreement, hint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.recipes.assignment import Assignment
    from unified_init.recipes.recipe import Recipe

__all__ = ["check_labels", "check_rules", "check_streams", "check_unmatched"]

SHOWN = 5
# What nearly all layers have where they begin.
USUAL = {
    "bias": "zeros", "recurrent_bias": "zeros", "offset": "zeros", "mean": "zeros", "count": "zeros",
    "scale": "ones", "variance": "ones",
}  # fmt: skip


def check_unmatched(recipe: Recipe, unmatched: Sequence[Record], count: int) -> None:
    """Refuse parameters that no rule matches."""
    if not unmatched:
        return
    listing = [
        f"{record.path!r} ({', '.join(filter(None, (record.kind, record.role, record.place)))})"
        for record in unmatched[:SHOWN]
    ]
    more = f" and {len(unmatched) - SHOWN} more" if len(unmatched) > SHOWN else ""
    nearest = max(recipe.rules, key=lambda rule: agreement(rule, unmatched[0]))
    role = unmatched[0].role if unmatched[0].kind != "parameter" else ""  # that of a layer which is known
    example = f" such as Rule(spec={USUAL[role]}(), role={role!r})" if role in USUAL else ""
    msg = (
        f"no rule of recipe {recipe.name!r} matches {len(unmatched)} of {count} parameters: "
        f"{', '.join(listing)}{more}; "
        f"the nearest rule to the first is {recipe.rules.index(nearest)} ({nearest}): add a rule{example}, "
        "one with spec=None to leave them as they are, or skip= them."
    )
    raise ArgumentValueError(msg)


def check_labels(recipe: Recipe, inventory: Inventory, rule_indices: Sequence[int | None]) -> None:
    """Refuse labels of parts that none of a rule's records has."""
    for index, rule in enumerate(recipe.rules):
        records = [
            record for record, rule_index in zip(inventory, rule_indices, strict=True) if rule_index == index
        ]
        labels = {part.label for record in records for part in record.parts}
        for label, _ in rule.parts:
            if label not in labels and not rule.optional:
                existing = ", ".join(sorted(labels)) or "none"
                msg = (
                    f"`parts` of rule {index} of recipe {recipe.name!r} ({rule}) names {label!r}, which "
                    f"none of its parameters has; their parts are {existing}."
                )
                raise ArgumentValueError(msg)


def check_rules(recipe: Recipe, inventory: Inventory, rule_indices: Sequence[int | None]) -> None:
    """Refuse a rule that decides nothing, unless it is optional."""
    for index, rule in enumerate(recipe.rules):
        if rule.optional or index in rule_indices:
            continue
        overruled = [
            (record, rule_index)
            for record, rule_index in zip(inventory, rule_indices, strict=True)
            if rule.matches(record)
        ]
        if any(rule_index is None for _, rule_index in overruled):
            continue  # it matches a frozen table, which is left because no rule names it
        head = f"rule {index} of recipe {recipe.name!r} ({rule})"
        if overruled:
            record, rule_index = overruled[0]
            msg = (
                f"{head} decides nothing: rule {rule_index} comes first for all it matches, such as "
                f"{record.path!r}."
            )
            raise ArgumentValueError(msg)
        reason = f" ({rule.note})" if rule.note else ""
        msg = f"{head} matches no parameter{reason}{hint(rule, inventory)}"
        raise ArgumentValueError(msg)


def check_streams(assignments: Sequence[Assignment], recipe: Recipe) -> None:
    """Refuse two random pieces with one stream name that no rule shares: they would have the same values."""
    seen: dict[str, str] = {}
    for assignment in assignments:
        is_shared = recipe.rules[assignment.rule].stream is not None
        for piece in assignment.pieces:
            if is_shared or not piece.law.random:
                continue
            if piece.name in seen:
                msg = (
                    f"the stream {piece.name!r} would draw both {seen[piece.name]!r} and "
                    f"{assignment.record.path!r}, which would be equal: give one another name with `names`."
                )
                raise ArgumentValueError(msg)
            seen[piece.name] = assignment.record.path
