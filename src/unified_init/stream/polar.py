"""Complex values of any angle: a modulus times the cosine and the sine of an angle, in integers.

A complex64 value takes one counter: the first word is the modulus, by a table (``stream.table``), and the
second the angle, in units of 2**-32 of a turn. A complex128 value takes the counters 2i and 2i + 1, of which
the first gives the modulus and the second the angle.

- The leading bits of an angle number a row of the cosine table, which the next bits interpolate: linear in
  32-bit draws (2**14 rows, 12 bits), cubic in 64-bit draws (2**12 rows, 43 bits). The sine is the cosine of
  the angle less a quarter turn, which is a subtraction of 2**30 or 2**62 that wraps.
- Cosines are integers in units of 2**-30 (2**-60), and a modulus is shortened to as many bits. The product of
  the two is put together from products of their halves, so that none is wider than a word.
- As of a table, the only rounding is the conversion of an integer, and the power of two behind it is exact.

Example: the disk of radius 1 in complex64, an eighth of a turn at half of the mass.

    >>> from unified_init.law.law import Law
    >>> from unified_init.law.unit_values import UnitDisk
    >>> table = polar_table(Law(unit=UnitDisk(), mean=0.0, std=0.5**0.5, low=0.0, high=1.0), 32)
    >>> part = values32(table, np.array([0x7FFFFFFF], np.uint32), np.array([0x20000000], np.uint32))
    >>> [round(float(x[0]), 6) for x in part]
    [0.5, 0.5]
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream.elementary import cos_turns
from unified_init.stream.knots import FORMAT32, FORMAT64
from unified_init.stream.numpy_runner import cubic64, integers32, integers64, words
from unified_init.stream.table import Table, compile_table, cubic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.stream.runner import Filler
    from unified_init.stream.walk import Walk

__all__ = [
    "ANGLES32",
    "ANGLES64",
    "Angles",
    "PolarTable",
    "angles",
    "polar_table",
    "prepare",
    "values32",
    "values64",
]

BLOCK = 1 << 15  # values at a time


@dataclasses.dataclass(frozen=True, slots=True)
class Angles:
    """The numbers of the cosine table of one width of draws."""

    bits: int  # of an angle
    leading: int  # that number a row
    fraction: int  # that interpolate
    scale: int  # the cosine's fixed point, in bits; and the bits of a modulus
    dropped: int  # lowest bits that a modulus loses for that

    @property
    def half(self) -> int:
        """Bits of the low half of a cosine and of a modulus."""
        return self.scale // 2

    @property
    def quarter(self) -> int:
        """A quarter of a turn."""
        return 1 << (self.bits - 2)

    @property
    def row_shift(self) -> int:
        """How far the bits of a row are above the lowest."""
        return self.bits - self.leading

    @property
    def fraction_shift(self) -> int:
        """How far the bits of a fraction are above the lowest."""
        return self.bits - self.leading - self.fraction


# Straight lines are within 2e-8 of the cosine, cubics within 2e-14.
ANGLES32 = Angles(bits=32, leading=14, fraction=12, scale=30, dropped=1)
ANGLES64 = Angles(bits=64, leading=12, fraction=FORMAT64.fraction, scale=60, dropped=2)


def angles(bits: int) -> Angles:
    """Return the numbers of a width of draws."""
    return ANGLES32 if bits == FORMAT32.bits else ANGLES64


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PolarTable:
    """A compiled law of complex values: the table of the modulus, and the cosines that all laws share."""

    modulus: Table
    cosines: NDArray[Any]  # int32 (n, 2) or int64 (n, 4), as the rows of a table
    unit: float  # of a part: a power of two, with the sign of the values

    @property
    def magnitude(self) -> float:
        """The largest modulus."""
        return self.modulus.magnitude


def polar_table(law: Law, bits: int) -> PolarTable:
    """Return the table of a polar law; cached by the numbers that it depends on."""
    modulus = compile_table(dataclasses.replace(law, negated=False), bits)
    return _polar(modulus, bits, -1 if law.negated else 1)


@functools.lru_cache(maxsize=32)
def _polar(modulus: Table, bits: int, sign: int) -> PolarTable:
    return PolarTable(modulus, _cosines(bits), sign * 2.0 ** (modulus.exponent + angles(bits).dropped))


@functools.lru_cache(maxsize=2)
def _cosines(bits: int) -> NDArray[Any]:
    form = angles(bits)
    rows = np.arange(1 << form.leading)
    # An angle stands for the middle of its cell. Cells are dropped in integers: the turn is exact.
    middle = 2.0 ** -(form.leading + form.fraction + 1)

    def at(offset: float) -> NDArray[np.int64]:
        turns = (rows + offset) / (1 << form.leading) + middle
        return np.rint(np.ldexp(cos_turns(turns), form.scale)).astype(np.int64)

    base = at(0.0)
    following = np.roll(base, -1)
    if form is ANGLES32:
        table: NDArray[Any] = np.stack([base, following - base], axis=1).astype(np.int32)
    else:
        table = np.stack([base, *cubic(at(1 / 3) - base, at(2 / 3) - base, following - base)], axis=1)
    table.setflags(write=False)
    return table


def _cosine32(cosines: NDArray[np.int32], angle: NDArray[np.uint32]) -> NDArray[np.int32]:
    base, slope = cosines[angle >> ANGLES32.row_shift].T
    fraction = ((angle >> ANGLES32.fraction_shift) & ((1 << ANGLES32.fraction) - 1)).view(np.int32)
    result: NDArray[np.int32] = base + (slope * fraction >> ANGLES32.fraction)
    return result


def _cosine64(cosines: NDArray[np.int64], angle: NDArray[np.uint64]) -> NDArray[np.int64]:
    row = (angle >> np.uint64(ANGLES64.row_shift)).astype(np.intp)
    fraction = (angle >> np.uint64(ANGLES64.fraction_shift)) & np.uint64((1 << ANGLES64.fraction) - 1)
    value = cubic64(cosines[row].T, fraction.view(np.int64))
    return np.clip(value, -(1 << ANGLES64.scale), 1 << ANGLES64.scale)  # a cubic may pass its knots


def _product(modulus: NDArray[Any], cosine: NDArray[Any], form: Angles) -> NDArray[Any]:
    """Return modulus * cosine >> scale. Only the product of both low halves, below one unit, is left out."""
    mask = (1 << form.half) - 1
    r_high, r_low = modulus >> form.half, modulus & mask
    c_high, c_low = cosine >> form.half, cosine & mask
    return r_high * c_high + ((r_high * c_low + r_low * c_high) >> form.half)


def values32(
    table: PolarTable, x0: NDArray[np.uint32], x1: NDArray[np.uint32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the real and the imaginary parts of complex64 values."""
    modulus = integers32(table.modulus, x0) >> ANGLES32.dropped
    unit = np.float32(table.unit)
    real, imaginary = (
        _product(modulus, _cosine32(table.cosines, angle), ANGLES32).astype(np.float32) * unit
        for angle in (x1, x1 - np.uint32(ANGLES32.quarter))
    )
    return real, imaginary


