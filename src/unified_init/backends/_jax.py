"""The JAX backend: host buffers aliased by ``device_put``, the graph program in a trace."""

from __future__ import annotations

import contextlib
import functools
import math
from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from unified_init.backends import graph, graph_words
from unified_init.backends import jax_placement as placement
from unified_init.backends import jax_shards as shards
from unified_init.backends.jax_ops import LINE_OPS, OPS
from unified_init.backends.trace import draw as trace_program
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError, UnifiedInitError
from unified_init.stream import host, threefry
from unified_init.stream.dtypes import DTYPES, name_of
from unified_init.stream.run import boxes, on_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from unified_init.backends.graph_values import Arguments
    from unified_init.backends.protocol import Key, Ops
    from unified_init.law.indexmap import IndexMap
    from unified_init.stream.program import Program
    from unified_init.stream.tables import AnyTable

# ruff: noqa: ANN401

KEY_WORDS = 2
# Values of a tensor for an accelerator that the host draws and sends, in about a millisecond. A program for
# them is compiled per shape, which takes a hundred times as long, and most shapes of a model are small.
SENT = 1 << 20


def root_key(seed: object) -> Key | None:
    """Return the two words of a JAX key: typed or legacy, concrete or traced."""
    if not isinstance(seed, jax.Array):
        return None
    if jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        if seed.shape:
            msg = f"`seed` must be one JAX key, got keys of shape {seed.shape}: use jax.vmap."
            raise ArgumentValueError(msg)
        words = _read(lambda: jax.random.key_data(seed).reshape(-1))
    elif seed.dtype == np.uint32 and seed.shape == (KEY_WORDS,):
        words = seed
    else:
        msg = (
            "`seed` must be a JAX key (jax.random.key, or legacy uint32[2]), an int or a "
            f"generator, got a JAX array of type {seed.dtype} and shape {seed.shape}."
        )
        raise ArgumentTypeError(msg)
    return cast("Key", _read(lambda: _folded(words)))


def _read(words: Callable[[], Any]) -> Any:
    """Return the words of a key, which may be deleted, of another trace, or on a device that is guarded."""
    try:
        return words()
    except (RuntimeError, jax.errors.UnexpectedTracerError) as error:
        msg = f"`seed` is a JAX key that cannot be read: {str(error).partition(chr(10))[0]}"
        raise ArgumentValueError(msg) from None


