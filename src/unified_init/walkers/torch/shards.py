"""Writes what a rank holds of a DTensor: boxes of the write of the whole, without communication."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends import _torch as adapter
from unified_init.law.shards import boxes, lengths
from unified_init.stream import host
from unified_init.stream.program import sliced
from unified_init.stream.structured import costs_the_box

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from numpy.typing import NDArray

    from unified_init.law.shards import Spans
    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.writes import Write

__all__ = ["assign_shard", "held_pieces"]


def assign_shard(tensor: torch.Tensor, write: Write, axes: tuple[Spans, ...]) -> None:
    """Write this rank's part of a DTensor, in place; what no region of the write covers stays."""
    local = adapter.local(tensor)
    program, target = write.direct, adapter.resolve_device(local.device, write.dtype)
    if program is not None and adapter.wants_graph(target) and costs_the_box(program):
        for spans, places in boxes(axes):
            piece = sliced(program, *_ends(spans))
            adapter.overwrite(local[places], adapter.trace(piece, write.root, target))
        adapter.overwrite(tensor, None)
        return
    view = adapter.writable(tensor)
    if view is not None:
        try:
            _into(view, write, axes)
        finally:  # also where Ctrl-C leaves a part of it written
            adapter.overwrite(tensor, None)
        return
    out = host.aligned_empty(lengths(axes), write.numpy_dtype)
    if not write.covers:
        np.copyto(out, adapter.to_numpy(local))
    _into(out, write, axes)
    adapter.overwrite(tensor, adapter.adopt(out, None))


def held_pieces(tensor: torch.Tensor, axes: tuple[Spans, ...]) -> Iterator[Piece]:
    """Yield the boxes of a DTensor that this rank holds, and what reads each."""
    local = adapter.local(tensor)
    for spans, places in boxes(axes):
        yield (*_ends(spans), functools.partial(adapter.to_numpy, local[places]))


def _into(out: NDArray[Any], write: Write, axes: tuple[Spans, ...]) -> None:
    parts = list(boxes(axes))
    if len(parts) > 1 and not all(_costs_the_box(drawn.program) for drawn in write.drawn):
        whole = host.aligned_empty(write.shape, out.dtype)  # each box would draw it again
        for spans, places in parts:
            whole[tuple(slice(*span) for span in spans)] = out[places]
        write.into(whole)
        for spans, places in parts:
            out[places] = whole[tuple(slice(*span) for span in spans)]
        return
    for spans, places in parts:
        write.region(*_ends(spans), out=out if len(parts) == 1 else out[places])


def _costs_the_box(program: Any) -> bool:  # None where there are values
    return program is None or costs_the_box(program)


def _ends(spans: tuple[tuple[int, int], ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where a box begins and ends along each axis."""
    return tuple(first for first, _ in spans), tuple(last for _, last in spans)
