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


def difference_of(first: NDArray[Any], second: NDArray[Any], *, rectified: bool = False) -> float | None:
    """Return the largest absolute difference; None if the shapes cannot be those of the same activations.

    Args:
        first: from a model of one framework.
        second: from one of another, which may have its channels last, or its heads in an axis of their own.
        rectified: whether one layer may have a ReLU inside that comes behind the other.
    """
    gaps = [_gap(arranged, second) for arranged in _arrangements(first, second.shape)]
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


def _gap(first: NDArray[Any], second: NDArray[Any]) -> float:
    gap = np.abs(first - second).max()
    return float(gap) if np.isfinite(gap) else math.inf
