"""JAX draws beside meshes, shardings and flags of the process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

NORMAL = ui.as_jax(ui.normal(0.0, 1.0))


def table(name: str) -> list[str]:
    """Return what a table of the helper prints, on eight devices."""
    return table_of("tests.helpers.jax_meshes", name)


def table_of(*module: str) -> list[str]:
    """Return the lines of a module, on eight devices."""
    run = subprocess.run(
        [sys.executable, "-m", *module], capture_output=True, text=True, check=False,
        env={**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.needs("jax")
@pytest.mark.current
@pytest.mark.parametrize(
    ("name", "count"),
    [("modes", 60), ("structured", 80), ("flags", 48), ("wrong", 132)],
)
def test_draws_work_where_the_native_initializers_do(name: str, count: int) -> None:
    """With the same sharding and the bits of an unsharded draw; elsewhere they raise errors of ours."""
    assert table(name) == [str(count)]


@pytest.mark.needs("flax")
@pytest.mark.current
def test_flax_modules_with_sharding_metadata_take_our_initializers() -> None:
    """NNX and Linen modules made under a mesh, and inside ``nnx.jit``."""
    assert table("flax") == ["10"]


@pytest.mark.needs("jax")
@pytest.mark.parametrize("value", ["cpu", 3, ("x", None), np.zeros(2)], ids=repr)
def test_what_is_no_sharding_is_refused(value: Any) -> None:
    """Inside a program and outside one."""
    import jax

    key = jax.random.key(0)
    with refused(ui.ArgumentTypeError):
        NORMAL(key, (4, 6), out_sharding=value)
    with refused(ui.ArgumentTypeError):
        jax.jit(lambda k: NORMAL(k, (4, 6), out_sharding=value))(key)


# What JAX says, and how it prints shardings, differs between its versions.
NATIVE = r"(?<=the sharding ).*?(?= (has no dev|does not fit))|(?<=in force: )Resource.*|(?<=\(4, 6\): )(Resource|with_).*|(?<=\(6,\): ).*"


@pytest.mark.needs("jax")
@pytest.mark.current
def test_shardings_that_do_not_fit_are_refused() -> None:
    """Without devices, with an unknown axis, with more axes than the shape, and what does not divide it."""
    import jax
    from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec

    from unified_init.backends import jax_placement

    key = jax.random.key(0)
    of_a_device = jax.sharding.SingleDeviceSharding(jax.devices("cpu")[0])

    def eager(value: Any) -> None:
        with refused(ui.ArgumentValueError, hidden=NATIVE):
            NORMAL(key, (4, 6), out_sharding=value)

    def jitted(value: Any) -> None:
        with refused(ui.ArgumentValueError, hidden=NATIVE):
            jax.jit(lambda k: NORMAL(k, (4, 6), out_sharding=value))(key)

    for call in (eager, jitted):
        call(PartitionSpec("x"))
        with jax.set_mesh(jax.make_mesh((1,), ("x",))):
            call(PartitionSpec("unknown"))
            call(PartitionSpec(None, None, "x"))
    eager(NamedSharding(AbstractMesh((1,), ("x",)), PartitionSpec("x")))
    with jax.set_mesh(jax.make_mesh((1,), ("x",))):
        jitted(of_a_device)
    with refused(ui.ArgumentValueError, hidden=NATIVE):
        jax_placement.check(NamedSharding(AbstractMesh((4,), ("x",)), PartitionSpec("x")), (6,))


@pytest.mark.needs("flax")
@pytest.mark.current
def test_meshes_that_do_not_divide_a_shape_are_refused_by_name() -> None:
    """On eight devices, before a generator is advanced; in a program JAX pads, and the values are the same."""
    *ways, equal = [json.loads(line) for line in table_of("tests.helpers.jax_indivisible")]
    assert len(ways) == 5
    for way, error, message in ways:
        assert error == "ArgumentValueError", (way, message)
        assert re.search(r"does not fit an array of shape \(\d+, 12\)", message), way
    assert message.startswith("'second/kernel': the sharding")
    assert equal == [True, True]


@pytest.mark.needs("jax")
def test_a_key_that_cannot_be_read_is_refused() -> None:
    """Deleted, or donated to another program, which deletes it; typed and legacy."""
    import jax

    for key in (jax.random.key(3), jax.random.PRNGKey(3)):
        key.delete()
        with refused(ui.ArgumentValueError):
            NORMAL(key, (4, 6))


@pytest.mark.needs("jax")
def test_a_forbidden_transfer_is_an_error_of_ours() -> None:
    """Eager draws are transfers; JAX's own raise an error of JAX there."""
    import jax

    key = jax.random.key(3)
    with jax.transfer_guard("disallow_explicit"), refused(ui.BackendError, hidden="INVALID.*"):
        NORMAL(key, (4, 6))


@pytest.mark.needs("jax")
@pytest.mark.current
def test_a_sharding_that_does_not_fit_leaves_the_generator_as_it_was() -> None:
    """In a program as outside of one: refused before a seed is drawn."""
    import jax
    from jax.sharding import AbstractMesh, NamedSharding, PartitionSpec

    mesh = jax.make_mesh((1,), ("x",))
    generator = np.random.default_rng(0)
    state = generator.bit_generator.state

    def draw(target: Any) -> Any:
        return ui.draw(ui.normal(0.0, 1.0), (6,), seed=generator, backend="jax", device=target)

    for target in (
        PartitionSpec("unknown"),
        PartitionSpec(None, "x"),
        NamedSharding(mesh, PartitionSpec(None, "x")),
        NamedSharding(AbstractMesh((4,), ("x",)), PartitionSpec("x")),
    ):
        with jax.set_mesh(mesh), refused(ui.ArgumentValueError, hidden=NATIVE):
            jax.jit(draw, static_argnums=0)(target)
        with jax.set_mesh(mesh), refused(ui.ArgumentValueError, hidden=NATIVE):
            draw(target)
        assert generator.bit_generator.state == state
    with jax.set_mesh(mesh):
        drawn = jax.jit(draw, static_argnums=0)(PartitionSpec("x"))
    assert generator.bit_generator.state != state
    assert np.array_equal(drawn, ui.draw(ui.normal(0.0, 1.0), (6,), seed=np.random.default_rng(0)))


@pytest.mark.needs("jax")
def test_a_guard_allows_a_generator_what_it_allows_an_int() -> None:
    """Explicit transfers. Where they are forbidden too the generator stays as it was."""
    import jax

    spec, device = ui.normal(0.0, 1.0), jax.devices("cpu")[0]
    expected = ui.draw(spec, (4, 6), seed=np.random.default_rng(0))
    for target in (None, device, jax.sharding.SingleDeviceSharding(device)):
        generator = np.random.default_rng(0)
        with jax.transfer_guard("disallow_explicit"), refused(ui.BackendError, hidden="INVALID.*"):
            ui.draw(spec, (4, 6), seed=generator, backend="jax", device=target)
        with jax.transfer_guard("disallow"):
            drawn = ui.draw(spec, (4, 6), seed=generator, backend="jax", device=target)
        assert np.array_equal(drawn, expected)
    key = jax.random.key(0)
    with jax.transfer_guard("disallow"):
        ui.draw(spec, (4, 6), seed=key, device=device)
