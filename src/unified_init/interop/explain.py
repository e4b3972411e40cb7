"""A spec on a shape in words: fans, gain, moments, bounds, and the call of each framework."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

from unified_init.core import checks
from unified_init.core.reprs import literal, shown
from unified_init.core.text_table import as_html
from unified_init.interop.native_calls import native_calls
from unified_init.law.combination import Combination, ScaledBy, SumOf
from unified_init.law.layout import bind
from unified_init.spec.scales import InverseFan, VarianceScaling, fan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from unified_init.law.law import GivenFans, Law
    from unified_init.spec.initializer import Initializer

__all__ = ["explain"]

WIDTH = 10


class Explanation(str):
    """The text of ``explain``; a notebook shows it as a table."""

    __slots__ = ("head", "rows")

    head: str
    rows: tuple[tuple[str, str], ...]

    def __new__(cls, head: str, rows: tuple[tuple[str, str], ...]) -> Self:
        """Return the text of a heading and labeled lines."""
        text = super().__new__(cls, "\n".join([head, *(f"{label:<{WIDTH}}{text}" for label, text in rows)]))
        text.head, text.rows = head, rows
        return text

    def __getnewargs__(self) -> tuple[str, tuple[tuple[str, str], ...]]:  # type: ignore[override]  # of pickles
        """Return the arguments that make an equal text."""
        return self.head, self.rows

    def _repr_html_(self) -> str:
        """Return the lines as a table for a notebook."""
        return as_html(self.head, [("", ""), *self.rows])


def explain(
    spec: Initializer,
    shape: Sequence[int] | int,
    *,
    layout: str | None = None,
    sizes: Mapping[str, int] | None = None,
    fans: GivenFans | None = None,
) -> str:
    """Return the text that ``Initializer.explain`` documents."""
    geometry = bind(checks.shape_of(shape), layout, sizes)
    law = spec.law(geometry, fans)
    head = f"{_name(spec)} on {geometry.shape}"
    for word, value in (("layout", layout), ("sizes", sizes), ("fans", fans)):
        head += "" if value is None else f", {word} {shown(value)}"
    rows = [*_numbers(spec, law), *_terms(law), *native_calls(spec, geometry, law).items()]
    return Explanation(head, tuple(rows))


def _name(spec: Initializer) -> str:
    name = spec.label
    if spec.upscale > 1:
        name = f"icnr({name}, {spec.upscale})"
    return name if spec.factor == 1.0 else f"{name} * {spec.factor!r}"


def _terms(law: Law) -> Iterator[tuple[str, str]]:
    """Yield the laws of the terms of a sum, or of the tensor that a product multiplies."""
    if isinstance(law.unit, Combination):
        for position, term in enumerate(law.unit.terms):
            yield (f"term {position}" if isinstance(law.unit, SumOf) else "of"), str(term)


def _numbers(spec: Initializer, law: Law) -> Iterator[tuple[str, str]]:
    for label, value in (("fan_in", law.fan_in), ("fan_out", law.fan_out)):
        if value is not None:
            yield label, _short(value)
    match None if isinstance(law.unit, Combination) else spec.scale:
        case VarianceScaling(_, mode) if law.random:
            gain = law.std * math.sqrt(fan(mode, law.fan_in, law.fan_out))
            yield "gain", f"{_short(gain)} (std * sqrt({mode}))"
        case InverseFan(_, mode) if law.random:
            gain = law.std * fan(mode, law.fan_in, law.fan_out)
            yield "gain", f"{_short(gain)} (std * {mode})"
    yield from _moments(law)
    if law.low == law.high or (math.isnan(law.std) and math.isinf(law.high)):
        return
    if math.isnan(law.std) and not isinstance(law.unit, Combination):  # the ends need not be reached
        yield "interval", f"{_short(law.low)} to {_short(law.high)} (no value is outside)"
    elif law.low == -law.high and math.isfinite(law.high):
        yield "bound", f"{_short(law.high)} (values in [{_short(law.low)}, {_short(law.high)}])"
    else:
        yield "interval", f"{_short(law.low)} to {_short(law.high)}"


def _moments(law: Law) -> Iterator[tuple[str, str]]:
    for label, value in (("mean", law.mean), ("std", law.std)):
        if not math.isnan(value):
            yield label, _short(value)
    if isinstance(law.unit, ScaledBy) and math.isnan(law.std) and not math.isnan(law.unit.base.std):
        sizes = [abs(value) * law.unit.base.std for value in law.unit.values]
        if sizes:
            yield "std", f"{_short(min(sizes))} to {_short(max(sizes))} (along {law.unit.axes})"


def _short(value: float) -> str:
    return (
        format(value, ".9g")
        if math.isfinite(value)
        else literal(value).removeprefix("float('").removesuffix("')")
    )
