"""The values of a law on a few values in the graph program; ``stream.steps`` explains the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from unified_init.backends.protocol import Ops
    from unified_init.stream.steps import Steps

__all__ = ["STEPS_COLUMNS", "steps_arguments", "steps_values"]

# ruff: noqa: ANN401  # arrays of any framework

STEPS_COLUMNS = 1  # by which they are known: a table has two columns or more, and a line none


def steps_arguments(steps: Steps) -> tuple[tuple[Any, ...], Any, Any]:
    """Return the values as a column, no numbers, and the last words of the cells in place of a unit."""
    return (steps.values,), np.zeros(0, np.int32), steps.lasts


def steps_values(ops: Ops, args: tuple[tuple[Any, ...], Any, Any], word: Any) -> Any:
    """Return the values of 32-bit words: by bisection, whose steps are those of a power of two of cells."""
    (values,), _, lasts = args
    shift = ops.xp.bitwise_right_shift
    position = word ^ (~shift(word, 31) & 0x7FFFFFFF)
    cell = word ^ word  # zeros
    width = values.shape[0] // 2
    while width:
        beyond = ops.cast(position > ops.take(lasts, cell + (width - 1)), "int32")
        cell = cell + beyond * width
        width //= 2
    return ops.take(values, cell)
