"""Buffers that are handed to JAX are what ``jax.device_put`` makes of them, in every state of JAX."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.stream import host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.needs("jax")

NORMAL = ui.normal(0.0, 1.0)


def buffer(shape: tuple[int, ...] = (4, 6), dtype: Any = np.float32) -> Any:
    """Return numbers in memory that can be aliased."""
    array = host.aligned_empty(shape, np.dtype(dtype))
    array[...] = np.arange(array.size).reshape(shape)
    return array


def facts(array: Any) -> tuple[Any, ...]:
    """Return all that JAX looks at in an array."""
    import jax

    return type(array), jax.typeof(array), array.sharding, array.committed, np.asarray(array).tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float8_e5m2"])
@pytest.mark.parametrize("shape", [(), (3,), (4, 6), (0, 3), (2, 3, 4, 5)])
def test_a_buffer_becomes_what_device_put_makes_of_it(shape: tuple[int, ...], dtype: str) -> None:
    """Its type, sharding, commitment and bits; and it shares the memory."""
    import jax
    import ml_dtypes

    from unified_init.backends import jax_transfer

    array = buffer(shape, getattr(ml_dtypes, dtype, dtype))
    made = jax_transfer.put(array)
    assert made is not None
    assert facts(made) == facts(jax.device_put(array))
    if array.size:
        assert made.unsafe_buffer_pointer() == array.ctypes.data
    assert facts(made + made) == facts(jax.device_put(array) + jax.device_put(array))


def _states() -> dict[str, Callable[[Any], contextlib.AbstractContextManager[Any]]]:
    """Return states of JAX in which a transfer is another one."""

    @contextlib.contextmanager
    def flag(jax: Any, name: str, value: Any) -> Iterator[None]:
        before = getattr(jax.config, name)
        jax.config.update(name, value)
        try:
            yield
        finally:
            jax.config.update(name, before)

    return {
        "a default device": lambda jax: jax.default_device(jax.devices()[0]),
        "the flag of it": lambda jax: flag(jax, "jax_default_device", jax.devices()[0]),
        "a guard": lambda jax: jax.transfer_guard("disallow"),
        "a guard of explicit transfers": lambda jax: jax.transfer_guard("disallow_explicit"),
        "a guard to devices": lambda jax: jax.transfer_guard_host_to_device("log"),
        "the flag of guards": lambda jax: flag(jax, "jax_transfer_guard", "disallow_explicit"),
        "the flag of guards to devices": lambda jax: flag(
            jax, "jax_transfer_guard_host_to_device", "disallow_explicit"
        ),
        "an abstract mesh": lambda jax: jax.sharding.use_abstract_mesh(
            jax.sharding.AbstractMesh((1,), ("x",), (jax.sharding.AxisType.Explicit,))
        ),
        "a mesh": lambda jax: jax.set_mesh(jax.make_mesh((1,), ("x",))),
    }


STATES = _states()


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_an_unusual_state_is_left_to_device_put(state: Callable[[Any], Any]) -> None:
    """Also where the same buffer was handed over before; and then a draw is what it was, or refused."""
    import jax

    from unified_init.backends import jax_placement, jax_transfer

    def outcome(drawn: Callable[[], Any]) -> Any:
        try:
            return facts(drawn())
        except Exception as error:  # noqa: BLE001  # it is compared
            return type(error)

    array = buffer()
    assert jax_transfer.put(array) is not None
    with state(jax):
        assert jax_transfer.put(array) is None
        target = jax_placement.beside(None, 2)
        expected = outcome(lambda: jax.device_put(array, target, may_alias=True))
        assert outcome(lambda: jax_placement.put(array, target)) == expected
    assert jax_transfer.put(array) is not None


def test_a_trace_is_seen() -> None:
    """In every transformation that traces, and in none that does not."""
    import jax

    from unified_init.backends import jax_placement, jax_transfer

    seen: list[tuple[bool, bool]] = []

    def look(x: Any) -> Any:
        seen.append((jax_transfer.is_idle(), jax_placement.tracing()))
        return x

    def inside(x: Any) -> Any:
        with jax.ensure_compile_time_eval():
            look(x)
        return x

    x = np.ones(3, np.float32)
    traces: tuple[Callable[[], Any], ...] = (
        lambda: jax.jit(look)(x),
        lambda: jax.eval_shape(functools.partial(look), x),
        lambda: jax.make_jaxpr(functools.partial(look))(x),
        lambda: jax.lax.scan(lambda carry, y: (look(carry), y), x[0], x),
        lambda: jax.jit(jax.vmap(look))(x),
        lambda: jax.jit(jax.grad(lambda y: look(y).sum()))(x),
    )
    for trace in traces:
        seen.clear()
        trace()
        assert seen
        assert {*seen} == {(False, True)}
    seen.clear()
    look(x)
    assert {*seen} == {(True, False)}
    others: tuple[Callable[[], Any], ...] = (lambda: jax.vmap(look)(x), lambda: jax.jit(inside)(x))
    for other in others:  # not idle, and constants are arrays
        seen.clear()
        other()
        assert {*seen} == {(False, False)}


def test_threads_see_their_own_traces() -> None:
    """A trace in one thread is none in another, which draws on the host meanwhile."""
    import jax

    from unified_init.backends import jax_placement

    states: dict[str, bool] = {}

    def traced(x: Any) -> Any:
        thread = threading.Thread(target=lambda: states.update(other=jax_placement.tracing()))
        thread.start()
        thread.join()
        states["own"] = jax_placement.tracing()
        return x

    jax.jit(traced)(1.0)
    assert states == {"own": True, "other": False}


def test_another_jax_is_asked_by_its_public_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without the private functions, or whose function makes something else: the same draw."""
    import jax

    from unified_init.backends import jax_transfer

    expected = facts(ui.draw(NORMAL, (4, 6), seed=1, name="w", backend="jax"))
    right = jax_transfer._named()

    def committed(*arguments: Any) -> Any:
        return right(*arguments[:4], not arguments[4])

    def negative(kind: Any, sharding: Any, arrays: Any, *others: Any) -> Any:
        return right(kind, sharding, [-array for array in arrays], *others)

    def forget() -> None:
        jax_transfer._function.cache_clear()
        jax_transfer._transfer.cache_clear()

    for other in (committed, negative, None):
        monkeypatch.setattr(jax_transfer, "_named", lambda other=other: other)
        forget()
        assert jax_transfer.put(buffer()) is None
        assert facts(ui.draw(NORMAL, (4, 6), seed=1, name="w", backend="jax")) == expected
    monkeypatch.undo()
    forget()
    monkeypatch.setattr(jax_transfer, "is_idle", jax_transfer._never)
    assert jax_transfer.put(buffer()) is None
    assert facts(ui.draw(NORMAL, (4, 6), seed=1, name="w", backend="jax")) == expected
    assert (
        jax.jit(lambda: ui.draw(NORMAL, (4, 6), seed=1, name="w", backend="jax"))().tobytes() == expected[-1]
    )


def test_64_bit_types_are_left_to_device_put() -> None:
    """Whether there are any is a flag."""
    from unified_init.backends import jax_transfer

    assert jax_transfer.put(buffer(dtype=np.float64)) is None
    assert jax_transfer.put(buffer(dtype=np.complex64)) is None


SCRIPT = """
import jax, numpy as np
import unified_init as ui
from unified_init.backends import jax_transfer
before = ui.draw(ui.normal(0.0, 1.0), (4, 6), seed=1, name="w", backend="jax")
with jax.default_device(jax.devices()[1]):
    there = ui.draw(ui.normal(0.0, 1.0), (4, 6), seed=1, name="w", backend="jax")
after = ui.draw(ui.normal(0.0, 1.0), (4, 6), seed=1, name="w", backend="jax")
print(len(jax.devices()), before.devices(), there.devices(), after.devices(), there.committed)
"""


def test_a_default_device_is_met_between_draws() -> None:
    """Of two devices of one host, the second only while it is the default."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"},
    )  # fmt: skip
    assert done.stdout.strip() == "2 {CpuDevice(id=0)} {CpuDevice(id=1)} {CpuDevice(id=0)} False", done.stderr
