"""The walker of Linen: what each layer's tensors are, and what it refuses."""

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


def facts(model: Any, path: str) -> tuple[Any, ...]:
    """Return what a recipe sees of one tensor."""
    record = ui.inspect(model)[path]
    return record.kind, record.role, record.layout, record.fans, record.groups


@pytest.mark.parametrize(
    ("make", "shape", "path", "expected"),
    [
        ("Dense(4)", (1, 6), "kernel", ("linear", "kernel", "IO", (6, 4), 1)),
        ("Dense(4)", (1, 6), "bias", ("linear", "bias", "O", (6, 4), 1)),
        ("DenseGeneral((4, 5), axis=(-2, -1))", (1, 2, 3), "kernel", ("linear", "kernel", "IIOO", (6, 20), 1)),
        ("DenseGeneral(4, batch_dims=(0,))", (7, 6), "kernel", ("linear", "kernel", "BIO", (6, 4), 7)),
        ("DenseGeneral(4, batch_dims=(0,))", (7, 6), "bias", ("linear", "bias", "BO", (6, 4), 7)),
        ("Einsum((4, 6, 5), 'nta,hab->nthb')", (1, 2, 6), "kernel", ("linear", "kernel", "OIO", (6, 20), 1)),
        ("Einsum((4, 6, 5), 'nha,hab->nhb')", (1, 4, 6), "kernel", ("linear", "kernel", "BIO", (6, 5), 4)),
        ("Einsum((4, 6, 5), 'nha,hab->nhb')", (1, 4, 6), "bias", ("linear", "bias", "BO", (6, 5), 4)),
        ("Conv(4, 3)", (1, 9, 6), "kernel", ("conv", "kernel", "WIO", (18, 12), 1)),
        ("Conv(4, (3, 5))", (1, 9, 9, 6), "kernel", ("conv", "kernel", "HWIO", (90, 60), 1)),
        ("Conv(4, (2, 2, 2))", (1, 5, 5, 5, 6), "bias", ("conv", "bias", "O", (48, 32), 1)),
        ("Conv(4, (3, 3), feature_group_count=2)", (1, 9, 9, 6), "kernel",
         ("conv", "kernel", "HWI(BO)", (27, 18), 2)),
        ("Conv(12, (3, 3), feature_group_count=6)", (1, 9, 9, 6), "kernel",
         ("conv", "kernel", "HWI(BO)", (9, 18), 6)),
        ("ConvTranspose(4, (3, 3))", (1, 9, 9, 6), "kernel", ("conv_transpose", "kernel", "HWIO", (54, 36), 1)),
        ("ConvTranspose(4, (3, 3), transpose_kernel=True)", (1, 9, 9, 6), "kernel",
         ("conv_transpose", "kernel", "HWOI", (54, 36), 1)),
        ("ConvLocal(5, (3,), padding='VALID')", (1, 8, 4), "kernel", ("linear", "kernel", "BIO", (12, 5), 6)),
        ("BatchNorm(False)", (2, 4), "batch_stats/var", ("batch_norm", "variance", "O", (None, 4), 1)),
        ("BatchNorm(False)", (2, 4), "scale", ("batch_norm", "scale", "O", (None, 4), 1)),
        ("InstanceNorm()", (2, 3, 4), "bias", ("group_norm", "offset", "O", (None, 4), 1)),
        ("LayerNorm(feature_axes=(-2, -1))", (2, 3, 4), "bias", ("layer_norm", "offset", "OO", (None, 12), 1)),
        ("GroupNorm(2)", (2, 4), "scale", ("group_norm", "scale", "O", (None, 4), 1)),
        ("RMSNorm()", (2, 4), "scale", ("rms_norm", "scale", "O", (None, 4), 1)),
        ("PReLU()", (2, 4), "negative_slope", ("prelu", "slope", None, (None, None), 1)),
        ("MultiHeadDotProductAttention(2)", (1, 3, 8), "query/kernel",
         ("attention", "kernel", "IOO", (8, 8), 1)),
        ("MultiHeadAttention(2, qkv_features=6)", (1, 3, 8), "out/kernel",
         ("attention", "kernel", "IIO", (6, 8), 1)),
        ("RNN(nn.LSTMCell(3))", (1, 2, 5), "cell/kernel", ("lstm", "kernel", "IO", (5, 3), 1)),
        ("RNN(nn.OptimizedLSTMCell(3))", (1, 2, 5), "cell/recurrent_kernel",
         ("lstm", "recurrent_kernel", "IO", (3, 3), 1)),
        ("RNN(nn.GRUCell(3))", (1, 2, 5), "cell/recurrent_bias", ("gru", "recurrent_bias", "O", (3, 3), 1)),
        ("RNN(nn.SimpleCell(3))", (1, 2, 5), "cell/i/kernel", ("rnn", "kernel", "IO", (5, 3), 1)),
    ],
)  # fmt: skip
def test_a_layers_tensors_are_what_they_are(
    make: str, shape: tuple[int, ...], path: str, expected: tuple[Any, ...]
) -> None:
    """Kind, role, layout, true fans and groups, for each layer."""
    import flax.linen as nn

    assert facts(abstract(eval(f"nn.{make}", {"nn": nn}), ones(*shape)), path) == expected  # noqa: S307


