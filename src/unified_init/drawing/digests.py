"""Digests: one line of text that says whether two tensors hold the same values."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends import registry
from unified_init.core.peers import is_a
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.law.layout import bind
from unified_init.stream.arrange import to_logical
from unified_init.stream.dtypes import dtype_of_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["as_bits", "digest", "values_of"]

CHUNK = 1 << 20
# What holds an array and is none, and how it gives it.
HOLDERS = {"keras.Variable": "its .value", "flax.nnx.Variable": "variable[...]"}


def values_of(tensor: Any, argument: str = "tensor") -> NDArray[Any]:  # noqa: ANN401  # of any framework
    """Return the values of a tensor of any framework as a NumPy array; errors name the argument."""
    owner = registry.backend_of(tensor)
    if owner is None:
        hint = next((f": pass {word}" for path, word in HOLDERS.items() if is_a(tensor, path)), "")
        msg = f"`{argument}` must be an array of NumPy, torch, TensorFlow or JAX, got {shown(tensor)}{hint}."
        raise ArgumentTypeError(msg)
    if isinstance(tensor, np.ma.MaskedArray):
        msg = f"`{argument}` must have a value in every place, got a masked array: fill it first."
        raise ArgumentTypeError(msg)
    try:
        return registry.get(owner).to_numpy(tensor)
    except UnifiedInitError as error:
        msg = f"`{argument}` must have values: {error}"
        raise type(error)(msg) from None
    except Exception as error:
        msg = f"`{argument}` must be an array with values, got {type(tensor).__name__}: {error}"
        raise ArgumentTypeError(msg) from error


def as_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the bytes of an array's elements, one row per element."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return flat.view(np.uint8).reshape(flat.size, flat.dtype.itemsize)


def digest(
    tensor: Any,  # noqa: ANN401
    layout: str | None = None,
    sizes: Mapping[str, int] | None = None,
) -> str:
    """Return the SHA-256 of the logical tensor: equal across backends and layouts.

    The hash is over ``dtype|logical shape|`` in ASCII (``float32|64,3,7,7|``), then the values,
    little-endian, row-major in logical order.

    Args:
        tensor: an array of NumPy, torch, TensorFlow or JAX.
        layout: one letter per axis; None keeps the storage order.
        sizes: how merged axes split.

    Returns:
        64 hexadecimal digits.

    Raises:
        ArgumentValueError: NaN, which has many bit patterns; an element type that cannot be drawn.

    Example:
        >>> import unified_init as ui
        >>> w = ui.draw(ui.he_normal(), (64, 3, 7, 7), layout="OIHW", seed=0)
        >>> v = ui.draw(ui.he_normal(), (7, 7, 3, 64), layout="HWIO", seed=0)
        >>> ui.digest(w, layout="OIHW") == ui.digest(v, layout="HWIO")
        True
    """
    values = values_of(tensor)
    dtype = dtype_of_tensor(values.dtype)
    geometry = bind(tuple(values.shape), layout, sizes)
    logical = np.ascontiguousarray(to_logical(np, values, geometry)).reshape(-1)
    shape = ",".join(map(str, geometry.logical_shape))
    result = hashlib.sha256(f"{dtype.name}|{shape}|".encode("ascii"))
    for start in range(0, logical.size, CHUNK):
        chunk = logical[start : start + CHUNK]
        if np.isnan(chunk).any():
            msg = "`tensor` must not hold NaN, which has many bit patterns."
            raise ArgumentValueError(msg)
        little_endian = chunk if chunk.dtype.byteorder != ">" else chunk.astype(chunk.dtype.newbyteorder("<"))
        result.update(little_endian.view(np.uint8).data)
    return result.hexdigest()
