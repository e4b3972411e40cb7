"""The walker of PyTorch: layers of other libraries, computed weights that are refused, memory of a device."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("torch")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("q_bias", "bias"), ("dt_bias", "bias"), ("register_tokens", "token"), ("distillation_token", "token"),
        ("unbiased", "parameter"), ("tokenizer", "parameter"),
    ],
)  # fmt: skip
def test_a_loose_parameter_is_known_by_the_end_of_its_name(name: str, role: str) -> None:
    """Biases by suffix, tokens in singular and plural; other names that hold the words are none."""
    import torch

    module = torch.nn.Module()
    module.register_parameter(name, torch.nn.Parameter(torch.zeros(4)))
    assert ui.inspect(module)[name].role == role


def test_a_gated_norm_is_a_norm() -> None:
    """A class whose name goes on behind RMSNorm has a scale."""
    import torch

    class MambaRMSNormGated(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(4))

    record = ui.inspect(MambaRMSNormGated())["weight"]
    assert (record.kind, record.role) == ("rms_norm", "scale")


def test_normalisations_of_other_libraries_go_by_the_name_of_their_class() -> None:
    """A frozen batch norm's buffers are a batch norm's; what else a normalization holds is a parameter."""
    import torch

    class FrozenBatchNorm2d(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in ("weight", "bias", "running_mean", "running_var"):
                self.register_buffer(name, torch.zeros(4))

        def forward(self, x: Any) -> Any:
            return (x - self.running_mean) / (self.running_var + 1e-5).sqrt() * self.weight + self.bias

    class AdaptiveRMSNorm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(4))
            self.shift_table = torch.nn.Parameter(torch.zeros(2, 4))

        def forward(self, x: Any) -> Any:
            return x * self.weight + self.shift_table[0]

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
    with refused(ui.ArgumentValueError):
        ui.apply(layer, ui.recipes.torch_default(), seed=0)


def test_a_parametrization_without_an_inverse_is_refused() -> None:
    """A written weight could not reach the parameter that it is computed from."""
    import torch

    class Doubled(torch.nn.Module):
        def forward(self, weight: Any) -> Any:
            return weight * 2

    layer = torch.nn.Linear(3, 2)
    torch.nn.utils.parametrize.register_parametrization(layer, "weight", Doubled())
    with refused(ui.ArgumentValueError):
        ui.apply(layer, ui.recipes.torch_default(), seed=0)


def test_memory_of_a_device_is_filled_by_the_graph_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the bits of the host; the tensor's own order of memory stays."""
    import torch

    from unified_init.backends import _torch as adapter

    plain, moved = torch.nn.Linear(30, 20), torch.nn.Linear(30, 20)
    moved.weight = torch.nn.Parameter(torch.zeros(30, 20).T)  # memory that the host does not fill as it lies
    ui.apply(plain, ui.recipes.torch_default(), seed=0)
    monkeypatch.setattr(adapter, "resolve_device", lambda device, dtype: torch.device("cpu"))  # noqa: ARG005  # its names
    ui.apply(moved, ui.recipes.torch_default(), seed=0)
    assert torch.equal(moved.weight, plain.weight)
    assert moved.weight.stride() == (1, 20)
    assert float(plain.weight.detach().abs().max()) < 1 / math.sqrt(30)


def test_a_class_called_conv1d_is_what_its_bases_are() -> None:
    """Only that of transformers is a linear layer that stores (in, out)."""
    import torch

    class Conv1D(torch.nn.Conv1d):
        pass

    class Own(torch.nn.Module):
        def __init__(self, weight: Any) -> None:
            super().__init__()
            self.weight = weight
            self.bias = torch.nn.Parameter(torch.zeros(8))

    Own.__name__ = "Conv1D"
    record = ui.inspect(Conv1D(3, 4, 5))["weight"]
    assert (record.kind, record.layout, record.fans) == ("conv", "OIW", (15, 20))
    record = ui.inspect(Own(torch.nn.Parameter(torch.zeros(8, 4))))["weight"]
    assert (record.kind, record.layout) == ("parameter", None)
    assert [record.path for record in ui.inspect(Own(None))] == ["bias"]


