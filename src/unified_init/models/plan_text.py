"""A plan as a table and as plain data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unified_init.models.plan_notes import framework_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unified_init.recipes.assignment import Assignment

__all__ = ["rows_of", "tree"]

LAW_NUMBERS = ("mean", "std", "low", "high", "fan_in", "fan_out")
HEADINGS = (
    "path", "shape", "kind", "role", "place", "rule", "law", "fan_in", "fan_out", "mean", "std", "low",
    "high", "framework fans",
)  # fmt: skip
ALWAYS = range(HEADINGS.index("framework fans"))


def _rows(assignment: Assignment, framework: str) -> Iterator[tuple[str, ...]]:
    record = assignment.record
    facts = (record.kind, record.role, record.place, str(assignment.rule))
    for piece in assignment.pieces:
        law = piece.law
        path = f"{record.path}/{piece.label}" if piece.label else record.path
        if assignment.box is not None:
            path += f"[{', '.join(f'{start}:{stop}' for start, stop in assignment.box)}]"
        numbers = (law.fan_in, law.fan_out, law.mean, law.std, law.low, law.high)
        ratio = framework_ratio(assignment, piece, framework)
        yield (
            path, str(piece.shape), *facts, piece.spec.label,
            *("" if value is None else f"{value:.5g}" for value in numbers),
            "" if ratio is None else f"std x{ratio:.3g}",
        )  # fmt: skip
    if not assignment.pieces:
        yield (record.path, str(record.shape), *facts, "left", *[""] * 7)


def rows_of(assignments: Sequence[Assignment], framework: str) -> list[tuple[str, ...]]:
    """Return the rows of a plan's table, headings first, without columns in which no row has a word.

    The last column has the factor by which the std would differ with the framework's own fans.
    """
    rows = [HEADINGS, *(row for assignment in assignments for row in _rows(assignment, framework))]
    used = [any(row[column] for row in rows[1:]) or column in ALWAYS for column in range(len(HEADINGS))]
    return [tuple(cell for cell, is_used in zip(row, used, strict=True) if is_used) for row in rows]


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
