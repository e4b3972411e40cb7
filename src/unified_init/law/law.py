"""The law: what a spec becomes for one shape. Plain numbers, and all that the stream gets to see."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from unified_init.core.public import public
from unified_init.core.text_table import as_html
from unified_init.law.along import Along
from unified_init.law.combination import Combination
from unified_init.law.unit_values import Independent, Polar, Unrandom

if TYPE_CHECKING:
    from unified_init.law.unit_values import UnitValues

__all__ = ["STREAM", "Fans", "GivenFans", "Law", "scaled"]

# The version of the map from (seed, name, logical index) to words. It is in every serialized spec, since
# a spec's values are those of one stream; a released stream never changes.
STREAM = "threefry-1"

# (fan_in, fan_out), None where one is not known.
Fans = tuple[float | None, float | None]
# As a caller may give them: an array by named axes where outputs, say, have fans of their own.
GivenFans = tuple[float | Along | None, float | Along | None]


@public
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The numbers of one initializer on one shape.

    Made by ``Initializer.resolve``, which checks them; a law checks nothing itself. For laws that are
    not independent draws (orthogonal, sparse) the moments describe one entry. What the stream compiles
    is ``unit``, ``loc`` and ``scale``: a value is ``loc + scale * unit``.

    Args:
        unit: what is drawn before location and scale, such as ``UnitUniform()``.
        mean: the realized mean of a value; NaN where one number would say nothing (arrays of
            constants, Fourier kernels).
        std: the realized standard deviation of an entry; NaN where entries differ in it, and where a
            formula gives all values.
        low: no value is below; ``-inf`` for an untruncated normal. Values that are given by a
            formula need not reach it, nor ``high``.
        high: no value is above; ``inf`` for an untruncated normal.
        fan_in: the fan that the scale rule may use; None where the shape does not say.
        fan_out: the same, of the outputs.
        loc: the value that the unit variable's zero becomes.
        scale: the multiplier of the unit variable.
        repeat: how many neighboring outputs share one draw (sub-pixel convolutions); else 1.
        negated: whether a value is the negative of what the mirrored law draws.
        sized_by: which number the spec gives: "std" (the realized one), "parent" (the parent normal's std)
            or "ends" (``uniform(low, high)``). Complex values keep that number. Laws that differ in it
            alone are equal.

    A law has no element type, and its numbers are those of real values. In complex64 and complex128 ``std``
    is sqrt(E|w|^2), except where the spec gives another number: of ``uniform(low, high)`` each part has the
    law, and ``truncated_normal(0, std, -k, k)`` truncates the modulus of a parent with E|w|^2 = std^2.

    Example:
        >>> import unified_init as ui
        >>> law = ui.he_uniform().resolve((300, 96), layout="OI")
        >>> law.kind, law.mean, law.low, law.high, law.fan_in
        ('uniform', 0.0, -0.25, 0.25, 96)
        >>> print(law)
        uniform, mean 0, std 0.144337567, low -0.25, high 0.25, fan_in 96, fan_out 300
    """

    unit: UnitValues
    mean: float
    std: float
    low: float = -math.inf
    high: float = math.inf
    fan_in: float | None = None
    fan_out: float | None = None
    loc: float = 0.0
    scale: float = 1.0
    repeat: int = 1
    negated: bool = False
    sized_by: str = dataclasses.field(default="std", compare=False, repr=False)

    def __str__(self) -> str:
        """Return the numbers in one line."""
        return ", ".join([self.kind, *(f"{name} {text}" for name, text in self._numbers())])

    def _repr_html_(self) -> str:
        """Return the numbers as a table for a notebook."""
        return as_html(f"law: {self.kind}", [("number", "value"), *self._numbers()])

    def _numbers(self) -> list[tuple[str, str]]:
        names = ("mean", "std", "low", "high", "fan_in", "fan_out")
        return [(name, f"{value:.9g}") for name in names if (value := getattr(self, name)) is not None]

    @property
    def kind(self) -> str:
        """What is drawn, in a word: "normal", "uniform", "orthogonal", ..."""
        return self.unit.kind

    @property
    def random(self) -> bool:
        """Whether the values depend on a seed."""
        if isinstance(self.unit, Combination):
            return any(term.random for term in self.unit.terms)
        return not isinstance(self.unit, Unrandom)

    @property
    def independent(self) -> bool:
        """Whether each value is a draw of its own, so that one table gives them all."""
        return isinstance(self.unit, Independent | Polar)


def scaled(law: Law, factor: float) -> Law:
    """Return the law of independent values times a positive factor."""
    return dataclasses.replace(
        law, mean=factor * law.mean, std=factor * law.std, low=factor * law.low, high=factor * law.high,
        loc=factor * law.loc, scale=factor * law.scale,
    )  # fmt: skip
