"""Verified matches: what is compared, how it is shown, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.models.run_differences import difference_of
from unified_init.models.verifying import LayerDifference


def test_the_first_layer_that_differs_is_shown() -> None:
    """The table ends with it; equal outputs have none."""
    layers = tuple(LayerDifference(f"a{index}", f"b{index}", 0.1 * index, 1.0) for index in range(3))
    differs = ui.Verification(0.5, 1.0, 1e-3, layers)
    assert not differs.ok
    assert differs.first == layers[1]
    assert str(differs).splitlines()[-1].split() == ["b1", "a1", "0.1", "1", "differs"]
    assert "'b1', paired with 'a1'" in differs.summary
    equal = ui.Verification(1e-6, 1.0, 1e-3, layers)
    assert equal.ok
    assert equal.first is None
    assert str(equal).startswith("proven by running both")


def test_values_that_are_not_finite_are_not_equal() -> None:
    """Nor are outputs of other sizes."""
    ones = np.ones((2, 3), np.float32)
    assert difference_of(ones, ones * np.nan) == math.inf
    assert difference_of(ones, np.ones((2, 4), np.float32)) is None


def test_channels_may_be_last() -> None:
    """Also where all axes have the same length, a ReLU may be inside, and zeros around."""
    x = np.random.default_rng(0).standard_normal((3, 3, 3, 3), dtype=np.float32)
    last = np.moveaxis(x, 1, -1)
    assert difference_of(x, last) == 0.0
    assert (difference_of(x, np.maximum(last, 0.0)) or 0.0) > 0.1
    assert difference_of(x, np.maximum(last, 0.0), rectified=True) == 0.0
    padded = np.pad(last, ((0, 0), (1, 1), (1, 1), (0, 0)))
    assert difference_of(x, padded) is None
    assert difference_of(x, padded, padded=True) == 0.0


def test_arrays_of_other_sizes_are_not_compared() -> None:
    """Zeros around an image are on all its sides; rows are no images."""
    x = np.ones((2, 3, 3, 5), np.float32)
    assert difference_of(x, np.ones((2, 4, 3, 5), np.float32), padded=True) is None
    assert difference_of(x[0, 0], np.ones((5, 5), np.float32), padded=True) is None


@pytest.mark.needs("torch")
def test_a_model_without_outputs_is_not_proven() -> None:
    """No array to compare, or of another shape."""
    import torch

    class Silent(torch.nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)
            self.width = width

        def forward(self, x: Any) -> Any:
            return self.fc(x)[:, : self.width] if self.width else None

    x = torch.ones(1, 4)
    assert ui.verify_match(Silent(0), Silent(0), {}, x, x).difference == math.inf
    result = ui.verify_match(Silent(2), Silent(3), {}, x, x)
    assert result.difference == math.inf
    assert result.first is None
    assert "no layer that both have differs" in result.summary


def mlp() -> Any:
    """Return three layers, one with dropout behind it."""
    from torch import nn

    return nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.needs("torch")
def test_the_models_stay_as_they_are() -> None:
    """Values, statistics, mode and the random state; copies run as at inference."""
    import torch

    a, b = mlp(), mlp()
    before = [value.clone() for model in (a, b) for value in model.state_dict().values()]
    state = torch.get_rng_state()
    assert ui.verify_match(a, b, {}, torch.ones(3, 4), np.ones((3, 4), np.float32)).difference == 0.0
    after = [value for model in (a, b) for value in model.state_dict().values()]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert torch.equal(state, torch.get_rng_state())
    assert a.training
    assert not a[0]._forward_hooks


@pytest.mark.needs("torch")
def test_a_recipe_may_be_given() -> None:
    """One that makes layers equal does not tell them apart, which the default weights do."""
    import torch

    a, b, x = mlp(), mlp(), torch.ones(3, 4)
    swapped = {"2.weight": "2.bias", "2.bias": "2.weight"}
    assert ui.verify_match(a, b, swapped, x, x, recipe=ui.Recipe("x", (ui.Rule(spec=ui.ones()),))).ok
    assert not ui.verify_match(a, b, swapped, x, x).ok


@pytest.mark.needs("torch")
def test_inputs_may_be_a_dict_or_a_function() -> None:
    """As the model is called."""
    import torch

    a, b, x = mlp(), mlp(), torch.ones(3, 4)
    assert ui.verify_match(a, b, {}, {"input": x}, lambda model: model(x)).ok


@pytest.mark.needs("torch")
def test_what_cannot_be_verified_is_refused() -> None:
    """Arguments of the wrong type, and inputs on which a model does not run."""
    import torch

    a, x = mlp(), torch.ones(3, 4)
    with refused(ui.ArgumentTypeError):
        ui.verify_match(a, a, ["x"], x, x)  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentTypeError):
        ui.verify_match(a, a, {}, x, x, recipe="gpt2")  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentValueError):
        ui.verify_match(a, a, {}, x, x, tolerance=0.0)
    with refused(ui.ArgumentValueError):
        ui.verify_match(a, a, {}, x, torch.ones(3, 5))


@pytest.mark.needs("torch")
def test_a_match_whose_outputs_differ_is_refused() -> None:
    """The layer at which they part is named; strict=False returns the map with what running showed."""
    import torch

    class Doubled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.fc(2.0 * x)

    x = torch.ones(1, 4)
    names = ui.match(torch.nn.Linear(4, 4), Doubled(), inputs=(x, x), strict=False)
    assert dict(names) == {"fc.weight": "weight", "fc.bias": "bias"}
    assert names.verification is not None
    assert names.verification.first is not None
    assert names.verification.first.second == "fc"
    assert names.doubts == (names.verification.summary,)
    with refused(ui.ArgumentValueError):
        ui.match(torch.nn.Linear(4, 4), Doubled(), inputs=(x, x))


@pytest.mark.needs("torch")
def test_a_generator_gives_both_models_one_key() -> None:
    """It is advanced once, so that equal models have equal outputs, as with an int."""
    import torch

    a, b = torch.nn.Linear(4, 3), torch.nn.Linear(4, 3)
    for seed in (torch.Generator().manual_seed(0), np.array(3), np.random.default_rng(0)):
        assert ui.verify_match(a, b, {}, torch.ones(2, 4), torch.ones(2, 4), seed=seed).ok  # type: ignore[arg-type]


@pytest.mark.needs("jax", "torch")
def test_a_key_that_is_traced_runs_no_model() -> None:
    """Nor is a report of it written: its value is not known."""
    import jax
    import torch

    layer, batch = torch.nn.Linear(4, 3), torch.ones(2, 4)

    def traced(key: Any) -> Any:
        with refused(ui.ArgumentTypeError):
            ui.verify_match(layer, layer, {}, batch, batch, seed=key)
        return key

    jax.make_jaxpr(traced)(jax.random.key(0))


@pytest.mark.needs("torch")
def test_a_report_has_the_number_of_a_seed() -> None:
    """Also of an array without axes, which is taken as an int."""
    import torch

    layer, recipe = torch.nn.Linear(4, 3), ui.recipes.torch_default()
    for seed, shown in ((np.array(3), 3), (np.int64(3), 3), (torch.Generator(), "Generator")):
        assert ui.apply(layer, recipe, seed=seed)[1].seed == shown


def test_an_infinite_difference_is_no_proof() -> None:
    """However large the outputs are."""
    assert not ui.Verification(difference=float("inf"), scale=float("inf"), tolerance=1e-3).ok
    assert ui.Verification(difference=1e-6, scale=1.0, tolerance=1e-3).ok
