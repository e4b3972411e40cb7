"""Probes: the moments of activations and gradients, and a model that is as it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("torch")


def state_of(model: Any) -> list[tuple[bytes, int, Any]]:
    """Return values, versions and gradients of all that a model holds."""
    return [
        (tensor.detach().numpy().tobytes(), tensor._version, tensor.grad)
        for tensor in model.state_dict(keep_vars=True).values()
    ]


def test_activations_are_those_of_each_layer() -> None:
    """Mean and variance of every output, by name and in the order of calls, the model last."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
    batch = torch.linspace(-1, 1, 24).reshape(4, 6)
    probe = ui.probe(model, batch)
    assert [(layer.name, layer.kind, layer.shape) for layer in probe] == [
        ("0", "Linear", (4, 5)), ("1", "ReLU", (4, 5)), ("2", "Linear", (4, 3)), ("", "Sequential", (4, 3)),
    ]  # fmt: skip
    with torch.no_grad():
        hidden = model[0](batch).double()
    assert probe["0"].mean == pytest.approx(float(hidden.mean()), rel=1e-12)
    assert probe["0"].variance == pytest.approx(float(hidden.var(unbiased=False)), rel=1e-12)
    assert probe["0"].gradient_mean is None
    with refused(KeyError):
        probe["none"]


def test_gradients_are_those_of_the_activations() -> None:
    """D loss / d output, before what works in place behind it, where a gradient flows."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(inplace=True), torch.nn.Linear(5, 3))
    batch = torch.linspace(-1, 1, 24).reshape(4, 6)
    probe = ui.probe(model, batch, lambda output: output.square().sum())
    hidden = model[0](batch)
    hidden.retain_grad()
    output = model[2](torch.relu(hidden))
    output.retain_grad()
    (found_hidden, found_output) = torch.autograd.grad(output.square().sum(), (hidden, output))
    assert probe["0"].gradient_mean == pytest.approx(float(found_hidden.double().mean()), rel=1e-5)
    assert probe["0"].gradient_variance == pytest.approx(
        float(found_hidden.double().var(unbiased=False)), rel=1e-5
    )
    assert probe["2"].gradient_mean == pytest.approx(float(found_output.double().mean()), rel=1e-6)


def test_the_variance_tells_a_right_gain_from_a_wrong_one() -> None:
    """Through ten ReLU layers, He's gain keeps the variance, and LeCun's halves it at each."""
    import torch

    def deep() -> Any:
        layers = [torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU()) for _ in range(10)]
        return torch.nn.Sequential(*layers)

    batch = torch.from_numpy(np.asarray(ui.draw(ui.normal(0.0, 1.0), (64, 512), seed=0)))
    last = {}
    for name, spec in (("he", ui.he_normal()), ("lecun", ui.lecun_normal())):
        recipe = ui.Recipe(name, (ui.Rule(spec=ui.zeros(), role="bias"), ui.Rule(spec=spec)))
        model, _ = ui.apply(deep(), recipe, seed=0)
        last[name] = ui.probe(model, batch)["9.0"].variance
    assert 0.5 < last["he"] / 2 < 2.0
    assert last["lecun"] == pytest.approx(last["he"] / 2**10, rel=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_a_probe_leaves_no_trace(training: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """Running statistics, gradients, mode, hooks and generators are as before, with dropout and spectral norm."""
    import torch

    model = torch.nn.Sequential(
        torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(6, 8)),
        torch.nn.BatchNorm1d(8),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(8, 2),
    ).train(training)
    before, generator = state_of(model), torch.random.get_rng_state()
    with torch.no_grad():
        probe = ui.probe(model, torch.ones(4, 6), lambda output: output.sum())
    assert probe["3"].gradient_mean == pytest.approx(1.0)
    assert state_of(model) == before
    assert torch.equal(torch.random.get_rng_state(), generator)
    assert model.training == training
    assert not any(module._forward_hooks for module in model.modules())


def test_a_failing_model_leaves_no_hooks() -> None:
    """An error of the model is the cause of ours, and its hooks are gone."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(6, 8))
    with pytest.raises(ui.BackendError) as caught:
        ui.probe(model, torch.ones(4, 5))
    assert type(caught.value.__cause__) is RuntimeError
    assert not any(module._forward_hooks for module in model.modules())


