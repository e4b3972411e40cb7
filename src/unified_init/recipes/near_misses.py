"""Near misses: suggestions for a rule that matches nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from unified_init.core.patterns import matches, miss
from unified_init.inventory.places import is_word_of

if TYPE_CHECKING:
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.recipes.rule import Rule

__all__ = ["agreement", "hint"]

NUMBER = re.compile(r"(?<=[./])\d+(?=[./])")  # of a block, in a path


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
            text = (
                f"the model has no such {field}; it has {', '.join(words)}"
                if words
                else (f"no layer of the model has a known {field}")
            )
            return f": {text}.{advice}"
    return "."


def _taught(rule: Rule, inventory: Inventory) -> str:
    """Return how to say which layers have the place of a rule, by a tensor whose place is not known."""
    allowed = [(getattr(rule, field), field) for field in ("kind", "role")]
    place = rule.place[0] if rule.place else ""
    paths = [
        record.path
        for record in inventory
        if not record.place and all(not words or getattr(record, field) in words for words, field in allowed)
    ]
    likely = [path for path in paths if is_word_of(place, path)]
    if not paths:
        return ""
    path = NUMBER.sub("*", likely[0]) if likely else paths[0]
    return f" If {path!r} has it, say so: places={{{path!r}: {place!r}}}."


def agreement(rule: Rule, record: Record) -> float:
    """Return the share of a rule's conditions that a record meets."""
    words = [(getattr(rule, field), getattr(record, field)) for field in ("kind", "role", "place")]
    conditions = [(allowed, value) for allowed, value in words if allowed]
    count = sum(value in allowed for allowed, value in conditions)
    return (count + 0.5) / (len(conditions) + 1)
