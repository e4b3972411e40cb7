"""The TensorFlow backend: host buffers by DLPack, the graph program inside ``tf.function``."""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import tensorflow as tf

from unified_init.backends import graph, graph_words
from unified_init.backends.trace import draw as trace_program
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.stream import host
from unified_init.stream.dtypes import DTYPES, name_of
from unified_init.stream.threefry import root_key as int_root_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.backends.graph_values import Arguments
    from unified_init.backends.protocol import Key, Ops
    from unified_init.law.indexmap import IndexMap
    from unified_init.stream.program import Program
    from unified_init.stream.tables import AnyTable

# ruff: noqa: ANN401

# Types whose tensors NumPy can read in place.
SHARED = {tf.float16, tf.float32, tf.float64, tf.complex64, tf.complex128}


def root_key(seed: object) -> Key | None:
    """Draw one 64-bit seed from a ``tf.random.Generator``, traced where the trace is under way."""
    if not isinstance(seed, tf.random.Generator):
        return None
    word = seed.uniform_full_int([], dtype=tf.uint64)
    if tf.executing_eagerly():
        return int_root_key(int(word))
    low, high = tf.unstack(tf.bitcast(word, tf.int32))
    return high, low


def resolve_device(device: object, dtype: str) -> str | None:
    """Return the name of a device other than the host."""
    del dtype
    if device is None:
        return None
    if not isinstance(device, str):
        msg = f"`device` of the tensorflow backend must be a device name, got {shown(device)}."
        raise ArgumentTypeError(msg)
    try:
        spec = tf.DeviceSpec.from_string(device)
    except Exception as error:  # noqa: BLE001  # of TensorFlow, for an object of any kind
        msg = f"`device` of the tensorflow backend must be a device name, got {shown(device)}: {error}"
        raise ArgumentValueError(msg) from None
    if spec.device_type is None or (spec.device_type == "CPU" and not spec.device_index):
        return None
    # TensorFlow does not refuse an absent device: it uses the host instead.
    names = [d.name for d in tf.config.list_logical_devices(spec.device_type)]
    if not 0 <= (spec.device_index or 0) < len(names):
        msg = f"`device` {device!r} is not one of TensorFlow's: it has {names or 'none'} of that kind."
        raise ArgumentValueError(msg)
    return spec.to_string()


def wants_graph(target: str | None) -> bool:
    """Say whether a function is being traced, or the device is not the host."""
    return not tf.executing_eagerly() or target is not None


def adopt(array: NDArray[Any], target: str | None) -> tf.Tensor:
    """Return a host buffer as a tensor that shares it."""
    del target
    name = name_of(array.dtype)
    if name.startswith("float8"):
        return tf.constant(array)  # TensorFlow cannot reinterpret bits as float8
    if name == "bfloat16":
        capsule = array.view(np.uint16).__dlpack__()
        return tf.bitcast(tf.experimental.dlpack.from_dlpack(capsule), tf.bfloat16)
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def to_numpy(tensor: Any) -> NDArray[Any]:
    """Return the values of an eager tensor or of a variable."""
    if not hasattr(tensor, "numpy"):
        if isinstance(tensor, (tf.Tensor, tf.Variable)):
            msg = "a traced TensorFlow tensor has no values yet: call this outside the tf.function."
        else:
            msg = f"{type(tensor).__name__} is not dense; convert it first (tf.sparse.to_dense)."
        raise ArgumentTypeError(msg)
    if tensor.dtype in SHARED and isinstance(tensor, tf.Tensor) and tensor.shape.rank:
        return np.asarray(memoryview(tensor))  # numpy() would copy
    return np.asarray(tensor.numpy())


def _eye(rows: int, columns: int, dtype: Any) -> tf.Tensor:
    return tf.eye(int(rows), int(columns), dtype=dtype)  # with TF1's shapes a length is no int


