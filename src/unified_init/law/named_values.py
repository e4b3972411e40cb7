"""Values that a named function gives: formulas of the position, and functions of a uniform variable.

Specs say the name and its numbers; no code is in them. ``stream.formulas`` and ``stream.transforms``
compute the values. Here is what a law needs of them: the names, their arguments, ends and moments.
Logarithms are taken in ``decimal``, which every platform rounds alike, because the ends enter the integer
tables.
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
import math
from decimal import Decimal
from typing import TYPE_CHECKING

from unified_init.core.traced import constant_in_traces

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FORMULAS",
    "TRANSFORMS",
    "FormulaValues",
    "UnitTransform",
    "formula_ends",
    "transform_ends",
    "transform_moments",
]

# The formulas of a position, each with the names of its numbers.
FORMULAS: dict[str, tuple[str, ...]] = {
    "hippo_legs_a": (),
    "hippo_legt_a": (),
    "hippo_b": (),
    "s4d_lin_imag": (),
    "s4d_inv_imag": (),
    "log_index": (),
    "power_ramp": ("start", "span", "exponent", "excluded"),
    "zigzag": ("middle", "step"),
}
MATRICES = ("hippo_legs_a", "hippo_legt_a")  # those that need a row too
# The increasing functions of a uniform variable.
TRANSFORMS: dict[str, tuple[str, ...]] = {
    "log_of_uniform": ("low", "high"),
    "inverse_softplus_of_log_uniform": ("shortest", "longest"),
    "lru_nu_log": ("r_min", "r_max"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class FormulaValues:
    """A formula of the last two coordinates of the logical tensor; ``rows`` is 1 where it has one axis."""

    name: str
    arguments: tuple[float, ...]
    rows: int
    columns: int

    @property
    def kind(self) -> str:
        """The name of the formula."""
        return self.name


@dataclasses.dataclass(frozen=True, slots=True)
class UnitTransform:
    """A named function of a uniform variable."""

    name: str
    arguments: tuple[float, ...]

    @property
    def kind(self) -> str:
        """The name of the function."""
        return self.name


def formula_ends(unit: FormulaValues) -> tuple[float, float]:
    """Return numbers between which all values of a formula are; they need not be reached."""
    size = max(unit.rows, unit.columns) if unit.name in MATRICES else unit.columns
    ends: tuple[float, float] = ENDS[unit.name](max(size, 1), *unit.arguments)
    return ends


def _of_ramp(size: int, start: float, span: float, exponent: float, excluded: float) -> tuple[float, float]:
    del size, exponent, excluded
    return min(start, start + span), max(start, start + span)


ENDS: dict[str, Callable[..., tuple[float, float]]] = {
    "hippo_legs_a": lambda size: (1.0 - 2.0 * size, 0.0),
    "hippo_legt_a": lambda size: (1.0 - 2.0 * size, 2.0 * size - 1.0),
    "hippo_b": lambda size: (1.0, math.sqrt(2.0 * size - 1.0)),
    "s4d_lin_imag": lambda size: (0.0, math.pi * (size - 1)),
    "s4d_inv_imag": lambda size: (0.0, 2 * size * (2 * size - 1) / math.pi),
    "log_index": lambda size: (0.0, math.log(size)),
    "power_ramp": _of_ramp,
    "zigzag": lambda size, middle, step: (middle - abs(step), middle + abs(step)),  # noqa: ARG005
}


# --- functions of a uniform variable --------------------------------------------------------------

DIGITS = 50
NODES = 16  # of a quadrature, in each octave of both tails
OCTAVES = 64


def _of_tail(unit: UnitTransform, p: Decimal, *, from_above: bool) -> Decimal:
    """Return the quantile at the tail probability p, from below or from above."""
    first, last = map(Decimal, unit.arguments)
    if unit.name == "inverse_softplus_of_log_uniform":
        width = last.ln() - first.ln()
        step = (last.ln() - width * p if from_above else first.ln() + width * p).exp()
        return (step.exp() - 1).ln()
    if unit.name == "log_of_uniform":
        return (last - (last - first) * p if from_above else first + (last - first) * p).ln()
    # It decreases in the squared modulus.
    low, high = first * first, last * last
    square = low + (high - low) * p if from_above else high - (high - low) * p
    return (-square.ln() / 2).ln()


@constant_in_traces  # Dynamo cannot trace decimal
@functools.lru_cache(maxsize=64)
def transform_ends(unit: UnitTransform) -> tuple[float, float]:
    """Return the ends of the support."""
    with decimal.localcontext(decimal.Context(prec=DIGITS)):
        below, above = (_of_tail(unit, Decimal(0), from_above=side) for side in (False, True))
        return float(below), float(above)


@constant_in_traces
@functools.lru_cache(maxsize=64)
def transform_moments(unit: UnitTransform) -> tuple[float, float]:
    """Return mean and standard deviation: Gauss-Legendre in each octave of both tails."""
    with decimal.localcontext(decimal.Context(prec=DIGITS)):
        octaves = [Decimal(2) ** -octave / 4 for octave in range(1, OCTAVES)]
        pairs = [
            (_of_tail(unit, octave * (3 + node), from_above=side), octave * weight)
            for side in (False, True)
            for octave in octaves
            for node, weight in _nodes()
        ]
        mass = sum(weight for _, weight in pairs)
        mean = sum((value * weight for value, weight in pairs), Decimal(0)) / mass
        variance = sum(((value - mean) ** 2 * weight for value, weight in pairs), Decimal(0)) / mass
        return float(mean), float(variance.sqrt())


@functools.cache
def _nodes() -> tuple[tuple[Decimal, Decimal], ...]:
    """Return nodes and weights of Gauss-Legendre on (-1, 1), by Newton's method."""
    pairs = []
    for index in range(NODES):
        node = Decimal(math.cos(math.pi * (index + 0.75) / (NODES + 0.5)))
        for _ in range(6):
            value, slope = _legendre(node)
            node -= value / slope
        _, slope = _legendre(node)
        pairs.append((node, 2 / ((1 - node * node) * slope * slope)))
    return tuple(pairs)


def _legendre(x: Decimal) -> tuple[Decimal, Decimal]:
    """Return the Legendre polynomial of degree ``NODES`` and its derivative."""
    before, value = Decimal(1), x
    for degree in range(2, NODES + 1):
        before, value = value, ((2 * degree - 1) * x * value - (degree - 1) * before) / degree
    return value, NODES * (x * value - before) / (x * x - 1)
