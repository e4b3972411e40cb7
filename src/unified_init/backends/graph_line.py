"""The values of a uniform law in the graph program: computed by a line, where other laws look them up.

``stream.line`` explains the arithmetic. The numbers of a line are the last of a table's integers.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from unified_init.stream.knots import FORMAT32
from unified_init.stream.line import BITS, ROWS, Half, line

if TYPE_CHECKING:
    from unified_init.backends.protocol import Ops
    from unified_init.stream.table import Table

__all__ = ["line_numbers", "line_values"]

# ruff: noqa: ANN401  # arrays of any framework

WORD = 1 << 32
UPPER_XOR, UPPER_ADD, SLOPE_SHIFT, LOWER = 4, 5, 6, 7  # where the integers of a table are
COUNT = len(dataclasses.fields(Half))


def line_numbers(table: Table) -> tuple[int, ...]:
    """Return the numbers of both halves of a table's line, as int32; none where it is no line."""
    numbers = line(table)
    if numbers is None:
        return ()
    halves = (*dataclasses.astuple(numbers.lower), *dataclasses.astuple(numbers.upper))
    # A number past 32 bits wraps here, and the sums wrap back.
    return tuple((number + WORD // 2) % WORD - WORD // 2 for number in halves)


def line_values(ops: Ops, args: Any, word: Any) -> Any:
    """Return the float32 values of 32-bit words under a law that is a line."""
    _, numbers, unit = args
    shift, slope_shift = ops.xp.bitwise_right_shift, numbers[SLOPE_SHIFT]
    upper = ~shift(word, 31)  # -1 in the upper half, 0 in the lower

    def of_half(position: int) -> Any:
        lower, other = numbers[LOWER + position], numbers[LOWER + COUNT + position]
        return lower ^ (upper & (lower ^ other))

    knot, slope, first, step, upward, rise, start = map(of_half, range(COUNT))
    # The tail's 23 highest bits are the word's bits 30 to 8: the row, and the fraction.
    row = shift(word, 31 - FORMAT32.leading) & (ROWS - 1)
    fraction = shift(word, 8) & ((1 << FORMAT32.fraction) - 1)
    # The excess of this row and of the next: whole units, unsigned, above the bits of fraction.
    whole = (1 << (32 - BITS)) - 1
    height = row * rise + start
    excess, next_excess = shift(height, BITS) & whole, shift(height + rise, BITS) & whole
    base = first + row * step + excess
    climb = shift(step + next_excess - excess + upward, FORMAT32.fraction - slope_shift)
    # Row 0 is stored as it is.
    stored = shift(row - 1, 31)
    base, climb = base ^ (stored & (base ^ knot)), climb ^ (stored & (climb ^ slope))
    value = base + shift(climb * fraction, slope_shift)
    value = (value ^ (upper & numbers[UPPER_XOR])) + (upper & numbers[UPPER_ADD])
    return ops.cast(value, "float32") * unit
