"""Quantiles at the knots of a table, in float64, for each family of laws.

A table (``stream.table``) approximates the quantile function of one half of a law by one polynomial per
segment. The knots are the tail probabilities at which the segments begin. They are spaced as floating-point
numbers are: each octave, from 2**e to 2**(e + 1), has the same number of equally wide segments. So segments
are narrowest where a quantile function is steepest, close to tail probability 0.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.unit_normal import tail
from unified_init.law.unit_values import (
    UnitDisk,
    UnitNormal,
    UnitQuantile,
    UnitTransform,
    UnitTruncatedModulus,
    UnitTruncatedNormal,
    UnitUniform,
)
from unified_init.stream.elementary import exp, log, log_of_rest, normal_quantile
from unified_init.stream.quantile_laws import smooth_quantiles
from unified_init.stream.transforms import transform_quantiles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.unit_values import Polar, Tabulated

__all__ = ["FORMAT32", "FORMAT64", "Format", "compact_knots", "halves", "knots", "probabilities"]


@dataclasses.dataclass(frozen=True, slots=True)
class Format:
    """The constants of one width of draws.

    The tail probability of a draw, an integer of ``bits - 1`` bits, is converted to an IEEE float of the same
    width. Of its pattern, the exponent and the ``leading`` mantissa bits number a row of the table, and the
    other mantissa bits say how far inside the row's segment the tail is.
    """

    bits: int  # of a word
    mantissa: int  # bits that an IEEE float of this width stores
    exponent_bias: int  # of an IEEE float of this width
    leading: int  # mantissa bits that number a row within its octave

    @property
    def fraction(self) -> int:
        """Mantissa bits that interpolate within a row's segment."""
        return self.mantissa - self.leading

    @property
    def rows(self) -> int:
        """Rows of one half: tail 0, each octave, and the tail that rounds up to the median.

        A tail has bits - 1 bits, so there are bits - 1 octaves. The largest tails have more bits than a
        mantissa: converted to a float they round up to 2**(bits - 1), the median, which has the last row.
        """
        return ((self.bits - 1) << self.leading) + 2

    @property
    def bias(self) -> int:
        """The number that is subtracted from a pattern, without its fraction bits, to get a row.

        The pattern of tail 1 is the exponent bias with a mantissa of 0. It must give row 1, since row 0 is
        that of tail 0.
        """
        return (self.exponent_bias << self.leading) - 1


# Rows are linear at 32 bits and cubic at 64 bits. With so many of them a normal is within 2e-7 and 1e-12
# standard deviations of its exact quantile; at 64 bits 1e-14 of the mean is added.
FORMAT32 = Format(bits=32, mantissa=23, exponent_bias=127, leading=10)
FORMAT64 = Format(bits=64, mantissa=52, exponent_bias=1023, leading=9)


@functools.lru_cache(maxsize=8)
def knots(form: Format) -> NDArray[np.float64]:
    """Return tail probabilities, in units of 2**-bits, where the table is exact: one row per segment.

    32 bits: one column, the start of the segment. 64 bits: the start, one third and two thirds, through
    which (and the start of the next segment) a cubic goes.
    """
    octaves = np.arange(form.bits - 1)[:, None, None]
    starts = np.arange(1 << form.leading)[None, :, None]
    thirds = np.arange(1 if form is FORMAT32 else 3)[None, None, :] / 3.0
    # As a float is: 2**octave times 1.mantissa.
    tails = np.ldexp(1.0 + (starts + thirds) / (1 << form.leading), octaves)
    columns = tails.shape[2]
    inner = tails.reshape(-1, columns)
    first = np.zeros((1, columns))
    last = np.full((1, columns), 2.0 ** (form.bits - 1))
    result = np.concatenate([first, inner, last])
    result.setflags(write=False)
    return result


def probabilities(form: Format) -> NDArray[np.float64]:
    """Return the probabilities of the lower half at the knots, in (0, 1/2].

    A word is one of 2**bits equal cells of (0, 1), and stands for the middle of its cell: tail t of the lower
    half has the probability (t + 1/2) / 2**bits, which is never 0 nor 1. The last knot, 2**(bits - 1), would
    be half a cell past the median.
    """
    return np.minimum(np.ldexp(knots(form) + 0.5, -form.bits), 0.5)


Halves = tuple["NDArray[np.float64]", "NDArray[np.float64] | None"]


@functools.lru_cache(maxsize=16)
def halves(unit: Tabulated | Polar, form: Format) -> Halves:  # noqa: PLR0911  # one per kind of law
    """Return the quantiles of the unit variable at the knots, of the lower and of the upper half.

    Those of a polar law are of the modulus.

    The upper half is counted from above: its tail t has the probability 1 - (t + 1/2) / 2**bits. It is None
    where it mirrors the lower half.
    """
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
        case UnitDisk() | UnitTruncatedModulus():
            return _moduli(unit, form)
        case UnitTransform():
            return transform_quantiles(unit, probabilities(form))
        case _:
            return smooth_quantiles(unit, probabilities(form))


def _moduli(unit: Polar, form: Format) -> Halves:
    """Return the quantiles of the modulus of a polar law."""
    if isinstance(unit, UnitTruncatedModulus):
        return _truncated_modulus(unit.upper, form)
    # The distribution function of a disk is the square of the modulus.
    return np.sqrt(probabilities(form)), np.sqrt(1.0 - probabilities(form))


