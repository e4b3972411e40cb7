"""Runs a program on the host, whatever framework the tensor is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import host
from unified_init.stream.combination import combined
from unified_init.stream.program import sliced
from unified_init.stream.structured import costs_the_box, prepare, structured

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.stream.program import Program

__all__ = ["boxes", "buffer", "into", "on_host", "ready"]


def on_host(program: Program, root: tuple[int, int] | None) -> NDArray[Any]:
    """Return a program's values in a new buffer that frameworks can alias."""
    out = buffer(program)
    into(out, program, root)
    return out


def boxes(
    program: Program, root: tuple[int, int] | None
) -> Callable[[tuple[int, ...], tuple[int, ...]], NDArray[Any]]:
    """Return the function of a box's first index and the index behind its last that draws the box.

    A law that needs the whole tensor draws it here, once, and the boxes are parts of it.
    """
    if costs_the_box(program):
        return lambda start, stop: on_host(sliced(program, start, stop), root)
    whole = on_host(program, root)
    return lambda start, stop: whole[tuple(map(slice, start, stop))]


def into(out: NDArray[Any], program: Program, root: tuple[int, int] | None) -> None:
    """Write a program's values into a C-contiguous array of its shape and type."""
    ready(out, program)(root)


def buffer(program: Program) -> NDArray[Any]:
    """Return uninitialized memory for a program, which frameworks can alias."""
    return host.aligned_empty(program.index.shape, program.dtype.numpy)


def ready(out: NDArray[Any], program: Program) -> Callable[[tuple[int, int] | None], None]:
    """Return the function of a root key that writes a program's values into a C-contiguous array.

    Memory that it needs is asked for before, since a key may come from a generator, which is advanced then.
    """
    if program.table is None:
        prepare(program)
        return lambda root: _structured_into(out, program, root)
    draw = host.ready(out, index=program.index, table=program.table)

    def draw_named(root: tuple[int, int] | None) -> None:
        assert root is not None  # noqa: S101  # the front door asks a random law for a seed
        draw(host.named_key(root, program.name))

    return draw_named


def _structured_into(out: NDArray[Any], program: Program, root: tuple[int, int] | None) -> None:
    with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
        if program.terms:
            values = combined(program, lambda term: on_host(term, root))
        else:
            values = structured(program, root)
        np.copyto(out, values, casting="unsafe")
