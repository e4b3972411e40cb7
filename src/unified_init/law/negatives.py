"""The law of the negatives of a law's values: what a negative factor gives."""

from __future__ import annotations

import base64
import dataclasses
import sys
from array import array
from typing import TYPE_CHECKING

from unified_init.law.combination import ScaledBy, SumOf
from unified_init.law.unit_laws import UnitCauchy, UnitLogNormal, UnitSteps
from unified_init.law.unit_values import (
    Independent,
    NormedValues,
    SparseMatrices,
    UnitMirror,
    UnitMixture,
    UnitQuantile,
    UnitTransform,
    UnitTruncatedNormal,
)

if TYPE_CHECKING:
    from unified_init.law.law import Law
    from unified_init.law.unit_values import UnitValues

__all__ = ["negative"]


def negative(law: Law) -> Law:
    """Return the law of the negatives of a law's values."""
    mirror = dataclasses.replace(law, mean=0.0 - law.mean, low=0.0 - law.high, high=0.0 - law.low)
    unit: UnitValues = law.unit
    match unit:
        case UnitMixture(components):
            unit = dataclasses.replace(unit, components=tuple(map(negative, components)))
        case SumOf(terms):
            unit = dataclasses.replace(unit, terms=tuple(map(negative, terms)))
        case ScaledBy(base) | NormedValues(base):
            unit = dataclasses.replace(unit, base=negative(base))
        case SparseMatrices() if unit.values is not None:
            unit = dataclasses.replace(unit, values=negative(unit.values))
        case _ if isinstance(unit, Independent):
            return dataclasses.replace(
                mirror, unit=_mirrored(unit), loc=0.0 - law.loc, negated=not law.negated
            )
        case _:
            return dataclasses.replace(mirror, scale=-law.scale)
    return dataclasses.replace(mirror, unit=unit)


def _mirrored(unit: Independent) -> Independent:  # noqa: PLR0911  # one for each kind of law
    """Return the variable whose values are the negatives of another's."""
    match unit:
        case UnitMirror(base):
            return base
        case UnitTruncatedNormal(lower, upper):
            return UnitTruncatedNormal(0.0 - upper, 0.0 - lower)
        case UnitCauchy(lower, upper):
            return UnitCauchy(0.0 - upper, 0.0 - lower)
        case UnitQuantile(knots, exponent):
            return UnitQuantile(_mirrored_knots(knots), exponent)
        case UnitSteps(values, ends):
            starts = (0, *ends[:-1])
            return UnitSteps(
                tuple([0.0 - value for value in reversed(values)]),
                tuple([(1 << 32) - start for start in reversed(starts)]),
            )
        case UnitTransform() | UnitLogNormal():
            return UnitMirror(unit)
        case _:  # symmetric
            return unit


def _mirrored_knots(knots: str) -> str:
    """Return knots with both halves negated and exchanged; one half alone is symmetric."""
    numbers = array("i", base64.b64decode(knots))
    if sys.byteorder == "big":
        numbers.byteswap()
    half = len(numbers) // 2
    if len(numbers) % 2:
        return knots
    result = array("i", [min(-number, 2**31 - 1) for number in (*numbers[half:], *numbers[:half])])
    if sys.byteorder == "big":
        result.byteswap()
    return base64.b64encode(result.tobytes()).decode("ascii")
