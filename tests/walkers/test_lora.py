"""Low-rank adapters are known under their common spellings, in both orders of storage."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.walkers.lora import with_adapters


def facts(model: Any) -> dict[str, tuple[str, str | None, tuple[int | None, int | None]]]:
    """Return role, layout and fans of a model's adapters, by path."""
    records = (record for record in ui.inspect(model) if record.kind == "lora")
    return {record.path: (record.role, record.layout, record.fans) for record in records}


def raw(inputs: int, outputs: int, rank: int, order: str) -> Any:
    """Return a linear layer with raw parameters ``lora_A`` and ``lora_B``, as loralib has it."""
    import torch

    layer = torch.nn.Linear(inputs, outputs)
    shapes = ((rank, inputs), (outputs, rank)) if order == "OI" else ((inputs, rank), (rank, outputs))
    for name, shape in zip(("lora_A", "lora_B"), shapes, strict=True):
        layer.register_parameter(name, torch.nn.Parameter(torch.ones(shape)))
    return layer


@pytest.mark.needs("torch")
@pytest.mark.parametrize("order", ["OI", "IO"])
@pytest.mark.parametrize("outputs", [5, 6])
def test_the_shared_extent_is_the_rank(order: str, outputs: int) -> None:
    """Where inputs and outputs are equal, both orders share an extent: the rank is the smaller one."""
    assert facts(raw(6, outputs, 2, order)) == {
        "lora_A": ("adapter_a", order, (6, 2)), "lora_B": ("adapter_b", order, (2, outputs)),
    }  # fmt: skip


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("lora_A", "lora_B"), ("lora_a", "lora_b"), ("lora_down", "lora_up"), ("to_q_lora.down", "to_q_lora.up"),
        ("lora_linear_layer.down", "lora_linear_layer.up"),
    ],
)  # fmt: skip
def test_spellings_as_linear_layers(first: str, second: str) -> None:
    """Of PEFT, torchtune, kohya and diffusers; an adapter's name may follow, and a bias is one."""
    import torch

    for suffix in ("", ".default"):
        model = torch.nn.Module()
        for path, layer in ((first, torch.nn.Linear(6, 2, bias=False)), (second, torch.nn.Linear(2, 5))):
            words = (path + suffix).split(".")
            owner = model
            for word in words[:-1]:
                if not hasattr(owner, word):
                    owner.add_module(word, torch.nn.Module())
                owner = getattr(owner, word)
            owner.add_module(words[-1], layer)
        assert facts(model) == {
            f"{first}{suffix}.weight": ("adapter_a", "OI", (6, 2)),
            f"{second}{suffix}.weight": ("adapter_b", "OI", (2, 5)),
        }
        assert ui.inspect(model)[f"{second}{suffix}.bias"].role == "bias"
        _, report = ui.apply(model, ui.recipes.lora(), seed=0)
        assert report.written == (f"{first}{suffix}.weight", f"{second}{suffix}.weight")


@pytest.mark.needs("flax")
def test_raw_adapters_of_jax() -> None:
    """They store inputs first, unless the shapes say otherwise."""
    import jax.numpy as jnp
    from flax import nnx

    class Adapted(nnx.Module):
        def __init__(self, first: tuple[int, ...], second: tuple[int, ...]) -> None:
            self.lora_a, self.lora_b = nnx.Param(jnp.ones(first)), nnx.Param(jnp.ones(second))

    assert facts(Adapted((6, 2), (2, 5)))["lora_a"] == ("adapter_a", "IO", (6, 2))
    assert facts(Adapted((2, 6), (5, 2)))["lora_b"] == ("adapter_b", "OI", (2, 5))
    assert facts(Adapted((3, 6, 2), (3, 2, 5)))["lora_a"] == ("adapter_a", "BIO", (6, 2))
    assert facts(Adapted((2, 2), (2, 2)))["lora_a"] == ("adapter_a", "IO", (2, 2))


@pytest.mark.needs("torch")
def test_matrices_without_a_shared_rank_are_refused() -> None:
    """Of raw parameters and of layers; a layout of a rule settles it."""
    import torch

    layer = raw(6, 5, 2, "OI")
    layer.lora_B = torch.nn.Parameter(torch.ones(5, 3))
    with refused(ui.ArgumentValueError):
        ui.plan(layer, ui.recipes.lora())
    rule = ui.Rule(spec=ui.he_uniform(), path=("lora_A", "lora_B"), layout="OI")
    assert ui.plan(layer, ui.Recipe("x", (rule, ui.Rule(spec=None))))["lora_A"].pieces
    pair = {"lora_A": torch.nn.Linear(6, 2, bias=False), "lora_B": torch.nn.Linear(3, 5, bias=False)}
    with refused(ui.ArgumentValueError):
        ui.plan(torch.nn.ModuleDict(pair), ui.recipes.lora())


def test_a_matrix_without_its_counterpart_is_as_the_framework_stores_it() -> None:
    """Nothing shows the rank; names that only begin alike are none."""

    def loose(path: str) -> ui.Record:
        return ui.Record(name=path, path=path, shape=(2, 6), kind="parameter", role="parameter")

    adapter, alpha = with_adapters([loose("lora_A"), loose("lora_alpha")], "OI")
    assert (adapter.layout, adapter.fans, alpha.kind) == ("OI", (6, 2), "parameter")
