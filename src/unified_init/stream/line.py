"""The table of a uniform law as a straight line, which computes what a row holds instead of looking it up.

Rows are looked up one at a time; a few integer operations, on many elements at once, are faster. The knots of
a uniform law are the points of a straight line, rounded to integers, so the steps between neighbors are one
of two numbers, n and n + 1. A *line* says which, row by row, in 32-bit integers, as Bresenham's algorithm
draws a line on a grid. Row 0 is stored separately, since the open end of the interval may have moved it. A
line is used only where it reproduces every entry of its table, so only the table decides the values.
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

# Fraction bits of an excess. It grows by at most one per row, in 2**10 rows: with 21 bits of fraction that is
# 2**31, and in uint32 the start has room too.
BITS = 21
ROWS = 1 << FORMAT32.leading  # rows that a word can select; the table has one more, the knot at the end


@dataclasses.dataclass(frozen=True, slots=True)
class Half:
    """The rows of one half, as numbers of a line.

    Row 0: knot, slope. Row r: excess = (r * rise + start) >> BITS, base = first + r * step + excess, and
    slope = (the next row's base - base + upward) >> drop.

    Example: the bases 0, 10, 21, 31, 42 are steps of 10 and excesses 0, 0, 1, 1, 2. The excess rises by one
    half per row, so rise is 2**20 (one half of 2**21) and start is 0.

    >>> [0 + row * 10 + ((row * 2**20 + 0) >> BITS) for row in range(5)]
    [0, 10, 21, 31, 42]
    """

    knot: int  # of row 0
    slope: int  # of row 0
    first: int  # what the base of row 0 would be on the line
    step: int  # the smaller of the two steps
    upward: int  # what the shift of a slope adds first, so that negative slopes round towards zero too
    rise: int  # what the excess grows by per row, in units of 2**-BITS
    start: int  # the excess at row 0, in the same units


@dataclasses.dataclass(frozen=True, slots=True)
class Line:
    """Both halves, and by how many bits a slope is shorter than its step (``table._rows32``)."""

    drop: int
    lower: Half
    upper: Half

    def integers(self) -> tuple[int, ...]:
        """Return all numbers, in the order in which a kernel reads them."""
        return self.drop, *dataclasses.astuple(self.lower), *dataclasses.astuple(self.upper)


def line(table: Table) -> Line | None:
    """Return the line of a 32-bit table; None where the table is not a line."""
    if not table.tail_or:  # the law is not uniform
        return None
    drop = FORMAT32.fraction - table.slope_shift
    entries = table.rows.astype(np.int64)
    count = ROWS + 1
    halves = [_half(entries[start : start + count], drop) for start in range(0, entries.shape[0], count)]
    lower, upper = halves[0], halves[-1]  # one and the same where the law is symmetric
    return None if lower is None or upper is None else Line(drop, lower, upper)


def _half(entries: NDArray[np.int64], drop: int) -> Half | None:
    """Return the line through the rows of one half; None where there is none."""
    base, slope = entries.T
    steps = np.diff(base)[1:]  # without row 0's, which the open end may have changed
    step = int(steps.min())
    if int(steps.max()) > step + 1:
        return None
    row = np.arange(ROWS + 1)
    first = int(base[1]) - step
    # A shift rounds down; of a falling half (the upper one, counted from its end) down is away from zero.
    upward = (1 << drop) - 1 if step < 0 else 0
    fit = _rise((base - first - step * row)[1:])
    if fit is None:
        return None
    rise, start = fit
    # The table decides: every entry must come out again.
    line_base = first + row * step + ((row * rise + start) >> BITS)
    line_slope = (np.diff(line_base) + upward) >> drop
    if not np.array_equal(line_base[1:], base[1:]) or not np.array_equal(line_slope[1:], slope[1:-1]):
        return None
    return Half(int(base[0]), int(slope[0]), first, step, upward, rise, start)


def _rise(excess: NDArray[np.int64]) -> tuple[int, int] | None:
    """Return rise and start of the digital line with these excesses on rows 1, 2, ...; None if none has them.

    Row r asks for excess <= (r * rise + start) / 2**BITS < excess + 1: for a given rise, a least and a
    largest start. A rise fits if the highest of the least starts is at most the lowest of the largest ones.
    The gap between the two is concave in the rise, so bisection finds a rise that fits, or that none does.
    """
    row = np.arange(1, ROWS + 1)
    total = int(excess[-1] - excess[0])  # differs from (ROWS - 1) * rise by less than 1
    low, high = (max(total + error, 0) * (1 << BITS) // (ROWS - 1) for error in (-1, 1))
    while low <= high:
        rise = (low + high) // 2
        least = (excess << BITS) - row * rise
        largest = least + (1 << BITS) - 1
        least_row, largest_row = int(least.argmax()), int(largest.argmin())
        if least[least_row] <= largest[largest_row]:
            return rise, int(least[least_row])
        # A later row that asks for more than an earlier one allows: the line must rise faster.
        low, high = (rise + 1, high) if least_row > largest_row else (low, rise - 1)
    return None
