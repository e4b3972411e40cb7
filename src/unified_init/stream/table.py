"""Integer tables: the quantile function of a law, compiled to fixed point.

A draw is the inverse of the distribution function at a uniform probability, in integers only:

- The top bit of a word picks a half about the median: set for the lower half. The other bits are the *tail*,
  the probability counted from the far end of that half: 0 is the most extreme value, the largest the median.
- The tail is converted to a float and its bit pattern is read as an integer. Exponent and leading mantissa
  bits select a row: a logarithm for free, since a quantile function is smooth in the logarithm of the tail.
  So rows are dense where values are extreme. Every platform converts an integer to the same float.
- The mantissa bits that are left say how far the tail is from this knot to the next, and the row's polynomial
  interpolates: linear for 32-bit draws, cubic for 64-bit draws.
- The upper half mirrors the lower one where the law is symmetric, else it has rows of its own.
- The result is an integer. Its conversion to a float is the only rounding, and the multiplication by a power
  of two behind it is exact.

Mean, std and truncation are all in the integers, so that every law runs the same program.

Example: the unit normal in float32 and the word 0x80001389. The top bit is set: lower half. The tail is 5001,
so the probability is 5001.5 / 2**32 = 1.16e-6. As a float 5001 is 1.220947 * 2**12, pattern 0x459C4800. Its
row is 1 + 12 * 1024 + 226: octave 12, of 1024 rows, and the 10 leading bits of the mantissa. The row begins
at the tail 5000 and ends at 5004; the 13 bits left are 2048, a quarter of 8192. The row's base is -1267712020
and its slope 43639, so the value is -1267712020 + (43639 * 2048 >> 13) = -1267701111, in units of 2**-28:
-4.7225547. The word 0x00001389 has the same tail in the upper half: 4.7225547.

    >>> import unified_init as ui
    >>> table = compile_table(ui.normal(0.0, 1.0).resolve(1), 32)
    >>> hex(np.float32(5001).view(np.int32)), 0x459C4800 >> 13, table.bias
    ('0x459c4800', 142562, 130047)
    >>> row = 142562 - 130047
    >>> row == 1 + 12 * 1024 + 226, 0x459C4800 & 8191, table.rows[row].tolist(), table.slope_shift
    (True, 2048, [-1267712020, 43639], 13)
    >>> (-1267712020 + (43639 * 2048 >> 13)) * 2.0**table.exponent
    -4.72255465015769
    >>> from unified_init.stream.numpy_runner import values32
    >>> values32(table, np.array([0x80001389, 0x00001389], dtype=np.uint32)).tolist()
    [-4.722554683685303, 4.722554683685303]
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.negatives import negative
from unified_init.law.unit_laws import UnitLogNormal, UnitStudentT
from unified_init.law.unit_values import Polar, Tabulated, UnitMirror, UnitUniform
from unified_init.stream.knots import FORMAT32, FORMAT64, Format, halves
from unified_init.stream.scaled_rows import powers, scaled_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.law import Law

__all__ = ["Table", "compile_table", "cubic"]


# Laws whose values have more sizes than one unit can count.
HEAVY = (UnitStudentT, UnitLogNormal)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A compiled law: rows, and the few integers with which every law runs the same program.

    tail = ((word without its top bit) >> tail_shift) | tail_or, as a float pattern;
    row = max((pattern >> fraction bits) - bias, 0), plus upper_rows in the upper half;
    v = base + (slope * fraction >> slope_shift), or a cubic;
    lower half: v; upper half: (v ^ upper_xor) + upper_add; value = v * unit.

    Two kinds of laws choose these numbers differently:

    - *Symmetric*: one half is stored. The upper half is 2 loc - v. In two's complement ~v is -v - 1, so with
      ``upper_xor`` -1 (all bits) and ``upper_add`` 2 loc + 1 it is a XOR and a sum. Of other laws both are 0,
      and ``upper_rows`` is where the rows of the upper half begin.
    - *Uniform*: the tail is shifted down to the bits of a mantissa, and ``tail_or`` sets the bit above them.
      So the float always has the same exponent, which ``bias`` removes: rows are equally wide, and the float
      is exact. Of other laws ``tail_shift`` and ``tail_or`` are 0.
    """

    rows: NDArray[Any]  # int32 (n, 2): base, slope; or int64 (n, 4): cubic coefficients
    tail_shift: int
    tail_or: int
    bias: int
    upper_rows: int
    upper_xor: int
    upper_add: int
    slope_shift: int  # 32 bits: the fraction's bits, less those that the slope was shortened by
    exponent: int
    least: int  # the ends of the law, in units of 2**exponent; 64-bit values are clipped to them
    most: int
    magnitude: float  # the largest absolute value that can be drawn
    units: NDArray[Any] | None = None  # of a heavy law: each row's power of two; ``exponent`` is 0
    sign: int = 1  # -1 where values are the negatives of those of the mirrored law

    @property
    def unit(self) -> float:
        """The power of two that multiplies the integer, with the sign of the values."""
        return self.sign * 2.0**self.exponent


