"""The walker of PyTorch: layers of other libraries, computed weights that are refused, memory of a device."""

from __future__ import annotations

import math
from typing import Any

import pytest

import unified_init as ui

pytestmark = pytest.mark.needs("torch")


def test_normalisations_of_other_libraries_go_by_the_name_of_their_class() -> None:
    """A frozen batch norm's buffers are a batch norm's; what else a normalisation holds is a parameter."""
    import torch

    class FrozenBatchNorm2d(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in ("weight", "bias", "running_mean", "running_var"):
                self.register_buffer(name, torch.zeros(4))

    class AdaptiveRMSNorm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(4))
            self.shift_table = torch.nn.Parameter(torch.zeros(2, 4))

    frozen = ui.inspect(FrozenBatchNorm2d())
    assert {record.path: (record.kind, record.role) for record in frozen} == {
        "weight": ("batch_norm", "scale"), "bias": ("batch_norm", "offset"),
        "running_mean": ("batch_norm", "mean"), "running_var": ("batch_norm", "variance"),
    }  # fmt: skip
    model, _ = ui.apply(FrozenBatchNorm2d(), ui.recipes.torch_default())
    assert {name: values.tolist() for name, values in model.named_buffers()} == {
        "weight": [1.0] * 4, "bias": [0.0] * 4, "running_mean": [0.0] * 4, "running_var": [1.0] * 4,
    }  # fmt: skip
    adaptive = ui.inspect(AdaptiveRMSNorm())
    assert {record.path: (record.kind, record.role) for record in adaptive} == {
        "weight": ("rms_norm", "scale"), "shift_table": ("parameter", "parameter"),
    }  # fmt: skip


def test_the_table_of_relative_positions_of_swin_is_a_position() -> None:
    """It is added inside of attention, and so no embedding of positions."""
    import torch

    class WindowAttention(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.relative_position_bias_table = torch.nn.Parameter(torch.zeros(169, 3))

    record = ui.inspect(WindowAttention())["relative_position_bias_table"]
    assert (record.role, record.place) == ("position", "attention.extra")


def test_a_bilinear_layer_has_the_bound_of_its_first_inputs() -> None:
    """U(+-1/sqrt(in1_features)), as the constructor draws it: the weight has (out, in1, in2)."""
    import torch

    from unified_init.testing import assert_same_law

    layer = torch.nn.Bilinear(16, 30, 20)
    theirs = layer.weight.detach().numpy().copy()
    law = ui.plan(layer, ui.recipes.torch_default())["weight"].pieces[0].law
    assert (law.fan_in, law.fan_out, law.low, law.high) == (16, 20, -0.25, 0.25)
    ui.apply(layer, ui.recipes.torch_default(), seed=0)
    assert_same_law(layer.weight.detach().numpy(), theirs, alpha=1e-6)


def test_a_computed_weight_on_meta_is_refused() -> None:
    """It has no values from which the parametrization could be asked."""
    import torch

    layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2, bias=False, device="meta"))
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.apply(layer, ui.recipes.torch_default(), seed=0)
    assert str(caught.value) == (
        "'weight' is on the meta device and has no values to fill: materialise it first."
    )


def test_a_parametrization_without_an_inverse_is_refused() -> None:
    """A written weight could not reach the parameter that it is computed from."""
    import torch

    class Doubled(torch.nn.Module):
        def forward(self, weight: Any) -> Any:
            return weight * 2

    layer = torch.nn.Linear(3, 2)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.apply(layer, ui.recipes.torch_default(), seed=0)
    assert str(caught.value) == (
        "'weight' is computed by Doubled, which does not give a weight that is written back as it was: "
        "skip='weight', or apply before the parametrization."
    )


def test_memory_of_a_device_is_filled_by_the_graph_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bits of the host; the tensor's own order of memory stays."""
    import torch

    from unified_init.backends import _torch as adapter

    plain, moved = torch.nn.Linear(30, 20), torch.nn.Linear(30, 20)
    moved.weight = torch.nn.Parameter(torch.zeros(30, 20).T)  # memory that the host does not fill as it lies
    ui.apply(plain, ui.recipes.torch_default(), seed=0)
    monkeypatch.setattr(adapter, "place", lambda device, dtype: torch.device("cpu"))  # noqa: ARG005  # its names
    ui.apply(moved, ui.recipes.torch_default(), seed=0)
    assert torch.equal(moved.weight, plain.weight)
    assert moved.weight.stride() == (1, 20)
    assert float(plain.weight.detach().abs().max()) < 1 / math.sqrt(30)
