"""keras_default: the law of every layer of Keras, with the layers' own constructors as the oracle."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.testing import assert_same_law

IMAGE = (1, 16, 16, 24)
SERIES = (1, 40, 24)
# A layer, the shapes it is built with, a variable, the fans that Keras gives it and the true ones.
GLOROT = [
    ("Dense(96)", [(1, 64)], "kernel", (64, 96), (64, 96)),
    ("EinsumDense('abc,cde->abde', (None, 6, 20))", [(1, 5, 64)], "kernel", (64, 120), (64, 120)),
    ("EinsumDense('abcd,cde->abe', (None, 64))", [(1, 5, 6, 20)], "kernel", (120, 64), (120, 64)),
    ("EinsumDense('...x,xy->...y', 96)", [(1, 5, 64)], "kernel", (64, 96), (64, 96)),
    ("EinsumDense('bhd,hde->bhe', (6, 40))", [(1, 6, 32)], "kernel", (32, 240), (32, 40)),
    ("Conv1D(96, 5)", [SERIES], "kernel", (120, 480), (120, 480)),
    ("Conv2D(48, 3)", [IMAGE], "kernel", (216, 432), (216, 432)),
    ("Conv3D(20, 2)", [(1, 8, 8, 8, 24)], "kernel", (192, 160), (192, 160)),
    ("Conv2D(48, 3, groups=4)", [IMAGE], "kernel", (54, 432), (54, 108)),
    ("Conv2D(96, 5, groups=24)", [IMAGE], "kernel", (25, 2400), (25, 100)),
    ("Conv1DTranspose(32, 5)", [SERIES], "kernel", (160, 120), (120, 160)),
    ("Conv2DTranspose(48, 3)", [IMAGE], "kernel", (432, 216), (216, 432)),
    ("Conv3DTranspose(20, 2)", [(1, 8, 8, 8, 24)], "kernel", (160, 192), (192, 160)),
    ("DepthwiseConv1D(31, depth_multiplier=4)", [SERIES], "kernel", (744, 124), (31, 124)),
    ("DepthwiseConv2D(7, depth_multiplier=3)", [IMAGE], "kernel", (1176, 147), (49, 147)),
    ("SeparableConv1D(96, 31, depth_multiplier=4)", [SERIES], "depthwise_kernel", (744, 124), (31, 124)),
    ("SeparableConv1D(96, 5)", [SERIES], "pointwise_kernel", (24, 96), (24, 96)),
    ("SeparableConv2D(96, 7, depth_multiplier=2)", [IMAGE], "depthwise_kernel", (1176, 98), (49, 98)),
    ("SeparableConv2D(96, 3, depth_multiplier=2)", [IMAGE], "pointwise_kernel", (48, 96), (48, 96)),
    ("MultiHeadAttention(4, 24)", [(1, 5, 64)] * 2, "query/kernel", (64, 96), (64, 96)),
    ("MultiHeadAttention(4, 24)", [(1, 5, 64), (1, 5, 48)], "key/kernel", (48, 96), (48, 96)),
    ("MultiHeadAttention(4, 24, value_dim=16)", [(1, 5, 64)] * 2, "value/kernel", (64, 64), (64, 64)),
    ("MultiHeadAttention(4, 24)", [(1, 5, 64)] * 2, "attention_output/kernel", (96, 64), (96, 64)),
    ("GroupQueryAttention(24, 4, 2)", [(1, 5, 96)] * 2, "key/kernel", (96, 48), (96, 48)),
    ("GroupQueryAttention(24, 4, 2)", [(1, 5, 64)] * 2, "attention_output/kernel", (96, 64), (96, 64)),
    ("AdditiveAttention()", [[(1, 5, 4000), (1, 6, 4000)]], "scale", (4000, 4000), (4000, 1)),
    ("LSTM(32)", [(1, 5, 48)], "lstm_cell/kernel", (48, 128), (48, 32)),
    ("GRU(32)", [(1, 5, 48)], "gru_cell/kernel", (48, 96), (48, 32)),
    ("SimpleRNN(96)", [(1, 5, 48)], "simple_rnn_cell/kernel", (48, 96), (48, 96)),
    ("ConvLSTM2D(6, 3)", [(1, 5, 16, 16, 24)], "conv_lstm_cell/kernel", (216, 216), (216, 54)),
]  # fmt: skip


def built(make: str, shapes: list[Any]) -> Any:
    """Return a layer of Keras, with values of its own under a fixed seed."""
    from keras import layers

    random.seed(1)
    layer = eval(f"layers.{make}", {"layers": layers})  # noqa: S307  # written above
    layer.build(*shapes)
    return layer


def read(layer: Any, path: str) -> Any:
    """Return a variable's values."""
    from unified_init.walkers.keras import walker as _keras

    return np.array(_keras.read(layer, path))