def compile_table(law: Law, bits: int) -> Table:
    """Return the table of a law of independent draws; cached by the numbers that it depends on.

    That of a polar law is of the modulus.
    """
    assert isinstance(law.unit, Tabulated | Polar | UnitMirror)  # noqa: S101  # the other laws have no table
    with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
        if law.negated:
            return _negated(law, bits)
        assert not isinstance(law.unit, UnitMirror)  # noqa: S101  # only a negated law has one
        return _compile(law.unit, law.loc, law.scale, law.low, law.high, bits)


@functools.lru_cache(maxsize=32)  # tables compare by identity
def _negated(law: Law, bits: int) -> Table:
    """Return the table of the mirrored law, with the other sign."""
    table = compile_table(negative(law), bits)
    if table.units is None:
        return dataclasses.replace(table, sign=-1)
    return dataclasses.replace(table, units=-table.units)  # which have the sign


@functools.lru_cache(maxsize=32)
def _compile(
    unit: Tabulated | Polar,
    loc: float,
    scale: float,
    low: float,
    high: float,
    bits: int,
) -> Table:
    form = FORMAT32 if bits == FORMAT32.bits else FORMAT64
    lower, upper = halves(unit, form)
    symmetric, uniform = upper is None, isinstance(unit, UnitUniform)
    quantiles = [half * scale + loc for half in (lower, upper) if half is not None]
    extremes = [abs(float(half[edge])) for half in quantiles for edge in ((0, 0), (-1, -1))]
    if symmetric:  # the mirrored far end, which is not stored
        extremes.append(abs(2 * loc - float(quantiles[0][0, 0])))
    if not all(map(math.isfinite, extremes)):
        msg = f"the law reaches past the largest float64: mean {loc!r}, scale {scale!r}."
        raise ArgumentValueError(msg)
    # The finest unit in which every value fits: 31 bits and a sign. At 64 bits one more bit is left free,
    # because a cubic may pass its knots before it is clipped.
    if isinstance(unit, HEAVY):
        halves_of_both = quantiles if len(quantiles) > 1 else [quantiles[0], 2.0 * loc - quantiles[0]]
        return _compile_heavy(halves_of_both, form)
    value_bits = form.bits - 1 if bits == FORMAT32.bits else form.bits - 2
    exponent = math.frexp(max(extremes))[1] - value_bits
    while True:
        table = _quantize(
            quantiles, loc=loc, low=low, high=high, exponent=exponent, uniform=uniform, form=form
        )
        if table is not None:
            return table
        exponent += 1  # a coefficient did not fit: try a unit twice as coarse


def _compile_heavy(quantiles: list[NDArray[np.float64]], form: Format) -> Table:
    """Return the table of a law without finite ends, whose rows have units of their own."""
    coarser = 0 if form is FORMAT32 else 1
    while True:
        integers, exponents = scaled_rows(quantiles, form, coarser)
        columns = [(half[:, :-1], half[:, -1]) for half in integers]
        make_rows = _rows32 if form is FORMAT32 else _rows64
        half_rows = [make_rows(half, uniform=False, following=following) for half, following in columns]
        if all(part is not None for part in half_rows):
            break
        coarser += 1
    shift = max(part[1] for part in half_rows if part is not None)
    rows = np.concatenate([_finish(part, shift) for part in half_rows if part is not None])
    limit = (1 << (form.bits - 1)) - 1
    return Table(
        rows=rows, tail_shift=0, tail_or=0, bias=form.bias, upper_rows=rows.shape[0] // 2, upper_xor=0,
        upper_add=0, slope_shift=form.fraction - shift if form is FORMAT32 else 0, exponent=0, least=-limit,
        most=limit, magnitude=max(float(np.abs(half).max()) for half in quantiles),
        units=powers(exponents, form),
    )  # fmt: skip