def test_batches_and_outputs_have_many_forms() -> None:
    """Tuples and dicts of arguments; outputs in tuples and dicts; a layer that is called twice."""
    import torch

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(3, 3)
            self.rnn = torch.nn.LSTM(3, 3)
            self.ids = torch.nn.Identity()

        def forward(self, x: Any, scale: Any) -> dict[str, Any]:
            self.ids(torch.arange(3))
            return {"n": 1, "y": self.rnn(self.fc(self.fc(x)) * scale)[0]}

    model, x = Twice(), torch.ones(2, 3)
    first = ui.probe(model, (x, torch.tensor(2.0)))
    second = ui.probe(model, {"x": x, "scale": torch.tensor(2.0)}, lambda output: output["y"].sum())
    assert [layer.name for layer in first] == ["fc", "fc (call 2)", "rnn", ""]
    assert [layer.mean for layer in first] == pytest.approx([layer.mean for layer in second], rel=1e-5)


def test_a_probe_is_text_json_and_a_picture(tmp_path: Path) -> None:
    """All three hold every layer; numbers that are none are strings in JSON."""
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Linear(5, 3))
    probe = ui.probe(model, torch.ones(4, 6), lambda output: output.sum())
    assert "(model)" in str(probe)
    assert json.loads(probe.to_json())["layers"][0]["name"] == "0"
    broken = ui.probe(torch.nn.Identity(), torch.tensor([float("inf"), 1.0]))
    assert json.loads(broken.to_json())["layers"][0]["mean"] == "inf"
    for at, one in enumerate((probe, broken)):
        one.chart(tmp_path / f"{at}.png")
        assert (tmp_path / f"{at}.png").read_bytes()[:4] == b"\x89PNG"


def test_bad_losses_and_models_are_refused() -> None:
    """A loss of several values, one without gradients, and a model that is none."""
    import torch

    model = torch.nn.Linear(3, 2)
    with refused(ui.ArgumentTypeError, hidden="(?s)(?<=got ).*"):
        ui.probe(model, torch.ones(1, 3), lambda output: output)
    with refused(ui.ArgumentValueError):
        ui.probe(model.requires_grad_(False), torch.ones(1, 3), lambda output: output.sum())  # noqa: FBT003
    with refused(ui.ArgumentTypeError):
        ui.probe(3, torch.ones(1, 3))


@pytest.mark.needs("equinox")
def test_a_framework_without_a_probe_is_said() -> None:
    """An Equinox module is read by a walker, and not probed."""
    import equinox
    import jax

    with refused(ui.ArgumentTypeError):
        ui.probe(equinox.nn.Linear(2, 2, key=jax.random.key(0)), None)


@pytest.mark.needs("keras")
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of TensorFlow
def test_a_keras_model_is_probed() -> None:
    """The outputs of a functional model's layers, at inference; a loss and a model of another kind are refused."""
    import keras

    inputs = keras.Input((6,))
    x = keras.layers.Dense(5, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="last")(keras.layers.Dropout(0.5, name="drop")(x)))
    batch = np.linspace(-1, 1, 24, dtype=np.float32).reshape(4, 6)
    probe = ui.probe(model, batch)
    kernel, bias = (np.asarray(keras.ops.convert_to_numpy(one)) for one in model.get_layer("hidden").weights)
    hidden = np.maximum(batch @ kernel + bias, 0)
    assert [layer.name for layer in probe] == ["hidden", "drop", "last"]
    assert probe["hidden"].variance == pytest.approx(float(hidden.astype(np.float64).var()), rel=1e-5)
    assert probe["drop"].mean == probe["hidden"].mean
    with refused(ui.ArgumentTypeError):
        ui.probe(model, batch, lambda output: output)
    with refused(ui.ArgumentTypeError, hidden="(?<=got Dense: ).*"):
        ui.probe(keras.layers.Dense(3), batch)


@pytest.mark.needs("torch")
def test_a_loss_that_is_no_function_is_refused() -> None:
    """Before the model runs."""
    import torch

    with refused(ui.ArgumentTypeError):
        ui.probe(torch.nn.Linear(2, 2), torch.ones(1, 2), loss=3)  # type: ignore[arg-type]


@pytest.mark.needs("flax")
def test_a_model_that_cannot_be_probed_is_refused() -> None:
    """Flax's modules have no hooks."""
    from flax import nnx

    with refused(ui.ArgumentTypeError):
        ui.probe(nnx.Linear(2, 3, rngs=nnx.Rngs(0)), 0)