def _folded(words: jax.Array) -> Key:
    """Return two words for all words of a key.

    A threefry key has two. Those of other implementations have more: each further pair is a counter under
    the key so far. Bits drawn from such a key would not do, since under ``vmap`` they are others.
    """
    if isinstance(words, jax.core.Tracer):
        signed = jax.lax.bitcast_convert_type(words, np.int32)
        values: list[Any] = [signed[position] for position in range(words.size)]
        step: Any = lambda key, counter: graph_words.block(ops(None), key, *counter)  # noqa: E731  # as the one below
    else:
        # Explicitly, which a transfer guard allows.
        values, step = jax.device_get(words).tolist(), threefry.block_of_ints
    values += [values[0] ^ values[0]] * (len(values) % 2)
    return functools.reduce(step, zip(values[::2], values[1::2], strict=True))


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Raise what JAX refuses while it runs, such as a transfer that is guarded, as an error of ours."""
    try:
        yield
    except UnifiedInitError:
        raise
    except RuntimeError as error:
        msg = f"JAX does not make the array: {str(error).partition(chr(10))[0]}"
        raise BackendError(msg) from None


def resolve_device(device: object, dtype: str) -> Any:
    """Return a device or a sharding; None leaves the array where JAX puts its own."""
    check_dtype(dtype)
    if device is None or isinstance(device, jax.Device):
        return device
    if isinstance(device, (jax.sharding.Sharding, jax.sharding.PartitionSpec)):
        return placement.resolved(device)
    if not isinstance(device, str) or ":-" in device:
        msg = (
            "`device` of the jax backend must be a jax.Device, a Sharding or a platform, got "
            f"{shown(device)}."
        )
        raise ArgumentValueError(msg)
    platform, _, number = device.partition(":")
    try:
        return jax.devices(platform)[int(number or 0)]
    except (RuntimeError, ValueError, IndexError) as error:
        msg = f"`device` {device!r} is not one of JAX's: {error}"
        raise ArgumentValueError(msg) from None


def wants_graph(target: Any) -> bool:
    """Say whether a trace is under way, or the device is no host, or the array is sharded."""
    if target is not None and getattr(target, "platform", "sharded") != "cpu":
        return True
    return placement.tracing()


def check_dtype(name: str) -> None:
    """Refuse 64-bit types where JAX would silently make them 32 bits wide."""
    if (
        name in {"float64", "complex128", "int64", "uint64"}
        and jax.dtypes.canonicalize_dtype(name).name != name
    ):
        msg = (
            f"`dtype` {name} needs JAX with 64-bit types, which are off: set jax_enable_x64, or "
            "choose a narrower dtype."
        )
        raise BackendError(msg)


@_refusals()
def adopt(array: NDArray[Any], target: Any) -> jax.Array:
    """Return a host buffer as an array that shares it where it can."""
    return placement.put(array, placement.beside(None, array.ndim) if target is None else target)


def is_traced(seed: object) -> bool:
    """Whether a draw from a seed is part of a program that is being traced."""
    return isinstance(seed, jax.core.Tracer) or placement.tracing()


def check_sharding(sharding: object) -> Any:
    """Return the sharding that an initializer was asked for; refuse what is none."""
    return placement.asked(sharding)


@_refusals()
def place(array: NDArray[Any], seed: object) -> jax.Array:
    """Return a host buffer where JAX puts what it draws from the seed."""
    check_dtype(name_of(array.dtype))
    return placement.put(array, placement.beside(seed, array.ndim))


def to_numpy(tensor: Any) -> NDArray[Any]:
    """Return the values, sharing memory where they are on the host."""
    if isinstance(tensor, jax.core.Tracer):
        msg = "a traced JAX array has no values yet: call this outside the traced function."
        raise ArgumentTypeError(msg)
    return np.asarray(tensor)


def ops(target: Any) -> Ops:
    """Return what the graph program needs; the same in every trace and on every device."""
    del target
    return cast("Ops", OPS)


@functools.partial(jax.jit, static_argnums=(2, 3))
def compiled(key: Key, args: Arguments, index: IndexMap, dtype: str) -> jax.Array:
    """Run the graph program, compiled once per shape and type: key and table are arguments."""
    columns, numbers, unit = jax.tree.map(jnp.asarray, args)  # they are NumPy's under jax.disable_jit()
    # Entry by entry without the checks of an index, which take as long as the rounds do.
    entries = [jax.lax.index_in_dim(numbers, i, keepdims=False) for i in range(numbers.size)]
    return graph.elementwise(OPS if columns else LINE_OPS, key, (columns, entries, unit), index, dtype)


def _traced(key: Key, table: AnyTable, index: IndexMap, dtype: str) -> jax.Array:
    """Run the graph program in a trace. CPUs compute a line faster than they look it up."""
    form = graph.line_arguments if jax.default_backend() == "cpu" else graph.arguments
    return compiled(key, form(table), index, dtype)


@_refusals()
def trace(program: Program, key: Key | None, target: Any) -> jax.Array:
    """Run the graph program, in the trace under way or on a device; a sharded array is drawn on the host."""
    is_traced_key = key is not None and not isinstance(key[0], int)
    if target is None and program.table is None:
        # Constants have no mesh of their own, and matrices are made of steps whose result on explicit axes
        # JAX cannot tell, say under ``jax.vmap``.
        mesh = placement.explicit_mesh(key[0] if key is not None and is_traced_key else None)
        target = mesh and placement.replicated(mesh, len(program.index.shape))
    if target is None:
        return trace_program(OPS, program, key, _traced)
    if is_traced_key or placement.tracing():
        return _trace_placed(program, key, target, is_traced_key=is_traced_key)
    shape = program.index.shape
    if isinstance(target, jax.sharding.Sharding):
        placement.check(target, shape)
        return shards.assembled(shape, program.dtype.name, target, boxes(program, key))
    if math.prod(shape) <= SENT or not placement.reachable(target):
        return placement.put(on_host(program, key), target)

    def run(stream_key: Key, table: AnyTable, index: IndexMap, dtype: str) -> jax.Array:
        arguments = jax.device_put((stream_key, graph.arguments(table)), target)
        return compiled(*arguments, index, dtype)

    return jax.device_put(trace_program(OPS, program, key, run), target)


@_refusals()
def reserve(shape: tuple[int, ...], dtype: str, target: Any) -> None:
    """Raise the error of an array that cannot be had on a device, spread over several, or brought there.

    In a trace nothing is had yet, but a sharding can be asked whether it fits.
    """
    is_sharding = isinstance(target, (jax.sharding.Sharding, jax.sharding.PartitionSpec))
    if placement.tracing():
        if is_sharding:
            zeros = functools.partial(jnp.zeros, shape, dtype)
            jax.eval_shape(lambda: placement.constrained(zeros, (), target, shape))
        return
    jax.device_put(np.float32(0))  # explicit, as the draw will be: a transfer guard says whether it may be
    if target is None:
        return
    if is_sharding:
        placement.check(target, shape)
    with jax.transfer_guard("allow"):  # the zero that it is filled with
        if not isinstance(target, jax.sharding.Sharding):
            jnp.empty(shape, dtype=dtype, device=target)
            return
        boxes_held, shard = shards.boxes_of(target, shape), target.shard_shape(shape)
        host.reserve(len(set(boxes_held.values())) * math.prod(shard) * DTYPES[dtype].numpy.itemsize, shape)
        for device in boxes_held:
            if device.platform != "cpu":  # the host's shards are its own memory
                jnp.empty(shard, dtype=dtype, device=device)


def _trace_placed(program: Program, key: Key | None, target: Any, *, is_traced_key: bool) -> jax.Array:
    """Run the graph program in a trace, with a sharding or on a device."""
    if isinstance(target, jax.Device):
        return jax.device_put(trace_program(OPS, program, key, _traced), target)

    def run(*words: Any) -> jax.Array:  # traced words are arguments: the function may run under another mesh
        return trace_program(OPS, program, words or key, _traced)

    words = cast("tuple[Any, ...]", key) if is_traced_key else ()
    return placement.constrained(run, words, target, program.index.shape)
