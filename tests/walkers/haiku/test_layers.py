"""The walker of Haiku: what each layer's tensors are, by evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.haiku_functions import calling, layer, wrapped

import unified_init as ui

pytestmark = pytest.mark.needs("haiku")


@pytest.mark.parametrize(
    ("make", "shape", "path", "expected"),
    [
        ("hk.Linear(4)", (2, 6), "linear/w", ("linear", "kernel", "IO", (6, 4), 1)),
        ("hk.Linear(4)", (2, 6), "linear/b", ("linear", "bias", "O", (6, 4), 1)),
        ("hk.Conv1D(4, 3)", (2, 9, 6), "conv1_d/w", ("conv", "kernel", "WIO", (18, 12), 1)),
        ("hk.Conv2D(4, (3, 5))", (2, 9, 9, 6), "conv2_d/w", ("conv", "kernel", "HWIO", (90, 60), 1)),
        ("hk.Conv3D(4, 2)", (2, 5, 5, 5, 6), "conv3_d/b", ("conv", "bias", "O", (48, 32), 1)),
        (
            "hk.Conv2D(4, 3, feature_group_count=2)", (2, 9, 9, 6), "conv2_d/w",
            ("conv", "kernel", "HWI(BO)", (27, 18), 2),
        ),
        (
            "hk.Conv2DTranspose(4, 3)", (2, 9, 9, 6), "conv2_d_transpose/w",
            ("conv_transpose", "kernel", "HWOI", (54, 36), 1),
        ),
        (
            "hk.DepthwiseConv2D(2, 3)", (2, 9, 9, 6), "depthwise_conv2_d/w",
            ("conv", "kernel", "HWI(BO)", (9, 18), 6),
        ),
        (
            "hk.SeparableDepthwiseConv2D(2, 3)", (2, 9, 9, 6),
            "separable_depthwise_conv2_d/~/depthwise_conv2_d/w", ("conv", "kernel", "HWI(BO)", (3, 6), 6),
        ),
        (
            "hk.SeparableDepthwiseConv2D(2, 3)", (2, 9, 9, 6),
            "separable_depthwise_conv2_d/~/depthwise_conv2_d_1/b", ("conv", "bias", "O", (3, 3), 12),
        ),
        ("hk.LayerNorm(-1, True, True)", (2, 6), "layer_norm/scale", ("layer_norm", "scale", "O", (None, 6), 1)),
        ("hk.GroupNorm(2)", (2, 9, 6), "group_norm/offset", ("group_norm", "offset", "O", (None, 6), 1)),
        ("hk.RMSNorm(-1)", (2, 6), "rms_norm/scale", ("rms_norm", "scale", "O", (None, 6), 1)),
        (
            "hk.InstanceNorm(True, True)", (2, 9, 9, 6), "instance_norm/scale",
            ("group_norm", "scale", "O", (None, 6), 1),
        ),
        ("hk.Bias(bias_dims=[-1])", (2, 6), "bias/b", ("parameter", "bias", "O", (None, 6), 1)),
    ],
)  # fmt: skip
def test_a_layers_tensors_are_what_they_are(
    make: str, shape: tuple[int, ...], path: str, expected: tuple[Any, ...]
) -> None:
    """Kind, role, layout, true fans and groups, for each layer."""
    record = ui.inspect(layer(make, *shape))[path]
    assert (record.kind, record.role, record.layout, record.fans, record.groups) == expected


def test_every_known_layer_is_a_class_of_haiku() -> None:
    """By its public name, or as a base of classes that have one: a name that Haiku gives up is missing here."""
    from unified_init.walkers.haiku.layers import LAYERS
    from unified_init.walkers.haiku.walker import CLASSES

    assert sorted(CLASSES.values()) == sorted(LAYERS)


def test_an_embedding_is_a_table() -> None:
    """Embed's rows are drawn apart."""
    record = ui.inspect(layer("hk.Embed(7, 4)", 2, data="int32"))["embed/embeddings"]
    assert (record.kind, record.role, record.layout, record.outputs) == ("embedding", "embedding", "BO", 4)


def test_axes_that_only_broadcast_are_no_axes() -> None:
    """A batch norm's (1, 1, 1, C) and a convolution's (C, 1, 1) are vectors, as their twins elsewhere."""
    inventory = ui.inspect(layer("hk.BatchNorm(True, True, 0.9)", 2, 5, 5, 3, is_training=True))
    assert inventory["batch_norm/scale"].shape == (3,)
    assert ui.inspect(layer('hk.Conv2D(4, 3, data_format="channels_first")', 2, 3, 9, 9))[
        "conv2_d/b"
    ].shape == (4,)


def test_the_state_of_batch_norm_is_recorded() -> None:
    """The averages are mean and variance; what accumulates from 0 is a count."""
    inventory = ui.inspect(layer("hk.BatchNorm(True, True, 0.9)", 2, 5, 5, 3, is_training=True))
    roles = {record.path.removeprefix("state:batch_norm/~/"): record.role for record in inventory}
    assert roles == {
        "batch_norm/scale": "scale", "batch_norm/offset": "offset",
        "mean_ema/average": "mean", "mean_ema/hidden": "count", "mean_ema/counter": "count",
        "var_ema/average": "variance", "var_ema/hidden": "count", "var_ema/counter": "count",
    }  # fmt: skip


