"""JAX arrays that span devices are made of shards that the host draws."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

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
@pytest.mark.parametrize(("name", "count"), [("draws", 588), ("donation", 14)])
def test_a_draw_onto_a_sharding_compiles_nothing(name: str, count: int) -> None:
    """It has the bits of the whole, and draws each distinct shard once; a structured law draws once."""
    assert table(name) == [str(count)]


@pytest.mark.needs("flax")
@pytest.mark.needs("haiku")
@pytest.mark.needs("equinox")
@pytest.mark.current
@pytest.mark.parametrize(("name", "count"), [("models", 48), ("regions", 28)])
def test_a_sharded_model_is_written_without_a_compilation(name: str, count: int) -> None:
    """Models of NNX, Linen (boxed too), Haiku and Equinox keep their shardings and have one device's bits."""
    assert table(name) == [str(count)]


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
