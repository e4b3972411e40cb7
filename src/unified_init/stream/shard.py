"""Draws the shard of a tensor that a rank holds: each box at its own cost, where the law allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.law.shards import boxes
from unified_init.stream import host, run
from unified_init.stream.program import sliced
from unified_init.stream.structured import costs_the_box

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.law.shards import Spans
    from unified_init.stream.program import Program

__all__ = ["ready"]


def ready(
    out: NDArray[Any], program: Program, axes: tuple[Spans, ...]
) -> Callable[[tuple[int, int] | None], None]:
    """Return the function of a root key that writes a shard of what a program draws.

    As for ``run.ready``, all memory is asked for before. What has to be drawn whole is drawn once.

    Args:
        out: a C-contiguous array of the shard's shape and the program's type.
        program: of the whole tensor.
        axes: the spans that the shard holds.
    """
    parts = list(boxes(axes))
    if len(parts) > 1 and not costs_the_box(program):
        buffer = run.buffer(program)
        draw = run.ready(buffer, program)
        return lambda root: _cut(out, buffer, parts, draw, root)
    draws = []
    for spans, places in parts:
        piece = sliced(program, *zip(*spans, strict=True)) if spans else program
        target = out if len(parts) == 1 else host.aligned_empty(piece.index.shape, out.dtype)
        draws.append((places, target, run.ready(target, piece)))

    def draw_all(root: tuple[int, int] | None) -> None:
        for places, target, draw_piece in draws:
            draw_piece(root)
            if len(draws) > 1:
                out[places] = target

    return draw_all


def _cut(
    out: NDArray[Any],
    buffer: NDArray[Any],
    parts: list[Any],
    draw: Callable[[tuple[int, int] | None], None],
    root: tuple[int, int] | None,
) -> None:
    draw(root)
    for spans, places in parts:
        out[places] = buffer[tuple(slice(*span) for span in spans)]
