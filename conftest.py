"""Which tests a run collects, Hypothesis profiles, and the check that no test leaves global state changed.

``pytest --backends numpy,torch`` chooses what a run tests, of ``numpy``, ``c`` (the compiled runner),
``torch``, ``tensorflow`` and ``jax``; without the option it is all of them. ``--backends numpy`` is the core.
``triton`` must be named.

A test says what it imports with ``@pytest.mark.needs("torch", "flax")``, and a test with a parameter
``variant`` needs that variant's backend. Other libraries come with a backend: flax, haiku and equinox with
jax, transformers, torchvision, timm and mup with torch, keras and mlx with any of torch, tensorflow
and jax. A test is collected if all that it needs is chosen or comes with what is chosen. The others are
deselected, not skipped; and what is chosen but not installed is a failure.

``pytest --beyond numpy,c`` leaves out what a run with these backends alone tests, where that run was made.
"""

from __future__ import annotations

import functools
import importlib
import os
import random
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import unified_init as ui
from unified_init.stream import host

if TYPE_CHECKING:
    import doctest
    from collections.abc import Iterator

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

pytest_plugins = ["tests.helpers.messages"]  # --write-messages, and the comparison with tests/messages.txt


# The folders of tests whose layers, and the laws of those, are what recipes name: the newest releases'.
OF_MODELS = tuple(
    Path(__file__).parent / path
    for path in (
        "tests/walkers", "tests/inventory", "tests/recipes", "tests/models", "tests/checkpoints", "tests/auditing", "tests/cli",
        "tools/pages/tests/test_layer_defaults_page.py", "tools/pages/tests/test_pairs_page.py",
    )
)  # fmt: skip
COMPILED_BRIEFLY = pytest.StashKey[bool]()  # whether what JAX has compiled so far is optimized little
LIBRARIES = frozenset({
    "keras", "flax", "haiku", "equinox", "transformers", "torchvision", "timm", "mup",
})  # fmt: skip
DEFAULTS = ("numpy", "c", "torch", "tensorflow", "jax")
CHOICES = (*DEFAULTS, "triton")  # which ends a process that has TensorFlow: it is chosen by name alone
COMES_WITH = {name: {name} for name in CHOICES} | {
    "transformers": {"torch"},
    "torchvision": {"torch"},
    "timm": {"torch"},
    "mup": {"torch"},
    "flax": {"jax"},
    "haiku": {"jax"},
    "equinox": {"jax"},
    "mlx": {"torch", "tensorflow", "jax"},
    "keras": {"torch", "tensorflow", "jax"},
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a run choose its backends."""
    parser.addoption(
        "--backends",
        default=",".join(DEFAULTS),
        help="comma-separated, of %(default)s and triton: tests that need another are left out",
    )
    parser.addoption(
        "--beyond",
        default="",
        help="comma-separated: tests are left out that `--backends` with these, and what is not long, runs",
    )


def named_in(config: pytest.Config, option: str) -> set[str]:
    """Return the backends that an option names."""
    names = set(filter(None, config.getoption(option).split(",")))
    if not names <= set(CHOICES):
        msg = f"{option} must be of {','.join(CHOICES)}, got {','.join(sorted(names - set(CHOICES)))}"
        raise pytest.UsageError(msg)
    return names


def chosen(config: pytest.Config) -> tuple[str, ...]:
    """Return what this run tests, in the order of CHOICES."""
    names = named_in(config, "--backends")
    return tuple(name for name in CHOICES if name in names)


def needed(item: pytest.Item) -> set[str]:
    """Return what a test needs: what its marks name, and the backend and runner of its variant."""
    marked = {name for mark in item.iter_markers("needs") for name in mark.args}
    if not marked <= set(COMES_WITH):
        msg = f"{item.nodeid}: needs() knows {', '.join(COMES_WITH)}; got {', '.join(sorted(marked))}"
        raise pytest.UsageError(msg)
    params = item.callspec.params if hasattr(item, "callspec") else {}
    variant = params["variant"].value.split(":") if "variant" in params else []
    return marked | set(variant) & set(CHOICES)


def runs_with(item: pytest.Item, names: set[str]) -> bool:
    """Whether a run that chose these backends has what a test needs."""
    return all(COMES_WITH[need] & names for need in needed(item))


def is_beyond(item: pytest.Item, names: set[str]) -> bool:
    """Whether a test says more here than in a run with these backends alone."""
    says_more = {"chosen_backends", "pytestconfig"} & set(getattr(item, "fixturenames", ()))
    return bool(says_more or item.get_closest_marker("long")) or not runs_with(item, names)


def pytest_configure(config: pytest.Config) -> None:
    """Let Keras, which runs on TensorFlow if nothing is said, run on a backend that is chosen."""
    for name in ("tensorflow", "torch", "jax"):
        if name in chosen(config):
            os.environ.setdefault("KERAS_BACKEND", name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is no compiled runner, that is said once
        host.default_runner()
    if config.getoption("doctestmodules", default=False):
        # Public classes name the package as their module: doctest looks for their examples there.
        for public in ui.__all__:
            getattr(ui, public)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need what the run did not choose; mark those of other libraries' layers."""
    names, others = set(chosen(config)), named_in(config, "--beyond")
    left_out = [
        item for item in items if not runs_with(item, names) or (others and not is_beyond(item, others))
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]
    for item in items:
        marked = {name for mark in item.iter_markers("needs") for name in mark.args}
        if marked & LIBRARIES and any(item.path.is_relative_to(folder) for folder in OF_MODELS):
            item.add_marker(pytest.mark.current)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Import torch before TensorFlow: in the other order they clash in one process."""
    if "torch" in chosen(item.config) and needed(item) & {"tensorflow", "keras"}:
        importlib.import_module("torch")
    page = getattr(item, "dtest", None)  # of a doctest
    if needed(item) & {"transformers", "torchvision", "timm", "mup"} or (page and uses_transformers(page)):
        let_torchvision_import()


def uses_transformers(page: doctest.DocTest) -> bool:
    """Whether an example imports transformers."""
    return any("import transformers" in example.source for example in page.examples)


@functools.cache
def let_torchvision_import() -> object:
    """Define the two operators that torchvision describes and, beside a torch for CPUs, does not bring.

    Transformers and timm import torchvision where it is installed. The library keeps the definitions.
    """
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


@pytest.fixture(scope="session")
def chosen_backends(pytestconfig: pytest.Config) -> tuple[str, ...]:
    """The backends that this run tests, in the order of ``ui.backends()``."""
    return tuple(name for name in chosen(pytestconfig) if name not in {"c", "triton"})


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
def _untouched_state(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test after which any global state of a framework differs; examples may construct layers."""
    if isinstance(request.node, pytest.DoctestItem):
        yield
        return
    modules = set(sys.modules)
    before = global_state()
    yield
    after = global_state()
    if set(COMES_WITH) & (set(sys.modules) - modules):
        return  # an import made during the test brings new state, and Flax's draws random numbers
    assert before == after


@pytest.fixture(autouse=True)
def _models_compile_briefly(request: pytest.FixtureRequest, _untouched_state: None) -> Iterator[None]:
    """Let XLA optimize little where models run: they compile for longer than they compute.

    Bits are compared with all optimizations, in tests/parity and tests/backends. JAX keeps what it compiled, so
    that is dropped between tests of the two kinds.
    """
    jax = sys.modules.get("jax")
    if jax is None:
        yield
        return
    before = jax.config.values["jax_disable_most_optimizations"]
    brief = before or any(request.path.is_relative_to(folder) for folder in OF_MODELS)
    if request.config.stash.get(COMPILED_BRIEFLY, brief) != brief:
        jax.clear_caches()
    request.config.stash[COMPILED_BRIEFLY] = brief
    jax.config.update("jax_disable_most_optimizations", brief)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


@pytest.fixture(autouse=True)
def _native_draws_leave_no_trace(request: pytest.FixtureRequest, _untouched_state: None) -> Iterator[None]:
    """Restore the global generators that a constructor of a layer may have advanced.

    It is set up after the check above, so that what it restores is restored when that looks.
    """
    if not any(request.path.is_relative_to(folder) for folder in OF_MODELS):
        yield
        return
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  # the global one
    torch = sys.modules.get("torch")
    state = None if torch is None else torch.random.get_rng_state()
    yield
    random.setstate(python)
    np.random.set_state(numpy)  # noqa: NPY002  # the global one
    if torch is not None:
        torch.random.set_rng_state(state)
