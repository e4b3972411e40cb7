"""The element types that can be drawn, and how each is rounded."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from unified_init.core import checks
from unified_init.core.peers import attribute
from unified_init.core.reprs import shown
from unified_init.core.type_names import full_name
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["DTYPES", "DType", "dtype_of", "dtype_of_tensor", "name_of"]


@dataclasses.dataclass(frozen=True, slots=True)
class DType:
    """One element type.

    ``bits`` is the width of a draw: 64-bit types are drawn from both words. ``mantissa`` counts the stored
    mantissa bits, and ``quantum`` is the binary exponent of the smallest positive number. Both say how a
    float32 is rounded to the type in integers; 64-bit types do not need them, nor bfloat16 the quantum,
    since it is the upper half of a float32.
    """

    name: str
    numpy: np.dtype[Any]
    bits: int
    largest: float
    mantissa: int = 23
    quantum: int = -149
    is_complex: bool = False

    @property
    def narrow(self) -> bool:
        """Whether the type is a rounding of float32."""
        return self.mantissa < 23  # noqa: PLR2004


DTYPES: dict[str, DType] = {
    dtype.name: dtype
    for dtype in (
        DType("float32", np.dtype(np.float32), 32, float(np.finfo(np.float32).max)),
        DType("float64", np.dtype(np.float64), 64, float(np.finfo(np.float64).max)),
        DType("bfloat16", np.dtype(ml_dtypes.bfloat16), 32, 3.3895313892515355e38, 7),
        DType("float16", np.dtype(np.float16), 32, 65504.0, 10, -24),
        DType("float8_e4m3fn", np.dtype(ml_dtypes.float8_e4m3fn), 32, 448.0, 3, -9),
        DType("float8_e5m2", np.dtype(ml_dtypes.float8_e5m2), 32, 57344.0, 2, -16),
        DType("complex64", np.dtype(np.complex64), 32, float(np.finfo(np.float32).max),
              is_complex=True),
        DType("complex128", np.dtype(np.complex128), 64, float(np.finfo(np.float64).max),
              is_complex=True),
    )
}  # fmt: skip
# The classes of NumPy's dtypes. A name of NumPy is put together each time that it is asked for.
CONCRETE: dict[type, str] = {type(dtype.numpy): name for name, dtype in DTYPES.items()}


@functools.lru_cache(maxsize=64)
def name_of(dtype: np.dtype[Any]) -> str:
    """Return the name of a type, which NumPy makes anew each time."""
    return dtype.name


# Kinds of numbers, not types. Older releases of NumPy convert them to float64 and complex128.
ABSTRACT = (np.generic, np.number, np.inexact, np.floating, np.complexfloating)


# Descriptions of records, and numbers, which have a type and are none.
NO_TYPES = (tuple, list, dict, np.generic)


def dtype_of(value: object) -> DType:
    """Return the element type for a name or for a framework's own dtype object."""
    if isinstance(value, str):
        name = full_name(checks.plain(value) or "")
    elif type(value).__module__ == "torch" and type(value).__name__ == "dtype":
        name = _torch_name(value)
    elif type(value) in CONCRETE:
        name = CONCRETE[type(value)]  # of any byte order
    elif type(value).__module__.partition(".")[0] == "torch":
        name = shown(value).removeprefix("torch.")
    elif type(value).__module__.startswith("tensorflow"):
        name = str(getattr(value, "name", value)) if type(value).__name__ == "DType" else shown(value)
    else:
        name = _numpy_name(value)
    if name not in DTYPES:
        *names, last = DTYPES
        msg = (
            f"`dtype` must be one of {', '.join(names)} or {last}, by name or as a framework's own "
            f"dtype; got {shown(value)}{_hint(name) if isinstance(value, str) else ''}."
        )
        raise ArgumentValueError(msg)
    return DTYPES[name]


def _hint(name: str) -> str:
    """Return the name that was probably meant, as the end of a message."""
    if name == "float":
        return ": write 'float32' (torch's float) or 'float64' (NumPy's)"
    question = checks.nearest(name, tuple(DTYPES))
    return f"; {question.removesuffix('?')}" if question else ""


@functools.lru_cache(maxsize=64)  # torch has no more types; printing one takes microseconds
def _torch_name(dtype: Hashable) -> str:
    return shown(dtype).removeprefix("torch.")


def dtype_of_tensor(dtype: object, argument: str = "tensor") -> DType:
    """Return the element type of a tensor; the error names the argument that is the tensor."""
    try:
        return dtype_of(dtype)
    except UnifiedInitError as error:
        *names, last = DTYPES
        kinds = f"{', '.join(names)} or {last}"
        msg = f"`{argument}` must be of the type {kinds}, got {shown(dtype)}: convert it first."
        raise type(error)(msg) from None


def _is_array(value: object) -> bool:
    """Whether an object has a type and a shape: an array, concrete, traced or abstract."""
    return not isinstance(value, (type, np.dtype)) and attribute(value, "shape") is not None


def _numpy_name(value: Any) -> str:  # noqa: ANN401  # whatever numpy.dtype understands
    if (
        value is None
        or any(value is kind for kind in ABSTRACT)
        or isinstance(value, NO_TYPES)
        or _is_array(value)
    ):
        name = ""
    else:
        try:
            name = np.dtype(value).name
        except Exception:  # noqa: BLE001  # NumPy asks the object for a dtype of its own
            name = shown(value).rpartition(".")[2]  # of any other framework, as its dtypes print themselves
            name = name if name in DTYPES else ""
    if not name:
        msg = f"`dtype` must be a name or a dtype, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return name
