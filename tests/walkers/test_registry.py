"""Which walker reads a model: the public class that it is of decides, and no module path."""

from __future__ import annotations

import importlib.metadata
import sys
import types
from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.walkers import registry

PREFIX = "unified_init.walkers."


class Layer:
    """Stand for a base class of a library."""


@pytest.mark.parametrize(("path", "walker"), registry.WALKERS)
def test_a_class_is_known_by_its_public_path(monkeypatch: pytest.MonkeyPatch, path: str, walker: str) -> None:
    """Wherever the library defines it today: this one is defined here."""
    library, *names = path.split(".")
    namespace: Any = Layer
    for name in reversed(names):
        namespace = types.SimpleNamespace(**{name: namespace})
    for other, _ in registry.WALKERS:  # the real ones, where they are imported, would not have it either
        monkeypatch.setitem(sys.modules, other.partition(".")[0], types.ModuleType("absent"))
    monkeypatch.setitem(sys.modules, library, namespace)
    assert registry._name_of(type("Model", (Layer,), {})()) == walker
    assert registry._name_of(object()) is None


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.src.layers.layer", "Layer"), ("flax.nnx.module", "Module"), ("equinox._module", "Module"),
        ("torch.nn.modules.module", "Module"), ("unified_init.walkers.trees", "Linen"),
    ],
)  # fmt: skip
def test_a_class_that_says_it_is_one_is_none(module: str, name: str) -> None:
    """The names of a class and of its module are not asked."""
    impostor = type(name, (), {"__module__": module})
    with refused(ui.ArgumentTypeError):
        registry.walker_of(impostor())


def test_a_library_too_old_for_its_walker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both versions, before anything of it is imported."""
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.10.4")
    with refused(ui.BackendError):
        registry._load("flax.nnx_walker")


def model_of_torch() -> Any:
    """Return a layer of PyTorch."""
    import torch

    return torch.nn.Linear(2, 3)


def layer_of_keras() -> Any:
    """Return a layer of Keras, which on torch is a module of torch too."""
    import keras

    return keras.layers.Dense(3)


def model_of_keras() -> Any:
    """Return a model of Keras."""
    import keras

    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


def model_of_nnx() -> Any:
    """Return a layer of Flax NNX."""
    from flax import nnx

    return nnx.Linear(2, 3, rngs=nnx.Rngs(0))


def model_of_equinox() -> Any:
    """Return a layer of Equinox."""
    import equinox
    import jax

    return equinox.nn.Linear(2, 3, key=jax.random.key(0))


def model_of_linen() -> Any:
    """Return a wrapper of variables alone."""
    return ui.linen(None, {"params": {}})


def model_of_haiku() -> Any:
    """Return a wrapper of a function without parameters."""
    import haiku as hk

    return ui.haiku(hk.transform(lambda x: x), {})


@pytest.mark.parametrize(
    ("make", "walker"),
    [
        pytest.param(model_of_torch, "torch.walker", marks=pytest.mark.needs("torch")),
        pytest.param(layer_of_keras, "keras.walker", marks=pytest.mark.needs("keras")),
        pytest.param(model_of_keras, "keras.walker", marks=pytest.mark.needs("keras")),
        pytest.param(model_of_nnx, "flax.nnx_walker", marks=pytest.mark.needs("flax")),
        pytest.param(model_of_equinox, "equinox.walker", marks=pytest.mark.needs("equinox")),
        pytest.param(model_of_linen, "flax.linen_walker", marks=pytest.mark.needs("flax")),
        pytest.param(model_of_haiku, "haiku.walker", marks=pytest.mark.needs("haiku")),
    ],
)
def test_every_library_has_its_walker(make: Any, walker: str) -> None:
    """The real classes are where their public paths say."""
    loaded: Any = registry.walker_of(make())
    assert loaded.__name__ == PREFIX + walker


@pytest.mark.needs("flax")
def test_only_a_module_of_linen_is_wrapped_as_one() -> None:
    """Another object is refused by the name of its class, one that derives from the class is not."""
    import flax.linen as nn

    class Net(nn.Module):
        """A module of a user's."""

    assert isinstance(ui.linen(Net(), {"params": {}}).module, Net)
    with refused(ui.ArgumentTypeError):
        ui.linen(3, {"params": {}})
