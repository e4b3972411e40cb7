"""What a part costs: ours with ``index=`` against ours without, for as many values."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

import unified_init as ui
from benchmarks.cases import CPU, HALVES, MOVING
from benchmarks.specs import SPECS, drawn, filled
from benchmarks.timing import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.cases import Case

__all__ = ["pair", "parts"]

Part = tuple[slice, slice]


def pair(case: Case) -> Pair:
    """Return the calls for parts and for the whole."""
    way = case.way.removesuffix(CPU)
    if way in {*HALVES, MOVING}:
        return Pair(_there(_sliced(case, way)), _there(drawn(case)), "ours, without index=")
    count, _, cut = way.removesuffix(", in place").partition(" shards by ")
    dtype = np.dtype(getattr(ml_dtypes, case.dtype, case.dtype))
    indices = parts(case.shape, int(count), cut)
    outs = [np.empty([part.stop - part.start for part in index], dtype) for index in indices]

    def shards(i: int) -> None:
        for out, index in zip(outs, indices, strict=True):
            ui.fill(out, SPECS[case.law], seed=0, name=f"w{i}", shape=case.shape, index=index)

    return Pair(shards, filled(case, np.empty(case.shape, dtype)), "ours, whole")


def parts(shape: tuple[int, ...], count: int, cut: str) -> list[Part]:
    """Return the parts of a matrix: cut along its rows, its columns or both."""
    across = {
        "rows": 1,
        "columns": count,
        "both": max(n for n in range(1, 9) if count % n == 0 and n * n <= count),
    }
    columns = across[cut]
    rows = count // columns
    return list(itertools.product(_cut(shape[0], rows), _cut(shape[1], columns)))


def _cut(length: int, count: int) -> list[slice]:
    ends = [i * length // count for i in range(count + 1)]
    return [slice(*pair) for pair in itertools.pairwise(ends)]


def _sliced(case: Case, way: str) -> Callable[[int], Any]:
    """Return a call that draws a part of the case's shape out of a larger tensor."""
    spec, (rows, columns) = SPECS[case.law], case.shape

    def call(i: int) -> Any:  # noqa: ANN401  # a tensor of any framework
        shape, index = {
            HALVES[0]: ((2 * rows, columns), (slice(rows),)),
            HALVES[1]: ((rows, 2 * columns), (slice(None), slice(columns))),
            MOVING: ((rows << 20, columns), (slice(rows * i, rows * (i + 1)),)),
        }[way]
        return ui.draw(
            spec, shape, seed=0, name=f"w{i}", index=index, dtype=case.dtype, backend=case.framework
        )

    return call


def _there(call: Callable[[int], Any]) -> Callable[[int], Any]:
    """Return a call that waits until its tensor is there, where a framework goes on before."""

    def waiting(i: int) -> Any:  # noqa: ANN401  # as above
        tensor = call(i)
        return tensor.block_until_ready() if hasattr(tensor, "block_until_ready") else tensor

    return waiting
