"""An MLX backend for unified_init, outside of its package: one module with the functions of a backend.

``pip install ./examples/mlx_backend`` declares it, and ``unified_init.draw(..., backend="mlx")`` returns MLX
arrays. ``unified_init.testing.check_backend("mlx")`` says whether it has the bits of every other backend.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import ml_dtypes
import mlx.core as mx
import numpy as np

from unified_init import ArgumentValueError, BackendError
from unified_init.backends import graph_words
from unified_init.backends import trace as program_trace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.backends.protocol import Key, Ops
    from unified_init.stream.program import Program

# ruff: noqa: ANN401  # MLX arrays have no type that a checker knows

# What MLX holds on the CPU, where a draw is made; it has no float8 and no complex128.
DTYPES = ("float32", "float64", "bfloat16", "float16", "complex64")


def root_key(seed: object) -> Key | None:
    """Return None: a key of ``mx.random`` is an array like any other, so an int is the seed."""
    del seed
    return None


def resolve_device(device: object, dtype: str) -> None:
    """Refuse what is no CPU, and element types that MLX lacks."""
    if device is not None and device != mx.cpu:
        msg = f"`device` of the mlx backend must be mlx.core.cpu or None, got {device!r}."
        raise ArgumentValueError(msg)
    if dtype not in DTYPES:
        msg = f"`dtype` of the mlx backend must be one of {', '.join(DTYPES)}, got {dtype}."
        raise BackendError(msg)


def wants_graph(target: None) -> bool:
    """Return False: the host draws, and MLX copies its buffer."""
    del target
    return False


def adopt(array: NDArray[Any], target: None) -> mx.array:
    """Return a host buffer as an MLX array."""
    del target
    if array.dtype == ml_dtypes.bfloat16:  # NumPy's own types do not have it: it crosses as integers
        return mx.view(mx.array(array.view(np.uint16)), mx.bfloat16)
    # MLX would take float64 for float32; every other type it keeps.
    return mx.array(array, dtype=mx.float64 if array.dtype == np.float64 else None)


def to_numpy(tensor: Any) -> NDArray[Any]:
    """Return the values."""
    if tensor.dtype == mx.bfloat16:
        return np.array(mx.view(tensor, mx.uint16)).view(ml_dtypes.bfloat16)
    return np.array(tensor)


def _dtype(name: str) -> Any:
    return getattr(mx, name)


def _inverse(x: Any) -> Any:
    """Return the inverse, of complex matrices by that of ((re, -im), (im, re)): MLX inverts real ones."""
    if x.dtype != mx.complex64:
        return mx.linalg.inv(x, stream=mx.cpu)
    size, real, imag = x.shape[-1], mx.real(x), mx.imag(x)
    rows = [mx.concatenate(parts, axis=-1) for parts in ((real, -imag), (imag, real))]
    inverse = mx.linalg.inv(mx.concatenate(rows, axis=-2), stream=mx.cpu)
    return inverse[..., :size, :size] + 1j * inverse[..., size:, :size]


NAMESPACE = SimpleNamespace(
    **{name: getattr(mx, name) for name in (
        "arange", "reshape", "permute_dims", "minimum", "maximum", "sqrt", "abs", "sum", "where",
        "zeros", "zeros_like", "ones_like", "broadcast_to", "matmul", "tril", "triu",
    )},
    bitwise_left_shift=mx.left_shift,
    bitwise_right_shift=mx.right_shift,
    concat=lambda arrays, *, axis: mx.concatenate(arrays, axis=axis),
    argsort=lambda x, *, axis, stable: mx.argsort(x, axis=axis),  # noqa: ARG005  # MLX's sort is stable
    eye=lambda rows, columns, *, dtype: mx.eye(rows, columns, dtype=dtype),
    linalg=SimpleNamespace(
        inv=_inverse,
        diagonal=lambda x: mx.diagonal(x, axis1=-2, axis2=-1),
    ),
)  # fmt: skip


def ops(target: None) -> Ops:
    """Return what the graph program needs."""
    del target
    functions: Any = SimpleNamespace(
        xp=NAMESPACE,
        cast=lambda x, dtype: x.astype(_dtype(dtype)),
        bits=lambda x, dtype: mx.view(x, _dtype(dtype)),
        take=mx.take,
        complex=lambda real, imag: real + 1j * imag,
        parts=lambda x: (mx.real(x), mx.imag(x)),
        constant=lambda array: adopt(np.asarray(array), None),
        repeat=graph_words.unrolled,
        rotate=lambda x, distance: graph_words.rotated(functions, x, distance),
        call=lambda function, *arrays, **fixed: function(functions, *arrays, **fixed),
    )
    return cast("Ops", functions)


def trace(program: Program, key: Key | None, target: None) -> mx.array:
    """Run the graph program, also inside a function that ``mx.compile`` traces."""
    functions = ops(target)
    with mx.stream(mx.cpu):
        return program_trace.draw(functions, program, key, program_trace.inline(functions))
