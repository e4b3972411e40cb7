"""Laws on a few values: which value a word is for, by comparing it with the ends of cells.

A table interpolates, so its values change gradually from one row to the next. Here a word, in the order of
the probability that it is for, is compared with the last words of all cells but the last; as many as it is
beyond, so many values are passed. Every cell has its words exactly, in all types: float64 draws use the same
32-bit word.

Example: of the values 0 and 1 with the probabilities 3/4 and 1/4, the first cell ends at the word 3 * 2**30 -
1.

    >>> import unified_init as ui
    >>> steps = compile_steps(ui.bernoulli(0.25).resolve(1), 32)
    >>> int(steps.lasts[0]) + 2**31 == 3 * 2**30 - 1
    True
    >>> values_of(steps, np.array([0x80000000, 0x40000000, 0x3FFFFFFF, 0], np.uint32)).tolist()
    [0.0, 0.0, 1.0, 1.0]
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.negatives import negative
from unified_init.law.unit_laws import UnitSteps
from unified_init.stream.knots import FORMAT32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.law import Law

__all__ = ["Steps", "compile_steps", "ordered", "values_of"]

HALF = 1 << 31


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """The values of all cells, and the last words of all cells; both are padded to a power of two.

    ``lasts`` are less 2**31, since not all frameworks compare unsigned integers. No word is beyond the
    padding.
    """

    values: NDArray[Any]
    lasts: NDArray[np.int32]
    magnitude: float


def compile_steps(law: Law, bits: int) -> Steps:
    """Return the steps of a law on a few values, for draws of 32 or 64 bits; cached."""
    assert isinstance(law.unit, UnitSteps)  # noqa: S101  # the others have a table
    return _negated(law, bits) if law.negated else _compile(law.unit, law.loc, law.scale, bits)


@functools.lru_cache(maxsize=32)  # steps compare by identity
def _negated(law: Law, bits: int) -> Steps:
    """Return the steps of the mirrored law, with the negatives of its values."""
    steps = compile_steps(negative(law), bits)
    return dataclasses.replace(steps, values=0.0 - steps.values)


@functools.lru_cache(maxsize=32)
def _compile(unit: UnitSteps, loc: float, scale: float, bits: int) -> Steps:
    with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
        exact = np.asarray(unit.values) * scale + loc
        values = exact.astype(np.float32 if bits == FORMAT32.bits else np.float64)
    length = 1 << (values.size - 1).bit_length()
    lasts = np.full(length, HALF - 1, np.int32)
    lasts[: values.size] = [end - 1 - HALF for end in unit.ends]
    padding = np.full(length - values.size, values[-1])
    return Steps(np.concatenate([values, padding]), lasts, float(np.abs(exact).max()))


def ordered(word: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Return words in the order of the probability that they are for, from -2**31 to 2**31 - 1.

    As in ``stream.table``: the top bit is set in the lower half, whose other bits count up from the lower
    end, and clear in the upper half, whose other bits count down from the upper end.
    """
    signed = word.view(np.int32)
    return signed ^ (~(signed >> 31) & np.int32(HALF - 1))


def values_of(steps: Steps, word: NDArray[np.uint32]) -> NDArray[Any]:
    """Return the values of 32-bit words, before they are narrowed."""
    result: NDArray[Any] = steps.values[np.searchsorted(steps.lasts[:-1], ordered(word), side="left")]
    return result
