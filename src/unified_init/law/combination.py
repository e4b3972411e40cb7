"""Linear combinations of laws: sums of tensors, and tensors that an array by named axes multiplies.

A sum has a term for each tensor, which is drawn under a name of its own. The terms are added in float32
(float64 where 64 bits are drawn), from left to right, and the result is rounded once to the element type.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_init.law.law import Law
    from unified_init.law.layout import Geometry

__all__ = ["Combination", "ScaledBy", "SumOf", "sum_moments", "term_name"]


@dataclasses.dataclass(frozen=True, slots=True)
class SumOf:
    """The sum of tensors that are drawn apart."""

    terms: tuple[Law, ...]
    geometry: Geometry

    @property
    def kind(self) -> str:
        """The kinds of the terms, such as "identity + normal"."""
        return " + ".join(term.kind for term in self.terms)


@dataclasses.dataclass(frozen=True, slots=True)
class ScaledBy:
    """A tensor times an array by named axes.

    ``values`` has the array row by row, and ``shape`` its length along each digit of the logical tensor:
    1 along those that it does not name.
    """

    base: Law
    axes: str
    values: tuple[float, ...]
    shape: tuple[int, ...]
    geometry: Geometry

    @property
    def kind(self) -> str:
        """The kind of the tensor, and the axes, such as "normal along I"."""
        return f"{self.base.kind} along {self.axes}"

    @property
    def terms(self) -> tuple[Law, ...]:
        """The law of the tensor that is multiplied."""
        return (self.base,)

    @property
    def largest(self) -> float:
        """The largest magnitude in the array."""
        return max(map(abs, self.values), default=0.0)


Combination = SumOf | ScaledBy


def term_name(name: str, position: int) -> str:
    """Return the name of the stream of one term of a sum."""
    return f"{name}/{position}"


def sum_moments(terms: tuple[Law, ...]) -> tuple[float, float]:
    """Return mean and standard deviation of an entry of a sum; NaN where entries differ.

    A term that draws nothing does not vary, though its entries may differ.
    """
    mean = math.fsum(term.mean for term in terms)
    variance = math.fsum(term.std**2 for term in terms if term.random)
    return mean, math.sqrt(variance)
