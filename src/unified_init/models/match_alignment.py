"""Aligns two sequences of layers, so that one more layer in one of them is one gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["aligned_pairs"]

Item = TypeVar("Item")
LARGEST = 4_000_000  # cells of the table: about two seconds


def aligned_pairs(
    first: Sequence[Item], second: Sequence[Item], fits: Callable[[Item, Item], bool]
) -> list[tuple[int, int]]:
    """Return the pairs of positions that every longest common subsequence has.

    A position that has several partners, each in an alignment that is as long, is in none of the pairs.

    Args:
        first: one sequence.
        second: the other.
        fits: whether two items may be a pair.

    Example:
        >>> aligned_pairs("abcd", "abd", lambda a, b: a == b)
        [(0, 0), (1, 1), (3, 2)]
        >>> aligned_pairs("aa", "a", lambda a, b: a == b)
        []
    """
    if not first or not second or len(first) * len(second) > LARGEST:
        return []
    fitting = np.array([[fits(a, b) for b in second] for a in first], dtype=bool)
    before = _lengths(fitting)
    after = _lengths(fitting[::-1, ::-1])[::-1, ::-1]
    longest = before[-1, -1]
    # A pair is in some longest alignment if what fits before it and behind it makes up the rest.
    possible = fitting & (before[:-1, :-1] + 1 + after[1:, 1:] == longest)
    # Pairs that exclude each other cross: each may have one partner only, and yet not both be right.
    single = possible & (possible.sum(0, keepdims=True) == 1) & (possible.sum(1, keepdims=True) == 1)
    return [(int(row), int(column)) for row, column in zip(*np.nonzero(single), strict=True)]


def _lengths(
    fitting: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return the length of the longest common subsequence of each pair of beginnings."""
    rows, columns = fitting.shape
    lengths = np.zeros((rows + 1, columns + 1), dtype=np.int64)
    for row in range(rows):
        # The best of the row above, with or without a pair here; then the running maximum along the row.
        reached = np.maximum(lengths[row, 1:], lengths[row, :-1] + fitting[row])
        lengths[row + 1, 1:] = np.maximum.accumulate(reached)
    return lengths