class Namespace:
    """The functions of the array API that the graph program uses, over TensorFlow."""

    arange = staticmethod(tf.range)
    reshape = staticmethod(tf.reshape)
    concat = staticmethod(tf.concat)
    matmul = staticmethod(tf.matmul)
    minimum = staticmethod(tf.minimum)
    maximum = staticmethod(tf.maximum)
    sqrt = staticmethod(tf.sqrt)
    abs = staticmethod(tf.abs)
    where = staticmethod(tf.where)
    zeros = staticmethod(tf.zeros)
    zeros_like = staticmethod(tf.zeros_like)
    ones_like = staticmethod(tf.ones_like)
    broadcast_to = staticmethod(tf.broadcast_to)
    argsort = staticmethod(tf.argsort)
    eye = staticmethod(_eye)
    linalg = SimpleNamespace(inv=tf.linalg.inv, diagonal=tf.linalg.diag_part)

    @staticmethod
    def sum(x: Any, *, axis: int) -> Any:
        """Sum along an axis."""
        return tf.reduce_sum(x, axis=axis)

    @staticmethod
    def permute_dims(x: Any, axes: tuple[int, ...]) -> Any:
        """Permute the axes."""
        return tf.transpose(x, axes)

    @staticmethod
    def tril(x: Any) -> Any:
        """Zero the entries above the diagonal."""
        return tf.linalg.band_part(x, -1, 0)

    @staticmethod
    def triu(x: Any) -> Any:
        """Zero the entries below the diagonal."""
        return tf.linalg.band_part(x, 0, -1)

    @staticmethod
    def bitwise_left_shift(x: Any, distance: Any) -> Any:
        """Shift left."""
        return tf.bitwise.left_shift(x, tf.cast(distance, x.dtype))

    @staticmethod
    def bitwise_right_shift(x: Any, distance: Any) -> Any:
        """Shift right, copying the sign."""
        return tf.bitwise.right_shift(x, tf.cast(distance, x.dtype))


@functools.lru_cache(maxsize=256)
def _shared(
    function: Callable[..., Any], fixed: tuple[tuple[str, Any], ...], kinds: tuple[tuple[int, tf.DType], ...]
) -> Any:
    """Return a part of the graph program as a function of TensorFlow, traced once for all lengths of axes."""

    def run(*arrays: tf.Tensor) -> Any:
        return function(OPS, *arrays, **dict(fixed))

    signature = [tf.TensorSpec([None] * rank, dtype) for rank, dtype in kinds]
    return tf.function(run, input_signature=signature, autograph=False)


def _call(function: Callable[..., Any], *arrays: tf.Tensor, **fixed: Any) -> Any:
    kinds = tuple((array.shape.rank, array.dtype) for array in arrays)
    results = _shared(function, tuple(fixed.items()), kinds)(*arrays)
    if not fixed:
        for result in results:
            result.set_shape(arrays[-1].shape)
    return results


OPS: Any = SimpleNamespace(
    xp=Namespace,
    cast=tf.cast,
    bits=tf.bitcast,
    take=tf.gather,
    complex=tf.complex,
    parts=lambda x: (tf.math.real(x), tf.math.imag(x)),
    constant=tf.constant,
    repeat=graph_words.unrolled,
    rotate=lambda x, distance: graph_words.rotated(OPS, x, distance),
    call=_call,
)


def ops(target: str | None) -> Ops:
    """Return what the graph program needs; the same in every trace and on every device."""
    del target
    return cast("Ops", OPS)


@functools.lru_cache(maxsize=256)
def compiled(index: IndexMap, dtype: str, *, xla: bool) -> Any:
    """Return the graph program compiled for a shape and type: key and table are arguments."""

    def program(key: Key, args: Arguments) -> tf.Tensor:
        return graph.elementwise(OPS, key, args, index, dtype)

    return tf.function(program, jit_compile=xla, autograph=False)


def reserve(shape: tuple[int, ...], dtype: str, target: str | None) -> None:
    """Refuse a tensor that cannot be had on a second device of the host."""
    # TensorFlow's own allocators wait for memory, ten seconds and more, before they say that there is none.
    if target is not None and tf.DeviceSpec.from_string(target).device_type == "CPU":
        host.reserve(math.prod(shape) * DTYPES[dtype].numpy.itemsize, shape)


def trace(program: Program, key: Key | None, target: str | None) -> tf.Tensor:
    """Run the graph program: in the function being traced, or compiled on a device."""
    with tf.device(target):
        return trace_program(OPS, program, key, _compiled if tf.executing_eagerly() else _called)


def _as_tensors(args: Arguments) -> Arguments:
    columns, numbers, unit = args
    return tuple(map(tf.constant, columns)), tf.constant(numbers), tf.constant(unit)


def _called(key: Key, table: AnyTable, index: IndexMap, dtype: str) -> tf.Tensor:
    """Call the graph program in the function being traced: it is traced once for all draws of a shape."""
    args = _as_tensors(graph.arguments(table))
    # TensorFlow would warn of a function that is traced often: it takes those of all shapes for one.
    function = compiled(index, dtype, xla=False).get_concrete_function(key, args)
    return cast("tf.Tensor", function(key, args))


def _compiled(key: Key, table: AnyTable, index: IndexMap, dtype: str) -> tf.Tensor:
    return compiled(index, dtype, xla=True)(key, _as_tensors(graph.arguments(table)))