def check_uniform(theirs: Any, bound: float) -> None:
    """Check that a sample reaches up to a bound and not beyond: short of it by 40 / n once in 10^17."""
    largest = float(np.abs(theirs).max())
    assert bound * (1 - 40 / theirs.size) < largest <= np.float32(bound) * np.float32(1 + 2**-22)


@pytest.mark.needs("keras")
@pytest.mark.parametrize(("make", "shapes", "path", "fans", "true"), GLOROT)
def test_kernels_have_keras_law(
    make: str, shapes: list[Any], path: str, fans: tuple[int, int], true: tuple[int, int]
) -> None:
    """U(-b, b) with b = sqrt(6 / (fan_in + fan_out)): the plan's numbers, and the layer's own sample."""
    layer = built(make, shapes)
    bound = math.sqrt(6 / sum(fans))
    for piece in ui.plan(layer, ui.recipes.keras_default())[path].pieces:
        assert (piece.law.kind, piece.law.fan_in, piece.law.fan_out) == ("uniform", *fans)
        assert piece.law.high == pytest.approx(bound, rel=1e-15)
        assert piece.law.std == pytest.approx(bound / math.sqrt(3), rel=1e-15)
    theirs = read(layer, path)
    check_uniform(theirs, bound)
    ui.apply(layer, ui.recipes.keras_default(), seed=0)
    assert_same_law(read(layer, path), theirs, alpha=1e-6)
    for piece in ui.plan(layer, ui.recipes.keras_default_corrected())[path].pieces:
        assert (piece.law.fan_in, piece.law.fan_out) == true
        assert piece.law.high == pytest.approx(math.sqrt(6 / sum(true)), rel=1e-15)


@pytest.mark.needs("keras")
@pytest.mark.parametrize(
    ("make", "shapes", "path", "matrix"),
    [
        ("LSTM(32)", [(1, 5, 48)], "lstm_cell/recurrent_kernel", (32, 128)),
        ("GRU(32)", [(1, 5, 48)], "gru_cell/recurrent_kernel", (32, 96)),
        ("SimpleRNN(96)", [(1, 5, 48)], "simple_rnn_cell/recurrent_kernel", (96, 96)),
        ("ConvLSTM2D(12, 3)", [(1, 5, 16, 16, 4)], "conv_lstm_cell/recurrent_kernel", (108, 48)),
    ],
)
def test_recurrent_kernels_are_one_orthogonal_matrix(
    make: str, shapes: list[Any], path: str, matrix: tuple[int, int]
) -> None:
    """Rows (columns, where they are fewer) of all gates together are orthonormal, as in the layer."""
    layer = built(make, shapes)
    (piece,) = ui.plan(layer, ui.recipes.keras_default())[path].pieces
    assert (piece.law.kind, piece.law.std) == ("orthogonal", 1 / math.sqrt(max(matrix)))
    theirs = read(layer, path).reshape(matrix)
    ui.apply(layer, ui.recipes.keras_default(), seed=0)
    ours = read(layer, path).reshape(matrix)
    for values in (theirs, ours):
        small = values if matrix[0] <= matrix[1] else values.T
        assert np.allclose(small @ small.T, np.eye(min(matrix)), atol=2e-6)
    assert_same_law(ours, theirs, alpha=1e-6)


