"""JAX's own way: ``jax.nn.initializers`` under ``jax.jit``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax  # noqa: TID253  # this file stands for JAX
import jax.numpy as jnp  # noqa: TID253

import unified_init as ui
from benchmarks.specs import SPECS, drawn
from benchmarks.timing import Pair

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.cases import Case

__all__ = ["pair"]


def _native(law: str) -> Any:  # noqa: ANN401  # JAX's functions have no types here
    made = {
        "uniform": lambda: jax.nn.initializers.uniform(1.0),
        "normal": lambda: jax.nn.initializers.normal(1.0),
        "truncated_normal": lambda: jax.nn.initializers.truncated_normal(1.0),
        "he_normal": jax.nn.initializers.he_normal,
        "glorot_uniform": jax.nn.initializers.glorot_uniform,
        "orthogonal": jax.nn.initializers.orthogonal,
    }
    return made[law]()


def pair(case: Case) -> Pair:
    """Return our call and JAX's; each waits until its array is there."""
    if case.group == "first":
        return _first(case)
    concrete = drawn(case)
    if case.way.endswith("plain fill"):
        full = jax.jit(lambda value: jnp.full(case.shape, value, dtype=case.dtype))
        return Pair(
            lambda i: concrete(i).block_until_ready(), lambda i: _run(full, float(i)), "jnp.full, jitted"
        )
    key = jax.random.key(0)
    native = _jitted(_native(case.law), case.shape, case.dtype)
    text = f"jax.nn.initializers.{case.law}, jitted"
    if case.way == "traced":
        ours = _jitted(ui.as_jax(SPECS[case.law], layout=case.layout(), name="w"), case.shape, case.dtype)
        return Pair(lambda _: _run(ours, key), lambda _: _run(native, key), text)
    return Pair(lambda i: concrete(i).block_until_ready(), lambda _: _run(native, key), text)


def _first(case: Case) -> Pair:
    """Compare first calls: no shape comes twice."""
    key, native, spec = jax.random.key(0), _native(case.law), SPECS[case.law]
    traced = ui.as_jax(spec, layout=case.layout(), name="w")

    def shape_of(i: int) -> tuple[int, ...]:
        return case.shape[0] + i, *case.shape[1:]

    def concrete(i: int) -> Any:  # noqa: ANN401
        return ui.draw(
            spec, shape_of(i), seed=0, name="w", dtype=case.dtype, backend="jax"
        ).block_until_ready()

    def compiled(i: int) -> Any:  # noqa: ANN401
        return _run(_jitted(traced, shape_of(i), case.dtype), key)

    return Pair(
        compiled if case.way == "traced" else concrete,
        lambda i: _run(_jitted(native, shape_of(i), case.dtype), key),
        f"jax.nn.initializers.{case.law}, jitted",
    )


def _jitted(init: Any, shape: tuple[int, ...], dtype: str) -> Callable[[Any], Any]:  # noqa: ANN401
    compiled: Callable[[Any], Any] = jax.jit(lambda key: init(key, shape, jnp.dtype(dtype)))
    return compiled


def _run(function: Callable[[Any], Any], argument: Any) -> Any:  # noqa: ANN401
    return function(argument).block_until_ready()
