"""What a norm multiplies by is seen by running it, in every framework that lets a module be run by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.walkers.norms import multiplier, observed, says_norm


def torch_norm(form: str, width: int = 8) -> Any:
    """Return a norm of one's own in PyTorch, whose scale has the name ``gamma`` and random values."""
    import torch

    class RMSNorm(torch.nn.Module):
        calls = 0

        def __init__(self) -> None:
            super().__init__()
            self.gamma = torch.nn.Parameter(torch.randn(width))
            self.register_buffer("count", torch.zeros(()))

        def forward(self, x: Any, *gates: Any) -> Any:
            self.count.add_(1)
            self.calls += 1
            if form == "gated" and not gates:
                message = "a gate is needed"
                raise ValueError(message)
            if form == "strange":
                message = "only on Tuesdays"
                raise ValueError(message)
            if self.training:
                x = torch.nn.functional.dropout(x)
            x = x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt()
            return x * (self.gamma + (form == "centred"))

    return RMSNorm()


@pytest.mark.needs("torch")
@pytest.mark.parametrize("form", ["plain", "centred", "gated"])
def test_the_output_shows_whether_1_is_added(form: str) -> None:
    """A law speaks of the factor: 1 is stored where the weight is the factor, 0 where 1 + weight is."""
    import torch

    norm = torch_norm(form).double()
    record = ui.inspect(norm)["gamma"]
    assert (record.kind, record.role, record.layout) == ("rms_norm", "scale", "O")
    ui.apply(norm, ui.recipes.torch_default(), seed=0)
    assert norm.gamma.tolist() == [0.0 if form == "centred" else 1.0] * 8
    x = torch.linspace(-3.0, 5.0, 8, dtype=torch.float64)[None]
    norm.eval()
    assert torch.allclose(norm(x, x), x / x.square().mean().sqrt(), atol=1e-5)


@pytest.mark.needs("torch")
def test_a_model_and_the_generators_stay_as_they_are() -> None:
    """Weights, buffers, attributes, hooks and the global generator: the norm that runs is another object."""
    import torch

    norm = torch_norm("centred")
    hooked: list[Any] = []
    norm.register_forward_hook(lambda *arguments: hooked.append(arguments))
    norm.forward = lambda *arguments: hooked.append(arguments)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    state = torch.get_rng_state()
    assert [part.shift for part in ui.inspect(norm)["gamma"].parts] == [1.0]
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert (norm.calls, norm.training, hooked) == (0, True, [])


@pytest.mark.needs("torch")
def test_a_norm_on_meta_is_run_on_the_host() -> None:
    """A model without memory has the same records."""
    import torch

    norm = torch_norm("centred")
    assert ui.inspect(norm.to("meta")).records == ui.inspect(torch_norm("centred")).records
    assert norm.gamma.device.type == "meta"
    with torch.device("meta"):
        assert ui.inspect(torch_norm("centred"))["gamma"].parts


@pytest.mark.needs("torch")
def test_a_norm_that_cannot_be_run_is_refused_where_it_would_get_values() -> None:
    """It can be inspected, skipped, and left by a rule without a spec."""
    norm = torch_norm("strange")
    recipe = ui.recipes.torch_default()
    assert ui.inspect(norm)["gamma"].doubt
    with refused(ui.ArgumentValueError):
        ui.plan(norm, recipe)
    assert ui.plan(norm, recipe, skip="gamma").skipped == ("gamma",)
    assert not ui.plan(norm, recipe.before(ui.Rule(spec=None, path="gamma")))["gamma"].pieces
    assert ui.audit(norm, recipe)["gamma"].verdict == "no law"


@pytest.mark.needs("torch")
def test_a_single_number_to_which_1_is_added_is_refused() -> None:
    """It has no axis along which a record could say so."""
    import torch

    class ScaleNorm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.g = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x: Any) -> Any:
            return x / x.norm() * (1 + self.g)

    with refused(ui.ArgumentValueError):
        ui.plan(ScaleNorm(), ui.recipes.torch_default())


