"""Near misses: what a rule or a pattern that matches nothing may have meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from unified_init.recipes.rule import matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.inventory.records import Inventory, Record
    from unified_init.recipes.rule import Rule

__all__ = ["agreement", "hint", "miss"]


def hint(rule: Rule, inventory: Inventory) -> str:
    """Return what a rule may have meant: the nearest pattern, or the words that the model has."""
    for patterns, texts in (
        (rule.name or (), [record.name for record in inventory]),
        (rule.path or (), [path for record in inventory for path in (record.path, *record.ties)]),
    ):
        for pattern in patterns:
            if not any(matches(pattern, text) for text in texts):
                return f": {miss(pattern, texts)}"
    for field in ("kind", "role", "place"):
        found = sorted({getattr(record, field) for record in inventory} - {""})
        if getattr(rule, field) and not set(getattr(rule, field)) & set(found):
            return f": the model has no such {field}, but {', '.join(found) or 'none at all'}."
    return "."


def miss(pattern: str, texts: Sequence[str]) -> str:
    """Return the sentence that a pattern matches nothing, and which would."""
    for better in (f"*.{pattern}", f"*/{pattern}", f"{pattern}.*", f"{pattern}/*", f"*{pattern}*"):
        if any(matches(better, text) for text in texts):
            return f"{pattern!r} matches nothing; did you mean {better!r}?"
    near = difflib.get_close_matches(pattern, texts, n=1, cutoff=0.5)
    return f"{pattern!r} matches nothing" + (f"; the nearest is {near[0]!r}." if near else ".")


def agreement(rule: Rule, record: Record) -> float:
    """How much of a rule's conditions a record meets."""
    words = [(getattr(rule, field), getattr(record, field)) for field in ("kind", "role", "place")]
    asked = [(wanted, found) for wanted, found in words if wanted]
    met = sum(found in wanted for wanted, found in asked)
    return (met + 0.5) / (len(asked) + 1)
