"""Published recipes of transformers: laws on real models' plans, and the package's own values beside ours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused
from tests.helpers.published import assert_agrees, law_of, stds

import unified_init as ui
from unified_init import recipes

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("torch", "transformers")


def gpt2(**changes: Any) -> Any:
    """Return a small GPT-2 as transformers initializes it."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(n_layer=3, n_embd=64, n_head=4, vocab_size=211, n_positions=40, **changes)
    )


def bert() -> Any:
    """Return a small BERT for masked language modelling, with a pooler."""
    from transformers import BertConfig, BertForPreTraining

    return BertForPreTraining(
        BertConfig(
            num_hidden_layers=2, hidden_size=64, num_attention_heads=4, intermediate_size=96, vocab_size=211
        )
    )


def t5(*, gated: bool, tied: bool = True) -> Any:
    """Return a small T5; transformers' own head is always the embedding."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    model = T5ForConditionalGeneration(
        T5Config(
            num_layers=2, num_decoder_layers=2, d_model=64, d_kv=8, num_heads=4, d_ff=96, vocab_size=211,
            feed_forward_proj="gated-gelu" if gated else "relu", decoder_start_token_id=0,
        )
    )  # fmt: skip
    if not tied:
        model.lm_head.weight = torch.nn.Parameter(torch.randn(211, 64))
        del model.all_tied_weights_keys["lm_head.weight"]  # or it would be a tie that is broken
    return model


def llama(dtype: str = "float32") -> Any:
    """Return a small Llama."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        num_hidden_layers=2, hidden_size=64, num_attention_heads=4, num_key_value_heads=2,
        intermediate_size=96, vocab_size=211, pad_token_id=5,
    )  # fmt: skip
    return LlamaForCausalLM(config).to(getattr(torch, dtype))


def test_gpt2_has_two_sizes() -> None:
    """Residual projections 0.02 / sqrt(2 L), all other matrices 0.02, biases 0, normalizations 1 and 0."""
    planned = ui.plan(gpt2(), recipes.gpt2(n_layer=3))
    found = stds(planned)
    ends = {path for path in found if path.endswith("c_proj.weight")}
    assert len(ends) == 6
    for path, std in found.items():
        if path in ends:
            assert std == 0.02 / math.sqrt(6)
        elif planned[path].record.role in {"kernel", "embedding"}:
            assert std == 0.02
        else:
            assert law_of(planned, path).kind == "constant"
            assert law_of(planned, path).mean == float(planned[path].record.role == "scale")


def test_gpt2_is_what_transformers_draws() -> None:
    """Every parameter has transformers' law; the tied head is written once."""
    model = gpt2()
    report = assert_agrees(model, recipes.gpt2(n_layer=3))
    assert report.ties == (("transformer.wte.weight", "lm_head.weight"),)
    assert model.lm_head.weight is model.transformer.wte.weight


def test_gpt2_parts_are_drawn_apart() -> None:
    """Queries, keys and values of the fused matrix are the tensors of their own names."""
    model, _ = ui.apply(gpt2(), recipes.gpt2(n_layer=3), seed=0)
    fused = model.transformer.h[0].attn.c_attn.weight.detach().numpy()
    for at, label in enumerate("qkv"):
        name = f"transformer.h.0.attn.c_attn.weight/{label}"
        apart = ui.draw(ui.normal(0.0, 0.02), (64, 64), layout="IO", seed=0, name=name)
        np.testing.assert_array_equal(fused[:, 64 * at : 64 * at + 64], apart)


def nano_gpt() -> Any:
    """Return a small GPT with nanoGPT's names: linear layers, a normalization of its own, a tied head."""
    import torch
    from torch import nn

    class LayerNorm(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.full((width,), 5.0)), nn.Parameter(torch.ones(width))

        def forward(self, x: Any) -> Any:
            return nn.functional.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)

    def block() -> nn.ModuleDict:
        attention = nn.ModuleDict({"c_attn": nn.Linear(64, 192), "c_proj": nn.Linear(64, 64)})
        mlp = nn.ModuleDict({"c_fc": nn.Linear(64, 256), "c_proj": nn.Linear(256, 64)})
        return nn.ModuleDict({"ln_1": LayerNorm(64), "attn": attention, "ln_2": LayerNorm(64), "mlp": mlp})

    inside = {
        "wte": nn.Embedding(211, 64), "wpe": nn.Embedding(40, 64), "ln_f": LayerNorm(64),
        "h": nn.ModuleList([block() for _ in range(3)]),
    }  # fmt: skip
    model = nn.ModuleDict({"transformer": nn.ModuleDict(inside), "lm_head": nn.Linear(64, 211, bias=False)})
    inside["wte"].weight = model["lm_head"].weight
    return model


