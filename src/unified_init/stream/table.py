"""Integer tables: the quantile function of a law, compiled to fixed point.

A word of the stream picks a half about the median (its top bit; set for the lower half) and a tail
probability within it (the other bits). The floating-point pattern of that tail, exponent and
leading mantissa bits, selects a row; the remaining mantissa bits interpolate. Rows are linear for
32-bit draws and cubic for 64-bit draws. A value is an integer times a power of two: the conversion
of that integer is the only rounding.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.unit_values import Independent, UnitUniform
from unified_init.stream.knots import FORMAT32, FORMAT64, Format, halves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.law import Law

__all__ = ["Table", "compile_table"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A compiled law: rows, and the few integers with which every law runs the same program.

    tail = ((word without its top bit) >> tail_shift) | tail_or, as a float pattern;
    row = max((pattern >> fraction bits) - bias, 0), plus upper_rows in the upper half;
    lower half: v; upper half: (v ^ upper_xor) + upper_add; value = v * 2**exponent.
    """

    rows: NDArray[Any]  # int32 (n, 2): base, slope; or int64 (n, 4): cubic coefficients
    tail_shift: int
    tail_or: int
    bias: int
    upper_rows: int
    upper_xor: int
    upper_add: int
    slope_shift: int
    exponent: int
    least: int
    most: int
    magnitude: float  # the largest absolute value that can be drawn


def compile_table(law: Law, bits: int) -> Table:
    """Return the table of a law of independent draws; cached by the numbers that it depends on."""
    assert isinstance(law.unit, Independent)  # noqa: S101  # structured laws have no table
    with np.errstate(all="ignore"):  # what the process asks to be raised is no business of a draw
        return _compile(law.unit, law.loc, law.scale, law.low, law.high, bits)


@functools.lru_cache(maxsize=32)
def _compile(
    unit: Independent,
    loc: float,
    scale: float,
    low: float,
    high: float,
    bits: int,
) -> Table:
    form = FORMAT32 if bits == FORMAT32.bits else FORMAT64
    lower, upper = halves(unit, form)
    symmetric, uniform = upper is None, isinstance(unit, UnitUniform)
    placed = [half * scale + loc for half in (lower, upper) if half is not None]
    extremes = [abs(float(half[edge])) for half in placed for edge in ((0, 0), (-1, -1))]
    if symmetric:
        extremes.append(abs(2 * loc - float(placed[0][0, 0])))
    if not all(map(math.isfinite, extremes)):
        msg = f"the law reaches past the largest float64: mean {loc!r}, scale {scale!r}."
        raise ArgumentValueError(msg)
    headroom = form.bits - 1 if bits == FORMAT32.bits else form.bits - 2
    exponent = math.frexp(max(extremes))[1] - headroom
    while True:
        table = _quantise(placed, loc=loc, low=low, high=high, exponent=exponent, uniform=uniform, form=form)
        if table is not None:
            return table
        exponent += 1  # a step between neighbours was too large for its field


def _quantise(
    placed: list[NDArray[np.float64]],
    *,
    loc: float,
    low: float,
    high: float,
    exponent: int,
    uniform: bool,
    form: Format,
) -> Table | None:
    limit = (1 << (form.bits - 1)) - 1
    ftype = np.float32 if form is FORMAT32 else np.float64
    least, most = _open_ends(low, high, exponent, limit, ftype)
    symmetric = len(placed) == 1
    twice = round(math.ldexp(2.0 * loc, -exponent)) if symmetric else 0
    if symmetric and int(_integers(placed[0][:1, :1], exponent, least, most)[0, 0]) < twice - most:
        # The upper end, rounded to a float, would cut the lower one short: two halves then.
        placed = [placed[0], 2.0 * loc - placed[0]]
        symmetric, twice = False, 0
    halves = [_integers(half, exponent, least, most) for half in placed]
    make_rows = _rows32 if form is FORMAT32 else _rows64
    # But for a uniform law, row 0 is the single tail 0, a point, and interpolates to nothing.
    built = [make_rows(half, uniform=uniform) for half in halves]
    if any(part is None for part in built):
        return None
    shift = max(part[1] for part in built if part is not None)
    rows = np.concatenate([_finish(part, shift) for part in built if part is not None])
    ends = [int(half[edge]) for half in halves for edge in ((0, 0), (-1, -1))]
    ends += [twice - end for end in ends] if symmetric else []
    tail = (1 << form.mantissa) if uniform else 0
    return Table(
        rows=rows,
        tail_shift=form.bits - 1 - form.mantissa if uniform else 0,
        tail_or=tail,
        bias=form.bias + 1 + (form.mantissa << form.leading) if uniform else form.bias,
        upper_rows=0 if symmetric else rows.shape[0] // 2,
        upper_xor=-1 if symmetric else 0,
        upper_add=_wrap(twice + 1, form.bits) if symmetric else 0,
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
    """Integers of the first and last float strictly inside (low, high), itself rounded."""
    bottom, top = ftype(low), ftype(high)  # past the type's largest number is infinity: no end there
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
    scaled = np.rint(np.ldexp(half, -exponent))
    # The bounds of 64-bit tables exceed what a float64 holds exactly: compare as integers.
    return np.clip(np.clip(scaled, -(2.0**62), 2.0**62).astype(np.int64), least, most)


Rows = tuple["NDArray[np.int64]", int]  # before the final shift, and that shift


def _rows32(half: NDArray[np.int64], *, uniform: bool) -> Rows | None:
    """Base and step to the next knot; and the shift that makes the steps fit 18 bits."""
    base = half[:, 0]
    step = np.append(np.diff(base), 0)
    if not uniform:
        step[0] = 0
    shift = max(int(np.abs(step).max()).bit_length() - 18, 0)
    if shift > FORMAT32.fraction:
        return None
    return np.stack([base, step], axis=1), shift


def _rows64(half: NDArray[np.int64], *, uniform: bool) -> Rows | None:
    """Cubic through the values at 0, 1/3, 2/3 and 1 of each segment; the last one is a point."""
    y0, y1, y2 = half[:, 0], half[:, 1], half[:, 2]
    y3 = np.append(half[1:, 0], half[-1, 0])
    d1, d2, d3 = y1 - y0, y2 - y0, y3 - y0
    for difference in (d1, d2, d3):
        difference[-1] = 0
        if not uniform:
            difference[0] = 0
    if uniform:  # exactly linear, where thirds would round
        return np.stack([y0, d3, 0 * d3, 0 * d3], axis=1), 0
    c1 = (18 * d1 - 9 * d2 + 2 * d3) // 2
    # Quadratic and cubic terms are coarser by 12 bits, which leaves room for 31-bit products.
    c2 = (-45 * d1 + 36 * d2 - 9 * d3) // (2 << 12)
    c3 = (27 * d1 - 27 * d2 + 9 * d3) // (2 << 12)
    if max(int(np.abs(c).max()) for c in (c2, c3)) >= 1 << 31 or int(np.abs(c1).max()) >= 1 << 60:
        return None
    return np.stack([y0, c1, c2, c3], axis=1), 0


def _finish(part: Rows, shift: int) -> NDArray[Any]:
    rows = part[0]
    if rows.shape[1] == 4:  # noqa: PLR2004  # cubic
        return rows
    # Towards zero, so that interpolation never leaves the interval of its two knots.
    step = np.sign(rows[:, 1]) * (np.abs(rows[:, 1]) >> shift)
    return np.stack([rows[:, 0], step], axis=1).astype(np.int32)
