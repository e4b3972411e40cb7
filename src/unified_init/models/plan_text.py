"""A plan as a table and as plain data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unified_init.core.text_table import aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unified_init.recipes.assignment import Assignment

__all__ = ["table", "tree"]

LAW_NUMBERS = ("mean", "std", "low", "high", "fan_in", "fan_out")
HEADINGS = ("path", "shape", "kind", "role", "rule", "law", "fan_in", "fan_out", "mean", "std", "low", "high")


def _rows(assignment: Assignment) -> Iterator[tuple[str, ...]]:
    record = assignment.record
    for piece in assignment.pieces:
        law = piece.law
        path = f"{record.path}/{piece.label}" if piece.label else record.path
        if assignment.box is not None:
            path += f"[{', '.join(f'{start}:{stop}' for start, stop in assignment.box)}]"
        numbers = (law.fan_in, law.fan_out, law.mean, law.std, law.low, law.high)
        yield (
            path, str(piece.shape), record.kind, record.role, str(assignment.rule), piece.spec.label,
            *("" if value is None else f"{value:.5g}" for value in numbers),
        )  # fmt: skip
    if not assignment.pieces:
        yield (
            record.path,
            str(record.shape),
            record.kind,
            record.role,
            str(assignment.rule),
            "left",
            *[""] * 6,
        )


def table(assignments: Sequence[Assignment]) -> list[str]:
    """Return the lines of a table, headings first."""
    return aligned([HEADINGS, *(row for assignment in assignments for row in _rows(assignment))])


def tree(assignment: Assignment) -> dict[str, Any]:
    """Return one assignment as plain data."""
    from unified_init.interop.serialise import to_dict  # noqa: PLC0415  # few plans are written down

    number: Callable[[float | None], Any] = lambda x: (  # noqa: E731
        x if x is None or math.isfinite(x) else str(x)
    )
    return {
        "path": assignment.record.path,
        "rule": assignment.rule,
        "zero_row": assignment.zero_row,
        "box": assignment.box and [list(ends) for ends in assignment.box],
        "pieces": [
            {
                "stream": piece.name,
                "shape": list(piece.shape),
                "layout": assignment.record.layout,
                "fans": None if piece.fans is None else list(piece.fans),
                "spec": to_dict(piece.spec),
                "law": {key: number(getattr(piece.law, key)) for key in LAW_NUMBERS},
            }
            for piece in assignment.pieces
        ],
    }
