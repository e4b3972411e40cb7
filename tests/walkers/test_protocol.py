"""Walkers and their protocols: a walker is imported by name, which no type checker follows."""

from __future__ import annotations

import importlib
import pathlib
import types
from typing import Any

import pytest

from unified_init.auditing import probing
from unified_init.testing.protocols import differences, functions_of
from unified_init.walkers import protocol, registry
from unified_init.walkers.protocol import Holding, Keeping, Materializer, Prober, Runner, Tying, Walker

# What a walker or a prober needs, by its module.
WALKERS = {
    "torch.walker": "torch",
    "keras.walker": "keras",
    "flax.linen_walker": "flax",
    "flax.nnx_walker": "flax",
    "haiku.walker": "haiku",
    "equinox.walker": "equinox",
}
PROBERS = {"torch.probe": "torch", "keras.probe": "keras"}
RUNNERS = {walker.replace("walker", "running"): library for walker, library in WALKERS.items()}


def modules(names: dict[str, str]) -> list[Any]:
    """Return the names as parameters of a test, each with what it needs."""
    return [pytest.param(name, id=name, marks=pytest.mark.needs(library)) for name, library in names.items()]


def files(pattern: str) -> set[str]:
    """Return the modules of the folder's rooms that a pattern fits."""
    folder = pathlib.Path(protocol.__file__).parent
    return {f"{path.parent.name}.{path.stem}" for path in folder.glob(pattern)}


@pytest.mark.parametrize("name", modules(WALKERS))
def test_a_walker_has_the_functions_of_its_protocol(name: str) -> None:
    """Each of them, with the parameters that are declared: their names, order, kinds and defaults."""
    assert differences(importlib.import_module(f"unified_init.walkers.{name}"), Walker) == []


@pytest.mark.parametrize("name", modules(PROBERS))
def test_a_prober_has_the_function_of_its_protocol(name: str) -> None:
    """As for walkers."""
    assert differences(importlib.import_module(f"unified_init.walkers.{name}"), Prober) == []


@pytest.mark.parametrize("name", modules(RUNNERS))
def test_a_runner_has_the_functions_of_its_protocol(name: str) -> None:
    """As for walkers."""
    assert differences(importlib.import_module(f"unified_init.walkers.{name}"), Runner) == []


@pytest.mark.needs("torch")
def test_what_only_torch_has_is_as_declared() -> None:
    """Ties that are declared, and memory that is given later."""
    walker, materializing = (
        importlib.import_module(f"unified_init.walkers.torch.{name}") for name in ("walker", "materializing")
    )
    assert differences(walker, Tying) == []
    assert differences(walker, Keeping) == []
    assert differences(materializing, Materializer) == []


@pytest.mark.parametrize(
    "name", modules({name: needs for name, needs in WALKERS.items() if needs != "keras"})
)
def test_models_that_may_be_spread_are_read_in_pieces(name: str) -> None:
    """All but those of Keras, whose variables are read whole."""
    assert differences(importlib.import_module(f"unified_init.walkers.{name}"), Holding) == []


def test_every_walker_is_compared() -> None:
    """Those that lie in the folder, and those that the registry and the probes lead to."""
    assert files("*/*walker.py") == set(WALKERS)
    assert {walker for _, walker in registry.WALKERS} <= set(WALKERS)
    assert files("*/probe.py") == set(PROBERS) == set(probing.PROBES.values())
    assert set(probing.PROBES) <= set(WALKERS)
    assert files("*/*running.py") == set(RUNNERS)


def test_every_protocol_is_compared() -> None:
    """All that the module declares."""
    declared = {name for name, kind in vars(protocol).items() if getattr(kind, "_is_protocol", False)}
    assert declared - {"Protocol"} == {
        "Holding",
        "Keeping",
        "Materializer",
        "Prober",
        "Runner",
        "Tying",
        "Walker",
    }


def right() -> dict[str, Any]:
    """Return the functions of a walker that does nothing."""

    def inspect(model: Any) -> Any:
        """Inspect a model."""

    def read(model: Any, path: str) -> Any:
        """Read a tensor."""

    def shape_and_dtype(model: Any, path: str) -> Any:
        """Return a shape and an element type."""

    def state(model: Any, paths: Any) -> Any:
        """Return the stream names of state."""

    def loaded(model: Any) -> Any:
        """Return the paths of loaded values."""

    def check(model: Any, paths: Any) -> None:
        """Refuse paths."""

    def commit(model: Any, writes: Any) -> Any:
        """Write."""

    made = (inspect, read, shape_and_dtype, state, loaded, check, commit)
    return {function.__name__: function for function in made}


def renamed(model: Any, key: str) -> Any:
    """Read a tensor, with another name for its path."""


def swapped(path: str, model: Any) -> Any:
    """Read a tensor, the parameters in another order."""


def by_name(model: Any, *, path: str) -> Any:
    """Read a tensor, the path by name only."""


@pytest.mark.parametrize(
    ("function", "difference"),
    [
        (None, "read is missing"),
        (renamed, "read takes (model, key), declared is (model, path)"),
        (swapped, "read takes (path, model), declared is (model, path)"),
        (by_name, "read takes (model, *, path), declared is (model, path)"),
    ],
    ids=["missing", "renamed", "swapped", "by name"],
)
def test_a_wrong_walker_is_told_from_a_right_one(function: Any, difference: str) -> None:
    """A walker with one other function differs in it, and the right one in nothing."""
    assert list(functions_of(Walker)) == list(right())
    assert differences(types.SimpleNamespace(**right()), Walker) == []
    assert differences(types.SimpleNamespace(**(right() | {"read": function})), Walker) == [difference]


def test_a_wrong_prober_is_told_from_a_right_one() -> None:
    """A probe without a loss is another function."""
    wrong = types.SimpleNamespace(probe=lambda model, batch: (model, batch))
    assert differences(wrong, Prober) == ["probe takes (model, batch), declared is (model, batch, loss)"]
