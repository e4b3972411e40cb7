"""Options, Hypothesis profiles, and the check that no test leaves a framework's state changed."""

from __future__ import annotations

import os
import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose its backends; one that is chosen and missing fails."""
    parser.addoption(
        "--backends",
        default="numpy,torch,tensorflow,jax",
        help="comma-separated backends for the parity tests; a chosen one that is missing fails",
    )


@pytest.fixture(scope="session")
def chosen_backends(pytestconfig: pytest.Config) -> tuple[str, ...]:
    """The backends that this run tests."""
    return tuple(pytestconfig.getoption("--backends").split(","))


def global_state() -> dict[str, Any]:
    """What a process shares: random state, default types and flags of all that is imported."""
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002  # the legacy state is the global one
        "errors": np.geterr(),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = torch.random.get_rng_state().numpy().tobytes()
        state["torch defaults"] = (torch.get_default_dtype(), torch.get_default_device())
        state["torch threads"] = (torch.get_num_threads(), torch.is_grad_enabled())
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None:
        from tensorflow.python.eager import context

        state["tensorflow"] = (context.global_seed(), tensorflow.config.get_soft_device_placement())
    jax = sys.modules.get("jax")
    if jax is not None:
        state["jax"] = {name: str(value) for name, value in jax.config.values.items()}
    return state


@pytest.fixture(autouse=True)
def _untouched_state() -> Iterator[None]:
    """Fail a test after which any global state of a framework differs."""
    modules = set(sys.modules)
    before = global_state()
    yield
    after = global_state()
    if {"torch", "tensorflow", "jax"} & (set(sys.modules) - modules):
        return  # an import made during the test brings state that was not there before
    assert before == after