def test_gpt2_is_the_same_on_nano_gpt() -> None:
    """The same paths and a transposed storage: the same laws, and the same values at the same indices."""
    ours, theirs = nano_gpt(), gpt2()
    planned = ui.plan(ours, recipes.gpt2(n_layer=3))
    assert stds(planned) == stds(ui.plan(theirs, recipes.gpt2(n_layer=3)))
    _, report = ui.apply(ours, recipes.gpt2(n_layer=3), seed=5)
    ui.apply(theirs, recipes.gpt2(n_layer=3), seed=5)
    assert report.ties == (("transformer.wte.weight", "lm_head.weight"),)
    others = dict(theirs.named_parameters())
    for path, tensor in ours.named_parameters():
        drawn, other = tensor.detach().numpy(), others[path].detach().numpy()
        transposed = ".c_" in path and drawn.ndim == 2
        np.testing.assert_array_equal(drawn, other.T if transposed else other, err_msg=path)


def test_a_wrong_rule_is_refused_with_the_right_one() -> None:
    """A pattern of the end of a path says so, and the whole path that would match."""
    mine = recipes.gpt2(n_layer=3).before(ui.Rule(spec=ui.zeros(), path="c_proj.weight"))
    with refused(ui.UnifiedInitError):
        ui.plan(gpt2(), mine)


def test_gpt2_refuses_a_model_without_residual_projections() -> None:
    """A recipe that depends on a place says which places the model has."""
    import torch

    with refused(ui.UnifiedInitError):
        ui.plan(torch.nn.Linear(3, 2), recipes.gpt2(n_layer=3))


def test_bert_hf_is_what_transformers_draws() -> None:
    """Every parameter has transformers' law, and the padding row is 0."""
    model = bert()
    assert_agrees(model, recipes.bert_hf())
    table = model.bert.embeddings.word_embeddings.weight.detach().numpy()
    assert (table[0] == 0.0).all()
    assert (table[1:] != 0.0).mean() > 0.99


def test_bert_google_is_truncated() -> None:
    """Matrices and embeddings have a parent of 0.02, cut at 0.04: a realized std of 0.0176."""
    planned = ui.plan(bert(), recipes.bert_google())
    for one in planned:
        law = law_of(planned, one.record.path)
        if one.record.role in {"kernel", "embedding"}:
            assert (law.kind, law.low, law.high) == ("truncated_normal", -0.04, 0.04)
            assert law.std == 0.02 * ui.TruncatedNormal(-2, 2).unit_std
            assert one.zero_row is None
        else:
            assert law.kind == "constant"


@pytest.mark.parametrize("gated", [False, True])
def test_t5_has_its_five_sizes(gated: bool) -> None:  # noqa: FBT001  # the two feed-forward layers
    """Queries, other inputs, attention's outputs, feed-forward outputs, and 1 for the embedding."""
    planned = ui.plan(t5(gated=gated), recipes.t5(d_model=64, d_kv=8, n_heads=4, d_ff=96))
    expected = {
        "q": (64 * 8) ** -0.5, "o": (4 * 8) ** -0.5, "wo": 96**-0.5, "embed_tokens": 1.0,
        **dict.fromkeys(("k", "v", "relative_attention_bias"), 64**-0.5),
        **dict.fromkeys(("wi_0", "wi_1") if gated else ("wi",), 64**-0.5),
    }  # fmt: skip
    found: dict[str, set[float]] = {}
    for path, std in stds(planned).items():
        if planned[path].record.role == "scale":
            assert law_of(planned, path).mean == 1.0
        else:
            found.setdefault(path.split(".")[-2], set()).add(std)
    assert found == {layer: {std} for layer, std in expected.items()}


@pytest.mark.parametrize(("gated", "tied"), [(False, True), (True, False)])
def test_t5_is_what_transformers_draws(gated: bool, tied: bool) -> None:  # noqa: FBT001  # as above
    """Every parameter has transformers' law, relative biases and an untied head too."""
    recipe = recipes.t5(d_model=64, d_kv=8, n_heads=4, d_ff=96)
    report = assert_agrees(t5(gated=gated, tied=tied), recipe)
    assert ("lm_head.weight" in report.written) == (not tied)


def test_llama_is_what_transformers_draws() -> None:
    """Every parameter has transformers' law, whatever the depth; rotary frequencies are left."""
    model = llama()
    planned = ui.plan(model, recipes.llama())
    kernels = [one.record.path for one in planned if one.record.role == "kernel"]
    assert {law_of(planned, path).std for path in kernels} == {0.02}
    report = assert_agrees(model, recipes.llama())
    assert report.left == ("model.rotary_emb.inv_freq", "model.rotary_emb.original_inv_freq")
    assert (model.model.embed_tokens.weight[5] == 0.0).all()


