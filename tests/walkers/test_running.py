"""Running models: every framework's, with the calls of its layers, and nothing changed by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of
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
    result = ui.verify_match(theirs, ours, names, inputs=(batch, batch))
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
    assert ui.verify_match(a, b, {}, inputs=(X, lambda layer: layer(X))).difference == 0.0
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
    result = ui.verify_match(Twice(), Twice(), {}, inputs=(x, x))
    assert result.ok
    assert [layer.first for layer in result.layers] == ["fc"]


HAIKU = [
    lambda hk, f: hk.transform(f),
    lambda hk, f: hk.without_apply_rng(hk.transform(f)),
    lambda hk, f: hk.without_apply_rng(hk.transform_with_state(f)),
    lambda hk, f: hk.without_state(hk.without_apply_rng(hk.transform_with_state(f))),
    lambda hk, f: hk.Transformed(
        hk.transform(f).init, lambda params, key, x: hk.transform(f).apply(params, key, x)
    ),
]


@pytest.mark.needs("torch", "haiku")
@pytest.mark.parametrize("made", HAIKU, ids=source_of)
def test_a_haiku_function_runs_with_or_without_a_key(made: Any) -> None:
    """Most code for inference is without one."""
    import haiku as hk
    import jax

    def network(x: Any) -> Any:
        return hk.nets.MLP([WIDTH, OUTPUTS])(x)

    function = made(hk, network)
    params = function.init(jax.random.key(0), X)
    params, state = params if isinstance(params, tuple) else (params, None)
    names = ui.match(torchs("linear/w"), ui.haiku(function, params, X, state=state), inputs=(X, X))
    assert names.verification is not None
    assert names.verification.ok


@pytest.mark.needs("torch")
@pytest.mark.filterwarnings("ignore:.*weight_norm.*is deprecated:FutureWarning")
def test_a_weight_that_an_old_weight_norm_computed_is_copied() -> None:
    """PyTorch refuses to copy a tensor with a history, which such a weight is."""
    import torch
    from torch.nn.utils import weight_norm

    def model() -> Any:
        return torch.nn.Sequential(
            weight_norm(torch.nn.Conv1d(3, 8, 3)), weight_norm(torch.nn.ConvTranspose1d(8, 2, 4))
        )

    a, b, x = model(), model(), torch.ones(1, 3, 9)
    names = ui.match(a, b, inputs=(x, x))
    assert names.verification is not None
    assert names.verification.ok
    assert ui.verify_match(a, b, names, inputs=(x, x)).difference == 0.0
    assert not a[0].weight.is_leaf  # the models stay as they are


@pytest.mark.needs("torch")
def test_a_model_with_an_old_spectral_norm_runs() -> None:
    """Its copy computes what it does, and a tensor with a history in a container is copied too."""
    import torch
    from torch.nn.utils import spectral_norm

    from unified_init.walkers.torch import running

    model = torch.nn.Sequential(spectral_norm(torch.nn.Linear(4, 4)), torch.nn.Linear(4, 2)).eval()
    x = torch.ones(2, 4)
    model.cache = [{"last": model(x)}]
    with running.scratch(model) as copied:
        (outputs,) = running.run(copied, x).outputs
    assert np.array_equal(outputs, model(x).detach().numpy())


@pytest.mark.needs("torch")
def test_a_model_that_cannot_be_copied_is_refused() -> None:
    """Only a copy is written and run."""
    import torch

    model = torch.nn.Linear(2, 2)
    model.batches = (batch for batch in range(3))
    with refused(ui.ArgumentValueError):
        ui.verify_match(model, model, {}, inputs=(torch.ones(1, 2), torch.ones(1, 2)))