def test_an_embedding_and_free_parameters() -> None:
    """A table has a row a token; a parameter of no layer is what its name says."""
    import flax.linen as nn
    import jax.numpy as jnp

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            shape = (1, 3, 4)
            names = ("pos_embedding", "cls_token", "gamma_1", "mixing")
            added = [self.param(name, nn.initializers.normal(), shape) for name in names]
            return nn.Embed(9, 4)(x) + sum(added)

    inventory = ui.inspect(abstract(Model(), jnp.ones((1, 3), jnp.int32)))
    assert [(record.path, record.kind, record.role) for record in inventory] == [
        ("cls_token", "parameter", "token"),
        ("gamma_1", "parameter", "layer_scale"),
        ("mixing", "parameter", "parameter"),
        ("pos_embedding", "parameter", "position"),
        ("Embed_0/embedding", "embedding", "embedding"),
    ]
    assert inventory["mixing"].native == "Model"


def test_gates_are_parts_with_tensors_of_their_own() -> None:
    """One record a kernel, whose parts are the native tensors; its own path is none of them."""
    import flax.linen as nn

    model = abstract(nn.RNN(nn.LSTMCell(3)), ones(1, 2, 5))
    record = ui.inspect(model)["cell/kernel"]
    assert (record.shape, record.axis, record.hidden, record.features) == ((5, 12), 1, 3, 5)
    assert [(part.label, part.path) for part in record.parts] == [
        (label, f"cell/i{label}/kernel") for label in "ifgo"
    ]
    new, report = ui.apply(model, ui.recipes.flax_linen_default(), seed=3)
    assert report.written == ("cell/bias", "cell/kernel", "cell/recurrent_kernel")
    drawn = ui.draw(ui.lecun_normal(), (5, 3), layout="IO", seed=3, name="cell/kernel/f")
    assert np.array_equal(new.variables["params"]["cell"]["if"]["kernel"], drawn)


def test_attention_knows_the_inputs_of_its_keys() -> None:
    """Where keys have inputs of their own, queries, keys and values say so, as in PyTorch."""
    import flax.linen as nn
    import jax

    module = nn.MultiHeadDotProductAttention(2)
    query, other = ones(1, 3, 8), ones(1, 5, 6)
    variables = jax.eval_shape(module.init, jax.random.key(0), query, other)
    inventory = ui.inspect(ui.linen(module, variables, query, other))
    assert [inventory[f"{name}/kernel"].features for name in ("query", "key", "value", "out")] == [6, 6, 6, 0]
    assert {record.place for record in inventory} == {
        f"attention.{name}" for name in ("query", "key", "value", "out")
    }