def test_other_state_is_left() -> None:
    """What no layer explains keeps its value and is reported."""
    import haiku as hk

    class Counter(hk.Module):
        def __call__(self, x: Any) -> Any:
            hk.set_state("last", x)  # and never asked for
            return x

    def call(x: Any) -> Any:
        return Counter()(hk.get_state("seen", (), x.dtype, init=hk.initializers.Constant(7.0)) + x)

    model = wrapped(call, np.ones(3, np.float32))
    assert ui.inspect(model).left == ("state:counter/last", "state:~/seen")


def test_the_projections_of_attention_have_places() -> None:
    """Queries, keys, values and output; keys of another width are told."""
    import haiku as hk

    def call(q: Any, k: Any) -> Any:
        return hk.MultiHeadAttention(2, 4, w_init=hk.initializers.VarianceScaling(1.0))(q, k, k)

    inventory = ui.inspect(wrapped(call, np.ones((3, 8), np.float32), np.ones((5, 6), np.float32)))
    places = {
        word: (
            inventory[f"multi_head_attention/{word}/w"].place,
            inventory[f"multi_head_attention/{word}/w"].fans,
        )
        for word in ("query", "key", "value", "linear")
    }
    assert places == {
        "query": ("attention.query", (8, 8)),
        "key": ("attention.key", (6, 8)),
        "value": ("attention.value", (6, 8)),
        "linear": ("attention.out", (8, 8)),
    }
    assert {record.kind for record in inventory} == {"attention"}
    assert inventory["multi_head_attention/key/w"].features == 6


def test_parameters_of_users_modules_are_parameters() -> None:
    """A module that asks for a parameter itself has no layer kind; its names may say what it is."""
    import haiku as hk

    class Mine(hk.Module):
        def __call__(self, x: Any) -> Any:
            token = hk.get_parameter("cls_token", (1, 1, 4), init=hk.initializers.Constant(0.0))
            return x + token + hk.get_parameter("w", (4,), init=hk.initializers.Constant(0.0))

    def call(x: Any) -> Any:
        return Mine()(x)

    inventory = ui.inspect(wrapped(call, np.ones((1, 1, 4), np.float32)))
    seen = {record.path: (record.kind, record.role, record.native) for record in inventory}
    assert seen == {
        "mine/cls_token": ("parameter", "token", "Mine"),
        "mine/w": ("parameter", "parameter", "Mine"),
    }


def test_a_derived_class_is_its_base() -> None:
    """Where a class is derived from Linear, its tensors are a linear layer's."""
    import haiku as hk

    class Special(hk.Linear):
        pass

    def call(x: Any) -> Any:
        return Special(4)(x)

    record = ui.inspect(wrapped(call, np.ones((2, 6), np.float32)))["special/w"]
    assert (record.kind, record.fans, record.native) == ("linear", (6, 4), "Special")


def test_stacked_layers_are_copies() -> None:
    """A scanned stack and a lifted ensemble have a leading axis of copies, which no fan counts."""
    import haiku as hk
    import jax

    def call(x: Any) -> Any:
        return hk.experimental.layer_stack(3)(calling("hk.Linear(6)"))(x)

    record = ui.inspect(wrapped(call, np.ones((2, 6), np.float32)))["__layer_stack_no_per_layer/linear/w"]
    assert (record.shape, record.layout, record.fans) == ((3, 6, 6), "BIO", (6, 6))

    def member(x: Any) -> Any:
        h, _ = hk.LSTM(3)(x, hk.LSTM(3).initial_state(2))
        return hk.Conv1D(4, 3, feature_group_count=2)(h[:, None].repeat(2, 2))

    function = hk.transform(member)
    x = np.ones((2, 5), np.float32)
    params = jax.eval_shape(
        lambda: jax.vmap(function.init, in_axes=(0, None))(jax.random.split(jax.random.PRNGKey(0), 7), x)
    )
    inventory = ui.inspect(ui.haiku(function, params, x))
    half = next(record for record in inventory if record.path.endswith("#recurrent"))
    assert (half.shape, half.layout, half.axis) == ((7, 3, 12), "BIO", 2)
    assert half.parts[1].box == ((0, 7), (5, 8), (3, 6))
    conv = inventory["conv1_d/w"]
    assert (conv.shape, conv.layout, conv.sizes, conv.fans) == ((7, 3, 3, 4), "BWI(BO)", (("B", 2),), (9, 6))
    model, _ = ui.apply(ui.haiku(function, params, x), ui.recipes.haiku_default(), seed=0)
    assert model.params["conv1_d"]["w"].shape == (7, 3, 3, 4)


def test_copies_of_an_unknown_parameter_stay_unknown() -> None:
    """An ensemble's own parameters have one more axis, and still no layout that anybody said."""
    import haiku as hk
    import jax

    class Mine(hk.Module):
        def __call__(self, x: Any) -> Any:
            return x * hk.get_parameter("mixing", (6,), init=hk.initializers.Constant(1.0))

    def call(x: Any) -> Any:
        return Mine()(x)

    function = hk.transform(call)
    x = np.ones((2, 6), np.float32)
    params = jax.eval_shape(
        lambda: jax.vmap(function.init, in_axes=(0, None))(jax.random.split(jax.random.PRNGKey(0), 4), x)
    )
    record = ui.inspect(ui.haiku(function, params, x))["mine/mixing"]
    assert (record.role, record.shape, record.layout) == ("parameter", (4, 6), None)
