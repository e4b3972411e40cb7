"""How far two arrays of activations are apart, whichever axis holds the channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["difference_of", "scale_of"]


def scale_of(array: NDArray[Any]) -> float:
    """Return the largest absolute value."""
    return float(np.abs(array).max())


def difference_of(
    first: NDArray[Any], second: NDArray[Any], *, rectified: bool = False, padded: bool = False
) -> float | None:
    """Return the largest absolute difference; None if the shapes cannot be those of the same activations.

    Args:
        first: from a model of one framework.
        second: from one of another, which may have its channels last, or its heads in an axis of their own.
        rectified: whether one layer may have a ReLU inside that comes behind the other.
        padded: whether one array may be the other with zeros around it.
    """
    gaps = [_gap(arranged, second) for arranged in _arrangements(first, second.shape)]
    if padded and not gaps:
        gaps = list(_gaps_within(first, second))
    if rectified and gaps and min(first.min(), second.min()) < 0.0 <= max(first.min(), second.min()):
        positive = np.maximum(second, 0.0)
        gaps += [_gap(np.maximum(arranged, 0.0), positive) for arranged in _arrangements(first, second.shape)]
    return min(gaps, default=None)


def _arrangements(array: NDArray[Any], shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """Yield what an array may be in the other framework: as it is, channels last or first, or reshaped."""
    arranged = [array]
    if array.ndim > 2:  # noqa: PLR2004  # examples, channels and positions
        arranged += [np.moveaxis(array, 1, -1), np.moveaxis(array, -1, 1)]
    fitting = [candidate for candidate in arranged if candidate.shape == shape]
    if fitting:
        yield from fitting
    elif array.size == math.prod(shape):
        yield array.reshape(shape)


def _gaps_within(first: NDArray[Any], second: NDArray[Any]) -> Iterator[float]:
    """Yield the differences in the middle, where one array is wider on all sides."""
    if first.ndim != second.ndim or first.ndim < 3:  # noqa: PLR2004  # as above
        return
    for arranged in (first, np.moveaxis(first, 1, -1), np.moveaxis(first, -1, 1)):
        sides = [(a - b) for a, b in zip(arranged.shape, second.shape, strict=True)]
        wider = sum(side != 0 for side in sides)
        if sides[0] == 0 and wider == first.ndim - 2 and all(side % 2 == 0 for side in sides):
            sizes = [min(pair) for pair in zip(arranged.shape, second.shape, strict=True)]
            yield _gap(_middle(arranged, sizes), _middle(second, sizes))


def _middle(array: NDArray[Any], sizes: list[int]) -> NDArray[Any]:
    starts = [(length - size) // 2 for length, size in zip(array.shape, sizes, strict=True)]
    return array[tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))]


def _gap(first: NDArray[Any], second: NDArray[Any]) -> float:
    gap = np.abs(first - second).max()
    return float(gap) if np.isfinite(gap) else math.inf
