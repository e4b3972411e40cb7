"""Rows of text as lines with aligned columns. Every table that prints itself uses this."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["aligned"]


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
