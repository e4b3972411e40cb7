"""The recipe of Equinox's layer defaults: its numbers, and Equinox's own layers as the oracle."""

from __future__ import annotations

import math
from typing import Any

import pytest

import unified_init as ui
from unified_init import testing


def made(make: str) -> Any:
    """Return a layer, evaluated in the names of equinox.nn."""
    import equinox as eqx
    import jax

    return eval(make, {**vars(eqx.nn), "key": jax.random.key(17)})  # noqa: S307  # written below


def laws(model: Any) -> dict[str, ui.Law]:
    """Return the law of each piece, by its stream."""
    return {
        piece.name: piece.law for one in ui.plan(model, ui.recipes.equinox_default()) for piece in one.pieces
    }


@pytest.mark.needs("equinox")
@pytest.mark.parametrize(
    ("make", "fan"),
    [
        ("Linear(200, 3000, key=key)", 200),
        ("Linear('scalar', 3000, key=key)", 1),
        ("Linear(0, 3000, key=key)", 1),
        ("Conv1d(12, 3000, 5, key=key)", 60),
        ("Conv2d(8, 2000, 3, key=key)", 72),
        ("Conv2d(8, 2000, 3, groups=4, key=key)", 18),
        ("Conv3d(2, 2000, 3, key=key)", 54),
        ("ConvTranspose2d(8, 2000, 3, key=key)", 72),
        ("ConvTranspose2d(8, 2000, 3, groups=4, key=key)", 18),
        ("ConvTranspose1d(8, 2000, 5, key=key)", 40),
    ],
)
def test_layers_are_uniform_within_one_over_the_root_of_their_inputs(make: str, fan: int) -> None:
    """U(-1/sqrt(n), 1/sqrt(n)), weight and bias; Equinox's own have the same law."""
    layer = made(make)
    found = laws(layer)
    for law in found.values():
        assert law.kind == "uniform"
        assert math.isclose(law.high, 1 / math.sqrt(fan), rel_tol=1e-15)
        assert law.low == -law.high
    ours, _ = ui.apply(layer, ui.recipes.equinox_default(), seed=0)
    if layer.weight.size:
        testing.assert_same_law(ours.weight, layer.weight, alpha=1e-6)
    testing.assert_same_law(ours.bias, layer.bias, alpha=1e-6)


@pytest.mark.needs("equinox")
@pytest.mark.parametrize("cell", ["LSTMCell", "GRUCell"])
def test_cells_are_uniform_within_one_over_the_root_of_hidden(cell: str) -> None:
    """All tensors, the biases too."""
    layer = made(f"{cell}(30, 400, key=key)")
    assert {(law.kind, law.high) for law in laws(layer).values()} == {("uniform", 400**-0.5)}
    ours, _ = ui.apply(layer, ui.recipes.equinox_default(), seed=0)
    for name in ("weight_ih", "weight_hh", "bias", *(["bias_n"] if cell == "GRUCell" else [])):
        testing.assert_same_law(getattr(ours, name), getattr(layer, name), alpha=1e-6)


@pytest.mark.needs("equinox")
def test_attention_is_linear_layers() -> None:
    """Each projection by its own inputs; biases only where they were asked for."""
    layer = made("MultiheadAttention(4, 64, key_size=100, vo_size=16, use_key_bias=True, key=key)")
    found = laws(layer)
    assert {name: law.high for name, law in found.items()} == {
        "query_proj.weight": 0.125, "key_proj.weight": 0.1, "key_proj.bias": 0.1, "value_proj.weight": 0.125,
        "output_proj.weight": 0.125,
    }  # fmt: skip
    ours, _ = ui.apply(layer, ui.recipes.equinox_default(), seed=0)
    for name in ("query_proj", "key_proj", "value_proj", "output_proj"):
        testing.assert_same_law(getattr(ours, name).weight, getattr(layer, name).weight, alpha=1e-6)


@pytest.mark.needs("equinox")
def test_a_table_is_normal() -> None:
    """Embedding: N(0, 1)."""
    layer = made("Embedding(300, 50, key=key)")
    law = laws(layer)["weight"]
    assert (law.kind, law.mean, law.std) == ("normal", 0.0, 1.0)
    ours, _ = ui.apply(layer, ui.recipes.equinox_default(), seed=0)
    testing.assert_same_law(ours.weight, layer.weight, alpha=1e-6)


@pytest.mark.needs("equinox")
@pytest.mark.parametrize(
    "make",
    [
        "LayerNorm((3, 4))", "GroupNorm(2, 4)", "RMSNorm(4)", "PReLU()",
        'BatchNorm(4, "batch", mode="batch")', 'BatchNorm(4, "batch", mode="ema")',
    ],
)  # fmt: skip
def test_constants_are_equinoxs_to_the_bit(make: str) -> None:
    """Scales 1, offsets 0 (RMSNorm has one too), slopes 0.25."""
    layer = made(make)
    ours, _ = ui.apply(layer, ui.recipes.equinox_default())
    for name in ("weight", "bias", "negative_slope"):
        if hasattr(layer, name):
            testing.assert_identical(getattr(ours, name), getattr(layer, name))


@pytest.mark.needs("torch")
def test_a_torch_model_gets_equinoxs_laws() -> None:
    """The same rules on torch's records: transposed convolutions by their inputs, attention as linear layers."""
    import torch

    model = torch.nn.ModuleDict({
        "fc": torch.nn.Linear(25, 4), "up": torch.nn.ConvTranspose2d(16, 4, 5), "lstm": torch.nn.LSTM(36, 64),
        "table": torch.nn.Embedding(7, 3), "attention": torch.nn.MultiheadAttention(16, 2),
        "norm": torch.nn.BatchNorm2d(3), "prelu": torch.nn.PReLU(),
    })  # fmt: skip
    found = laws(model)
    assert (found["fc.weight"].high, found["fc.bias"].high) == (0.2, 0.2)
    assert (found["up.weight"].high, found["up.bias"].high) == (0.05, 0.05)
    assert {law.high for name, law in found.items() if name.startswith("lstm")} == {0.125}
    assert {law.high for name, law in found.items() if name.startswith("attention")} == {0.25}
    assert (found["table.weight"].std, found["prelu.weight"].mean) == (1.0, 0.25)