def _uniform(form: Format) -> NDArray[np.float64]:
    """Return equally spaced points (2k + 1 - 2**m) / 2**m with m = mantissa + 1, for k < 2**(m - 1).

    A uniform law needs no octaves. Its table has one: the tail is shortened to k, of ``mantissa`` bits, and
    the leading bits of k number a row.
    """
    columns = 1 if form is FORMAT32 else 3
    # One row more than k can select: the knot at which the last segment ends.
    starts = np.arange((1 << form.leading) + 1)[:, None] + np.arange(columns)[None, :] / 3.0
    # k = starts * 2**fraction, put into the formula above; all are exact except the thirds.
    return np.ldexp(starts, -form.leading) + (2.0 ** -(form.mantissa + 1) - 1.0)


def _truncated(lower: float, upper: float, form: Format) -> Halves:
    """Return the quantiles of the truncated normal, as of the parent normal at other probabilities.

    p of the truncated law is mass_below + p * mass of the parent. Every probability is counted from the tail
    that is nearer, since 1 - q would lose the digits of a small q.
    """
    p = probabilities(form)
    if upper == -lower:
        mass_outside = tail(upper)  # on either side
        mass = 1.0 - 2.0 * mass_outside
        return np.maximum(_from_below(mass_outside, mass, p, mass_outside), lower), None
    if lower >= 0.0:  # all of it above the mean: mirror it, so that tails keep their precision
        mirrored_lower, mirrored_upper = _truncated(-upper, -lower, form)
        assert mirrored_upper is not None  # noqa: S101  # only symmetric bounds give None
        return -mirrored_upper, -mirrored_lower
    mass_below, mass_above = tail(-lower), tail(upper)
    if upper <= 0.0:
        mass_up_to_upper = tail(-upper)
        mass = mass_up_to_upper - mass_below
        low_half = normal_quantile(mass_below + p * mass)
        high_half = normal_quantile(mass_up_to_upper - p * mass)
    else:
        mass = 1.0 - mass_below - mass_above
        low_half = _from_below(mass_below, mass, p, mass_above)
        high_half = -_from_below(mass_above, mass, p, mass_below)
    # Rounding may have passed a bound by an ulp.
    return np.clip(low_half, lower, upper), np.clip(high_half, lower, upper)


def _truncated_modulus(upper: float, form: Format) -> Halves:
    """Return the quantiles of the modulus of complex normals, truncated.

    The square of the modulus is exponential. At probability p it is -log(1 - p mass), of which the upper half
    takes 1 - p mass = outside + (1 - p) mass: there nothing cancels.
    """
    p = probabilities(form)
    square = np.float64(upper * upper)
    outside = exp(-np.minimum(square, 700.0)) if square > 0.5 else 1.0 - _mass_within(square)  # noqa: PLR2004
    mass = 1.0 - outside if square > 0.5 else _mass_within(square)  # noqa: PLR2004
    lower = np.sqrt(-log_of_rest(p * mass))
    higher = np.sqrt(-log(outside + p * mass)) if square > 0.5 else np.sqrt(-log_of_rest((1.0 - p) * mass))  # noqa: PLR2004
    return np.minimum(lower, upper), np.minimum(higher, upper)


def _mass_within(square: np.float64) -> np.float64:
    """Return 1 - exp(-x) of a small x, by its Taylor series."""
    total = np.float64(1.0)
    for k in range(20, 1, -1):
        total = 1.0 - square / k * total
    return square * total


def _from_below(
    mass_below: float, mass: float, p: NDArray[np.float64], mass_above: float
) -> NDArray[np.float64]:
    """Return the quantile at ``mass_below + p mass``, counted from above where that passes one half."""
    probability = mass_below + p * mass
    from_above = np.minimum(mass_above + (1.0 - p) * mass, 0.5)
    lower = normal_quantile(np.minimum(probability, 0.5))
    return np.where(probability <= 0.5, lower, -normal_quantile(from_above))  # noqa: PLR2004


def compact_knots() -> NDArray[np.intp]:
    """Return the rows of a 32-bit half whose start some word reaches: the rows that a quantile table keeps.

    Octave e holds the 2**e tails from 2**e on. Up to e = 9 they are fewer than the octave's 1024 rows, so
    only each (1024 >> e)-th row is reached: one row of octave 0 (tail 1), two of octave 1 (tails 2 and 3).
    """
    form = FORMAT32
    rows = [np.array([0])]
    for octave in range(form.bits - 1):
        step = max((1 << form.leading) >> octave, 1)
        rows.append(1 + (octave << form.leading) + np.arange(0, 1 << form.leading, step))
    rows.append(np.array([form.rows - 1]))
    return np.concatenate(rows)


def _tabulated(encoded: str, exponent: int) -> Halves:
    """Decode the knots of a quantile table, and interpolate those of rows that no word reaches."""
    stored = np.frombuffer(base64.b64decode(encoded), dtype="<i4").astype(np.float64)
    reached, rows = compact_knots(), np.arange(FORMAT32.rows)
    decoded = [
        np.ldexp(np.interp(rows, reached, half)[:, None], exponent)
        for half in stored.reshape(-1, reached.size)
    ]
    return decoded[0], decoded[1] if len(decoded) > 1 else None
