"""Fused projections that the name of a layer tells, alike in every framework."""

from __future__ import annotations

from typing import Any

import pytest

import unified_init as ui

D = 64


def torch_model() -> Any:
    """Return a module with one layer."""
    import torch

    return torch.nn.ModuleDict({"qkv": torch.nn.Linear(D, 3 * D)})


def nnx_model() -> Any:
    """Return a module with one layer."""
    from flax import nnx

    class Attention(nnx.Module):
        def __init__(self) -> None:
            self.qkv = nnx.Linear(D, 3 * D, rngs=nnx.Rngs(0))

    return Attention()


def nnx_heads() -> Any:
    """Return a model whose outputs are three axes: queries, keys and values, heads, and their size."""
    from flax import nnx

    class Attention(nnx.Module):
        def __init__(self) -> None:
            self.qkv = nnx.LinearGeneral(D, (3, 4, 16), rngs=nnx.Rngs(0))

    return Attention()


def linen_model() -> Any:
    """Return a module with one layer, and its variables."""
    import jax
    from flax import linen as nn

    class Attention(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(3 * D, name="qkv")(x)

    module = Attention()
    x = jax.numpy.zeros((1, D))
    return ui.linen(module, jax.eval_shape(module.init, jax.random.key(0), x), x)


def equinox_model() -> Any:
    """Return a module with one layer."""
    import equinox as eqx
    import jax

    class Attention(eqx.Module):
        qkv: eqx.nn.Linear

    return Attention(eqx.nn.Linear(D, 3 * D, key=jax.random.key(0)))


def haiku_model() -> Any:
    """Return a function with one layer, and its parameters."""
    import haiku as hk
    import jax

    def forward(x: Any) -> Any:
        return hk.Linear(3 * D, name="qkv")(x)

    transformed = hk.transform(forward)
    return ui.haiku(
        transformed, transformed.init(jax.random.key(0), jax.numpy.zeros((1, D))), jax.numpy.zeros((1, D))
    )


def keras_model() -> Any:
    """Return a model with one layer."""
    import keras

    return keras.Sequential([keras.Input((D,)), keras.layers.Dense(3 * D, name="qkv")])


MODELS = [
    pytest.param(torch_model, marks=pytest.mark.needs("torch"), id="torch"),
    pytest.param(nnx_model, marks=pytest.mark.needs("flax"), id="nnx"),
    pytest.param(nnx_heads, marks=pytest.mark.needs("flax"), id="nnx heads"),
    pytest.param(linen_model, marks=pytest.mark.needs("flax"), id="linen"),
    pytest.param(equinox_model, marks=pytest.mark.needs("equinox"), id="equinox"),
    pytest.param(haiku_model, marks=pytest.mark.needs("haiku"), id="haiku"),
    pytest.param(keras_model, marks=pytest.mark.needs("keras"), id="keras"),
]


@pytest.mark.parametrize("make", MODELS)
def test_a_layer_called_qkv_has_the_fans_of_its_parts(make: Any) -> None:
    """Glorot's std of a query of 64 inputs and 64 outputs, and not that of a matrix with 192 outputs."""
    inventory = ui.inspect(make())
    kernel = next(record for record in inventory if record.role == "kernel")
    bias = next(record for record in inventory if record.role == "bias")
    assert [part.label for part in kernel.parts] == [part.label for part in bias.parts] == ["q", "k", "v"]
    assert (kernel.place, kernel.fans) == ("attention.qkv", (D, D))
    recipe = ui.Recipe("glorot", (ui.Rule(spec=ui.glorot_uniform(), role="kernel"), ui.Rule(spec=ui.zeros())))
    plan = ui.plan(inventory, recipe)
    assert {piece.law.std for piece in plan[kernel.path].pieces} == {(1 / D) ** 0.5}


@pytest.mark.needs("torch", "flax")
def test_parts_of_an_axis_of_three_are_those_of_thirds() -> None:
    """Outputs as (3, heads, size) hold the same values as 3 * heads * size outputs in thirds."""
    import numpy as np

    recipe = ui.Recipe("glorot", (ui.Rule(spec=ui.glorot_uniform()),))
    third, _ = ui.apply(torch_model(), recipe, seed=0, names={"qkv.weight": "w"}, skip="*bias")
    heads, _ = ui.apply(nnx_heads(), recipe, seed=0, names={"qkv/kernel": "w"}, skip="*bias")
    values = np.asarray(heads.qkv.kernel.get_value()).reshape(D, 3 * D).T
    assert (values == third["qkv"].weight.detach().numpy()).all()
