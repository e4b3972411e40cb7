"""The JAX backend: host buffers aliased by ``device_put``, the graph program in a trace."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from unified_init.backends import graph
from unified_init.backends.trace import draw as trace_program
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError
from unified_init.stream import threefry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.backends.protocol import Key, Ops
    from unified_init.law.indexmap import IndexMap
    from unified_init.stream.program import Program

# ruff: noqa: ANN401

KEY_WORDS = 2


@functools.cache
def _probe() -> jax.Array:
    """Return an array made outside of any trace; in a trace, ``device_put`` of it gives a tracer."""
    with jax.ensure_compile_time_eval():
        return jax.device_put(np.float32(0))  # explicitly, which no transfer guard forbids


def root_key(seed: object) -> Key | None:
    """Return the two words of a JAX key: typed or legacy, concrete or traced."""
    if not isinstance(seed, jax.Array):
        return None
    if jnp.issubdtype(seed.dtype, jax.dtypes.prng_key):
        if seed.shape:
            msg = f"`seed` must be one JAX key, got keys of shape {seed.shape}: use jax.vmap."
            raise ArgumentValueError(msg)
    elif seed.dtype != np.uint32 or seed.shape != (KEY_WORDS,):
        msg = (
            "`seed` must be a JAX key (jax.random.key, or legacy uint32[2]), an int or a "
            f"generator, got a JAX array of type {seed.dtype} and shape {seed.shape}."
        )
        raise ArgumentTypeError(msg)
    try:
        return _folded(seed if seed.dtype == np.uint32 else jax.random.key_data(seed).reshape(-1))
    except (jax.errors.UnexpectedTracerError, RuntimeError) as error:  # RuntimeError: the array was deleted
        msg = f"`seed` must be a JAX key that has a value here: {str(error).partition('.')[0]}."
        raise ArgumentValueError(msg) from error


def _folded(words: jax.Array) -> Key:
    """Return two words for all words of a key.

    A threefry key has two. Those of other implementations have more: each further pair is a counter under
    the key so far. Bits drawn from such a key would not do, since under ``vmap`` they are others.
    """
    if isinstance(words, jax.core.Tracer):
        signed = jax.lax.bitcast_convert_type(words, np.int32)
        values: list[Any] = [signed[position] for position in range(words.size)]
        step: Any = lambda key, counter: graph.block(ops(None), key, *counter)  # noqa: E731  # as the one below
    else:
        values, step = np.asarray(words).tolist(), threefry.block_of_ints
    values += [values[0] ^ values[0]] * (len(values) % 2)
    return functools.reduce(step, zip(values[::2], values[1::2], strict=True))


def tracing() -> bool:
    """Whether a function is being traced: constants are then tracers too."""
    return isinstance(jax.device_put(_probe()), jax.core.Tracer)


def resolve_device(device: object, dtype: str) -> jax.Device | jax.sharding.Sharding | None:
    """Return a device or a sharding; None leaves the array uncommitted, where JAX puts it."""
    check_dtype(dtype)
    if device is None or isinstance(device, (jax.Device, jax.sharding.Sharding)):
        return device
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
    if isinstance(target, jax.sharding.Sharding) or (target is not None and target.platform != "cpu"):
        return True
    return tracing()


def check_dtype(name: str) -> None:
    """Refuse 64-bit types where JAX would silently make them 32 bits wide."""
    if name in {"float64", "complex128"} and jax.dtypes.canonicalize_dtype(name).name != name:
        msg = (
            f"`dtype` {name} needs JAX with 64-bit types, which are off: set jax_enable_x64, or "
            "choose a narrower dtype."
        )
        raise BackendError(msg)


def adopt(array: NDArray[Any], target: Any) -> jax.Array:
    """Return a host buffer as an array that shares it."""
    return jax.device_put(array, target, may_alias=True)


def to_numpy(tensor: Any) -> NDArray[Any]:
    """Return the values, sharing memory where they are on the host."""
    if isinstance(tensor, jax.core.Tracer):
        msg = "a traced JAX array has no values yet: call this outside the traced function."
        raise ArgumentTypeError(msg)
    return np.asarray(tensor)


def _linalg_diagonal(x: Any) -> Any:
    return jnp.diagonal(x, axis1=-2, axis2=-1)


NAMESPACE = SimpleNamespace(
    **{name: getattr(jnp, name) for name in (
        "arange", "reshape", "permute_dims", "concat", "minimum", "maximum", "sqrt", "abs", "sum",
        "where", "zeros", "zeros_like", "ones_like", "broadcast_to", "argsort", "eye", "tril",
        "triu", "bitwise_left_shift", "bitwise_right_shift",
    )},
    # The default precision of a matrix product is a flag of the process, and low on accelerators.
    matmul=functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST),
    linalg=SimpleNamespace(inv=jnp.linalg.inv, diagonal=_linalg_diagonal),
)  # fmt: skip

OPS = SimpleNamespace(
    xp=NAMESPACE,
    cast=jax.lax.convert_element_type,
    bits=jax.lax.bitcast_convert_type,
    take=lambda column, row: column.at[row].get(mode="promise_in_bounds"),
    complex=jax.lax.complex,
    constant=jnp.asarray,
)


def ops(target: Any) -> Ops:
    """Return what the graph program needs; the same in every trace and on every device."""
    del target
    return cast("Ops", OPS)


@functools.partial(jax.jit, static_argnums=(2, 3))
def compiled(key: Key, args: graph.Arguments, index: IndexMap, dtype: str) -> jax.Array:
    """Run the graph program, compiled once per shape and type: key and table are arguments."""
    return graph.elementwise(OPS, key, args, index, dtype)


@functools.lru_cache(maxsize=64)
def _sharded(sharding: jax.sharding.Sharding) -> Any:
    return jax.jit(compiled, static_argnums=(2, 3), out_shardings=sharding)


def trace(program: Program, key: Key | None, target: Any) -> jax.Array:
    """Run the graph program: in the trace under way, on a device, or sharded."""
    if target is None:
        return trace_program(OPS, program, key, compiled)
    if isinstance(target, jax.sharding.Sharding):
        return jax.device_put(trace_program(OPS, program, key, _sharded(target)), target)

    def run(stream_key: Key, args: graph.Arguments, index: IndexMap, dtype: str) -> jax.Array:
        return compiled(*jax.device_put((stream_key, args), target), index, dtype)

    return jax.device_put(trace_program(OPS, program, key, run), target)


def constrain(array: jax.Array, sharding: Any) -> jax.Array:
    """Return the array with a sharding, in a trace or outside one."""
    if isinstance(array, jax.core.Tracer):
        return jax.lax.with_sharding_constraint(array, sharding)
    return jax.device_put(array, sharding)
