"""Mixtures of experts of transformers: routers, and experts whose matrices are stacked in one tensor."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init import recipes

pytestmark = pytest.mark.needs("torch", "transformers")

SMALL = {
    "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 101, "num_local_experts": 4,
}  # fmt: skip


def model(name: str, **changes: Any) -> Any:
    """Return a small mixture of experts of transformers."""
    import transformers

    config = "Llama4TextConfig" if name == "Llama4" else f"{name}Config"
    return getattr(transformers, f"{name}ForCausalLM")(getattr(transformers, config)(**SMALL | changes))


def facts(record: ui.Record) -> tuple[Any, ...]:
    """Return what recipes ask about a record of a mixture."""
    return record.kind, record.role, record.place, record.layout, record.fans


@pytest.mark.parametrize("name", ["Mixtral", "GraniteMoe", "GptOss", "Llama4"])
def test_experts_are_independent_layers(name: str) -> None:
    """Whatever the order of storage, an expert's fans are those of its own matrix, and a router is a layer."""
    records = {record.path: record for record in ui.inspect(model(name)) if ".layers.0." in record.path}
    up = next(record for path, record in records.items() if path.endswith("experts.gate_up_proj"))
    down = next(record for path, record in records.items() if path.endswith("experts.down_proj"))
    layout = "BOI" if name in {"Mixtral", "GraniteMoe"} else "BIO"
    assert facts(up) == ("linear", "kernel", "mlp.in", layout, (64, 96))
    assert facts(down) == ("linear", "kernel", "mlp.out", layout, (96, 64))
    (router,) = (
        record for record in records.values() if record.place == "router" and record.role == "kernel"
    )
    assert facts(router) == ("linear", "kernel", "router", "OI", (64, 4))


@pytest.mark.parametrize("name", ["Mixtral", "GptOss"])
def test_gate_and_up_of_all_experts_are_parts(name: str) -> None:
    """Halves of each expert's outputs, or outputs that alternate, as the forward pass has it."""
    mixture = model(name)
    zero_gates = ui.Rule(spec=ui.zeros(), path="*.experts.gate_up_proj*", parts=(("up", ui.ones()),))
    ui.apply(mixture, recipes.transformers_default().before(zero_gates), seed=0)
    experts = mixture.model.layers[1].mlp.experts
    if name == "Mixtral":
        gate, up = experts.gate_up_proj.detach().chunk(2, dim=1)
    else:
        gate, up = experts.gate_up_proj.detach()[..., ::2], experts.gate_up_proj.detach()[..., 1::2]
        assert not experts.gate_up_proj_bias[:, ::2].any()
        assert bool((experts.gate_up_proj_bias[:, 1::2] == 1).all())
    assert not gate.any()
    assert bool((up == 1).all())


def test_parts_of_experts_are_named_streams() -> None:
    """The gates of all experts are the tensor of their own name."""
    mixtral, _ = ui.apply(model("Mixtral"), recipes.llama(), seed=4)
    path = "model.layers.0.mlp.experts.gate_up_proj"
    gates = ui.draw(ui.normal(0.0, 0.02), (4, 96, 64), layout="BOI", seed=4, name=f"{path}/gate")
    np.testing.assert_array_equal(mixtral.model.layers[0].mlp.experts.gate_up_proj.detach()[:, :96], gates)


def test_each_expert_is_an_orthogonal_matrix() -> None:
    """A law of matrices is drawn for each expert."""
    mixtral = model("Mixtral")
    orthogonal = ui.Rule(spec=ui.orthogonal(), path="*.experts.down_proj")
    ui.apply(mixtral, recipes.llama().before(orthogonal), seed=0)
    for expert in mixtral.model.layers[0].mlp.experts.down_proj.detach().numpy():
        np.testing.assert_allclose(expert @ expert.T, np.eye(64), atol=1e-5)


def test_biases_of_stacked_experts_have_no_inputs() -> None:
    """A bias per expert, whose parts are those of its matrix."""
    record = ui.inspect(model("GptOss"))["model.layers.0.mlp.experts.gate_up_proj_bias"]
    assert facts(record) == ("linear", "bias", "mlp.in", "BO", (64, 96))
    assert [part.label for part in record.parts] == ["gate", "up"]


def test_an_order_of_storage_that_nobody_says_is_not_guessed() -> None:
    """Square experts of a class that says nothing: no layout, and a law that needs a fan is refused."""
    mixture = model("Llama4", intermediate_size=64)
    experts = mixture.model.layers[1].feed_forward.experts
    experts.__class__ = type("OtherExperts", (type(experts),), {"__module__": type(experts).__module__})
    record = ui.inspect(mixture)["model.layers.1.feed_forward.experts.down_proj"]
    assert (record.kind, record.role, record.layout, record.fans) == ("linear", "kernel", None, (None, None))


def test_every_class_of_stacked_gates_says_how_it_stores_them() -> None:
    """By its decorator, or it is in our table: no class of the installed transformers is left out."""
    import transformers

    from unified_init.walkers.torch.mixtures import UNDECORATED

    left, count = set(), 0
    for file in (Path(transformers.__file__).parent / "models").glob("*/modeling_*.py"):
        text = file.read_text(encoding="utf-8")
        if "gate_up_proj = nn.Parameter(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.ClassDef):
                continue
            if "self.gate_up_proj = nn.Parameter(" not in (ast.get_source_segment(text, node) or ""):
                continue
            count += 1
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if not any(word.startswith("use_experts_implementation") for word in decorators):
                left.add(node.name)
    assert count > 20
    assert left <= UNDECORATED.keys()


