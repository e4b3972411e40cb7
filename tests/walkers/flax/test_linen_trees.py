"""Writing a Linen tree: the new one is like the old one, and its values are those of any framework."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("flax")


def abstract(module: Any, *args: Any) -> ui.Linen:
    """Return a module as a model of abstract variables."""
    import jax

    return ui.linen(module, jax.eval_shape(module.init, jax.random.key(0), *args), *args)


def ones(*shape: int) -> Any:
    """Return an example input."""
    import jax.numpy as jnp

    return jnp.ones(shape)


def test_abstract_variables_become_arrays() -> None:
    """Of the types asked for; the example input may be abstract, and nothing of the old tree changes."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    module, x = nn.Dense(20, param_dtype=jnp.bfloat16), jax.ShapeDtypeStruct((1, 30), jnp.float32)
    model = abstract(module, x)
    new, _ = ui.apply(model, ui.recipes.flax_linen_default(), seed=0)
    wide, _ = ui.apply(abstract(nn.Dense(20), x), ui.recipes.flax_linen_default(), seed=0)
    assert isinstance(model.variables["params"]["kernel"], jax.ShapeDtypeStruct)
    kernel = new.variables["params"]["kernel"]
    assert kernel.dtype == jnp.bfloat16
    assert (kernel == wide.variables["params"]["kernel"].astype(jnp.bfloat16)).all()
    assert module.apply(new.variables, ones(1, 30)).shape == (1, 20)


def test_boxes_and_containers_stay() -> None:
    """A FrozenDict stays one, and what partitioning metadata surrounds stays inside it."""
    import flax
    import flax.linen as nn
    import jax

    module = nn.Dense(4, kernel_init=nn.with_partitioning(nn.initializers.zeros, ("a", "b")))
    variables = flax.core.freeze(module.init(jax.random.key(0), ones(1, 3)))
    model = ui.linen(module, variables, ones(1, 3))
    assert ui.inspect(model)["kernel"].layout == "IO"
    new, _ = ui.apply(model, ui.recipes.flax_linen_default(), seed=0)
    assert isinstance(new.variables, flax.core.FrozenDict)
    box = new.variables["params"]["kernel"]
    assert isinstance(box, nn.Partitioned)
    assert box.names == ("a", "b")
    assert np.array_equal(box.value, ui.draw(ui.lecun_normal(), (3, 4), layout="IO", seed=0, name="kernel"))
    assert not np.asarray(variables["params"]["kernel"].value).any()


