"""How far two arrays of activations are apart, whichever axis holds the channels, and beside what."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["difference_of", "moved", "reach_of", "spread_of"]

ROUNDING = 2.0**-18  # 32 units in the last place of float32: what another order of additions may change
Array = NDArray[Any]
Arrangement = Callable[[Array], Array]


def moved(array: Array, redrawn: Array) -> NDArray[np.bool_]:
    """Return which values other weights change by more than rounding; all, where they change the shape."""
    if array.shape != redrawn.shape:
        return np.ones(array.shape, np.bool_)
    with np.errstate(invalid="ignore", over="ignore"):
        changes = np.abs(array - redrawn)
        moving: NDArray[np.bool_] = np.isfinite(changes) & (changes > ROUNDING * np.abs(array))
    return moving


def reach_of(array: Array, redrawn: Array) -> float:
    """Return how far other weights move values: the median of those that move, 0 if none does.

    The size of the values says nothing: beside a mask of -1e9 or an offset all differences are small.
    """
    moving = moved(array, redrawn)
    if array.shape != redrawn.shape:
        return spread_of(array)
    return float(np.median(np.abs(array[moving] - redrawn[moving]))) if moving.any() else 0.0


def spread_of(array: Array) -> float:
    """Return how far values are from their median: the median of those that differ from it."""
    with np.errstate(invalid="ignore", over="ignore"):
        distances = np.abs(array - np.median(array))
    distances = distances[np.isfinite(distances) & (distances > 0.0)]
    return float(np.median(distances)) if distances.size else float(np.abs(array).max())


def difference_of(
    first: Array,
    second: Array,
    moving: NDArray[np.bool_] | None = None,
    *,
    rectified: bool = False,
    padded: bool = False,
) -> float | None:
    """Return the largest absolute difference; None if the shapes cannot be those of the same activations.

    Args:
        first: from a model of one framework.
        second: from one of another, which may have its channels last, or its heads in an axis of their own.
        moving: which values of ``first`` weights move; the others may differ by rounding. None is all.
        rectified: whether one layer may have a ReLU inside that comes behind the other.
        padded: whether one array may be the other with zeros around it.
    """
    arrangements = list(_arrangements(first.shape, second.shape))
    masks = [None if moving is None else arranged(moving) for arranged in arrangements]
    gaps = [_gap(arranged(first), second, mask) for arranged, mask in zip(arrangements, masks, strict=True)]
    if padded and not gaps:
        gaps = list(_gaps_within(first, second))
    if rectified and gaps and min(first.min(), second.min()) < 0.0 <= max(first.min(), second.min()):
        sides = np.maximum(first, 0.0), np.maximum(second, 0.0)
        gaps += [_gap(arranged(sides[0]), sides[1]) for arranged in arrangements]
    return min(gaps, default=None)


def _arrangements(shape: tuple[int, ...], other: tuple[int, ...]) -> Iterator[Arrangement]:
    """Yield what makes of an array the other framework's: nothing, channels last or first, or a reshape."""
    arrangements: list[Arrangement] = [lambda array: array]
    if len(shape) > 2:  # noqa: PLR2004  # examples, channels and positions
        arrangements += [lambda array: np.moveaxis(array, 1, -1), lambda array: np.moveaxis(array, -1, 1)]
    form = np.broadcast_to(0, shape)
    fitting = [arranged for arranged in arrangements if arranged(form).shape == other]
    if fitting:
        yield from fitting
    elif math.prod(shape) == math.prod(other):
        yield lambda array: array.reshape(other)


def _gaps_within(first: Array, second: Array) -> Iterator[float]:
    """Yield the differences in the middle, where one array is wider on all sides."""
    if first.ndim != second.ndim or first.ndim < 3:  # noqa: PLR2004  # as above
        return
    for arranged in (first, np.moveaxis(first, 1, -1), np.moveaxis(first, -1, 1)):
        sides = [(a - b) for a, b in zip(arranged.shape, second.shape, strict=True)]
        wider = sum(side != 0 for side in sides)
        if sides[0] == 0 and wider == first.ndim - 2 and all(side % 2 == 0 for side in sides):
            sizes = [min(pair) for pair in zip(arranged.shape, second.shape, strict=True)]
            yield _gap(_middle(arranged, sizes), _middle(second, sizes))


def _middle(array: Array, sizes: list[int]) -> Array:
    starts = [(length - size) // 2 for length, size in zip(array.shape, sizes, strict=True)]
    return array[tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))]


def _gap(first: Array, second: Array, moving: NDArray[np.bool_] | None = None) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.where(first == second, 0.0, np.abs(first - second))  # equal infinities are equal
        if moving is not None:
            gaps = np.where(~moving & (gaps <= ROUNDING * np.abs(first)), 0.0, gaps)
    gap = gaps.max()
    return float(gap) if np.isfinite(gap) else math.inf
