"""The graph program of complex values that have a modulus and an angle; ``stream.polar`` explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream.polar import Angles, angles

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.backends.protocol import Ops

__all__ = ["turned"]

# ruff: noqa: ANN401  # arrays of any framework


def turned(
    ops: Ops, modulus: Any, angle: Any, cosine: Callable[[Any, Any], Any], unit: Any, bits: int
) -> Any:
    """Return complex values of moduli and angles, in units of their tables.

    Args:
        ops: the framework.
        modulus: integers, already of as many bits as a cosine.
        angle: words, as signed integers.
        cosine: a function of a row and a fraction that looks the cosine up.
        unit: the power of two of a part.
        bits: of a word.
    """
    form = angles(bits)
    word = np.dtype(f"int{bits}")
    row_mask, fraction_mask, quarter = (
        ops.constant(np.asarray(number, dtype=word))
        for number in ((1 << form.leading) - 1, (1 << form.fraction) - 1, form.quarter)
    )
    shift = ops.xp.bitwise_right_shift

    def part(turned_angle: Any) -> Any:
        row = shift(turned_angle, form.row_shift) & row_mask
        fraction = shift(turned_angle, form.fraction_shift) & fraction_mask
        return ops.cast(_product(ops, modulus, cosine(row, fraction), form, word), f"float{bits}") * unit

    return ops.complex(part(angle), part(angle - quarter))


def _product(ops: Ops, modulus: Any, cosine: Any, form: Angles, word: np.dtype[Any]) -> Any:
    shift, mask = ops.xp.bitwise_right_shift, ops.constant(np.asarray((1 << form.half) - 1, dtype=word))
    r_high, r_low = shift(modulus, form.half), modulus & mask
    c_high, c_low = shift(cosine, form.half), cosine & mask
    return r_high * c_high + shift(r_high * c_low + r_low * c_high, form.half)
