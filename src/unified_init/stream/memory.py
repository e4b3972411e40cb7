"""Addresses of host memory, for runners that are called by ctypes."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Place", "address_of"]


# An object that keeps memory where it is while it is referred to, and the address.
Place = tuple[object, int]


def address_of(array: NDArray[Any]) -> int:
    """Return the address of an array that is writable, C-contiguous and not empty."""
    # A tenth of what ``array.ctypes.data`` takes, which makes an object of its own first.
    return ctypes.addressof(ctypes.c_char.from_buffer(array))  # type: ignore[arg-type]  # arrays are buffers
