"""Rows of a table in units of their own, for laws whose tails are heavy.

In one unit, 31 bits hold either the far tail of a heavy law or its middle. Here each row has the finest unit
in which its own values fit, so that a value has the precision of a float wherever it is: the integer of a row
is converted to a float, which is the only rounding, and multiplied by the row's power of two, which is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream.knots import FORMAT32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.knots import Format

__all__ = ["powers", "scaled_rows"]

# No unit is finer: its values would be subnormal, which some processors flush to zero.
FINEST = {32: -125, 64: -1000}
# Bits of the longest step in a row's unit. Of 32-bit rows, slopes have 18, and all lose as many as the
# longest has beyond that. The rows next to a median of 0 have steps as long as their values, and so coarser
# units.
LONGEST = {32: 22, 64: 52}


def scaled_rows(
    quantiles: list[NDArray[np.float64]], form: Format, coarser: int
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """Return both halves' knots as integers, and the exponents of the units that they count.

    A half has a row for each row of the table: its own knots, and in the last column where the next row
    begins.

    Args:
        quantiles: of the lower and of the upper half, with a column for each knot of a row.
        form: 32 or 64 bits.
        coarser: how many bits to leave free, beside the sign.
    """
    integers, exponents = [], []
    for half in quantiles:
        knots = np.concatenate([half, np.append(half[1:, 0], half[-1, 0])[:, None]], axis=1)
        value_bits = np.frexp(np.abs(knots).max(axis=1))[1].astype(np.int64)
        step_bits = np.frexp(np.abs(knots[:, -1] - knots[:, 0]))[1].astype(np.int64)
        step_bits[0] = value_bits[0] - form.bits  # of tail 0, whose step is not used
        exponent = np.maximum(value_bits - (form.bits - 1), step_bits - LONGEST[form.bits]) + coarser
        exponent = np.maximum(exponent, FINEST[form.bits])
        scaled = np.rint(np.ldexp(knots, -exponent[:, None]))
        limit = 2.0 ** (form.bits - 1) - (1.0 if form is FORMAT32 else 1024.0)
        integers.append(np.clip(scaled, -limit, limit).astype(np.int64))
        exponents.append(exponent)
    return integers, exponents


def powers(exponents: list[NDArray[np.int64]], form: Format) -> NDArray[Any]:
    """Return the powers of two of all rows, in the type of the draws."""
    dtype = np.float32 if form is FORMAT32 else np.float64
    return np.ldexp(1.0, np.concatenate(exponents)).astype(dtype)