def test_stacked_layers_are_copies() -> None:
    """Under scan and vmap the axis that stacks is a B, wherever it lies, and enters no fan."""
    import flax.linen as nn

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x: Any, _: Any) -> Any:
            return nn.Dense(3, name="dense")(x), None

    class Scanned(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            blocks = nn.scan(Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=4)
            return blocks(name="blocks")(x, None)[0]

    class Mapped(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            dense = nn.vmap(nn.Dense, variable_axes={"params": 1}, split_rngs={"params": True}, in_axes=None,
                            axis_size=4)  # fmt: skip
            return dense(5, name="dense")(x)

    record = ui.inspect(abstract(Scanned(), ones(2, 3)))["blocks/dense/kernel"]
    assert (record.shape, record.layout, record.fans, record.groups) == ((4, 3, 3), "BIO", (3, 3), 1)
    record = ui.inspect(abstract(Mapped(), ones(2, 3)))["dense/kernel"]
    assert (record.shape, record.layout, record.fans) == ((3, 4, 5), "IBO", (3, 5))


def test_transformations_hide_no_layer() -> None:
    """Under remat and jit, and when a module is looked at again."""
    import flax.linen as nn

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.jit(nn.Dense)(3, name="a")(nn.remat(nn.Dense)(3, name="b")(x))

    for _ in range(2):
        assert {record.kind for record in ui.inspect(abstract(Model(), ones(2, 3)))} == {"linear"}


def test_a_bare_tree_has_what_names_and_shapes_prove() -> None:
    """Default names say the layer; the records are those of the module itself."""
    import flax.linen as nn

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.PReLU()(nn.BatchNorm(use_running_average=False)(nn.Embed(9, 6)(x)))
            x = nn.RNN(nn.LSTMCell(6))(x)
            x = nn.LayerNorm()(nn.MultiHeadDotProductAttention(2)(x))
            return nn.Dense(3)(nn.RNN(nn.GRUCell(6))(x))

    whole = abstract(Model(), ones(1, 4).astype(int))
    bare = ui.inspect(ui.linen(None, whole.variables))
    assert set(bare) == set(ui.inspect(whole))


def test_a_bare_tree_asks_for_what_they_do_not() -> None:
    """A transposed convolution has two layouts, any convolution groups; a name of its own says nothing."""
    import flax.linen as nn

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(3, name="head")(nn.ConvTranspose(6, (3, 3))(x))

    whole = abstract(Model(), ones(1, 4, 4, 2))
    with refused(ui.ArgumentValueError):
        ui.inspect(ui.linen(None, whole.variables))


@pytest.mark.parametrize("groups", [1, 2])
def test_a_bare_tree_does_not_guess_the_groups_of_a_convolution(groups: int) -> None:
    """Kernels of one group and of two look alike, and have other fans."""
    import flax.linen as nn

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Conv(6, (3, 3), feature_group_count=groups)(x)

    whole = abstract(Model(), ones(1, 4, 4, 4))
    assert ui.inspect(whole)["Conv_0/kernel"].fans == (36 // groups, 54 // groups)
    with refused(ui.ArgumentValueError):
        ui.inspect(ui.linen(None, whole.variables))


@pytest.mark.parametrize("wrapper", ["WeightNorm", "SpectralNorm"])
def test_normalised_weights_are_refused(wrapper: str) -> None:
    """What is stored is not what the layer uses; skipped, the rest is written."""
    import flax.linen as nn
    import jax

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            kwargs = {"update_stats": False} if wrapper == "SpectralNorm" else {}
            x = nn.Dense(4)(x)
            return getattr(nn, wrapper)(nn.Dense(3))(x, **kwargs)

    variables = Model().init(jax.random.key(0), ones(1, 2))
    model = ui.linen(Model(), variables, ones(1, 2))
    with refused(ui.ArgumentValueError):
        ui.apply(model, ui.recipes.flax_linen_default(), seed=0)
    new, report = ui.apply(model, ui.recipes.flax_linen_default(), seed=0, skip="Dense_1/kernel")
    assert report.written == ("Dense_0/bias", "Dense_0/kernel", "Dense_1/bias")
    assert new.variables["params"]["Dense_1"]["kernel"] is variables["params"]["Dense_1"]["kernel"]


@pytest.mark.parametrize(
    "args",
    [(1, {"params": {}}), (None, [1]), (None, {"kernel": 1})],
)
def test_what_is_no_model_is_refused(args: tuple[Any, ...]) -> None:
    """A module, and the whole dict of its variables."""
    with refused(ui.UnifiedInitError):
        ui.linen(*args)


def test_variables_of_another_module_are_refused() -> None:
    """A shape that the module does not make, a tensor that it lacks, a layer that no input reaches."""
    import flax.linen as nn

    variables = abstract(nn.Dense(4), ones(1, 3)).variables
    with refused(ui.ArgumentValueError):
        ui.inspect(ui.linen(nn.Dense(5), variables, ones(1, 3)))
    with refused(ui.ArgumentValueError):
        ui.inspect(ui.linen(nn.LayerNorm(), {"params": {"bias": ones(3)}}, ones(1, 3)))
    with refused(ui.ArgumentValueError):
        ui.inspect(ui.linen(nn.Dense(4, use_bias=False), variables, ones(1, 3)))


def test_inputs_that_the_module_does_not_take_are_refused() -> None:
    """What it raises stands in the message."""
    import flax.linen as nn

    variables = abstract(nn.Dense(4), ones(1, 3)).variables
    with refused(ui.ArgumentValueError, hidden=r"(?s)(?<=it raised TypeError).*"):
        ui.inspect(ui.linen(nn.Dense(4), variables, ones(1, 3), wrong=1))
