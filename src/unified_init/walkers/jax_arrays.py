"""The arrays of a JAX model: checks before they are written, and the arrays that replace them."""

from __future__ import annotations

import contextlib
import functools
import itertools
import re
from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from unified_init.backends import _jax as adapter
from unified_init.backends import jax_placement as placement
from unified_init.backends import jax_shards as shards
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.writes import Write

    Position = tuple[int, ...]

__all__ = [
    "array_or_none", "by_number", "check", "from_host", "is_float", "is_number", "is_tensor", "pieces",
    "replacement", "traced_anew", "values", "word_of",
]  # fmt: skip

TRACES = itertools.count(1)  # a number for each time that all is traced anew


def is_tensor(leaf: Any) -> bool:
    """Whether a leaf is an array, concrete or abstract."""
    return isinstance(leaf, (jax.Array, np.ndarray, jax.ShapeDtypeStruct))


def is_float(leaf: Any) -> bool:
    """Whether the elements of an array are real or complex numbers, and not integers or keys."""
    return bool(jnp.issubdtype(leaf.dtype, jnp.inexact))


def is_number(leaf: Any) -> bool:
    """Whether the elements of an array are numbers or booleans, and not keys."""
    return any(jnp.issubdtype(leaf.dtype, kind) for kind in (jnp.number, jnp.bool_))


def word_of(step: Any) -> str:
    """Return a step of a tree's path as a word; a class registered with JAX may have keys of its own."""
    for attribute in ("key", "idx", "name"):
        if hasattr(step, attribute):
            return str(getattr(step, attribute))
    return str(step)


def by_number(word: str) -> tuple[tuple[str, int], ...]:
    """Return a sort key of words with numbers in them: "Dense_2" comes before "Dense_10"."""
    return tuple((text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", word))


def values(path: str, leaf: Any) -> NDArray[Any]:
    """Return the values as a NumPy array."""
    if isinstance(leaf, jax.ShapeDtypeStruct):
        msg = f"{path!r} is abstract and has no values: apply a recipe to the model first."
        raise ArgumentValueError(msg)
    return adapter.to_numpy(leaf)


def pieces(path: str, leaf: Any) -> Iterator[Piece]:
    """Yield the boxes of an array that this process holds, each once, and what reads each."""
    if not isinstance(leaf, jax.Array) or not shards.spans_devices(leaf.sharding):
        shape = tuple(leaf.shape)
        yield (0,) * len(shape), shape, lambda: values(path, leaf)
        return
    held = {shards.bounds(shard.index, leaf.shape): shard.data for shard in leaf.addressable_shards}
    for (start, stop), data in held.items():
        yield start, stop, functools.partial(adapter.to_numpy, data)


def array_or_none(value: Any) -> NDArray[Any] | None:
    """Return the values of a concrete floating-point array, in float32 at least; None for anything else."""
    if not isinstance(value, (jax.Array, np.ndarray)) or isinstance(value, jax.core.Tracer):
        return None
    if not is_float(value):
        return None
    return np.asarray(value, dtype=np.promote_types(np.asarray(value).dtype, np.float32))


def from_host(inputs: Any) -> Any:
    """Return a model's inputs with JAX arrays in place of NumPy's."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, inputs)


@functools.lru_cache(maxsize=1)
def _tracing() -> Callable[[int], AbstractContextManager[None]]:
    """Return the context that makes JAX trace anew; one that does nothing in releases that have none."""
    make = getattr(jax, "make_user_context", None)
    if make is None:
        return lambda _: contextlib.nullcontext()
    return cast("Callable[[int], AbstractContextManager[None]]", make(default_value=0))


def traced_anew() -> AbstractContextManager[None]:
    """Return a context in which ``scan`` and ``jit`` call functions again that they have traced before."""
    return _tracing()(next(TRACES))


def check(path: str, leaf: Any) -> None:
    """Refuse an array that is traced, that JAX would make narrower, or whose sharding does not fit."""
    if isinstance(leaf, jax.core.Tracer):
        msg = f"{path!r} is being traced: apply the recipe outside of jit, or to the model of jax.eval_shape."
        raise ArgumentTypeError(msg)
    if isinstance(leaf, np.ndarray):
        return
    try:
        adapter.check_dtype(str(leaf.dtype))
        sharding = _committed_sharding(leaf)
        if sharding is not None:
            placement.check(sharding, tuple(leaf.shape))
    except UnifiedInitError as error:
        msg = f"{path!r}: {error}"
        raise ArgumentValueError(msg) from None


def replacement(leaf: Any, write: Write) -> Any:
    """Return the array that replaces another: of the same kind and on the same devices."""
    if isinstance(leaf, np.ndarray):
        return write.array(None if write.covers else leaf)
    sharding = _committed_sharding(leaf)
    if sharding is not None and shards.spans_devices(sharding):
        return shards.assembled(write.shape, str(leaf.dtype), sharding, _boxes(leaf, write))
    current = None if write.covers else values(write.path, leaf)
    target: Any = sharding
    if sharding is not None:
        (target,) = sharding.device_set  # the host fills its own memory without a compilation
    program = write.direct
    if program is not None and target is not None and adapter.wants_graph(target):
        array = adapter.trace(program, write.root, target)
    else:
        array = adapter.adopt(write.array(current), target)
    return array if sharding is None else jax.device_put(array, sharding)


def _boxes(leaf: Any, write: Write) -> Callable[[Position, Position], NDArray[Any]]:
    """Return the function that draws a box of what replaces a sharded array."""
    if not write.covers and isinstance(leaf, jax.ShapeDtypeStruct):
        values(write.path, leaf)  # which it does not have
    if not write.covers and (write.costs_the_box or not leaf.is_fully_addressable):
        current = {shards.bounds(shard.index, leaf.shape): shard.data for shard in leaf.addressable_shards}
        return lambda start, stop: write.region(start, stop, np.array(current[start, stop]))
    if write.costs_the_box:
        return write.region
    whole = write.array(None if write.covers else values(write.path, leaf))
    return lambda start, stop: whole[tuple(map(slice, start, stop))]


def _committed_sharding(leaf: Any) -> jax.sharding.Sharding | None:
    """Return the sharding that an array is committed to; None where JAX may move it."""
    sharding = getattr(leaf, "sharding", None)
    if not isinstance(sharding, jax.sharding.Sharding):
        return None
    if isinstance(sharding, jax.sharding.SingleDeviceSharding):
        return sharding if getattr(leaf, "committed", True) else None
    return cast("jax.sharding.Sharding", placement.resolved(sharding))
