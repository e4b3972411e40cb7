"""Places and blocks of the layers of real models, read from their paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import unified_init as ui
from unified_init.inventory.places import block_of, placed, unwrapped

if TYPE_CHECKING:
    from unified_init.inventory.vocabulary import Kind, Role


def record(path: str, kind: Kind = "linear", role: Role = "kernel") -> ui.Record:
    """Return a record of which nothing but path, kind and role matters."""
    return ui.Record(name=path, path=path, shape=(3, 2), kind=kind, role=role)


LINEAR = {
    # transformers
    "transformer.h.3.attn.c_attn.weight": ("attention.qkv", 3),
    "transformer.h.3.attn.c_proj.weight": ("attention.out", 3),
    "transformer.h.3.mlp.c_fc.weight": ("mlp.in", 3),
    "transformer.h.3.mlp.c_proj.weight": ("mlp.out", 3),
    "lm_head.weight": ("head", None),
    "bert.encoder.layer.1.attention.self.query.weight": ("attention.query", 1),
    "bert.encoder.layer.1.attention.output.dense.weight": ("attention.out", 1),
    "bert.encoder.layer.1.intermediate.dense.weight": ("mlp.in", 1),
    "bert.encoder.layer.1.output.dense.weight": ("mlp.out", 1),
    "bert.pooler.dense.weight": ("", None),
    "classifier.weight": ("head", None),
    "classifier.out_proj.weight": ("head", None),
    "encoder.block.2.layer.0.SelfAttention.q.weight": ("attention.query", 2),
    "decoder.block.2.layer.1.EncDecAttention.o.weight": ("attention.out", 2),
    "decoder.block.2.layer.2.DenseReluDense.wi.weight": ("mlp.in", 2),
    "decoder.block.2.layer.2.DenseReluDense.wi_0.weight": ("mlp.gate", 2),
    "decoder.block.2.layer.2.DenseReluDense.wi_1.weight": ("mlp.in", 2),
    "decoder.block.2.layer.2.DenseReluDense.wo.weight": ("mlp.out", 2),
    "model.layers.7.self_attn.k_proj.weight": ("attention.key", 7),
    "model.layers.7.self_attn.o_proj.weight": ("attention.out", 7),
    "model.layers.7.mlp.gate_proj.weight": ("mlp.gate", 7),
    "model.layers.7.mlp.down_proj.weight": ("mlp.out", 7),
    "vit.layers.0.attention.o_proj.weight": ("attention.out", 0),
    "vit.layers.0.mlp.fc2.weight": ("mlp.out", 0),
    "gpt_neox.layers.5.attention.query_key_value.weight": ("attention.qkv", 5),
    "gpt_neox.layers.5.attention.dense.weight": ("attention.out", 5),
    "gpt_neox.layers.5.mlp.dense_4h_to_h.weight": ("mlp.out", 5),
    "model.decoder.layers.1.fc1.weight": ("mlp.in", 1),
    "model.decoder.layers.1.encoder_attn.out_proj.weight": ("attention.out", 1),
    "transformer.blocks.4.ffn.up_proj.weight": ("mlp.in", 4),
    "layers.0.mlp.gate_up_proj.weight": ("mlp.in", 0),
    "encoder.albert_layer_groups.0.albert_layers.0.ffn_output.weight": ("mlp.out", 0),
    "encoder.layers.4.feed_forward.intermediate_dense.weight": ("mlp.in", 4),
    "encoder.stages.1.layers.2.pwconv2.weight": ("mlp.out", 1),
    # OLMo, Llama
    "transformer.blocks.4.att_proj.weight": ("attention.qkv", 4),
    "transformer.blocks.4.attn_out.weight": ("attention.out", 4),
    "transformer.blocks.4.ff_proj.weight": ("mlp.in", 4),
    "transformer.blocks.4.ff_out.weight": ("mlp.out", 4),
    "transformer.ff_out.weight": ("head", None),
    "layers.2.attention.wo.weight": ("attention.out", 2),
    "layers.2.feed_forward.w1.weight": ("mlp.gate", 2),
    "layers.2.feed_forward.w2.weight": ("mlp.out", 2),
    # timm, DiT
    "blocks.0.attn.qkv.weight": ("attention.qkv", 0),
    "blocks.0.attn.proj.weight": ("attention.out", 0),
    "blocks.0.mlp.fc1.weight": ("mlp.in", 0),
    "head.weight": ("head", None),
    "blocks.0.adaLN_modulation.1.weight": ("modulation", 0),
    "final_layer.adaLN_modulation.1.weight": ("modulation", None),
    "final_layer.linear.weight": ("head", None),
    "t_embedder.mlp.0.weight": ("time", None),
    # Flax, Haiku, Keras
    "Transformer/encoderblock_3/MultiHeadDotProductAttention_0/query/kernel": ("attention.query", 3),
    "Transformer/encoderblock_3/MultiHeadDotProductAttention_0/out/kernel": ("attention.out", 3),
    "transformer/~/h3_attn/~/linear/w": ("attention.out", 3),
    "transformer/multi_head_attention_1/value/w": ("attention.value", None),
    "res_net18/~/logits/w": ("head", None),
    "transformer_layer_1/self_attention_layer/attention_output/kernel": ("attention.out", 1),
    "transformer_layer_1/feedforward_intermediate_dense/kernel": ("mlp.in", 1),
    "transformer_layer_1/feedforward_output_dense/kernel": ("mlp.out", 1),
    "predictions/kernel": ("head", None),
    # What no architecture says.
    "fc1.weight": ("", None),
    "0.weight": ("", None),
}


@pytest.mark.parametrize("path", LINEAR)
def test_a_path_says_where_a_linear_layer_stands(path: str) -> None:
    """Place and block follow from the words of the path alone."""
    (found,) = placed([record(path)])
    assert (found.place, found.block) == LINEAR[path]


CONVS = {
    "patch_embed.proj.weight": "patch",
    "vit.embeddings.patch_embeddings.projection.weight": "patch",
    "x_embedder.proj.weight": "patch",
    "conv_proj.weight": "patch",
    "conv1.weight": "stem",
    "resnet/conv1.weight": "stem",
    "conv_stem.weight": "stem",
    "conv_init/kernel": "stem",
    "res_net18/~/initial_conv/w": "stem",
    "conv1_conv/kernel": "stem",
    "layer2.0.downsample.0.weight": "shortcut",
    "res_net18/~/block_group_1/~/block_0/~/shortcut_conv/w": "shortcut",
    "ResNetBlock_2/conv_proj/kernel": "shortcut",
    "conv2_block1_0_conv/kernel": "shortcut",
    "features.0.0.weight": "",
}


@pytest.mark.parametrize("path", CONVS)
def test_a_path_says_where_a_convolution_stands(path: str) -> None:
    """Patches, stems and shortcuts are known by name."""
    (found,) = placed([record(path, kind="conv")])
    assert found.place == CONVS[path]


def test_a_block_of_keras_without_a_shortcut_has_a_first_norm_that_is_none() -> None:
    """Of a residual network, "0" is the shortcut; of DenseNet, the norm before the first convolution."""
    paths = ("conv2_block1_0_bn/gamma", "conv2_block1_1_conv/kernel", "conv3_block1_0_bn/gamma")
    kinds: tuple[Kind, ...] = ("batch_norm", "conv", "batch_norm")
    alone = [record(path, kind=kind) for path, kind in zip(paths, kinds, strict=True)]
    assert [one.place for one in placed(alone)][::2] == ["", ""]
    beside = [*alone, record("conv3_block1_0_conv/kernel", kind="conv")]
    assert [one.place for one in placed(beside)][::2] == ["", "shortcut"]


BRANCHES = {
    "layer1.0": ("layer1.0.conv{}.weight", "layer1.0.bn{}.weight", (1, 2, 3)),
    "haiku": ("res/~/block_0/~/conv_{}/w", "res/~/block_0/~/batchnorm_{}/scale", (0, 1)),
    "flax": ("ResNetBlock_0/Conv_{}/kernel", "ResNetBlock_0/BatchNorm_{}/scale", (0, 1)),
    "keras": ("conv2_block1_{}_conv/kernel", "conv2_block1_{}_bn/gamma", (1, 2, 3)),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_the_last_layers_of_a_residual_branch_are_marked(name: str) -> None:
    """The highest number of a block is the end of its branch, of convolutions and of normalizations."""
    conv, norm, numbers = BRANCHES[name]
    records = [
        one
        for number in numbers
        for one in (
            record(conv.format(number), kind="conv"),
            record(norm.format(number), kind="batch_norm", role="scale"),
        )
    ]
    assert [found.place for found in placed(records)] == [""] * (2 * len(numbers) - 2) + [
        "last_conv",
        "last_norm",
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("encoder.layers.encoder_layer_0.mlp.0.weight", "encoder.layers.encoder_layer_0.mlp.3.weight"),
        ("encoderblock_1/MlpBlock_0/Dense_0/kernel", "encoderblock_1/MlpBlock_0/Dense_1/kernel"),
        ("transformer/~/h0_mlp/~/linear/w", "transformer/~/h0_mlp/~/linear_1/w"),
        ("layers.0.mlp.linear_1.weight", "layers.0.mlp.linear_2.weight"),
    ],
)
def test_two_numbered_layers_of_a_branch_are_in_and_out(first: str, second: str) -> None:
    """Where numbers alone tell two feed-forward layers apart, the lower one is the first."""
    assert [one.place for one in placed([record(second), record(first)])] == ["mlp.out", "mlp.in"]


def test_parameters_named_like_layers_have_their_places() -> None:
    """Experts' matrices and relative attention's have no layer around them; a router is none of a branch."""
    paths = {
        "layers.1.mlp.experts.gate_up_proj": "mlp.in",
        "layers.1.mlp.experts.down_proj": "mlp.out",
        "layers.1.mlp.gate.weight": "",
        "layer.1.rel_attn.q": "attention.query",
        "vision_model.head.probe": "",
        "masked_spec_embed": "",
    }
    for path, place in paths.items():
        (found,) = placed([record(path, kind="parameter", role="parameter")])
        assert found.place == place, path


def test_embeddings_are_told_apart() -> None:
    """Tokens, positions, types and relative biases."""
    paths = {
        "transformer.wte.weight": "embedding.token",
        "transformer.wpe.weight": "embedding.position",
        "bert.embeddings.position_embeddings.weight": "embedding.position",
        "bert.embeddings.token_type_embeddings.weight": "embedding.type",
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": "attention.extra",
        "y_embedder.embedding_table.weight": "embedding.token",
    }
    for path, place in paths.items():
        (found,) = placed([record(path, kind="embedding", role="embedding")])
        assert found.place == place


@pytest.mark.parametrize(
    ("path", "block"),
    [
        ("h.11.ln_1.weight", 11),
        ("encoder_layer_3/attention/query/kernel", 3),
        ("layer1.0.conv1.weight", 1),
        ("mlp_1/kernel", None),
        ("head.0.weight", None),
        ("layers.0.weight", 0),
        ("net.0.weight", None),
        ("blocks.2.gamma_1", 2),
        ("wte.weight", None),
    ],
)
def test_the_block_is_the_first_number(path: str, block: int | None) -> None:
    """Numbers of groups, feed-forward layers and heads are none of blocks."""
    assert block_of(path) == block


@pytest.mark.parametrize("word", ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"])
def test_words_of_wrappers_say_nothing(word: str) -> None:
    """Wherever they stand, the place and the block are those of the path without them."""
    plain = "model.layers.3.self_attn.q_proj.weight"
    words = plain.split(".")
    for at in range(len(words)):
        (found,) = placed([record(".".join([*words[:at], word, *words[at:]]))])
        assert (found.place, found.block) == ("attention.query", 3)
    assert unwrapped(f"{word}.a.{word}.b") == "a.b"
    assert unwrapped(f"my{word}.a") == f"my{word}.a"
