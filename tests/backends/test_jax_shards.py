"""JAX arrays that span devices are made of shards that the host draws."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

DEVICES = "--xla_force_host_platform_device_count="


def table(name: str, **environment: str) -> list[str]:
    """Return what a table of the helper prints, on eight devices."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.helpers.jax_shards", name], capture_output=True, text=True, check=False,
        env={**os.environ, "XLA_FLAGS": f"{DEVICES}8", **environment},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


@pytest.mark.needs("jax")
@pytest.mark.current
@pytest.mark.parametrize(("name", "count"), [("draws", 700), ("donation", 14)])
def test_a_draw_onto_a_sharding_compiles_nothing(name: str, count: int) -> None:
    """It has the bits of the whole, and draws each distinct shard once; a structured law draws once."""
    assert table(name) == [str(count)]


@pytest.mark.needs("jax")
@pytest.mark.current
def test_a_draw_in_a_program_is_computed_in_shards() -> None:
    """No collective and no array above a shard's size, on automatic and explicit axes, rolled and unrolled."""
    assert table("traced") == ["70"]


@pytest.mark.needs("flax", "haiku", "equinox")
@pytest.mark.current
@pytest.mark.parametrize(("name", "count"), [("models", 48), ("regions", 28), ("abstract", 7)])
def test_a_sharded_model_is_written_without_a_compilation(name: str, count: int) -> None:
    """Models of NNX, Linen (boxed too), Haiku and Equinox keep their shardings and have one device's bits."""
    assert table(name) == [str(count)]


@pytest.mark.needs("flax")
@pytest.mark.current
def test_an_abstract_model_needs_the_devices_of_its_mesh() -> None:
    """Outside of ``jax.set_mesh`` none are known; the model is as it was."""
    import jax
    from flax import nnx

    def make() -> nnx.Linear:
        init = nnx.with_partitioning(nnx.initializers.zeros, ("x", None))
        return nnx.Linear(4, 6, kernel_init=init, use_bias=False, rngs=nnx.Rngs(0))

    recipe = ui.Recipe("normal", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    with jax.set_mesh(jax.make_mesh((1,), ("x",))):
        model = nnx.eval_shape(make)
    with refused(ui.ArgumentValueError, hidden=r"(?<=the sharding ).*?(?= has no dev)"):
        ui.apply(model, recipe, seed=0)
    assert isinstance(model.kernel.get_value(), jax.ShapeDtypeStruct)
    with jax.set_mesh(jax.make_mesh((1,), ("x",))):
        ui.apply(model, recipe, seed=0)
    expected = ui.draw(ui.normal(0.0, 1.0), (4, 6), seed=0, name="kernel", layout="IO")
    assert np.asarray(model.kernel.get_value()).tobytes() == expected.tobytes()


@pytest.mark.needs("flax")
@pytest.mark.current
def test_the_example_prints_what_the_page_shows() -> None:
    """docs/sharding.md has the command and the output of examples/sharded_jax.py."""
    run = subprocess.run(
        [sys.executable, "examples/sharded_jax.py"], capture_output=True, text=True, check=True,
        env={**os.environ, "XLA_FLAGS": f"{DEVICES}8"},
    )  # fmt: skip
    assert f"python examples/sharded_jax.py\n{run.stdout}```" in Path("docs/sharding.md").read_text("utf-8")


@pytest.mark.needs("keras", "jax")
@pytest.mark.current
def test_a_keras_model_on_several_devices_is_written_without_a_compilation() -> None:
    """Where a variable's array spans devices, as ``keras.distribution`` makes it."""
    assert table("models", KERAS_BACKEND="jax") == ["14"]


@pytest.mark.needs("flax")
@pytest.mark.current
@pytest.mark.long
@pytest.mark.parametrize("collectives", ["none", "gloo"])
def test_each_process_draws_its_share_and_sends_nothing(collectives: str) -> None:
    """Two processes with four devices each; without collectives JAX raises where it would send."""
    with socket.socket() as server:
        server.bind(("localhost", 0))
        port = server.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.jax_processes", str(port), str(number), collectives],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "XLA_FLAGS": f"{DEVICES}4"},
        )
        for number in range(2)
    ]  # fmt: skip
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        drawn, needed, compilations, *faults = output.split()
        assert (drawn, compilations, faults) == (needed, "0", [])
