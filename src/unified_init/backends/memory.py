"""Memory: that cannot be had or is elsewhere, and whether each element of a tensor has its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unified_init.errors import ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SpreadError", "is_exhausted", "overlaps_itself"]

# How frameworks say that there is no memory, in errors of their own classes: JAX and XLA, torch, TensorFlow.
EXHAUSTED = (
    "resource_exhausted", "can't allocate memory", "out of memory", "oom when allocating",
    "tensor proto whose content is larger than 2gb",  # what a tf.function can hold as a constant
)  # fmt: skip


class SpreadError(ArgumentTypeError):
    """A tensor whose values are on several ranks or processes, so that this one cannot read all."""


def is_exhausted(error: Exception) -> bool:
    """Whether an error says that memory cannot be had, of whatever framework it is."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in text for phrase in EXHAUSTED)


def overlaps_itself(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    """Whether two elements share a byte.

    Args:
        shape: the lengths of the axes.
        strides: bytes from one element of an axis to the next; negative ones count as positive.
        itemsize: bytes of an element.
    """
    axes = sorted((abs(stride), length) for stride, length in zip(strides, shape, strict=True) if length > 1)
    if 0 in shape:
        return False
    extent = itemsize  # bytes from the first to the last of the axes so far
    is_nested = True
    for stride, length in axes:
        is_nested = is_nested and stride >= extent
        extent += stride * (length - 1)
    if is_nested:  # nearly always; no axis steps into the one inside it
        return False
    # Mark every byte of every element: as many marks as bytes, unless two elements share one.
    size = itemsize
    for _, length in axes:
        size *= length
    if extent < size:  # more elements than memory
        return True
    marks = np.zeros(extent, bool)
    view = np.lib.stride_tricks.as_strided(
        marks, (*(length for _, length in axes), itemsize), (*(stride for stride, _ in axes), 1)
    )
    view[...] = True
    return int(marks.sum()) < size