def test_llama_in_bfloat16_is_the_rounded_float32() -> None:
    """Every bfloat16 value is the float32 one rounded to nearest even, and rotary buffers are as they were."""
    import torch

    wide, narrow = llama(), llama("bfloat16")
    before = {path: tensor.clone() for path, tensor in narrow.named_buffers()}
    ui.apply(wide, recipes.llama(), seed=3)
    ui.apply(narrow, recipes.llama(), seed=3)
    for (path, ours), (_, theirs) in zip(narrow.named_parameters(), wide.named_parameters(), strict=True):
        assert ours.dtype is torch.bfloat16
        assert torch.equal(ours, theirs.to(torch.bfloat16)), path
    for path, tensor in narrow.named_buffers():
        assert torch.equal(tensor, before[path])


def test_olmo_mitchell_falls_with_the_block() -> None:
    """Outputs are 1 / sqrt(2 n (l + 1)), n the width of the model or of the layer; the parent is cut at 3."""
    planned = ui.plan(llama(), recipes.olmo_mitchell(d_model=64))
    cut = ui.TruncatedNormal(-3, 3)
    for path, parent in {
        "model.embed_tokens.weight": 1 / 8,
        "lm_head.weight": 1 / 8,
        "model.layers.1.self_attn.q_proj.weight": 1 / 8,
        "model.layers.0.self_attn.o_proj.weight": 1 / math.sqrt(2 * 64),
        "model.layers.1.self_attn.o_proj.weight": 1 / math.sqrt(2 * 64 * 2),
        "model.layers.0.mlp.down_proj.weight": 1 / math.sqrt(2 * 96),
        "model.layers.1.mlp.down_proj.weight": 1 / math.sqrt(2 * 96 * 2),
    }.items():
        law = law_of(planned, path)
        assert law.kind == "truncated_normal"
        assert law.std == pytest.approx(parent * cut.unit_std, rel=1e-15)
        assert law.high == pytest.approx(3 * parent, rel=1e-15)


def test_olmo_full_megatron_has_a_head_of_its_own() -> None:
    """std, std / sqrt(2 L) where branches end, 1 / sqrt(d) for the head, all cut at 3 sigmas."""
    planned = ui.plan(llama(), recipes.olmo_full_megatron(n_layer=2, std=0.03))
    cut = ui.TruncatedNormal(-3, 3)
    for path, parent in {
        "model.embed_tokens.weight": 0.03,
        "lm_head.weight": 1 / 8,
        "model.layers.1.mlp.up_proj.weight": 0.03,
        "model.layers.1.mlp.down_proj.weight": 0.015,
        "model.layers.0.self_attn.o_proj.weight": 0.015,
    }.items():
        law = law_of(planned, path)
        assert law.std == pytest.approx(parent * cut.unit_std, rel=1e-15)
        assert law.high == pytest.approx(3 * parent, rel=1e-15)


def test_megatron_small_init_and_wang_init() -> None:
    """One std and that over sqrt(2 L); sqrt(2 / 5d) everywhere; 2 / (L sqrt(d)) where branches end."""
    model = llama()
    small = math.sqrt(2 / (5 * 64))
    for recipe, inner, end in (
        (recipes.megatron(2, std=0.01), 0.01, 0.01 / math.sqrt(4)),
        (recipes.small_init(64), small, small),
        (recipes.wang_init(2, 64), small, 2 / 2 / math.sqrt(64)),
    ):
        planned = ui.plan(model, recipe)
        for path in ("model.embed_tokens.weight", "lm_head.weight", "model.layers.0.mlp.up_proj.weight"):
            assert law_of(planned, path).std == inner
        for path in ("model.layers.1.mlp.down_proj.weight", "model.layers.1.self_attn.o_proj.weight"):
            assert law_of(planned, path).std == end


REFUSED: dict[str, Callable[[], ui.Recipe]] = {
    "no blocks": lambda: recipes.gpt2(0),
    "no std": lambda: recipes.gpt2(2, std=0.0),
    "no width": lambda: recipes.t5(0, 8, 4, 96),
    "no width of the model": lambda: recipes.small_init(0),
    "neither encoder nor decoder": lambda: recipes.deepnorm(0, 0),
    "a negative depth": lambda: recipes.magneto(0, -1),
    "no depth": lambda: recipes.t_fixup(0, 0, 64),
    "branches of one layer": lambda: recipes.fixup(4, 1),
    "no classes": lambda: recipes.vit_jax_nlhb(0),
    "no pattern": lambda: recipes.siren(first="re:("),
    "a number for a flag": lambda: recipes.resnet(zero_init_residual=1),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fault", REFUSED)
def test_arguments_are_checked_where_they_are_given(fault: str) -> None:
    """A number of blocks or a width that makes no sense is refused by the recipe itself."""
    with refused(ui.UnifiedInitError):
        REFUSED[fault]()
