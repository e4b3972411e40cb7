"""Real models: one framework's defaults on another's model, and audits of models that others made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.reading import logical_values

import unified_init as ui
from unified_init.testing import assert_same_law

ALPHA = 1e-6
CLASSES, CHANNELS, HIDDEN = 40, 24, 48


def torch_cnn() -> Any:
    """Return a convolutional network with an LSTM, as PyTorch makes it, the same one each time."""
    import torch
    from torch import nn

    torch.manual_seed(0)  # of other values one in twenty has a largest bias that is too small for the test
    return nn.ModuleDict({
        "table": nn.Embedding(300, 32),
        "conv": nn.Conv2d(16, CHANNELS, 3),
        "norm": nn.BatchNorm2d(CHANNELS),
        "lstm": nn.LSTM(CHANNELS, HIDDEN),
        "head": nn.Linear(HIDDEN, CLASSES),
    })  # fmt: skip


def nnx_cnn() -> Any:
    """Return the same network, as Flax NNX makes it."""
    from flax import nnx

    class Cnn(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.table = nnx.Embed(300, 32, rngs=rngs)
            self.conv = nnx.Conv(16, CHANNELS, (3, 3), rngs=rngs)
            self.norm = nnx.BatchNorm(CHANNELS, rngs=rngs)
            self.lstm = nnx.LSTMCell(CHANNELS, HIDDEN, rngs=rngs)
            self.head = nnx.Linear(HIDDEN, CLASSES, rngs=rngs)

    return Cnn(nnx.Rngs(0))


def keras_cnn() -> Any:
    """Return the same network, as Keras makes it."""
    import keras

    tokens, image = keras.Input((7,)), keras.Input((9, 9, 16))
    embedded = keras.layers.Embedding(300, 32, name="table")(tokens)
    x = keras.layers.Conv2D(CHANNELS, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.LSTM(HIDDEN, name="lstm")(keras.layers.Reshape((49, CHANNELS))(x))
    return keras.Model([tokens, image], [keras.layers.Dense(CLASSES, name="head")(x), embedded])


def one_bias(model: Any) -> dict[str, str | None]:
    """Return what a match must be told of PyTorch's second bias, which no other framework has."""
    records = [record for record in ui.inspect(model) if record.role == "recurrent_bias"]
    return {f"{record.path}/{part.label}": None for record in records for part in record.parts}


@pytest.mark.parametrize(
    ("make_real", "make_ours", "recipe"),
    [
        pytest.param(torch_cnn, nnx_cnn, "torch_default", marks=pytest.mark.needs("torch", "flax")),
        pytest.param(keras_cnn, torch_cnn, "keras_default", marks=pytest.mark.needs("torch", "keras")),
        pytest.param(nnx_cnn, torch_cnn, "flax_nnx_default", marks=pytest.mark.needs("torch", "flax")),
    ],
    ids=["torch's on Flax", "Keras' on torch", "Flax' on torch"],
)
def test_every_layer_has_the_law_of_the_real_constructor(make_real: Any, make_ours: Any, recipe: str) -> None:
    """Constants are equal; the rest pass two-sample tests at 1e-6, all of a network of one framework."""
    real, ours = make_real(), make_ours()
    sides = (real, ours)
    missing = {path: None for model in sides for path in one_bias(model)}
    names = ui.match(real, ours, given=missing)
    ui.apply(ours, getattr(ui.recipes, recipe)(), seed=11, names=names)
    theirs, made = logical_values(real), logical_values(ours, names)
    compared = 0
    for stream in set(theirs) & set(made):
        one, other = made[stream].astype(np.float64).ravel(), theirs[stream].astype(np.float64).ravel()
        if np.ptp(other) == 0.0:
            assert np.array_equal(one, other), stream
        elif "bias" in stream:  # too few values for a test of their law: within the same bound
            assert np.abs(one).max() <= 1.1 * np.abs(other).max(), stream
        else:
            assert_same_law(one, other, alpha=ALPHA)
            compared += 1
    assert compared == 11  # table, convolution, head, and four gates twice