@pytest.mark.needs("torch")
def test_a_norm_of_torch_is_not_run_and_one_derived_from_it_is() -> None:
    """A class that replaces the forward pass of LayerNorm may add 1."""
    import torch

    class LayerNorm1P(torch.nn.LayerNorm):
        def forward(self, x: Any) -> Any:
            return torch.nn.functional.layer_norm(x, self.normalized_shape, self.weight + 1, self.bias)

    class Renamed(torch.nn.LayerNorm):
        pass

    for norm, shifts in ((LayerNorm1P((2, 3)), [1.0]), (Renamed(4), []), (torch.nn.RMSNorm(4), [])):
        assert [part.shift for part in ui.inspect(norm)["weight"].parts] == shifts


@pytest.mark.needs("torch")
def test_layers_that_only_have_the_word_in_their_name_are_no_norms() -> None:
    """A matrix of a normalized layer, a residual that is scaled, and a norm whose weight is computed."""
    import torch
    from torch.nn.utils import parametrize

    class NormLinear(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(3, 4))

    class GlobalResponseNorm(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(4))

        def forward(self, x: Any) -> Any:
            size = x.norm(dim=(1, 2), keepdim=True)
            return x + self.weight * x * size / (size.mean(-1, keepdim=True) + 1e-6)

    class NormOfMany(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.zeros(4))

    for layer in (NormLinear(), GlobalResponseNorm(), NormOfMany()):
        assert [record.kind for record in ui.inspect(layer)] == ["parameter"]
    norm = torch_norm("plain")
    from unified_init.walkers.torch.norms import _output

    parametrize.register_parametrization(norm, "gamma", torch.nn.Identity())
    assert "computed from other tensors" in ui.inspect(norm)["gamma"].doubt
    with refused(ValueError):
        _output(norm, "gamma", np.ones((2, 8), np.float32), 0, 1.0)


@pytest.mark.needs("timm")
@pytest.mark.parametrize("name", ["RmsNorm", "RmsNorm2d", "RmsNormAct2dFp32", "SimpleNorm", "LayerNormAct2d"])
def test_the_norms_of_timm_have_scales(name: str) -> None:
    """None of them adds 1."""
    import timm.layers

    norm, _ = ui.apply(getattr(timm.layers, name)(4), ui.recipes.torch_default(), seed=0)
    assert norm.weight.tolist() == [1.0] * 4


@pytest.mark.needs("transformers")
@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("mamba2", "MambaRMSNormGated"),
        ("qwen3_next", "Qwen3NextRMSNormGated"),
        ("zamba2", "Zamba2RMSNormGated"),
    ],
)
def test_gated_norms_have_scales(model: str, name: str) -> None:
    """They take a gate beside their input, or instead of nothing."""
    import importlib
    import inspect

    cls = getattr(importlib.import_module(f"transformers.models.{model}.modeling_{model}"), name)
    has_groups = "group_size" in inspect.signature(cls).parameters
    norm = cls(8, group_size=4) if has_groups else cls(8)
    record = ui.inspect(norm)["weight"]
    assert (record.kind, record.role, record.parts) == ("rms_norm", "scale", ())


@pytest.mark.needs("flax")
@pytest.mark.parametrize("add", [0, 1])
def test_the_norms_of_nnx_are_run(add: int) -> None:
    """Abstract ones too, and those that replace the call of Flax's own."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    class RMSNorm(nnx.Module):
        def __init__(self, width: int) -> None:
            self.g = nnx.Param(jnp.full(width, 7.0))
            self.offset = nnx.Param(jnp.ones(width))

        def __call__(self, x: Any) -> Any:
            x = x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-6)
            return x * (add + self.g[...]) + self.offset[...]

    class Derived(nnx.LayerNorm):
        def __call__(self, x: Any) -> Any:
            return x * (add + self.scale[...])

    recipe = ui.recipes.flax_nnx_default()
    norm, _ = ui.apply(RMSNorm(4), recipe, seed=0)
    assert (norm.g[...].tolist(), norm.offset[...].tolist()) == ([1.0 - add] * 4, [0.0] * 4)
    abstract = nnx.eval_shape(lambda: RMSNorm(4))
    assert ui.inspect(abstract).records == ui.inspect(RMSNorm(4)).records
    derived, _ = ui.apply(Derived(4, rngs=nnx.Rngs(0)), recipe, seed=0)
    assert derived.scale[...].tolist() == [1.0 - add] * 4


@pytest.mark.needs("flax")
@pytest.mark.parametrize("add", [0, 1])
def test_the_norms_of_linen_are_run(add: int) -> None:
    """By themselves, on inputs of our own; stacked ones as each of them sees its scale."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class RMSNorm(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            scale = self.param("scale", nn.initializers.zeros, (x.shape[-1],))
            return x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + 1e-6) * (add + scale)

    stacked = nn.vmap(RMSNorm, variable_axes={"params": 1}, split_rngs={"params": True}, in_axes=0)()
    for module, x in ((RMSNorm(), jnp.ones((2, 4))), (stacked, jnp.ones((3, 2, 4)))):
        model = ui.linen(module, module.init(jax.random.key(0), x), x)
        model, _ = ui.apply(model, ui.recipes.flax_linen_default(), seed=0)
        assert (np.asarray(jax.tree.leaves(model.variables)[0]) == 1 - add).all()


