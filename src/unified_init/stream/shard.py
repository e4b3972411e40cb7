"""Draws the shard of a tensor that a rank holds: at its own cost, where the law allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.stream import run
from unified_init.stream.program import indexed

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

    As for ``run.ready``, all memory is asked for before.

    Args:
        out: a C-contiguous array of the shard's shape and the program's type.
        program: of the whole tensor.
        axes: the spans that the shard holds.
    """
    entries = tuple(tuple(range(*span) for span in spans) for spans in axes)
    return run.ready(out, indexed(program, entries))
