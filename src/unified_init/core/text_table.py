"""Rows of text as lines with aligned columns, or as HTML. Every result that prints itself uses this."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["aligned", "as_html"]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one line per row: columns aligned to the left, two spaces apart, no spaces at the end of a line.

    Args:
        rows: of equally many cells; headings are a row like any other. Without rows there are no lines.

    Raises:
        ValueError: rows of different lengths.

    Example:
        >>> aligned([("path", "std"), ("fc.weight", "0.02"), ("fc.bias", "")])
        ['path       std', 'fc.weight  0.02', 'fc.bias']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def as_html(head: str, rows: Sequence[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """Return a summary, a table and notes as HTML for a notebook; all text is escaped.

    Args:
        head: the summary, above the table.
        rows: as for ``aligned``; the first has the headings.
        notes: lines below the table.

    Example:
        >>> as_html("1 < 2", [("path",), ("w",)])
        '<p>1 &lt; 2</p><table><tr><th>path</th></tr><tr><td>w</td></tr></table>'
    """
    import html  # noqa: PLC0415  # for notebooks alone

    lines = [
        "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        for tag, row in (("th" if index == 0 else "td", row) for index, row in enumerate(rows))
    ]
    table = "".join(f"<tr>{line}</tr>" for line in lines)
    listing = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f"<p>{html.escape(head)}</p><table>{table}</table>" + (f"<ul>{listing}</ul>" if listing else "")
