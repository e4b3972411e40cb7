"""The walker of Keras: what each layer's variables are, as far as a recipe may ask."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.keras_built import built

import unified_init as ui

pytestmark = pytest.mark.needs("keras")


IMAGE, SERIES, QUERY = (1, 8, 8, 6), (1, 9, 6), (1, 5, 8)


@pytest.mark.parametrize(
    ("make", "shapes", "path", "expected"),
    [
        ("Dense(4)", [(1, 6)], "kernel", ("linear", "kernel", "IO", (6, 4), 1)),
        ("Dense(4)", [(1, 6)], "bias", ("linear", "bias", "O", (6, 4), 1)),
        ("EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='de')", [(1, 5, 6)], "kernel",
         ("linear", "kernel", "IOO", (6, 6), 1)),
        ("EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='e')", [(1, 5, 6)], "bias",
         ("linear", "bias", "O", (6, 6), 1)),
        ("EinsumDense('abc,cde->abde', (None, 2, 3), bias_axes='d')", [(1, 5, 6)], "bias",
         ("linear", "bias", "OO", (6, 6), 1)),
        ("EinsumDense('...x,xy->...y', 4, bias_axes='y')", [(1, 5, 6)], "kernel",
         ("linear", "kernel", "IO", (6, 4), 1)),
        ("EinsumDense('ab...,bc->ac...', (4,), bias_axes='c')", [(1, 6, 5)], "bias",
         ("linear", "bias", "OO", (6, 4), 1)),
        ("EinsumDense('bhd,hde->bhe', (2, 4), bias_axes='he')", [(1, 2, 6)], "kernel",
         ("linear", "kernel", "BIO", (6, 4), 2)),
        ("EinsumDense('bhd,hde->bhe', (2, 4), bias_axes='he')", [(1, 2, 6)], "bias",
         ("linear", "bias", "BO", (6, 4), 2)),
        ("Conv1D(4, 3)", [SERIES], "kernel", ("conv", "kernel", "WIO", (18, 12), 1)),
        ("Conv2D(4, (3, 5))", [IMAGE], "kernel", ("conv", "kernel", "HWIO", (90, 60), 1)),
        ("Conv3D(4, 2)", [(1, 4, 4, 4, 6)], "bias", ("conv", "bias", "O", (48, 32), 1)),
        ("Conv2D(4, 3, groups=2)", [IMAGE], "kernel", ("conv", "kernel", "HWI(BO)", (27, 18), 2)),
        ("Conv1DTranspose(4, 3)", [SERIES], "kernel", ("conv_transpose", "kernel", "WOI", (18, 12), 1)),
        ("Conv2DTranspose(4, 3)", [IMAGE], "kernel", ("conv_transpose", "kernel", "HWOI", (54, 36), 1)),
        ("Conv3DTranspose(4, 2)", [(1, 4, 4, 4, 6)], "kernel",
         ("conv_transpose", "kernel", "DHWOI", (48, 32), 1)),
        ("DepthwiseConv1D(3)", [SERIES], "kernel", ("conv", "kernel", "WIBO", (3, 3), 6)),
        ("DepthwiseConv2D(3, depth_multiplier=2)", [IMAGE], "kernel", ("conv", "kernel", "HWIBO", (9, 18), 6)),
        ("DepthwiseConv2D(3, depth_multiplier=2)", [IMAGE], "bias", ("conv", "bias", "O", (9, 18), 6)),
        ("SeparableConv1D(4, 3)", [SERIES], "depthwise_kernel", ("conv", "kernel", "WIBO", (3, 3), 6)),
        ("SeparableConv2D(4, 3, depth_multiplier=2)", [IMAGE], "pointwise_kernel",
         ("conv", "kernel", "HWIO", (12, 4), 1)),
        ("SeparableConv2D(4, 3, depth_multiplier=2)", [IMAGE], "bias", ("conv", "bias", "O", (12, 4), 1)),
        ("Embedding(7, 4)", [(1,)], "embeddings", ("embedding", "embedding", "BO", (None, 4), 1)),
        ("ReversibleEmbedding(7, 4, tie_weights=False)", [(1,)], "reverse_embeddings",
         ("embedding", "embedding", "OB", (None, 4), 1)),
        ("BatchNormalization()", [(1, 4)], "moving_variance", ("batch_norm", "variance", "O", (None, 4), 1)),
        ("BatchNormalization()", [(1, 4)], "gamma", ("batch_norm", "scale", "O", (None, 4), 1)),
        ("LayerNormalization(axis=[1, 2])", [(1, 3, 4)], "beta",
         ("layer_norm", "offset", "OO", (None, 12), 1)),
        ("GroupNormalization(2)", [(1, 4)], "gamma", ("group_norm", "scale", "O", (None, 4), 1)),
        ("RMSNormalization()", [(1, 4)], "scale", ("rms_norm", "scale", "O", (None, 4), 1)),
        ("PReLU()", [(1, 3)], "alpha", ("prelu", "slope", "O", (None, None), 1)),
        ("MultiHeadAttention(2, 3)", [QUERY] * 2, "query/kernel", ("attention", "kernel", "IOO", (8, 6), 1)),
        ("MultiHeadAttention(2, 3)", [QUERY] * 2, "query/bias", ("attention", "bias", "OO", (8, 6), 1)),
        ("MultiHeadAttention(2, 3)", [QUERY] * 2, "attention_output/kernel",
         ("attention", "kernel", "IIO", (6, 8), 1)),
        ("GroupQueryAttention(3, 4, 2)", [QUERY] * 2, "value/kernel",
         ("attention", "kernel", "IOO", (8, 6), 1)),
        ("AdditiveAttention()", [[QUERY, QUERY]], "scale", ("attention", "scale", "I", (8, 1), 1)),
        ("Attention(use_scale=True)", [[QUERY, QUERY]], "scale",
         ("attention", "scale", None, (None, None), 1)),
        ("LSTM(3)", [(1, 7, 5)], "lstm_cell/kernel", ("lstm", "kernel", "IO", (5, 3), 1)),
        ("LSTM(3)", [(1, 7, 5)], "lstm_cell/recurrent_kernel", ("lstm", "recurrent_kernel", "IO", (3, 3), 1)),
        ("GRUCell(3)", [(1, 5)], "bias#recurrent", ("gru", "recurrent_bias", "O", (3, 3), 1)),
        ("GRUCell(3)", [(1, 5)], "bias#input", ("gru", "bias", "O", (5, 3), 1)),
        ("GRU(3, reset_after=False)", [(1, 7, 5)], "gru_cell/bias", ("gru", "bias", "O", (5, 3), 1)),
        ("SimpleRNN(3)", [(1, 7, 5)], "simple_rnn_cell/kernel", ("rnn", "kernel", "IO", (5, 3), 1)),
        ("ConvLSTM2D(3, 2)", [(1, 7, 8, 8, 5)], "conv_lstm_cell/kernel",
         ("lstm", "kernel", "HWIO", (20, 12), 1)),
        ("TimeDistributed(layers.Dense(4))", [(1, 7, 6)], "dense/kernel",
         ("linear", "kernel", "IO", (6, 4), 1)),
        ("Dense(4, lora_rank=2)", [(1, 6)], "lora_kernel_a", ("lora", "adapter_a", "IO", (6, 2), 1)),
        ("Dense(4, lora_rank=2)", [(1, 6)], "lora_kernel_b", ("lora", "adapter_b", "IO", (2, 4), 1)),
        ("Dense(4, lora_rank=2)", [(1, 6)], "kernel", ("linear", "kernel", "IO", (6, 4), 1)),
        ("Embedding(7, 4, lora_rank=2)", [(1,)], "lora_embeddings_a",
         ("lora", "adapter_a", "IO", (7, 2), 1)),
    ],
)  # fmt: skip
def test_a_layers_variables_are_what_they_are(
    make: str, shapes: list[Any], path: str, expected: tuple[Any, ...]
) -> None:
    """Kind, role, layout, true fans and groups, for each layer."""
    record = next(one for one in ui.inspect(built(make, *shapes)) if one.name.endswith(path))
    assert (record.kind, record.role, record.layout, record.fans, record.groups) == expected


def test_facts_that_recipes_ask_for() -> None:
    """Depthwise convolutions, places in attention, keys of another width, masked rows."""
    assert ui.inspect(built("DepthwiseConv2D(3)", IMAGE))["kernel"].depthwise
    heads = ui.inspect(built("MultiHeadAttention(2, 3, use_gate=True)", QUERY, (1, 5, 7)))
    places = {record.path: record.place for record in heads if record.role == "kernel"}
    assert places == {
        "query/kernel": "attention.query", "key/kernel": "attention.key", "value/kernel": "attention.value",
        "attention_output/kernel": "attention.out", "gate/kernel": "attention.extra",
    }  # fmt: skip
    assert heads["query/kernel"].features == 7
    assert ui.inspect(built("MultiHeadAttention(2, 3)", QUERY, QUERY))["query/kernel"].features == 0
    assert ui.inspect(built("Embedding(7, 4, mask_zero=True)", (1,)))["embeddings"].padding == 0
    lstm = ui.inspect(built("LSTM(3)", (1, 7, 5)))["lstm_cell/bias"]
    assert (lstm.hidden, lstm.features) == (3, 5)


@pytest.mark.parametrize(
    ("make", "path", "labels"),
    [("LSTM", "lstm_cell/recurrent_kernel", "ifgo"), ("GRU", "gru_cell/recurrent_kernel", "zrn")],
)
def test_gates_are_parts_in_keras_order(make: str, path: str, labels: str) -> None:
    """Columns k * hidden to (k + 1) * hidden belong to gate k."""
    record = ui.inspect(built(f"{make}(3)", (1, 7, 5)))[path]
    assert [(part.label, part.path, part.box) for part in record.parts] == [
        (label, path, ((0, 3), (3 * at, 3 * at + 3))) for at, label in enumerate(labels)
    ]


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    ("make", "path"),
    [
        ("DepthwiseConv2D(3, depth_multiplier=2)", "kernel"),
        ("SeparableConv2D(4, 3, depth_multiplier=2)", "depthwise_kernel"),
    ],
)
def test_a_depthwise_kernel_is_the_grouped_one_of_pytorch(make: str, path: str) -> None:
    """Equal bits and, with the record's axis for the one input, equal digests."""
    import torch

    from unified_init.walkers.keras import walker as _keras

    recipe = ui.Recipe("he", (ui.Rule(spec=ui.he_normal(), role="kernel", fans="own"),))
    native = torch.nn.Conv2d(6, 12, 3, groups=6, bias=False)
    ui.apply(native, recipe, seed=0, names={"weight": "twin"})
    layer, _ = ui.apply(built(make, IMAGE), recipe, seed=0, names={path: "twin"}, only=path)
    record = ui.inspect(layer)[path]
    assert (record.shape, record.layout, record.fans) == ((3, 3, 1, 6, 2), "HWIBO", (9, 18))
    assert _keras.shape_and_dtype(layer, path)[0] == (3, 3, 6, 2)
    ours = ui.digest(_keras.read(layer, path).reshape(record.shape), layout=record.layout)
    assert ours == ui.digest(native.weight, layout="(BO)IHW", sizes={"B": 6})


def test_a_packed_quantised_layer_has_the_fans_of_the_kernel_that_it_stands_for() -> None:
    """Four-bit kernels are stored as a smaller matrix; the bias still knows what its kernel was."""
    layer = built("EinsumDense('abc,cde->abde', (None, 2, 6), bias_axes='de')", (1, 4, 5))
    layer.quantize("int4")
    inventory = ui.inspect(layer)
    assert (inventory["kernel"].dtype, inventory["kernel"].layout) == ("int8", None)
    assert (inventory["bias"].layout, inventory["bias"].fans) == ("OO", (5, 12))
    law = ui.plan(layer, ui.recipes.torch_default(), only="bias")["bias"].pieces[0].law
    assert law.high == pytest.approx(5**-0.5, rel=1e-15)
