"""Running models: every framework's, with the calls of its layers, and nothing changed by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.reading import logical_values
from tests.walkers.test_walkers import INPUTS, MODELS, OUTPUTS, WIDTH

import unified_init as ui

X = np.random.default_rng(0).standard_normal((3, INPUTS), dtype=np.float32)
LINEAR = {"layers/0/kernel", "first/kernel"}  # the first kernels of the models without an activation between


def torchs(first: str) -> Any:
    """Return the model in PyTorch, with an activation where the other has one."""
    from torch import nn

    between = nn.Identity() if first in LINEAR else nn.ReLU()
    return nn.Sequential(nn.Linear(INPUTS, WIDTH), between, nn.Linear(WIDTH, OUTPUTS))


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("make", "first"), MODELS)
def test_a_model_of_each_framework_is_proven_to_be_pytorchs(make: Any, first: str) -> None:
    """Its layers are seen in the order of their calls; its values are as before, and so are its classes."""
    ours, _ = ui.apply(make(), ui.recipes.torch_default(), seed=3)
    before, call = logical_values(ours), vars(type(ours)).get("__call__")
    inputs: Any = X
    if first == "layers.0.weight":  # Equinox: one example at a time
        inputs = lambda model: np.stack([model(x) for x in X])  # noqa: E731  # as users write it
    names = ui.match(torchs(first), ours, inputs=(X, inputs))
    assert names[first] == "0.weight"
    assert {reason for _, _, reason in names.reasons} == {"the only one of its kind and shape"}
    assert names.verification is not None
    assert names.verification.difference < 1e-5
    after = logical_values(ours)
    assert all(before[path].tobytes() == after[path].tobytes() for path in before)
    assert vars(type(ours)).get("__call__") is call


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("make", "first"), MODELS)
def test_the_layer_that_differs_is_named_in_each_framework(make: Any, first: str) -> None:
    """Where the first layer has weights of its own, it is the first of two."""
    theirs, ours = torchs(first), make()
    batch = X[0] if first == "layers.0.weight" else X  # an Equinox layer takes one example
    names = dict(ui.match(theirs, ours)) | {first: "other"}
    result = ui.verify_match(theirs, ours, names, batch, batch)
    assert not result.ok
    assert result.first is not None
    assert result.first.first == "0"
    assert len(result.layers) == 2


@pytest.mark.needs("keras")
def test_a_keras_layer_runs_like_a_model() -> None:
    """And an attribute that hides its method is there again afterwards."""
    import keras

    a, b = keras.layers.Dense(3), keras.layers.Dense(3)
    for layer in (a, b):
        layer.build((None, INPUTS))
    method = b.call
    vars(b)["call"] = method
    assert ui.verify_match(a, b, {}, X, lambda layer: layer(X)).difference == 0.0
    assert vars(b)["call"] is method
    assert "call" not in vars(a)


@pytest.mark.needs("torch")
def test_a_module_may_call_itself() -> None:
    """Its first call is the one that is compared."""
    import torch

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)

        def forward(self, x: Any, *, again: bool = True) -> Any:
            y = self.fc(x)
            return self(y, again=False) if again else y

    x = torch.ones(1, 4)
    result = ui.verify_match(Twice(), Twice(), {}, x, x)
    assert result.ok
    assert [layer.first for layer in result.layers] == ["fc"]
