"""Trained values that the target's type does not reach are refused before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

WIDE_AND_NARROW = [
    ("float32", "float16", 1e5), ("float64", "float32", 1e300), ("float64", "bfloat16", -1e300),
    ("float32", "float8_e4m3fn", 1e3), ("float32", "float8_e5m2", 1e5), ("bfloat16", "float16", 1e5),
    ("float32", "float8_e4m3fn", float("inf")),
]  # fmt: skip


def layer(dtype: str) -> Any:
    """Return a layer of two inputs and one output."""
    import torch

    return torch.nn.Linear(2, 1, bias=False).to(getattr(torch, dtype))


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("source", "target", "value"), WIDE_AND_NARROW)
def test_a_value_beyond_the_targets_type_is_refused(source: str, target: str, value: float) -> None:
    """By its tensor, the value and the largest of the type; no tensor of the target has changed."""
    import torch

    theirs, ours = (
        torch.nn.Sequential(*(layer(name).requires_grad_(requires_grad=False) for _ in range(2)))
        for name in (source, target)
    )
    theirs[1].weight.copy_(torch.tensor([[value, 1.0]], dtype=torch.float64))
    before = [parameter.float().clone() for parameter in ours.parameters()]
    with refused(ui.ArgumentValueError):
        ui.transfer(theirs, ours)
    for parameter, old in zip(ours.parameters(), before, strict=True):
        assert torch.equal(parameter.float(), old)


@pytest.mark.needs("torch")
def test_rounding_and_what_is_not_finite_pass() -> None:
    """The largest float16 and what rounds to it, what underflows, infinities and NaN of the source."""
    import torch

    theirs, ours = layer("float32"), layer("float16")
    for values, expected in (
        ((65519.0, 1e-30), (65504.0, 0.0)),
        ((float("inf"), float("-inf")), (float("inf"), float("-inf"))),
        ((float("nan"), -0.1), (float("nan"), -0.1)),
    ):
        theirs.weight.data.copy_(torch.tensor([values]))
        ui.transfer(theirs, ours)
        assert torch.equal(
            ours.weight.nan_to_num(7.0), torch.tensor([expected], dtype=torch.float16).nan_to_num(7.0)
        )


@pytest.mark.needs("keras")
def test_a_value_beyond_the_type_of_a_keras_model_is_refused() -> None:
    """Of a mapping as of a model."""
    import keras

    ours = keras.layers.Dense(1, use_bias=False, dtype="float16")
    ours.build((1, 2))
    before = ui.read(ours, "kernel").copy()
    with refused(ui.ArgumentValueError):
        ui.transfer({"kernel": np.array([[7e4], [1.0]], np.float32)}, ours)
    assert np.array_equal(ui.read(ours, "kernel"), before)


@pytest.mark.needs("torch")
def test_a_count_beyond_a_narrow_integer_is_refused() -> None:
    """It would start again below 0."""
    import torch

    record = ui.Record(name="w", path="w", shape=(2,), kind="parameter", role="parameter", dtype="int64")
    model = torch.nn.Module()
    model.w = torch.nn.Parameter(torch.zeros(2, dtype=torch.int8), requires_grad=False)
    ui.transfer({"w": np.array([127, -128])}, model, inventory=ui.Inventory("torch", (record,)))
    assert model.w.tolist() == [127, -128]
    with refused(ui.ArgumentValueError):
        ui.transfer({"w": np.array([128, 0])}, model, inventory=ui.Inventory("torch", (record,)))


@pytest.mark.needs("torch")
def test_a_flag_is_copied_from_a_number() -> None:
    """A boolean tensor has no largest value."""
    import torch

    model = torch.nn.Module()
    model.w = torch.nn.Parameter(torch.zeros(2, dtype=torch.bool), requires_grad=False)
    ui.transfer({"w": np.array([3, 0])}, model)
    assert model.w.tolist() == [True, False]


@pytest.mark.needs("torch", "keras")
def test_the_sum_of_two_biases_is_not_made_in_their_own_type() -> None:
    """Two float16 numbers whose sum is beyond float16 are a float32 number, and refused in float16."""
    import keras
    import torch

    theirs = torch.nn.LSTM(2, 1).to(torch.float16)
    for parameter in theirs.parameters():
        parameter.data.fill_(6e4)
    for dtype in ("float32", "float16"):
        cell = keras.layers.LSTM(1, dtype=dtype)
        cell.build((1, 3, 2))
        paths = {record.role: record.path for record in ui.inspect(cell)}
        names = {
            paths["kernel"]: "weight_ih_l0", paths["recurrent_kernel"]: "weight_hh_l0", paths["bias"]: "bias_ih_l0",
        }  # fmt: skip
        if dtype == "float16":
            with refused(ui.ArgumentValueError):
                ui.transfer(theirs, cell, names)
            continue
        ui.transfer(theirs, cell, names)
        exact = 2 * float(np.float16(6e4))
        assert ui.read(cell, paths["bias"]).tolist() == [exact] * 4