def _quantize(
    quantiles: list[NDArray[np.float64]],
    *,
    loc: float,
    low: float,
    high: float,
    exponent: int,
    uniform: bool,
    form: Format,
) -> Table | None:
    """Return the table in units of 2**exponent; None where a coefficient does not fit its field."""
    limit = (1 << (form.bits - 1)) - 1
    ftype = np.float32 if form is FORMAT32 else np.float64
    least, most = _open_ends(low, high, exponent, limit, ftype)
    symmetric = len(quantiles) == 1
    # The mirror image of v is twice_loc - v. Only 2 loc must be an integer: the center may be half a unit.
    twice_loc = round(math.ldexp(2.0 * loc, -exponent)) if symmetric else 0
    if symmetric and int(_integers(quantiles[0][:1, :1], exponent, least, most)[0, 0]) < twice_loc - most:
        # The lowest value, mirrored, would pass the upper end: the two ends are floats of their own, and are
        # rounded differently. Then each half has its own rows.
        quantiles = [quantiles[0], 2.0 * loc - quantiles[0]]
        symmetric, twice_loc = False, 0
    integers = [_integers(half, exponent, least, most) for half in quantiles]
    make_rows = _rows32 if form is FORMAT32 else _rows64
    half_rows = [make_rows(half, uniform=uniform) for half in integers]
    if any(part is None for part in half_rows):
        return None
    shift = max(part[1] for part in half_rows if part is not None)  # one for both halves
    rows = np.concatenate([_finish(part, shift) for part in half_rows if part is not None])
    ends = [int(half[edge]) for half in integers for edge in ((0, 0), (-1, -1))]
    ends += [twice_loc - end for end in ends] if symmetric else []
    return Table(
        rows=rows,
        # Uniform: 23 bits of the tail (its lowest 8 are dropped) and the bit above them set are a number in
        # [2**23, 2**24). Its float has the exponent 127 + 23 and those 23 bits as its mantissa. Tail 0 has no
        # row of its own, so row 0 is the first of this octave. (Of 64 bits: 52, 11 and 1023 + 52.)
        tail_shift=form.bits - 1 - form.mantissa if uniform else 0,
        tail_or=(1 << form.mantissa) if uniform else 0,
        bias=form.bias + 1 + (form.mantissa << form.leading) if uniform else form.bias,
        upper_rows=0 if symmetric else rows.shape[0] // 2,
        upper_xor=-1 if symmetric else 0,
        # Past the width of a word the sum wraps, and wraps back when it is added to ~v: the value fits.
        upper_add=_wrap(twice_loc + 1, form.bits) if symmetric else 0,
        # slope * fraction is 2**13 times what is added to the base, less the 2**shift by which the slope has
        # been divided already.
        slope_shift=form.fraction - shift if form is FORMAT32 else 0,
        exponent=exponent,
        least=least,
        most=most,
        magnitude=math.ldexp(max(map(abs, ends)), exponent),
    )


def _wrap(value: int, bits: int) -> int:
    """Return ``value`` modulo 2**bits as a signed integer."""
    half = 1 << (bits - 1)
    return (value + half) % (2 * half) - half


def _open_ends(
    low: float, high: float, exponent: int, limit: int, ftype: type[np.float32 | np.float64]
) -> tuple[int, int]:
    """Return the integers of the first and last float strictly inside (low, high), in units of 2**exponent.

    Ends are open, and a value that is rounded to a float must not be rounded to an end. So the ends are
    rounded first, and the next float inside is the last that a value may have.
    """
    bottom, top = ftype(low), ftype(high)  # beyond the type's largest number: infinity, which is no end
    first, last = np.nextafter(bottom, ftype(np.inf)), np.nextafter(top, ftype(-np.inf))
    if first > last:
        msg = (
            f"the interval from {low!r} to {high!r} holds no {ftype.__name__} strictly inside it: "
            "widen it, or draw a wider dtype."
        )
        raise ArgumentValueError(msg)
    least, most = -limit, limit
    if np.isfinite(bottom):
        least = max(least, math.ceil(_quotient(float(first), exponent)))
    if np.isfinite(top):
        most = min(most, math.floor(_quotient(float(last), exponent)))
    return least, most


def _quotient(end: float, exponent: int) -> float:
    """Return ``end`` in units of 2**exponent, as far as 64-bit integers go."""
    return min(max(end / 2.0**exponent, -(2.0**63)), 2.0**63)


