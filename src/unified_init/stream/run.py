"""Runs a program on the host, whatever framework the tensor is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import host
from unified_init.stream.structured import structured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.program import Program

__all__ = ["buffer", "into", "on_host"]


def on_host(program: Program, root: tuple[int, int] | None) -> NDArray[Any]:
    """Return a program's values in a new buffer that frameworks can alias."""
    out = buffer(program)
    into(out, program, root)
    return out


def buffer(program: Program) -> NDArray[Any]:
    """Return uninitialised memory for a program, which frameworks can alias."""
    return host.aligned_empty(program.index.shape, program.dtype.numpy)


def into(out: NDArray[Any], program: Program, root: tuple[int, int] | None) -> None:
    """Write a program's values into a C-contiguous array of its shape and type."""
    if program.table is not None:
        assert root is not None  # noqa: S101  # the front door asks a random law for a seed
        key = host.named_key(root, program.name)
        host.fill(out, index=program.index, key=key, table=program.table)
        return
    with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a draw
        stored = structured(
            program.law, program.geometry, root=root, name=program.name, bits=program.dtype.bits
        )
        np.copyto(out, stored[program.entries or ...], casting="unsafe")
