"""Published recipes on models of other frameworks: rules speak of places, not of a framework's names."""

from __future__ import annotations

import math

import pytest
from tests.helpers.published import law_of

import unified_init as ui
from unified_init import recipes


@pytest.mark.needs("jax", "haiku")
def test_resnet_on_haiku() -> None:
    """Haiku's ResNet has its stem, shortcuts, head and the last normalization of each of its 8 blocks."""
    import haiku as hk
    import jax

    def forward(images: jax.Array) -> jax.Array:
        return hk.nets.ResNet18(7)(images, is_training=True)

    images = jax.ShapeDtypeStruct((1, 32, 32, 3), "float32")
    transformed = hk.transform_with_state(forward)
    params, state = jax.eval_shape(transformed.init, jax.random.key(0), images)
    planned = ui.plan(ui.haiku(transformed, params, images, state=state), recipes.resnet())
    zeroed = [one.record.path for one in planned if one.record.role == "scale" and not one.pieces[0].law.mean]
    assert len(zeroed) == 8
    assert all(path.endswith("batchnorm_1/scale") for path in zeroed)
    assert law_of(planned, "res_net18/~/initial_conv/w").std == math.sqrt(2 / (64 * 49))
    assert law_of(planned, "res_net18/~/logits/w").high == pytest.approx(512**-0.5, rel=1e-15)


@pytest.mark.needs("keras")
def test_resnet_on_keras() -> None:
    """Keras writes blocks into names: 0 is the shortcut, the highest number ends the branch."""
    import keras

    x = keras.Input((8, 8, 3))
    shortcut, y = x, x
    for name in ("conv1", "conv2_block1_0", "conv2_block1_1", "conv2_block1_2", "conv2_block1_3"):
        z = keras.layers.Conv2D(4, 3, padding="same", name=f"{name}_conv")(y)
        z = keras.layers.BatchNormalization(name=f"{name}_bn")(z)
        shortcut, y = (z, y) if name.endswith("_0") else (shortcut, z)
    pooled = keras.layers.GlobalAveragePooling2D()(shortcut + y)
    model = keras.Model(x, keras.layers.Dense(7, name="predictions")(pooled))
    planned = ui.plan(model, recipes.resnet())
    zeroed = [one.record.path for one in planned if one.record.role == "scale" and not one.pieces[0].law.mean]
    assert zeroed == ["conv2_block1_3_bn/gamma"]
    places = {one.record.path: one.record.place for one in planned if one.record.role == "kernel"}
    assert places == {
        "conv1_conv/kernel": "stem",
        "conv2_block1_0_conv/kernel": "shortcut",
        "conv2_block1_1_conv/kernel": "",
        "conv2_block1_2_conv/kernel": "",
        "conv2_block1_3_conv/kernel": "last_conv",
        "predictions/kernel": "head",
    }


@pytest.mark.needs("jax", "flax")
def test_gpt2_on_flax() -> None:
    """A block of Linen has its attention's output and its two numbered feed-forward layers."""
    import flax.linen as nn
    import jax

    class MlpBlock(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            return nn.Dense(8)(nn.Dense(32)(x))

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            x = x + nn.MultiHeadDotProductAttention(num_heads=2)(nn.LayerNorm()(x))
            return x + MlpBlock()(nn.LayerNorm()(x))

    class Model(nn.Module):
        @nn.compact
        def __call__(self, tokens: jax.Array) -> jax.Array:
            x = nn.Embed(11, 8)(tokens)
            for _ in range(2):
                x = Block()(x)
            return nn.Dense(11, name="lm_head")(x)

    model = Model()
    tokens = jax.ShapeDtypeStruct((1, 4), "int32")
    variables = jax.eval_shape(model.init, jax.random.key(0), tokens)
    planned = ui.plan(ui.linen(model, variables, tokens), recipes.gpt2(n_layer=2))
    found = {
        one.record.path: law_of(planned, one.record.path).std
        for one in planned
        if one.record.role == "kernel"
    }
    small = {path for path, std in found.items() if std == 0.02 / math.sqrt(4)}
    assert len(found) == 2 * 6 + 1
    assert {path.rsplit("/", 2)[-2] for path in small} == {"out", "Dense_1"}
    assert len(small) == 4