def values64(
    table: PolarTable,
    modulus_words: tuple[NDArray[np.uint32], ...],
    angle_words: tuple[NDArray[np.uint32], ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the real and the imaginary parts of complex128 values."""
    modulus = integers64(table.modulus, *modulus_words) >> ANGLES64.dropped
    high, low = angle_words
    word = (high.astype(np.uint64) << np.uint64(32)) | low
    real, imaginary = (
        _product(modulus, _cosine64(table.cosines, angle), ANGLES64).astype(np.float64) * table.unit
        for angle in (word, word - np.uint64(ANGLES64.quarter))
    )
    return real, imaginary


def prepare(walk: Walk, table: PolarTable, dtype: np.dtype[Any]) -> Filler:
    """Return the filler of complex values of a walk that lists one index per value."""
    del dtype  # the array that is filled has it too

    def fill(out: NDArray[Any], start: int, key: tuple[int, int]) -> None:
        with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
            for begin in range(0, out.size, BLOCK):
                target = out[begin : begin + BLOCK]
                logical = walk.logical(start + begin, start + begin + target.size)
                if target.dtype == np.complex64:
                    parts: Any = values32(table, *words(key, logical))
                else:  # the counters of 2i and 2i + 1, which wrap as words do
                    logical *= 2
                    parts = values64(table, words(key, logical), words(key, logical + 1))
                target.real, target.imag = parts

    return fill
