"""The NumPy backend: host buffers unchanged. Tests compare the graph programs of the others with its own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from unified_init.backends import graph_words
from unified_init.backends.memory import overlaps_itself
from unified_init.backends.trace import draw as trace_program
from unified_init.backends.trace import inline
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.memory import address_of
from unified_init.stream.threefry import root_key as int_root_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.backends.protocol import Key, Ops
    from unified_init.stream.memory import Place
    from unified_init.stream.program import Program

# ruff: noqa: ANN401

PLAIN = {np.ndarray}  # a subclass may use its memory in another way


def root_key(seed: object) -> Key | None:
    """Draw one 64-bit seed from a ``numpy.random.Generator``."""
    if isinstance(seed, np.random.Generator):
        return int_root_key(int(seed.integers(2**64, dtype=np.uint64)))
    return None


def resolve_device(device: object, dtype: str) -> None:
    """Return None: NumPy has only the host."""
    del dtype
    if device is not None and (not isinstance(device, str) or device != "cpu"):
        msg = f"`device` of the numpy backend must be 'cpu' or None, got {shown(device)}."
        raise ArgumentValueError(msg)


def wants_graph(target: None) -> bool:
    """NumPy never traces."""
    del target
    return False


def adopt(array: NDArray[Any], target: None) -> NDArray[Any]:
    """Return the buffer itself."""
    del target
    return array


def to_numpy(tensor: Any) -> NDArray[Any]:
    """Return the array itself."""
    return np.asarray(tensor)


def _cast(x: Any, dtype: str) -> Any:
    return np.asarray(x).astype(DTYPES[dtype].numpy if dtype in DTYPES else dtype)


def _complex(real: Any, imag: Any) -> Any:
    pair = np.stack([real, imag], axis=-1)
    return pair.view(f"complex{16 * pair.dtype.itemsize}")[..., 0]


OPS: Any = SimpleNamespace(
    xp=np,  # its main namespace is the array API
    cast=_cast,
    bits=lambda x, dtype: np.asarray(x).view(dtype),
    take=lambda column, row: column[row],
    complex=_complex,
    parts=lambda x: (x.real, x.imag),
    constant=np.asarray,
    repeat=graph_words.unrolled,
    rotate=lambda x, distance: graph_words.rotated(OPS, x, distance),
    call=lambda function, *arrays, **fixed: function(OPS, *arrays, **fixed),
)


def ops(target: None) -> Ops:
    """Return what the graph program needs; the same in every trace and on every device."""
    del target
    return cast("Ops", OPS)


def trace(program: Program, key: Key | None, target: None) -> Any:
    """Run the graph program in NumPy."""
    del target
    with np.errstate(over="ignore"):  # the key is two scalars; NumPy warns where scalars overflow
        return trace_program(OPS, program, key, inline(ops(None)))


def check_target(tensor: Any) -> None:
    """Refuse an array that cannot be filled."""
    if not isinstance(tensor, np.ndarray):
        msg = f"`tensor` must be a NumPy array, got {type(tensor).__name__}."
        raise ArgumentTypeError(msg)
    if not tensor.flags.writeable:
        msg = "`tensor` must be writable, got a read-only NumPy array."
        raise ArgumentValueError(msg)
    if overlaps_itself(tensor.shape, tensor.strides, tensor.itemsize):
        msg = (
            "`tensor` must have memory of its own for every element, got a NumPy array of shape "
            f"{tensor.shape} and strides {tensor.strides}: copy it."
        )
        raise ArgumentValueError(msg)


def plain_memory(tensor: NDArray[Any]) -> Place | None:
    """Return where the host may write an array in row-major order; None if anything is unusual about it."""
    flags, dtype = tensor.flags, tensor.dtype
    if not (flags.c_contiguous and flags.writeable and flags.aligned and dtype.isnative and tensor.size):
        return None
    if dtype.kind not in "fc" or dtype.isbuiltin != 1:  # NumPy exports no buffer of ml_dtypes' types
        return None
    return tensor, address_of(tensor)


def writable(tensor: NDArray[Any]) -> NDArray[Any] | None:
    """Return the array itself if the host can write it in row-major order."""
    native = tensor.dtype.isnative and tensor.flags.c_contiguous and tensor.flags.aligned
    return np.asarray(tensor) if native else None


def overwrite(tensor: NDArray[Any], values: NDArray[Any] | None) -> None:
    """Copy ``values`` into an array; None says that its memory was written already."""
    if values is not None:
        np.copyto(tensor, values)
