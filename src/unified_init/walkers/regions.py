"""Which part of a drawn tensor lies in a region of a native one, and where it goes there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from unified_init.inventory.parts import Part

__all__ = ["AxisOverlap", "Span", "extents", "overlap"]

Span = tuple[int, int]


class AxisOverlap(NamedTuple):
    """What a part and a region have in common along one axis.

    ``source`` is the span of the part's own positions, which follow each other in the order of the native
    axis; ``places`` says where they are in the region.
    """

    source: Span
    places: slice | NDArray[np.intp]


def extents(part: Part | None, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the lengths of a part along the axes of the native tensor."""
    return tuple(math.prod(stop - start for _, (start, stop) in axis) for axis in _axes(part, shape))


def overlap(
    part: Part | None, shape: tuple[int, ...], start: tuple[int, ...], stop: tuple[int, ...]
) -> tuple[AxisOverlap, ...] | None:
    """Return what a part has in common with the box from ``start`` to ``stop``; None if that is nothing."""
    found = []
    for axis, first, last in zip(_axes(part, shape), start, stop, strict=True):
        common = _along(axis, first, last)
        if common is None:
            return None
        found.append(common)
    return tuple(found)


def _along(axis: list[tuple[int, Span]], start: int, stop: int) -> AxisOverlap | None:
    if len(axis) == 1:
        ((_, (low, high)),) = axis
        first, last = max(low, start), min(high, stop)
        if first >= last:
            return None
        return AxisOverlap((first - low, last - low), slice(first - start, last - start))
    positions = np.arange(start, stop)
    inside, source, stride = np.ones(positions.shape, np.bool_), np.zeros(positions.shape, np.intp), 1
    own_stride = 1
    for length, (low, high) in reversed(axis):
        digit = positions // stride % length
        inside &= (low <= digit) & (digit < high)
        source += (digit - low) * own_stride
        stride, own_stride = stride * length, own_stride * (high - low)
    places = np.flatnonzero(inside)
    if not places.size:
        return None
    return AxisOverlap((int(source[places[0]]), int(source[places[-1]]) + 1), places)


def _axes(part: Part | None, shape: tuple[int, ...]) -> Iterator[list[tuple[int, Span]]]:
    """Yield, for each native axis, the lengths that the view splits it into, each with the part's span."""
    if part is None or part.box is None:
        yield from ([(length, (0, length))] for length in shape)
        return
    factors = list(zip(part.view or shape, part.box, strict=True))
    for length in shape:
        axis = [factors.pop(0)]
        while math.prod(factor for factor, _ in axis) < length:
            axis.append(factors.pop(0))
        yield axis
