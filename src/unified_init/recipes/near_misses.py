"""Near misses: suggestions for a rule that matches nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.core.patterns import matches, miss

if TYPE_CHECKING:
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.recipes.rule import Rule

__all__ = ["agreement", "hint"]


def hint(rule: Rule, inventory: Inventory) -> str:
    """Return the end of a message about an unmatched rule: the nearest pattern, or the words of the model."""
    for patterns, texts in (
        (rule.name or (), [record.name for record in inventory]),
        (rule.path or (), [path for record in inventory for path in (record.path, *record.ties)]),
    ):
        for pattern in patterns:
            if not any(matches(pattern, text) for text in texts):
                return f": {miss(pattern, texts)}"
    for field in ("kind", "role", "place"):
        words = sorted({getattr(record, field) for record in inventory} - {""})
        if getattr(rule, field) and not set(getattr(rule, field)) & set(words):
            advice = _taught(rule, inventory) if field == "place" else ""
            return f": the model has no such {field}; it has {', '.join(words) or 'none'}.{advice}"
    return "."


def _taught(rule: Rule, inventory: Inventory) -> str:
    """Return how to say which layers have the place of a rule, by a tensor whose place is not known."""
    allowed = [(getattr(rule, field), field) for field in ("kind", "role")]
    for record in inventory:
        if not record.place and all(not words or getattr(record, field) in words for words, field in allowed):
            place = rule.place[0] if rule.place else ""
            return f" If {record.path!r} has it, say so: places={{{record.path!r}: {place!r}}}."
    return ""


def agreement(rule: Rule, record: Record) -> float:
    """Return the share of a rule's conditions that a record meets."""
    words = [(getattr(rule, field), getattr(record, field)) for field in ("kind", "role", "place")]
    conditions = [(allowed, value) for allowed, value in words if allowed]
    count = sum(value in allowed for allowed, value in conditions)
    return (count + 0.5) / (len(conditions) + 1)
