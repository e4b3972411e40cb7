"""Quantiles at the knots of a table: what a law's family contributes to it, in float64."""

from __future__ import annotations

import base64
import dataclasses
import functools
from typing import TYPE_CHECKING, assert_never

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.unit_normal import tail
from unified_init.law.unit_values import UnitNormal, UnitQuantile, UnitTruncatedNormal, UnitUniform
from unified_init.stream.elementary import normal_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.unit_values import Independent

__all__ = ["FORMAT32", "FORMAT64", "Format", "compact_knots", "halves", "knots", "probabilities"]


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """The constants of one width of draws."""

    bits: int  # of a word
    mantissa: int  # of the floating-point pattern
    exponent_bias: int
    leading: int  # mantissa bits that select a row

    @property
    def fraction(self) -> int:
        """Mantissa bits that interpolate."""
        return self.mantissa - self.leading

    @property
    def rows(self) -> int:
        """Rows of one half: tail 0, each octave, and the tail that rounds up to the median."""
        return ((self.bits - 1) << self.leading) + 2

    @property
    def bias(self) -> int:
        """What is subtracted from a shifted pattern to get a row."""
        return (self.exponent_bias << self.leading) - 1


FORMAT32 = Format(bits=32, mantissa=23, exponent_bias=127, leading=10)
FORMAT64 = Format(bits=64, mantissa=52, exponent_bias=1023, leading=9)


@functools.lru_cache(maxsize=8)
def knots(form: Format) -> NDArray[np.float64]:
    """Tail probabilities, in units of 2**-bits, where the table is exact: one row a segment.

    32 bits: one column, the start of the segment. 64 bits: the start, one third and two thirds.
    """
    octaves = np.arange(form.bits - 1)[:, None, None]
    starts = np.arange(1 << form.leading)[None, :, None]
    thirds = np.arange(1 if form is FORMAT32 else 3)[None, None, :] / 3.0
    tails = np.ldexp(1.0 + (starts + thirds) / (1 << form.leading), octaves)
    columns = tails.shape[2]
    inner = tails.reshape(-1, columns)
    first = np.zeros((1, columns))
    last = np.full((1, columns), 2.0 ** (form.bits - 1))
    result = np.concatenate([first, inner, last])
    result.setflags(write=False)
    return result


def probabilities(form: Format) -> NDArray[np.float64]:
    """Probabilities of the lower half at the knots, in (0, 1/2]."""
    return np.minimum(np.ldexp(knots(form) + 0.5, -form.bits), 0.5)


Halves = tuple["NDArray[np.float64]", "NDArray[np.float64] | None"]


@functools.lru_cache(maxsize=16)
def halves(unit: Independent, form: Format) -> Halves:
    """Quantiles of the unit variable at the knots: lower half, upper half if not its mirror."""
    match unit:
        case UnitNormal():
            return normal_quantile(probabilities(form)), None
        case UnitUniform():
            return _uniform(form), None
        case UnitTruncatedNormal(lower, upper):
            return _truncated(lower, upper, form)
        case UnitQuantile(encoded, exponent):
            if form is FORMAT64:
                msg = (
                    "a from_quantile() initializer holds a table for float32 draws: "
                    "`dtype` must be float32 or narrower, got a 64-bit one."
                )
                raise ArgumentValueError(msg)
            return _tabulated(encoded, exponent)
        case _:
            assert_never(unit)


def _uniform(form: Format) -> NDArray[np.float64]:
    """Equally spaced points (2k + 1 - 2**m) / 2**m with m = mantissa + 1, for k < 2**(m - 1)."""
    columns = 1 if form is FORMAT32 else 3
    starts = np.arange((1 << form.leading) + 1)[:, None] + np.arange(columns)[None, :] / 3.0
    # The points of a segment, as fractions of the half-width; all but the thirds are exact.
    return np.ldexp(starts, -form.leading) + (2.0 ** -(form.mantissa + 1) - 1.0)


def _truncated(lower: float, upper: float, form: Format) -> Halves:
    """Quantiles of the conditioned normal, always measured from the tail that is nearer."""
    p = probabilities(form)
    if upper == -lower:
        below = tail(upper)
        return np.maximum(_from_below(below, 1.0 - 2.0 * below, p, below), lower), None
    if lower >= 0.0:  # all of it above the mean: mirror, so that tails keep their precision
        mirrored_lower, mirrored_upper = _truncated(-upper, -lower, form)
        assert mirrored_upper is not None  # noqa: S101  # only symmetric bounds give None
        return -mirrored_upper, -mirrored_lower
    below, above = tail(-lower), tail(upper)
    if upper <= 0.0:
        reach = tail(-upper)
        mass = reach - below
        low_half = normal_quantile(below + p * mass)
        high_half = normal_quantile(reach - p * mass)
    else:
        mass = 1.0 - below - above
        low_half = _from_below(below, mass, p, above)
        high_half = -_from_below(above, mass, p, below)
    return np.clip(low_half, lower, upper), np.clip(high_half, lower, upper)


def _from_below(below: float, mass: float, p: NDArray[np.float64], above: float) -> NDArray[np.float64]:
    """Quantile at ``below + p mass``, taken from the other side where that passes one half."""
    probability = below + p * mass
    far = np.minimum(above + (1.0 - p) * mass, 0.5)
    lower = normal_quantile(np.minimum(probability, 0.5))
    return np.where(probability <= 0.5, lower, -normal_quantile(far))  # noqa: PLR2004


def compact_knots() -> NDArray[np.intp]:
    """Rows of a 32-bit half that a word can reach the start of: those a quantile table keeps."""
    form = FORMAT32
    rows = [np.array([0])]
    for octave in range(form.bits - 1):
        step = max((1 << form.leading) >> octave, 1)
        rows.append(1 + (octave << form.leading) + np.arange(0, 1 << form.leading, step))
    rows.append(np.array([form.rows - 1]))
    return np.concatenate(rows)


def _tabulated(encoded: str, exponent: int) -> Halves:
    """Decode the knots of a quantile table; the rows that no word reaches lie between them."""
    stored = np.frombuffer(base64.b64decode(encoded), dtype="<i4").astype(np.float64)
    reached, rows = compact_knots(), np.arange(FORMAT32.rows)
    halves = [
        np.ldexp(np.interp(rows, reached, half)[:, None], exponent)
        for half in stored.reshape(-1, reached.size)
    ]
    return halves[0], halves[1] if len(halves) > 1 else None
