"""Sums of tensors, and products with an array by named axes, on the host.

Each step is one float32 operation (float64 where 64 bits are drawn), rounded to nearest even. Zeros of sums
and products have no sign: the graph program clears it, which keeps compilers from joining a step with others.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.combination import ScaledBy
from unified_init.stream.arrange import selected, stored_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.stream.program import Program

__all__ = ["combined", "multipliers", "work_type"]


def work_type(program: Program) -> np.dtype[Any]:
    """Return the type in which a program without a table is computed."""
    return np.dtype(np.float64 if program.dtype.bits == 64 else np.float32)  # noqa: PLR2004


def combined(program: Program, draw: Callable[[Program], NDArray[Any]]) -> NDArray[Any]:
    """Return the values of a sum or a product; ``draw`` returns a new array with those of a term."""
    first, *others = program.terms
    total = draw(first)
    if isinstance(program.law.unit, ScaledBy):
        total *= multipliers(program)
    for term in others:
        total += draw(term)
    total += 0.0  # zeros without a sign
    return total


def multipliers(program: Program) -> NDArray[Any]:
    """Return the array of a product, for what the program draws: of length 1 along axes without a name."""
    unit, geometry = program.law.unit, program.geometry
    assert isinstance(unit, ScaledBy)  # noqa: S101  # the caller has looked
    values = np.asarray(unit.values, dtype=np.float64).reshape(unit.shape)
    stored = stored_order(geometry)
    values = values.transpose([geometry.digits.index(digit) for digit in stored])
    lengths: list[int] = []
    spread: list[int] = []  # digits merged with a named one have their full length
    for _, group in itertools.groupby(zip(stored, values.shape, strict=True), key=lambda pair: pair[0].axis):
        pairs = list(group)
        is_named = any(digit.role in unit.axes for digit, _ in pairs)
        sizes = [digit.size if is_named else 1 for digit, _ in pairs]
        spread += sizes
        lengths.append(math.prod(sizes))
    values = np.broadcast_to(values, spread).reshape(lengths).astype(work_type(program))
    part: NDArray[Any] = selected(np, values, _narrowed(program, lengths))
    return part


def _narrowed(program: Program, lengths: list[int]) -> Any:  # noqa: ANN401  # an index, checked
    """Return the entries of a program for an array that has the length 1 along some axes."""
    whole = program.geometry.shape
    return (
        tuple(
            entry if length == size else 0 if isinstance(entry, int) else (range(1),)
            for entry, length, size in zip(program.entries, lengths, whole, strict=True)
        )
        if program.entries
        else ()
    )