@pytest.mark.needs("keras")
@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        ("Dense(5)", [(1, 4)]),
        ("EinsumDense('abc,cde->abde', (None, 3, 2), bias_axes='de')", [(1, 5, 4)]),
        ("Conv2D(6, 3, groups=2)", [(1, 8, 8, 4)]),
        ("Conv2DTranspose(6, 3)", [(1, 8, 8, 4)]),
        ("DepthwiseConv2D(3)", [(1, 8, 8, 4)]),
        ("SeparableConv2D(6, 3)", [(1, 8, 8, 4)]),
        ("BatchNormalization()", [(1, 8)]),
        ("BatchNormalization(renorm=True)", [(1, 8)]),
        ("LayerNormalization(axis=[1, 2])", [(1, 3, 4)]),
        ("GroupNormalization(2)", [(1, 8)]),
        ("RMSNormalization()", [(1, 8)]),
        ("PReLU()", [(1, 3, 4)]),
        ("PReLU(shared_axes=[1])", [(1, 3, 4)]),
        ("Attention(use_scale=True, score_mode='concat')", [[(1, 5, 4), (1, 6, 4)]]),
        ("MultiHeadAttention(2, 3)", [(1, 5, 4)] * 2),
        ("LSTM(3)", [(1, 5, 4)]),
        ("GRU(3)", [(1, 5, 4)]),
        ("GRU(3, reset_after=False)", [(1, 5, 4)]),
        ("SimpleRNN(3)", [(1, 5, 4)]),
        ("ConvLSTM1D(3, 3)", [(1, 5, 16, 4)]),
    ],
)
def test_constants_are_the_layers_own(make: str, shapes: list[Any]) -> None:
    """Biases, norms, statistics, slopes and scales: written over with others, they come back."""
    layer = built(make, shapes)
    plan = ui.plan(layer, ui.recipes.keras_default())
    paths = {path for one in plan for path, _ in one.record.stored
             if not any(piece.law.random for piece in one.pieces)}  # fmt: skip
    assert paths
    theirs = {path: read(layer, path) for path in paths}
    for variable in layer.weights:
        variable.assign(np.full(variable.shape, 7.0, np.float32))
    ui.apply(layer, ui.recipes.keras_default(), seed=0)
    for path, values in theirs.items():
        assert np.array_equal(read(layer, path), values)


@pytest.mark.needs("keras")
@pytest.mark.parametrize(
    ("make", "path"),
    [
        ("Embedding(200, 48)", "embeddings"),
        ("Embedding(200, 48, mask_zero=True)", "embeddings"),
        ("ReversibleEmbedding(200, 48)", "embeddings"),
        ("ReversibleEmbedding(200, 48, tie_weights=False)", "reverse_embeddings"),
    ],
)
def test_embeddings_are_uniform(make: str, path: str) -> None:
    """U(-0.05, 0.05), the masked row as any other."""
    layer = built(make, [(1,)])
    assignment = ui.plan(layer, ui.recipes.keras_default())[path]
    (piece,) = assignment.pieces
    assert (piece.law.kind, piece.law.low, piece.law.high) == ("uniform", -0.05, 0.05)
    assert assignment.zero_row is None
    theirs = read(layer, path)
    check_uniform(theirs, 0.05)
    ui.apply(layer, ui.recipes.keras_default(), seed=0)
    assert_same_law(read(layer, path), theirs, alpha=1e-6)


@pytest.mark.needs("keras")
@pytest.mark.parametrize(
    ("make", "shapes", "fan_in", "true"),
    [
        ("Dense(8, lora_rank=96)", [(1, 64)], 64, 64),
        ("EinsumDense('abc,cde->abde', (None, 6, 8), lora_rank=96)", [(1, 5, 24)], 144, 24),
        ("EinsumDense('abcd,cde->abe', (None, 8), lora_rank=96)", [(1, 5, 6, 24)], 144, 144),
        ("Conv2D(8, 3, lora_rank=96)", [IMAGE], 216, 216),
        ("Embedding(200, 48, lora_rank=96)", [(1,)], 200, 200),
    ],
)
def test_adapters_have_keras_law(make: str, shapes: list[Any], fan_in: int, true: int) -> None:
    """lora_*_a is He uniform on all axes but the last, lora_*_b is 0, so that the layer is as without."""
    layer = built(make, shapes)
    plan = ui.plan(layer, ui.recipes.keras_default())
    down, up = (next(one for one in plan if one.record.role == f"adapter_{end}") for end in "ab")
    bound = math.sqrt(6 / fan_in)
    assert down.pieces[0].law.high == pytest.approx(bound, rel=1e-15)
    theirs = read(layer, down.record.path)
    check_uniform(theirs, bound)
    up_before = read(layer, up.record.path)
    ui.apply(layer, ui.recipes.keras_default(), seed=0)
    assert_same_law(read(layer, down.record.path), theirs, alpha=1e-6)
    assert not up_before.any()
    assert not read(layer, up.record.path).any()
    corrected = ui.plan(layer, ui.recipes.keras_default_corrected())[down.record.path].pieces[0].law
    assert corrected.high == pytest.approx(math.sqrt(6 / true), rel=1e-15)


