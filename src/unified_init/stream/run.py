"""A request on the host: the one way to a concrete tensor, whatever the framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import host
from unified_init.stream.structured import structured

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.program import Request

__all__ = ["buffer", "into", "on_host"]


def on_host(request: Request, root: tuple[int, int] | None) -> NDArray[Any]:
    """Return a request's values in a new buffer that frameworks can alias."""
    out = buffer(request)
    into(out, request, root)
    return out


def buffer(request: Request) -> NDArray[Any]:
    """Return uninitialised memory for a request, which frameworks can alias."""
    return host.aligned_empty(request.index.shape, request.dtype.numpy)


def into(out: NDArray[Any], request: Request, root: tuple[int, int] | None) -> None:
    """Write a request's values into a C-contiguous array of its shape and type."""
    if request.table is not None:
        assert root is not None  # noqa: S101  # the front door asks a random law for a seed
        key = host.named_key(root, request.name)
        host.fill(out, index=request.index, key=key, table=request.table)
        return
    with np.errstate(all="ignore"):  # what the process asks to be raised is no business of a draw
        stored = structured(
            request.law, request.geometry, root=root, name=request.name, bits=request.dtype.bits
        )
        np.copyto(out, stored[request.entries or ...], casting="unsafe")
