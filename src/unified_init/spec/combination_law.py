"""Laws of sums, and of products with an array by named axes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.nested import leaves
from unified_init.core.reprs import limit
from unified_init.errors import ArgumentValueError
from unified_init.law.along import Along
from unified_init.law.combination import ScaledBy, SumOf, sum_moments
from unified_init.law.law import Law
from unified_init.law.unit_values import ConstantValues

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unified_init.law.law import GivenFans
    from unified_init.law.layout import Geometry

__all__ = ["along_fans", "product_law", "sum_law"]

# In a sum, the last bit of a product in float32 must not be a subnormal number, which some frameworks flush.
SMALLEST_PRODUCT = 2.0**-66
NAN = math.nan


def sum_law(terms: tuple[Law, ...], geometry: Geometry, label: str) -> Law:
    """Return the law of a sum of tensors on one geometry.

    Raises:
        ArgumentValueError: the values of a term are so small that their sum could need subnormal numbers.
    """
    sizes = [_smallest(term) for term in terms]
    for term, size in zip(terms, sizes, strict=True):
        least = SMALLEST_PRODUCT if isinstance(term.unit, ScaledBy) else checks.SMALLEST_SIZE
        if size < least:
            msg = (
                f"{label} has a term ({term.kind}) of size {size!r}: in a sum it must be 0, or at least "
                f"{limit(least)}."
            )
            raise ArgumentValueError(msg)
    mean, std = sum_moments(terms)
    low, high = (math.fsum(getattr(term, end) for term in terms) for end in ("low", "high"))
    fan_in, fan_out = (_first([getattr(term, fan) for term in terms]) for fan in ("fan_in", "fan_out"))
    return Law(
        unit=SumOf(terms, geometry), mean=mean, std=std, low=low, high=high, fan_in=fan_in, fan_out=fan_out,
        scale=min(sizes),
    )  # fmt: skip


def product_law(base: Law, array: Along, geometry: Geometry, label: str) -> Law:
    """Return the law of a tensor times an array by named axes.

    Raises:
        ArgumentValueError: the tensor has no such axes, or not of these lengths, or an entry makes values
            that are too small.
    """
    values, shape = _on_logical_axes(array, geometry, label)
    sizes = sorted({abs(value) for value in values})
    scale = _smallest(base) * min((size for size in sizes if size), default=1.0)
    if scale < checks.SMALLEST_SIZE:
        msg = (
            f"{label} has an entry of `values` that times the scale {base.scale!r} is {scale!r}: it must be "
            "0, or at least 2**-90."
        )
        raise ArgumentValueError(msg)
    ends = [_product(value, end) for value in (min(values, default=0.0), max(values, default=0.0))
            for end in (base.low, base.high)]  # fmt: skip
    is_one = len(set(values)) == 1
    mean = base.mean * values[0] if is_one else 0.0 if base.mean == 0.0 else NAN
    std = base.std * sizes[0] if len(sizes) == 1 else 0.0 if base.std == 0.0 and is_one else NAN
    return Law(
        unit=ScaledBy(base, array.axes, values, shape, geometry), mean=mean, std=std, low=min(ends),
        high=max(ends), fan_in=base.fan_in, fan_out=base.fan_out, scale=scale,
    )  # fmt: skip


def along_fans(
    fans: GivenFans, geometry: Geometry, std_of: Callable[[float | None, float | None], float], label: str
) -> Along:
    """Return the std of each entry over that of fans of 1, by the axes of the arrays among the fans.

    Args:
        fans: a pair of which one at least is an array.
        geometry: shape and roles.
        std_of: the standard deviation for numbers.
        label: the spec's name in messages.
    """
    arrays = {array.axes: array for array in fans if isinstance(array, Along)}
    axes = "".join(dict.fromkeys("".join(arrays)))
    for array in arrays.values():
        _on_logical_axes(array, geometry, label)
    lengths = {
        letter: length
        for array in arrays.values()
        for letter, length in zip(array.axes, array.shape, strict=True)
    }
    unit = std_of(*(None if fan is None else 1.0 for fan in fans))

    def entry(position: Sequence[int]) -> float:
        place = dict(zip(axes, position, strict=True))
        return std_of(*(_fan_at(fan, place) for fan in fans)) / unit

    places = itertools.product(*(range(lengths[letter]) for letter in axes))
    return Along(axes, _folded([entry(place) for place in places], [lengths[letter] for letter in axes]))


def _fan_at(fan: float | Along | None, place: dict[str, int]) -> float | None:
    if not isinstance(fan, Along):
        return fan
    value = fan.values
    for letter in fan.axes:
        assert isinstance(value, tuple)  # noqa: S101  # of the array's rank
        value = value[place[letter]]
    return checks.positive("fans", value)


def _folded(values: list[float], lengths: list[int]) -> tuple[object, ...]:
    """Return entries that stand row by row as nested tuples."""
    result: list[object] = list(values)
    for length in reversed(lengths[1:]):
        result = (
            [tuple(result[start : start + length]) for start in range(0, len(result), length)]
            if length
            else []
        )
    return tuple(result)


def _on_logical_axes(
    array: Along, geometry: Geometry, label: str
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Return the entries row by row in the order of the logical axes, and their shape on those axes."""
    if geometry.layout is None:
        msg = (
            f"{label} has an array along {array.axes!r}, and a shape alone does not say which axis that is: "
            f"pass layout=, such as 'OI'; got shape {geometry.shape}."
        )
        raise ArgumentValueError(msg)
    for letter, length in zip(array.axes, array.shape, strict=True):
        if not geometry.has(letter) or geometry.extent(letter) != length:
            size = f"{geometry.extent(letter)} long" if geometry.has(letter) else "not there"
            msg = (
                f"{label} has an array of {length} entries along {letter}, which is {size} in the shape "
                f"{geometry.shape} with layout {geometry.layout!r}."
            )
            raise ArgumentValueError(msg)
    order = sorted(range(len(array.axes)), key=lambda axis: _rank(geometry, array.axes[axis]))
    entries = array.entries()
    strides = [math.prod(array.shape[axis + 1 :]) for axis in range(len(array.axes))]
    places = itertools.product(*(range(array.shape[axis]) for axis in order))
    values = tuple(
        entries[sum(strides[axis] * position for axis, position in zip(order, place, strict=True))]
        for place in places
    )
    shape = tuple(digit.size if digit.role in array.axes else 1 for digit in geometry.digits)
    return values, shape


def _rank(geometry: Geometry, letter: str) -> int:
    return next(rank for rank, digit in enumerate(geometry.digits) if digit.role == letter)


def _smallest(law: Law) -> float:
    """Return the size below which no value is that is not 0, as far as a law's scale tells."""
    if isinstance(law.unit, ConstantValues):
        sizes = [abs(value * law.scale) for value in leaves(law.unit.value)]
        return min((size for size in sizes if size), default=1.0)
    return abs(law.scale)


def _product(value: float, end: float) -> float:
    return 0.0 if value == 0.0 else value * end


def _first(fans: list[float | None]) -> float | None:
    """Return the first fan that is known."""
    return next((fan for fan in fans if fan is not None), None)
