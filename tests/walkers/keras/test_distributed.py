"""Keras models on several devices: each device has the bits, or the part of them, that one process draws."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

KINDS = [
    pytest.param("mirrored", "tensorflow", marks=pytest.mark.needs("keras", "tensorflow")),
    pytest.param("data", "jax", marks=pytest.mark.needs("keras", "jax")),
    pytest.param("model", "jax", marks=pytest.mark.needs("keras", "jax")),
]


@pytest.mark.current  # keras.distribution is younger than the oldest Keras
@pytest.mark.parametrize(("kind", "backend"), KINDS)
def test_variables_on_several_devices_are_those_of_one_process(kind: str, backend: str) -> None:
    """Of MirroredStrategy, DataParallel and ModelParallel: from layers' initializers, from ``apply``, and trained."""
    flags = {"KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_force_host_platform_device_count=8"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.helpers.keras_distributed", kind],
        check=False, capture_output=True, text=True, timeout=300,
        env=os.environ | flags | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    wrong = json.loads(done.stdout.splitlines()[-1])
    extra = "outside" if kind == "mirrored" else "shardings"
    assert wrong == {key: [] for key in ("initializers", "apply", "training", extra)}