def undecorated(name: str, width: int, size: int) -> Any:
    """Return experts of a class that does not say how it stores them."""
    from types import SimpleNamespace

    from transformers.models.llama4 import modeling_llama4
    from transformers.models.longcat_flash import modeling_longcat_flash
    from transformers.models.step3p7 import modeling_step3p7

    classes = {
        cls.__name__: cls
        for cls in (
            modeling_llama4.Llama4TextExperts, modeling_longcat_flash.LongcatFlashExperts,
            modeling_step3p7.Step3p7Experts,
        )
    }  # fmt: skip
    config = SimpleNamespace(
        num_local_experts=2, n_routed_experts=2, zero_expert_num=0, hidden_size=width, hidden_act="silu",
        intermediate_size=size, expert_ffn_hidden_size=size, moe_intermediate_size=size,
    )  # fmt: skip
    return classes[name](config)


def outputs_of(experts: Any, x: Any) -> Any:
    """Return what experts make of tokens: the sum of both, or of half of the tokens each."""
    import torch

    with torch.no_grad():
        if type(experts).__name__ == "Llama4TextExperts":
            return experts(x)
        return experts(x, torch.arange(2).expand(len(x), 2), torch.ones(len(x), 2))


@pytest.mark.parametrize("size", [6, 4])
@pytest.mark.parametrize("name", ["Llama4TextExperts", "LongcatFlashExperts", "Step3p7Experts"])
def test_gate_and_up_are_what_a_forward_pass_makes_of_them(name: str, size: int) -> None:
    """Outputs are linear in the up projection and not in the gate; of square matrices too."""
    import torch

    experts = undecorated(name, 4, size)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in experts.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    record = ui.inspect(experts)["gate_up_proj"]
    assert [part.label for part in record.parts] == ["gate", "up"]
    assert facts(record)[3:] == ("BIO" if name == "Llama4TextExperts" else "BOI", (4, size))
    assert ui.inspect(experts)["down_proj"].layout == facts(record)[3]
    x = torch.randn(6, 4, generator=generator)
    before = outputs_of(experts, x)
    gate, up = (part.region(experts.gate_up_proj.data) for part in record.parts)
    up *= 2
    assert torch.allclose(outputs_of(experts, x), 2 * before)
    gate *= 2
    assert not torch.allclose(outputs_of(experts, x), 4 * before)


def test_the_gate_of_phi4s_audio_layers_comes_last() -> None:
    """Unlike that of its text layers: outputs are linear in the up projection."""
    import torch
    from transformers.models.phi4_multimodal import modeling_phi4_multimodal as phi4

    layer = phi4.Phi4MultimodalAudioMLP(phi4.Phi4MultimodalAudioConfig(hidden_size=8, intermediate_size=6))
    record = ui.inspect(layer.eval())["gate_up_proj.weight"]
    assert [part.label for part in record.parts] == ["up", "gate"]
    x = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        layer.gate_up_proj.bias.zero_()
        layer.down_proj.bias.zero_()
        before = layer(x)
        record.parts[0].region(layer.gate_up_proj.weight.data).mul_(2)
        assert torch.allclose(layer(x), 2 * before, atol=1e-6)


def test_a_gate_is_a_router_where_experts_are_beside_it() -> None:
    """The linear gate of a mixture whose experts are modules; one of a gated layer stays a gate."""
    from torch import nn

    def block(*, mixed: bool) -> nn.ModuleDict:
        layers = {"gate": nn.Linear(8, 4), "w1": nn.Linear(8, 16)}
        expert = nn.ModuleDict({"gate": nn.Linear(8, 16), "w2": nn.Linear(16, 8)})
        return nn.ModuleDict(
            {"mlp": nn.ModuleDict(layers | ({"experts": nn.ModuleList([expert])} if mixed else {}))}
        )

    inventory = ui.inspect(nn.ModuleDict({"layers": nn.ModuleList([block(mixed=True), block(mixed=False)])}))
    assert inventory["layers.0.mlp.gate.weight"].place == "router"
    assert inventory["layers.0.mlp.gate.bias"].place == "router"
    assert inventory["layers.0.mlp.experts.0.gate.weight"].place == "mlp.gate"
    assert inventory["layers.1.mlp.gate.weight"].place == "mlp.gate"


@pytest.mark.parametrize(
    "recipe", [recipes.deepnorm(0, 2), recipes.t_fixup(0, 2, 64)], ids=["deepnorm", "t_fixup"]
)
def test_a_router_is_never_scaled_as_a_gate_projection(recipe: ui.Recipe) -> None:
    """Recipes that scale the matrices of feed-forward layers with depth leave routers alone."""
    inventory = ui.inspect(model("Mixtral"))
    rules = {record.place: recipe.rule_for(record) for record in inventory if record.role == "kernel"}
    assert rules["mlp.out"] is rules["mlp.in"]
    assert rules["router"] is not rules["mlp.in"]