@pytest.mark.needs("equinox")
@pytest.mark.parametrize("add", [0, 1])
def test_the_norms_of_equinox_are_run(add: int) -> None:
    """A module that is a tree of arrays is called with other arrays."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    class RMSNorm(eqx.Module):
        weight: jax.Array
        bias: jax.Array
        eps: float = 1e-6

        def __call__(self, x: Any) -> Any:
            x = x * jax.lax.rsqrt((x**2).mean(-1, keepdims=True) + self.eps)
            return x * (add + self.weight) + self.bias

    norm, _ = ui.apply(RMSNorm(jnp.zeros(4), jnp.ones(4)), ui.recipes.equinox_default(), seed=0)
    assert (norm.weight.tolist(), norm.bias.tolist()) == ([1.0 - add] * 4, [0.0] * 4)


@pytest.mark.needs("keras")
@pytest.mark.parametrize("add", [0, 1])
def test_the_norms_of_keras_are_run(add: int) -> None:
    """Without a change to their variables; a class derived from Keras' own may add 1 too."""
    import keras

    class RMSNorm(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")
            self.shift = self.add_weight(name="bias", shape=(shape[-1],), initializer="ones")
            self.built = True

        def call(self, x: Any) -> Any:
            x = x * keras.ops.rsqrt(keras.ops.mean(x**2, -1, keepdims=True) + 1e-6)
            return x * (add + self.scale) + self.shift

    def values_of(variable: Any) -> Any:
        return [float(value) for value in variable.value]

    class Derived(keras.layers.LayerNormalization):
        def call(self, x: Any) -> Any:
            return x * (add + self.gamma)

    for norm, name in ((RMSNorm(), "scale"), (Derived(), "gamma")):
        norm.build((None, 4))
        before = {variable.path: values_of(variable) for variable in norm.variables}
        assert [part.shift for part in ui.inspect(norm)[name].parts] == [1.0] * add
        assert before == {variable.path: values_of(variable) for variable in norm.variables}
        ui.apply(norm, ui.recipes.keras_default(), seed=0)
        stored = {variable.name: values_of(variable) for variable in norm.variables}
        assert stored.pop(name) == [1.0 - add] * 4
        assert list(stored.values()) == [[0.0] * 4]


def test_a_factor_is_seen_in_three_outputs() -> None:
    """An output that is 0 for weight 0, or for weight -1; a residual is neither, and no output says nothing."""
    x = np.linspace(-1.0, 2.0, 4)
    assert observed(lambda number: number * x) == 0.0
    assert observed(lambda number: (1 + number) * x) == 1.0
    assert observed(lambda number: x + number * x**2) is None
    assert multiplier("RMSNorm", lambda batch, _gates, number: number * batch, (3,)) == 0.0
    assert multiplier("NormHead", lambda _batch, _gates, _number: x * np.nan, (3,)) is None
    with refused(ValueError):
        observed(lambda number: number * np.zeros(3))
    assert "up to 0, whatever" in str(multiplier("RMSNorm", lambda batch, _gates, _number: 0 * batch, (3,)))


def test_the_name_of_a_class_says_norm() -> None:
    """By the word, and not by words that begin with it."""
    yes = ("RMSNorm", "RmsNormAct2d", "LayerNormalization", "FusedNorm", "Zamba2RMSNormGated", "norm")
    no = ("NormalHead", "EstimateNormals", "LayerScale", "Linear")
    assert [*map(says_norm, yes), *map(says_norm, no)] == [True] * len(yes) + [False] * len(no)