@pytest.mark.needs("torch", "flax", "keras")
def test_the_comparison_rejects_another_frameworks_defaults() -> None:
    """The twin of the test above: PyTorch's defaults are not those of Flax."""
    real, ours = nnx_cnn(), torch_cnn()
    names = ui.match(real, ours, given=one_bias(ours))
    ui.apply(ours, ui.recipes.torch_default(), seed=11, names=names)
    theirs, made = logical_values(real), logical_values(ours, names)
    for stream in (
        "conv/kernel",
        "head/kernel",
        "table/embedding",
        "lstm/kernel/i",
        "lstm/recurrent_kernel/f",
    ):
        with pytest.raises(AssertionError, match="do not have the same law"):
            assert_same_law(made[stream].ravel(), theirs[stream].ravel(), alpha=ALPHA)


def row(audit: ui.Audit, path: str) -> Any:
    """Return the row of a path."""
    return next(one for one in audit.rows if one.path == path)


@pytest.mark.needs("torchvision")
def test_an_audit_of_torchvisions_mobilenet_names_the_depthwise_fans() -> None:
    """Faithful to the recipe, and far below the true fans."""
    import torchvision

    model = torchvision.models.mobilenet_v2(num_classes=10)
    audit = ui.audit(model, ui.recipes.mobilenet())
    assert {one.verdict for one in audit.rows} <= {"ok", "left"}
    depthwise = row(audit, "features.1.conv.0.0.weight")
    assert "it would be 5.66x as large" in "; ".join(depthwise.notes)


@pytest.mark.needs("torchvision")
def test_an_audit_of_torchvisions_vit_names_the_fused_fans() -> None:
    """in_proj_weight has 1/sqrt(2) of what separate matrices get."""
    import torchvision

    model = torchvision.models.VisionTransformer(32, 16, 2, 2, 64, 128, num_classes=10)
    audit = ui.audit(model, ui.recipes.torch_default())
    fused = row(audit, "encoder.layers.encoder_layer_0.self_attention.in_proj_weight/q")
    assert fused.verdict == "ok"
    assert "1.41x as large" in "; ".join(fused.notes)


@pytest.mark.needs("timm")
def test_an_audit_of_timm_follows_its_own_recipe() -> None:
    """A vision transformer in the default mode."""
    import timm
    import torch

    torch.manual_seed(0)  # timm's truncated normal lets a -2 pass once in a while
    model = timm.create_model("vit_tiny_patch16_224", depth=2, num_classes=10)
    audit = ui.audit(model, ui.recipes.vit_timm())
    assert {one.verdict for one in audit.rows} <= {"ok", "left"}


@pytest.mark.needs("transformers")
def test_an_audit_of_gpt2_names_projections_that_are_not_scaled() -> None:
    """The model of transformers passes; one whose c_proj has 0.02 is named with the factor."""
    import torch
    import transformers

    config = transformers.GPT2Config(n_layer=2, n_embd=96, n_head=4, vocab_size=301, n_positions=64)
    model = transformers.GPT2LMHeadModel(config)
    recipe = ui.recipes.gpt2(n_layer=2)
    assert {one.verdict for one in ui.audit(model, recipe).rows} <= {"ok", "left"}
    with torch.no_grad():
        model.transformer.h[1].mlp.c_proj.weight.mul_(2.0)
    audit = ui.audit(model, recipe)
    broken = row(audit, "transformer.h.1.mlp.c_proj.weight")
    assert broken.verdict == "differs"
    assert "1/sqrt(2" in "; ".join(broken.notes)


@pytest.mark.needs("keras")
def test_an_audit_of_a_keras_application_names_the_depthwise_fans() -> None:
    """MobileNetV2 as keras.applications makes it."""
    import keras

    model = keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=10)
    audit = ui.audit(model, ui.recipes.keras_default())
    assert {one.verdict for one in audit.rows} <= {"ok", "left"}
    notes = [note for one in audit.rows if "depthwise" in one.path for note in one.notes]
    assert any("With the group-correct fans" in note for note in notes)