def _integers(half: NDArray[np.float64], exponent: int, least: int, most: int) -> NDArray[np.int64]:
    """Return quantiles in units of 2**exponent, rounded to nearest and clipped to the ends."""
    scaled = np.rint(np.ldexp(half, -exponent))
    # The bounds of 64-bit tables exceed what a float64 holds exactly: compare as integers.
    return np.clip(np.clip(scaled, -(2.0**62), 2.0**62).astype(np.int64), least, most)


Rows = tuple["NDArray[np.int64]", int]  # rows before their slopes are shortened, and by how many bits


def _rows32(
    half: NDArray[np.int64], *, uniform: bool, following: NDArray[np.int64] | None = None
) -> Rows | None:
    """Return base and step to the next knot, and the shift that makes the steps fit 18 bits.

    ``following`` are the next knots in the units of each row, where rows differ in that.

    The step is multiplied in int32 by the fraction, which has 13 bits: 18 bits are left for it. The steps of
    a normal fit. Where a law has longer ones, up to 13 of their lowest bits are dropped, and the product is
    shifted by as many bits less.
    """
    base = half[:, 0]
    # No knot follows the last one, at the median.
    step = np.append(np.diff(base), 0) if following is None else following - base
    if not uniform:
        # Row 0 is selected by tail 0 only, whose fraction is 0: its slope is not used. Of a normal that step
        # has 26 bits, for which every other row would lose its 8 lowest.
        step[0] = 0
    shift = max(int(np.abs(step).max()).bit_length() - 18, 0)
    if shift > FORMAT32.fraction:
        return None
    return np.stack([base, step], axis=1), shift


def _rows64(
    half: NDArray[np.int64], *, uniform: bool, following: NDArray[np.int64] | None = None
) -> Rows | None:
    """Return the cubic c0 + c1 t + c2 t**2 + c3 t**3 of each segment, for t from 0 to 1.

    It goes through the values y0 ... y3 at t = 0, 1/3, 2/3 and 1 (y3 is the next segment's y0).
    """
    y0, y1, y2 = half[:, 0], half[:, 1], half[:, 2]
    y3 = np.append(half[1:, 0], half[-1, 0]) if following is None else following
    d1, d2, d3 = y1 - y0, y2 - y0, y3 - y0
    for difference in (d1, d2, d3):
        difference[-1] = 0  # no knot follows the last one, at the median
        if not uniform:
            difference[0] = 0  # row 0 is tail 0 only, and its cubic is not used
    if uniform:  # exactly linear, where thirds would round
        return np.stack([y0, d3, 0 * d3, 0 * d3], axis=1), 0
    c1, c2, c3 = cubic(d1, d2, d3)
    if max(int(np.abs(c).max()) for c in (c2, c3)) >= 1 << 31 or int(np.abs(c1).max()) >= 1 << 60:
        return None
    return np.stack([y0, c1, c2, c3], axis=1), 0


def cubic(
    d1: NDArray[np.int64], d2: NDArray[np.int64], d3: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return c1, c2, c3 of the cubics through 0 at t = 0 and through d1, d2, d3 at 1/3, 2/3 and 1."""
    # Lagrange's formulas: c1 = 9 d1 - 9/2 d2 + d3, c2 = -45/2 d1 + 18 d2 - 9/2 d3,
    # c3 = 27/2 (d1 - d2) + 9/2 d3.
    c1 = (18 * d1 - 9 * d2 + 2 * d3) // 2
    # The last two are small: in units 2**12 times as coarse they have 31 bits, and their product with the 31
    # leading bits of t fits 64.
    c2 = (-45 * d1 + 36 * d2 - 9 * d3) // (2 << 12)
    c3 = (27 * d1 - 27 * d2 + 9 * d3) // (2 << 12)
    return c1, c2, c3


def _finish(part: Rows, shift: int) -> NDArray[Any]:
    """Return the rows of one half with their slopes shortened by ``shift`` bits."""
    rows = part[0]
    if rows.shape[1] == 4:  # noqa: PLR2004  # cubic
        return rows
    # Rounded towards zero, abs(slope * 2**shift) <= abs(step), so interpolation stays between the row's two
    # knots, which are inside the ends of the law. A slope rounded away from zero could pass the next knot,
    # and every value would have to be clipped.
    step = np.sign(rows[:, 1]) * (np.abs(rows[:, 1]) >> shift)
    return np.stack([rows[:, 0], step], axis=1).astype(np.int32)
