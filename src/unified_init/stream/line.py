"""The table of a uniform law as a straight line: what a row holds, computed where looking it up is slow.

The knots of a uniform law lie on a line, rounded to integers, so the steps between neighbours are one
of two numbers. A *line* says which, row by row, in 32-bit integers. Row 0 is kept beside it: the open
end of the interval may have moved it. A line is taken only where it gives every entry of its table, so
the table is what counts.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from unified_init.stream.knots import FORMAT32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.table import Table

__all__ = ["BITS", "Half", "Line", "line"]

BITS = 21  # of a fraction of one step: with the 10 bits of a row it stays below 2**32
ROWS = 1 << FORMAT32.leading  # that a word can select


@dataclasses.dataclass(frozen=True, slots=True)
class Half:
    """What the rows of one half hold.

    Row 0: knot, slope. Row r: excess = (r * rise + start) >> BITS, base = first + r * step + excess, and
    the slope is what the base grows by to the next row, plus upward, without its lowest bits.
    """

    knot: int
    slope: int
    first: int
    step: int
    upward: int  # makes the slopes of a falling half round to zero too
    rise: int
    start: int


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """Both halves, and how many bits of a step its slope drops."""

    drop: int
    lower: Half
    upper: Half

    def integers(self) -> tuple[int, ...]:
        """Return all numbers, in the order in which a kernel reads them."""
        return self.drop, *dataclasses.astuple(self.lower), *dataclasses.astuple(self.upper)


def line(table: Table) -> Line | None:
    """Return the line of a 32-bit table; None where the table is none."""
    if not table.tail_or:  # not uniform
        return None
    drop = FORMAT32.fraction - table.slope_shift
    entries = table.rows.astype(np.int64)
    count = ROWS + 1
    halves = [_half(entries[start : start + count], drop) for start in range(0, entries.shape[0], count)]
    lower, upper = halves[0], halves[-1]
    return None if lower is None or upper is None else Line(drop, lower, upper)


def _half(entries: NDArray[np.int64], drop: int) -> Half | None:
    base, slope = entries.T
    steps = np.diff(base)[1:]
    step = int(steps.min())
    if int(steps.max()) > step + 1:
        return None
    row = np.arange(ROWS + 1)
    first = int(base[1]) - step
    upward = (1 << drop) - 1 if step < 0 else 0
    found = _rise((base - first - step * row)[1:])
    if found is None:
        return None
    rise, start = found
    again = first + row * step + ((row * rise + start) >> BITS)
    slopes = (np.diff(again) + upward) >> drop
    if not np.array_equal(again[1:], base[1:]) or not np.array_equal(slopes[1:], slope[1:-1]):
        return None
    return Half(int(base[0]), int(slope[0]), first, step, upward, rise, start)


def _rise(excess: NDArray[np.int64]) -> tuple[int, int] | None:
    """Return rise and start of a digital line on rows 1, 2, ...

    A rise fits if the least start that some rows ask for is at most the largest that others allow.
    The room between the two is concave in the rise, so bisection finds one, or that there is none.
    """
    row = np.arange(1, ROWS + 1)
    rises = int(excess[-1] - excess[0])  # to within one of ROWS - 1 times the rise
    low, high = (max(rises + off, 0) * (1 << BITS) // (ROWS - 1) for off in (-1, 1))
    while low <= high:
        rise = (low + high) // 2
        least = (excess << BITS) - row * rise
        most = least + (1 << BITS) - 1
        above, below = int(least.argmax()), int(most.argmin())
        if least[above] <= most[below]:
            return rise, int(least[above])
        low, high = (rise + 1, high) if above > below else (low, rise - 1)
    return None