def test_sharding_stays() -> None:
    """An array on a mesh gets its values there, and the same ones."""
    import flax.linen as nn
    import jax

    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("x",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    module = nn.Dense(4)
    variables = module.init(jax.random.key(0), ones(1, 3))
    placed = jax.device_put(variables, sharding)
    results = [
        ui.apply(ui.linen(module, tree, ones(1, 3)), ui.recipes.flax_linen_default(), seed=0)[0]
        for tree in (variables, placed)
    ]
    kernels = [result.variables["params"]["kernel"] for result in results]
    assert kernels[1].sharding == sharding
    assert np.array_equal(*kernels)


def test_other_collections_are_left() -> None:
    """A cache of keys is no parameter; abstract, it would stay without values, which is an error."""
    import flax.linen as nn
    import jax

    module, x = nn.MultiHeadDotProductAttention(2, decode=True), ones(1, 3, 8)
    variables = module.init(jax.random.key(0), x)
    model, report = ui.apply(ui.linen(module, variables, x), ui.recipes.flax_linen_default(), seed=0)
    assert report.left == ("cache/cache_index", "cache/cached_key", "cache/cached_value")
    assert model.variables["cache"]["cached_key"] is variables["cache"]["cached_key"]
    with refused(ui.ArgumentValueError):
        ui.apply(abstract(module, x), ui.recipes.flax_linen_default(), seed=0)


def test_a_flax_network_under_pytorchs_defaults() -> None:
    """A convolution, an LSTM and a dense layer: uniform within PyTorch's bounds, biases included."""
    import flax.linen as nn

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.BatchNorm(use_running_average=False)(nn.Conv(16, (3, 3))(x))
            return nn.Dense(10)(nn.RNN(nn.LSTMCell(16))(x.reshape(1, -1, 16)))

    plan = ui.plan(abstract(Model(), ones(1, 4, 4, 4)), ui.recipes.torch_default())
    bounds = {one.record.path: one.pieces[0].law.high for one in plan if one.pieces[0].law.random}
    assert bounds == {
        "Conv_0/kernel": pytest.approx(1 / 6, rel=1e-15),
        "Conv_0/bias": pytest.approx(1 / 6, rel=1e-15),
        "LSTMCell_0/kernel": 0.25,
        "LSTMCell_0/recurrent_kernel": 0.25,
        "LSTMCell_0/bias": 0.25,
        "Dense_0/kernel": 0.25,
        "Dense_0/bias": 0.25,
    }


@pytest.mark.needs("torch")
def test_pytorchs_defaults_are_those_of_real_layers() -> None:
    """Each tensor has the law of its torch twin, as the constructor draws it."""
    import flax.linen as nn
    import torch

    from unified_init.testing import assert_same_law

    model = abstract(nn.Sequential([nn.Conv(32, (3, 3)), nn.ConvTranspose(8, (3, 3)), nn.Dense(100)]),
                     ones(1, 5, 5, 16))  # fmt: skip
    new, _ = ui.apply(model, ui.recipes.torch_default(), seed=0)
    layers = (torch.nn.Conv2d(16, 32, 3), torch.nn.ConvTranspose2d(32, 8, 3), torch.nn.Linear(8, 100))
    for at, layer in enumerate(layers):
        ours = new.variables["params"][f"layers_{at}"]
        assert_same_law(ours["kernel"], layer.weight.detach().numpy(), alpha=1e-6)
    cell = ui.apply(abstract(nn.RNN(nn.LSTMCell(40)), ones(1, 2, 30)), ui.recipes.torch_default(), seed=0)[0]
    native = torch.nn.LSTM(30, 40)
    for letter, name in (("i", "weight_ih_l0"), ("h", "weight_hh_l0")):
        gates = [cell.variables["params"]["cell"][f"{letter}{gate}"]["kernel"] for gate in "ifgo"]
        joined = np.concatenate([np.asarray(gate) for gate in gates], axis=1)
        assert_same_law(joined, getattr(native, name).detach().numpy(), alpha=1e-6)


@pytest.mark.needs("torch")
def test_a_torch_twin_has_the_same_weights() -> None:
    """With a map of names: a gate that Linen keeps apart is the rows that PyTorch keeps together."""
    import flax.linen as nn
    import torch

    recipe = ui.recipes.flax_linen_default()
    names = {"weight_ih_l0": "cell/kernel", "weight_hh_l0": "cell/recurrent_kernel"}
    native, _ = ui.apply(torch.nn.LSTM(5, 4), recipe, seed=0, names=names)
    model, _ = ui.apply(abstract(nn.RNN(nn.LSTMCell(4)), ones(1, 2, 5)), recipe, seed=0)
    for letter, name in (("i", "weight_ih_l0"), ("h", "weight_hh_l0")):
        for at, gate in enumerate("ifgo"):
            ours = model.variables["params"]["cell"][f"{letter}{gate}"]["kernel"]
            rows = getattr(native, name).detach()[4 * at : 4 * at + 4]
            assert ui.digest(ours, layout="IO") == ui.digest(rows, layout="OI")


def test_a_parameter_may_be_a_tree() -> None:
    """Each array of a tuple is a parameter of its own, and a number that is no array is left."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            self.variable("cache", "step", lambda: 0)
            weight, bias = self.param("pair", lambda _: (jnp.zeros((3, 3)), jnp.zeros(3)))
            return x @ weight + bias

    x = ones(1, 3)
    model = ui.linen(Model(), Model().init(jax.random.key(0), x), x)
    recipe = ui.Recipe("normal", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    new, report = ui.apply(model, recipe, seed=0)
    assert report.written == ("pair/0", "pair/1")
    weight, _ = new.variables["params"]["pair"]
    assert np.array_equal(weight, ui.draw(ui.normal(0.0, 1.0), (3, 3), seed=0, name="pair/0"))
    assert new.variables["cache"] == {"step": 0}


def test_modules_that_only_compute_are_no_layers() -> None:
    """What is called outside of the module's scope, as for a cell's first state, holds no tensor."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class Start(nn.Module):
        def state(self, size: int) -> Any:
            return jnp.zeros((1, size))

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            carry, _ = nn.LSTMCell(4, parent=None).initialize_carry(jax.random.key(0), x[:, 0].shape)
            carry = (carry, Start(parent=None).state(4))
            return nn.RNN(nn.LSTMCell(4, name="cell"))(x, initial_carry=carry)

    assert {record.path for record in ui.inspect(abstract(Model(), ones(1, 2, 3)))} == {
        "cell/kernel", "cell/recurrent_kernel", "cell/bias",
    }  # fmt: skip


def test_a_kernel_of_another_shape_than_its_layers_has_no_layout() -> None:
    """Transposed or flattened by nn.map_variables: the fans are the layer's, no axis has a role."""
    import flax.linen as nn
    import jax

    def turned(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.T if leaf.ndim == 2 else leaf, tree)

    def flat(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.reshape(-1) if leaf.ndim == 4 else leaf, tree)

    def whole(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.reshape(3, 3, 2, 6) if leaf.size == 108 else leaf, tree)

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            conv = nn.map_variables(nn.Conv, "params", whole, flat, init=True, mutable=True)
            dense = nn.map_variables(nn.Dense, "params", turned, turned, init=True, mutable=True)
            return dense(5, name="dense")(conv(6, (3, 3), feature_group_count=2, name="conv")(x))

    inventory = ui.inspect(abstract(Model(), ones(1, 4, 4, 4)))
    seen = {path: inventory[f"{path}/kernel"] for path in ("conv", "dense")}
    assert {path: (one.shape, one.layout, one.fans) for path, one in seen.items()} == {
        "conv": ((108,), None, (18, 27)),
        "dense": ((5, 6), None, (6, 5)),
    }
    law = ui.plan(inventory, ui.recipes.keras_default())["dense/kernel"].pieces[0].law
    assert law.high == pytest.approx((6 / 11) ** 0.5, rel=1e-15)


def test_a_transformed_cell_is_refused() -> None:
    """Where its gates lie is then not known."""
    import flax.linen as nn
    import jax

    def turned(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.T, tree)

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            cell = nn.map_variables(nn.LSTMCell, "params", turned, turned, init=True, mutable=True)
            cell = cell(4, name="cell")
            return cell(cell.initialize_carry(jax.random.key(0), x.shape), x)

    with refused(ui.ArgumentValueError):
        ui.inspect(abstract(Model(), ones(1, 3)))


def test_kernels_beyond_the_letters_of_layouts() -> None:
    """A convolution of four dimensions has fans and no layout; a kernel of one's own module has neither."""
    import flax.linen as nn

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return x @ self.param("kernel", nn.initializers.zeros, (4, 4))

    inventory = ui.inspect(abstract(nn.Sequential([nn.Conv(4, (2,) * 4), Model()]), ones(1, 3, 3, 3, 3, 2)))
    conv, own = inventory["layers_0/kernel"], inventory["layers_1/kernel"]
    assert (conv.kind, conv.role, conv.layout, conv.fans) == ("conv", "kernel", None, (32, 64))
    assert (own.kind, own.role, own.layout) == ("parameter", "parameter", None)