@pytest.mark.needs("transformers")
def test_the_conv1d_of_transformers_is_a_linear_layer() -> None:
    """It stores (in, out), and one without a weight has a bias alone."""
    from transformers.pytorch_utils import Conv1D

    layer = Conv1D(8, 4)
    record = ui.inspect(layer)["weight"]
    assert (record.kind, record.layout, record.fans) == ("linear", "IO", (4, 8))
    layer.weight = None
    assert [record.path for record in ui.inspect(layer)] == ["bias"]


@pytest.mark.parametrize(
    ("name", "fused"),
    [
        ("main_proj", False), ("begin_project", False), ("qkvx", False), ("qkv", True), ("Wqkv", True),
        ("to_qkv", True), ("qkv_proj", True), ("c_attn", True), ("attn_in_proj_1", True),
        ("in_proj", False), ("query_key_value", False),
    ],
)  # fmt: skip
def test_a_fused_projection_is_known_by_whole_words(name: str, *, fused: bool) -> None:
    """A layer with three times as many outputs as inputs is none by the letters of its name.

    ``in_proj`` is also the input of a state-space layer, and ``query_key_value`` is stored head by head in
    some codebases and in thirds in others.
    """
    import torch

    record = ui.inspect(torch.nn.ModuleDict({name: torch.nn.Linear(4, 12)}))[f"{name}.weight"]
    assert [part.label for part in record.parts] == (["q", "k", "v"] if fused else [])


@pytest.mark.parametrize("size", ["array", "tensor"])
def test_extents_that_are_no_numbers_are_no_error(size: str) -> None:
    """What a module calls in_features is its own affair."""
    import numpy as np
    import torch

    module = torch.nn.Module()
    module.in_features = np.array([1, 2]) if size == "array" else torch.ones(3)
    module.w = torch.nn.Parameter(torch.zeros(2))
    assert ui.inspect(module)["w"].shape == (2,)
    module.w = torch.nn.Parameter(torch.zeros(0))
    with refused(ui.ArgumentValueError):
        ui.inspect(module)


CENTRED = (
    ("gemma", "GemmaRMSNorm"), ("gemma2", "Gemma2RMSNorm"), ("gemma3", "Gemma3RMSNorm"),
    ("qwen3_next", "Qwen3NextRMSNorm"), ("recurrent_gemma", "RecurrentGemmaRMSNorm"),
    ("t5gemma", "T5GemmaRMSNorm"), ("nemotron", "NemotronLayerNorm1P"),
)  # fmt: skip


@pytest.mark.needs("transformers")
@pytest.mark.parametrize(("model", "name"), CENTRED)
def test_norms_that_add_1_store_0(model: str, name: str) -> None:
    """A law speaks of the sum: where 1 is due 0 is stored, and the layer then only normalises."""
    import importlib

    import torch

    layer = getattr(importlib.import_module(f"transformers.models.{model}.modeling_{model}"), name)(64)
    recipe = ui.recipes.torch_default()
    with torch.no_grad():
        layer.weight.fill_(7.0)
    ui.apply(layer, recipe, seed=0)
    assert not layer.weight.any()
    assert ui.audit(layer, recipe).ok
    given = torch.linspace(-3.0, 5.0, 64)[None]
    given = given - given.mean() if "LayerNorm" in name else given
    assert torch.allclose(layer(given), given / given.square().mean().sqrt(), atol=1e-4)


@pytest.mark.needs("transformers")
def test_norms_of_transformers_that_add_nothing_store_1() -> None:
    """Names alike say nothing: Gemma 3n multiplies by the weight itself, Llama does."""
    from transformers.models.gemma3n.modeling_gemma3n import Gemma3nRMSNorm
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    for kind in (Gemma3nRMSNorm, LlamaRMSNorm):
        layer, _ = ui.apply(kind(4), ui.recipes.torch_default(), seed=0)
        assert layer.weight.tolist() == [1.0] * 4


@pytest.mark.needs("transformers")
def test_a_gemma_model_of_transformers_follows_llamas_recipe() -> None:
    """As its library makes it: every norm stores 0 and multiplies by 1, which is what the audit sees."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.GemmaConfig(
        hidden_size=64, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=4, head_dim=16,
        intermediate_size=128, vocab_size=99,
    )  # fmt: skip
    model = transformers.GemmaForCausalLM(config)
    recipe = ui.recipes.llama()
    assert {row.verdict for row in ui.audit(model, recipe) if row.role == "scale"} == {"ok"}
    ui.apply(model, recipe, seed=0)
    assert not model.model.norm.weight.any()
    assert ui.audit(model, recipe).ok
