"""Lists the logical indices of a tensor's elements, without an array of the tensor's size.

The flat positions are split into rows of equal length. One array has the offset of each row; a stride or a
second array, which all rows share, has the indices within a row.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unified_init.law.indexmap import AxisMap, IndexMap

__all__ = ["Walk", "pairs_of", "positions", "walk"]

# A row of the walk has at least this many elements where the tensor has them, so that the array
# of row offsets stays under 1 % of the output.
ROW = 1024
# A row that is one arithmetic progression is drawn faster than by a pattern from this length on.
PROGRESSION = 256


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Logical index of the flat position ``r * length + j``: ``rows[r] + inner(j)``.

    ``inner(j)`` is ``pattern[j]`` where there is a pattern, else ``j * stride``.
    """

    rows: NDArray[np.int64]
    length: int
    stride: int
    pattern: NDArray[np.int64] | None

    def logical(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the logical indices of the flat positions from ``start`` to ``stop``."""
        first, last = start // self.length, -(-stop // self.length)
        skip = start - first * self.length
        if last - first == 1:
            inner = self._inner(skip, stop - first * self.length)
            return inner + self.rows[first]
        block = self.rows[first:last, None] + self._inner(0, self.length)[None, :]
        return block.reshape(-1)[skip : skip + stop - start]

    def _inner(self, start: int, stop: int) -> NDArray[np.int64]:
        if self.pattern is not None:
            return self.pattern[start:stop]
        return np.arange(start, stop, dtype=np.int64) * self.stride


def walk(index: IndexMap, *, parts: int = 1) -> Walk:
    """Return the walk of an index map.

    Args:
        index: the map.
        parts: consecutive counters that one element takes (2 for complex128).
    """
    way = _kept(index.axes, parts) or _from_zero(index.axes, parts)
    if not index.offset:
        return way
    # The last offsets of the largest complex128 tensors are past int64; counters are 64-bit words and wrap.
    offset = (index.offset * parts + 2**63) % 2**64 - 2**63
    return Walk(way.rows + np.int64(offset), way.length, way.stride, way.pattern)


KEPT = 1 << 16  # bytes of a walk that is kept


# Shards of one shape have one walk, but for the offset.
@functools.lru_cache(maxsize=64)
def _kept(axes: tuple[AxisMap, ...], parts: int) -> Walk | None:
    """Return the walk of axes without an offset; None if it is too large to be kept."""
    way = _from_zero(axes, parts)
    size = way.rows.nbytes + (0 if way.pattern is None else way.pattern.nbytes)
    return way if size <= KEPT else None


def _from_zero(axes: tuple[AxisMap, ...], parts: int) -> Walk:
    dims: list[tuple[int, int] | NDArray[np.int64]] = []
    for axis in axes:
        dims += _dims(axis)
    dims = [dim * parts if isinstance(dim, np.ndarray) else (dim[0], dim[1] * parts) for dim in dims]
    if parts > 1:
        dims.append((parts, 1))
    dims = _collapse(dims)
    length, stride, pattern = 1, 1, None
    if dims and isinstance(dims[-1], tuple) and dims[-1][0] >= PROGRESSION:
        length, stride = dims.pop()
    else:
        pattern = np.zeros(1, dtype=np.int64)
        while dims and pattern.size < ROW:
            dim = dims.pop()
            if isinstance(dim, tuple) and dim[0] * pattern.size > 4 * ROW:
                # A part of a long dimension is enough; the rest of it goes to the rows.
                chunk = next(n for n in range(4 * ROW // pattern.size, 0, -1) if dim[0] % n == 0)
                dims.append((dim[0] // chunk, chunk * dim[1]))
                pattern = _outer((chunk, dim[1]), pattern)
                break
            pattern = _outer(dim, pattern)
        length = pattern.size
    rows = np.zeros(1, dtype=np.int64)
    for dim in dims:
        rows = (rows[:, None] + _outer(dim, np.zeros(1, dtype=np.int64))[None, :]).reshape(-1)
    return Walk(rows, max(length, 1), stride, pattern)


def pairs_of(index: IndexMap, *, parts: int = 1) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    """Return the offset and the pairs of length and stride of an index map, outermost first.

    None where an axis needs an array of its indices. The arguments are those of ``walk``.
    """
    offset = index.offset * parts
    dims: list[tuple[int, int]] = []
    for axis in index.axes:
        for dim in _dims(axis):
            if isinstance(dim, tuple):
                dims.append((dim[0], dim[1] * parts))
            elif dim.size == 1:  # where a slice begins
                offset += int(dim[0]) * parts
            else:
                return None
    if parts > 1:
        dims.append((parts, 1))
    pairs = tuple(dim for dim in _collapse([*dims]) if isinstance(dim, tuple))
    return (offset + 2**63) % 2**64 - 2**63, pairs


def _dims(axis: AxisMap) -> list[tuple[int, int] | NDArray[np.int64]]:
    """Split an axis into (length, stride) pairs, outermost first; into an array where pairs cannot say it."""
    if axis.affine:
        return _runs(axis.runs, axis.terms[0][2])
    is_full = axis.runs == (range(axis.terms[0][0] * axis.terms[0][1]),)
    # Each term repeats where the next one has gone through its values. It is not so where outputs that share
    # a draw (sub-pixel convolutions) are merged outside of another role: their divisor is larger.
    is_nested = all(
        outer == inner * modulus for (outer, _, _), (inner, modulus, _) in itertools.pairwise(axis.terms)
    )
    if is_full and is_nested:
        pairs = [(modulus, stride) for _, modulus, stride in axis.terms]
        return [*pairs, (axis.terms[-1][0], 0)]
    position = positions(axis)
    total = np.zeros(axis.length, dtype=np.int64)
    for divisor, modulus, stride in axis.terms:
        total += position // divisor % modulus * stride
    return [total]


def _runs(runs: tuple[range, ...], stride: int) -> list[tuple[int, int] | NDArray[np.int64]]:
    """Split runs into where pieces of one length begin, and the positions of a piece; each times a stride."""
    if not runs:
        return [(0, stride)]
    if len({run.step for run in runs}) > 1:
        return [_listed(runs) * stride]
    length, step = math.gcd(*map(len, runs)), runs[0].step
    pair = (length, step * stride)
    if runs == (range(0, length * step, step),):
        return [pair]
    return [_listed([run[::length] for run in runs]) * stride, pair]


def positions(axis: AxisMap) -> NDArray[np.int64]:
    """Return the positions of an axis, in the order in which they are drawn."""
    return _listed(axis.runs)


def _listed(runs: Sequence[range]) -> NDArray[np.int64]:
    arrays = [np.arange(run.start, run.stop, run.step, dtype=np.int64) for run in runs]
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int64)


def _collapse(
    dims: list[tuple[int, int] | NDArray[np.int64]],
) -> list[tuple[int, int] | NDArray[np.int64]]:
    """Join neighbors that are one arithmetic progression; drop dimensions of length 1."""
    result: list[tuple[int, int] | NDArray[np.int64]] = []
    for dim in dims:
        if isinstance(dim, tuple) and dim[0] == 1:
            continue
        last = result[-1] if result else None
        if isinstance(dim, tuple) and isinstance(last, tuple) and last[1] == dim[0] * dim[1]:
            result[-1] = (last[0] * dim[0], dim[1])
        else:
            result.append(dim)
    return result


def _outer(dim: tuple[int, int] | NDArray[np.int64], inner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices of a dimension with others inside it: every sum of an offset and an inner index."""
    offsets = dim if isinstance(dim, np.ndarray) else np.arange(dim[0], dtype=np.int64) * dim[1]
    return (offsets[:, None] + inner[None, :]).reshape(-1)
