"""The rows of ``unified-init names``: another framework's initializer, ours, and what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.text_table import aligned
from unified_init.errors import ArgumentValueError
from unified_init.interop.catalogue import EXCLUDED, FRAMEWORKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.interop.catalogue_entry import Entry

__all__ = ["rows_of", "text_of"]

Row = tuple[str, str, str]
HEADINGS = ("theirs", "ours", "note")


def rows_of(word: str) -> list[Row]:
    """Return the rows of a name, with or without a dotted path and an underscore at its end.

    Raises:
        ArgumentValueError: no framework has it, nor this library.

    Example:
        >>> rows_of("torch.nn.init.kaiming_normal_")[0][1].startswith("kaiming_normal(")
        True
    """
    rows = [row for entry in _entries() if (row := _row(entry, word)) is not None]
    rows += [(name, "", reason) for name, reason in EXCLUDED.items() if _named(name, word)]
    if not rows:
        full = [name for entry in _entries() for name in entry.names]
        hint = checks.nearest(word, sorted({*full, *(name.rpartition(".")[2] for name in full)}))
        msg = f"`WORD` {word!r} is not an initializer of any framework known here{hint and '; '}{hint}"
        raise ArgumentValueError(msg)
    return rows


def text_of(rows: list[Row]) -> str:
    """Return the rows as a table."""
    return "\n".join(aligned([HEADINGS, *rows]))


def _entries() -> Iterator[Entry]:
    return (entry for _, entries in FRAMEWORKS for entry in entries)


def _row(entry: Entry, word: str) -> Row | None:
    """Return the row of an entry that has the name, or whose spec here has it."""
    name = next((name for name in entry.names if _named(name, word)), None)
    if name is None and entry.expression.partition("(")[0] == word:
        name = entry.names[0]
    return None if name is None else (name, entry.expression, entry.differs)


def _named(name: str, word: str) -> bool:
    name, word = name.rstrip("_").lower(), word.rstrip("_").lower()
    return word in {name, name.rpartition(".")[2]}
