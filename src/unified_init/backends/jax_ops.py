"""The operations of the graph program in JAX."""

from __future__ import annotations

import functools
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from unified_init.backends import graph_words
from unified_init.backends import jax_placement as placement

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["LINE_OPS", "OPS"]

# ruff: noqa: ANN401  # arrays, traced and not


def _linalg_diagonal(x: Any) -> Any:
    return jnp.diagonal(x, axis1=-2, axis2=-1)


def _take(column: Any, row: Any) -> Any:
    sharding = placement.explicit_sharding(row)
    # On explicit axes the type of the result must be told: it is sharded as the rows are.
    options = {} if sharding is None else {"out_sharding": sharding}
    return column.at[row].get(mode="promise_in_bounds", **options)


def _constant(array: NDArray[Any]) -> jax.Array:
    # Outside of a trace it is a transfer: explicit, which a transfer guard allows.
    return jnp.asarray(array) if placement.tracing() else jax.device_put(array)


@functools.cache
def _vectorizes_tables() -> bool:
    """Whether XLA makes one vectorized loop of the rounds and of the table's look-ups that follow them.

    On CPUs it does so for AVX-512 only, and elsewhere one slow scalar loop. Rolled rounds are a loop of their
    own, vectorized everywhere: with AVX2 they compile in a third of the time and run in half of it.
    """
    if jax.default_backend() != "cpu":
        return True
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # no Linux
        return False


def _unrolled(count: int, step: Callable[[Any, Any], Any], state: Any) -> Any:
    once = jax.jit(step)  # traced and lowered for the first number, and called for the others
    return graph_words.unrolled(count, lambda number, now: once(np.int32(number), now), state)


def _repeat(count: int, step: Callable[[Any, Any], Any], state: Any) -> Any:
    if _vectorizes_tables() or not state[0].ndim:  # scalars are keys
        return _unrolled(count, step, state)
    return jax.lax.fori_loop(np.int32(0), np.int32(count), step, state)


def _shift(
    by_int: Callable[[Any, Any], Any], by_array: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """Return a shift; by a Python int it is a primitive of JAX, which is traced in a third of the time."""

    def shift(x: Any, distance: Any) -> Any:
        if isinstance(distance, int) and isinstance(x, jax.Array):
            return by_int(x, x.dtype.type(distance))
        return by_array(x, distance)

    return shift


def _rotate(x: Any, distance: int) -> Any:
    # A shift left and a logical one right, which compilers know for a rotation.
    left, right = np.int32(distance), np.int32(32 - distance)
    return jax.lax.bitwise_or(jax.lax.shift_left(x, left), jax.lax.shift_right_logical(x, right))


NAMESPACE = SimpleNamespace(
    **{name: getattr(jnp, name) for name in (
        "arange", "reshape", "permute_dims", "concat", "minimum", "maximum", "sqrt", "abs", "sum",
        "where", "zeros", "zeros_like", "ones_like", "broadcast_to", "argsort", "eye", "tril",
        "triu",
    )},
    bitwise_left_shift=_shift(jax.lax.shift_left, jnp.bitwise_left_shift),
    bitwise_right_shift=_shift(jax.lax.shift_right_arithmetic, jnp.bitwise_right_shift),
    # The default precision of a matrix product is a flag of the process, and low on accelerators.
    matmul=functools.partial(jnp.matmul, precision=jax.lax.Precision.HIGHEST),
    linalg=SimpleNamespace(inv=jnp.linalg.inv, diagonal=_linalg_diagonal),
)  # fmt: skip


def _operations(repeat: Callable[..., Any]) -> Any:
    functions: Any = SimpleNamespace(
        xp=NAMESPACE,
        cast=jax.lax.convert_element_type,
        bits=jax.lax.bitcast_convert_type,
        take=_take,
        complex=jax.lax.complex,
        parts=lambda x: (jax.lax.real(x), jax.lax.imag(x)),
        constant=_constant,
        repeat=repeat,
        rotate=_rotate,
    )

    @functools.partial(jax.jit, static_argnums=(0, 1))
    def shared(function: Callable[..., Any], fixed: tuple[tuple[str, Any], ...], *arrays: Any) -> Any:
        return function(functions, *arrays, **dict(fixed))

    def call(function: Callable[..., Any], *arrays: Any, **fixed: Any) -> Any:
        return shared(function, tuple(fixed.items()), *arrays)

    functions.call = call
    return functions


OPS = _operations(_repeat)
# Without a look-up behind them, unrolled rounds are a vectorized loop on every CPU.
LINE_OPS = _operations(_unrolled)