@pytest.mark.needs("torch", "keras")
def test_the_forget_gate_is_1_in_each_framework() -> None:
    """The sum of an LSTM's biases is 1 for the forget gate and 0 elsewhere, in PyTorch and in Keras."""
    import torch

    expected = np.repeat([0.0, 1.0, 0.0, 0.0], 3)
    theirs, _ = ui.apply(torch.nn.LSTM(4, 3, 2), ui.recipes.keras_default(), seed=0)
    for level in (0, 1):
        total = getattr(theirs, f"bias_ih_l{level}") + getattr(theirs, f"bias_hh_l{level}")
        assert np.array_equal(total.detach().numpy(), expected)
    layer, _ = ui.apply(built("LSTM(3)", [(1, 5, 4)]), ui.recipes.keras_default(), seed=0)
    assert np.array_equal(read(layer, "lstm_cell/bias"), expected)


@pytest.mark.needs("torch", "keras")
@pytest.mark.parametrize(("word", "order"), [("LSTM", "ifgo"), ("GRU", "rzn")])
@pytest.mark.parametrize("recipe", ["keras_default", "keras_default_corrected", "torch_default"])
def test_recurrent_twins_have_the_same_bits(word: str, order: str, recipe: str) -> None:
    """Keras' kernels are PyTorch's, transposed and with the gates in Keras' order."""
    import torch

    theirs = getattr(torch.nn, word)(4, 3)
    layer = built(f"{word}(3)", [(1, 5, 4)])
    cell = f"{word.lower()}_cell"
    biases = ("bias", "bias") if word == "LSTM" else ("bias#input", "bias#recurrent")
    names = {"weight_ih_l0": f"{cell}/kernel", "weight_hh_l0": f"{cell}/recurrent_kernel",
             "bias_ih_l0": f"{cell}/{biases[0]}"}  # fmt: skip
    if word == "GRU":
        names["bias_hh_l0"] = f"{cell}/{biases[1]}"
    spec = getattr(ui.recipes, recipe)()
    ui.apply(theirs, spec, seed=0, names=names)
    ui.apply(layer, spec, seed=0)
    record = ui.inspect(layer)[f"{cell}/kernel"]
    stored = [order.index(part.label) for part in record.parts]

    def ported(name: str) -> Any:
        gates = getattr(theirs, name).detach().numpy().reshape(len(order), 3, -1)
        return gates[stored].reshape(len(order) * 3, -1).T

    assert np.array_equal(read(layer, f"{cell}/kernel"), ported("weight_ih_l0"))
    assert np.array_equal(read(layer, f"{cell}/recurrent_kernel"), ported("weight_hh_l0"))
    if word == "GRU":
        both = np.concatenate([ported("bias_ih_l0"), ported("bias_hh_l0")])
        assert np.array_equal(read(layer, f"{cell}/bias"), both)


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    ("make", "path", "fans", "true"),
    [
        ("Linear(64, 96)", "weight", (64, 96), (64, 96)),
        ("Conv2d(24, 48, 3, groups=4)", "weight", (54, 432), (54, 108)),
        ("Conv2d(24, 72, 7, groups=24)", "weight", (1176, 147), (49, 147)),
        ("ConvTranspose2d(24, 48, 3)", "weight", (432, 216), (216, 432)),
        ("Bilinear(3, 5, 4)", "weight", (15, 4), (15, 4)),
        ("MultiheadAttention(64, 4)", "in_proj_weight", (64, 64), (64, 64)),
        ("MultiheadAttention(64, 4, add_bias_kv=True)", "bias_k", (64, 64), (64, 64)),
        ("LSTM(48, 32)", "weight_ih_l0", (48, 128), (48, 32)),
        ("LSTM(48, 32, proj_size=8)", "weight_hr_l0", (32, 8), (32, 8)),
    ],
)
def test_pytorchs_layers_have_keras_law(
    make: str, path: str, fans: tuple[int, int], true: tuple[int, int]
) -> None:
    """The law that Keras gives to its own layer of that kind; fused attention part by part."""
    import torch

    layer = eval(f"nn.{make}", {"nn": torch.nn})  # noqa: S307  # written above
    for recipe, (fan_in, fan_out) in (("keras_default", fans), ("keras_default_corrected", true)):
        for piece in ui.plan(layer, getattr(ui.recipes, recipe)())[path].pieces:
            assert piece.law.high == pytest.approx(math.sqrt(6 / (fan_in + fan_out)), rel=1e-15)


@pytest.mark.needs("torch")
def test_corrected_gates_are_matrices_of_their_own() -> None:
    """Four orthogonal matrices, of std 1 / sqrt(hidden), where keras_default has one."""
    import torch

    plan = ui.plan(torch.nn.LSTM(48, 32), ui.recipes.keras_default_corrected())["weight_hh_l0"]
    assert [(piece.shape, piece.law.std) for piece in plan.pieces] == [((32, 32), 1 / math.sqrt(32))] * 4
