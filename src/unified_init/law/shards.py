"""Shards: which positions of a tensor a rank has, as spans along each axis.

The axes of a mesh cut a tensor one after the other, and each cut takes a piece of what the earlier ones
left. After a strided cut the positions along an axis are several spans, in the order in which the rank stores
them.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Box", "Spans", "boxes", "chunk", "lengths", "strided_chunk", "whole"]

Spans = tuple[tuple[int, int], ...]  # along one axis: (first, behind the last), none of them empty
# Its spans in the tensor, one along each axis, and its place in the shard.
Box = tuple[tuple[tuple[int, int], ...], tuple[slice, ...]]


def whole(shape: tuple[int, ...]) -> tuple[Spans, ...]:
    """Return the spans of all of a tensor.

    Example:
        >>> whole((3, 0))
        (((0, 3),), ())
    """
    return tuple(((0, length),) if length else () for length in shape)


def chunk(spans: Spans, count: int, position: int) -> Spans:
    """Return one of the pieces into which an axis is cut: equal ones, the last ones shorter or empty.

    Args:
        spans: what earlier cuts left of the axis.
        count: the number of pieces.
        position: of the piece.

    Example:
        >>> chunk(((0, 5),), 4, 2), chunk(((0, 5),), 4, 3)
        (((4, 5),), ())
    """
    total = _length(spans)
    size = -(-total // count)
    return _between(spans, min(size * position, total), min(size * (position + 1), total))


def strided_chunk(spans: Spans, factor: int, count: int, position: int) -> Spans:
    """Return one of the pieces into which an axis is cut, where a later cut comes first.

    Args:
        spans: what earlier cuts left of the axis.
        factor: the number of parts that the later cut makes; each is cut into pieces.
        count: the number of pieces of each part.
        position: of the piece.

    Example:
        >>> strided_chunk(((0, 8),), 2, 2, 1)
        ((2, 4), (6, 8))
    """
    parts = (chunk(spans, factor, part) for part in range(factor))
    return _joined(span for part in parts for span in chunk(part, count, position))


def lengths(axes: tuple[Spans, ...]) -> tuple[int, ...]:
    """Return the shape of a shard.

    Example:
        >>> lengths((((2, 4), (6, 8)), ((0, 3),)))
        (4, 3)
    """
    return tuple(map(_length, axes))


def boxes(axes: tuple[Spans, ...]) -> Iterator[Box]:
    """Yield the boxes of a tensor that a shard holds, each with its place in the shard.

    Example:
        >>> list(boxes((((2, 4), (6, 8)),)))
        [(((2, 4),), (slice(0, 2, None),)), (((6, 8),), (slice(2, 4, None),))]
    """
    for pairs in itertools.product(*map(_placed, axes)):
        yield tuple(span for span, _ in pairs), tuple(place for _, place in pairs)


def _placed(spans: Spans) -> Iterator[tuple[tuple[int, int], slice]]:
    end = 0
    for first, last in spans:
        end += last - first
        yield (first, last), slice(end - (last - first), end)


def _length(spans: Spans) -> int:
    return sum(last - first for first, last in spans)


def _between(spans: Spans, start: int, stop: int) -> Spans:
    """Return what is from one position to another of the positions that spans hold, counted together."""
    result = []
    for first, last in spans:
        low, high = first + max(start, 0), min(first + stop, last)
        if low < high:
            result.append((low, high))
        start, stop = start - (last - first), stop - (last - first)
    return tuple(result)


def _joined(spans: Iterator[tuple[int, int]]) -> Spans:
    """Return spans with those that follow each other as one."""
    result: list[tuple[int, int]] = []
    for first, last in spans:
        if result and result[-1][1] == first:
            result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return tuple(result)
