"""Values of the named formulas, at logical indices, from operations that every platform rounds alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from unified_init.stream.elementary import exp, log

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.named_values import FormulaValues

    Floats = NDArray[np.float64]

__all__ = ["ROWS", "along_last", "formula_at"]


def formula_at(unit: FormulaValues, index: NDArray[np.intp]) -> Floats:
    """Return the values at logical indices."""
    column = index % max(unit.columns, 1)
    row = along_last(unit)
    if row is not None:
        return row[column]
    line = index // max(unit.columns, 1) % max(unit.rows, 1)
    roots = np.sqrt((2.0 * line + 1.0) * (2.0 * column + 1.0))
    if unit.name == "hippo_legs_a":
        return np.where(line > column, -roots, np.where(line == column, -(column + 1.0), 0.0))
    return np.where((line < column) & ((line - column) % 2 == 1), roots, -roots)


def along_last(unit: FormulaValues) -> Floats | None:
    """Return the values along the last axis, of a formula that all rows share; None for that of a matrix."""
    row = ROWS.get(unit.name)
    return None if row is None else row(np.arange(unit.columns, dtype=np.float64), *unit.arguments)


def _s4d_inv(n: Floats) -> Floats:
    states = 2.0 * n.size
    return states / math.pi * (states / (2.0 * n + 1.0) - 1.0)


def _power_ramp(n: Floats, start: float, span: float, exponent: float, excluded: float) -> Floats:
    x = n / max(n.size - excluded, 1.0)
    if exponent == 0.0:
        return np.full_like(x, start + span)
    power = exp(exponent * log(np.where(x > 0.0, x, 1.0)))
    return start + span * np.where(x > 0.0, power, 0.0)


# Functions of the index along the last axis and of the arguments.
ROWS: dict[str, Callable[..., Floats]] = {
    "hippo_b": lambda n: np.sqrt(2.0 * n + 1.0),
    "s4d_lin_imag": lambda n: math.pi * n,
    "s4d_inv_imag": _s4d_inv,
    "log_index": lambda n: log(n + 1.0),
    "power_ramp": _power_ramp,
    "zigzag": lambda n, middle, step: middle + step * ((n + 1.0) % 3.0 - 1.0),
}
