"""Published gains of deep transformers: which matrices carry which, on encoder-decoder models."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.helpers.published import law_of, stds

import unified_init as ui
from unified_init import recipes

pytestmark = pytest.mark.needs("torch", "transformers")


def bart(*, decoder_layers: int = 2) -> Any:
    """Return a small encoder-decoder with fairseq's names."""
    from transformers import BartConfig, BartForConditionalGeneration

    return BartForConditionalGeneration(
        BartConfig(
            encoder_layers=3, decoder_layers=decoder_layers, d_model=64, encoder_ffn_dim=96,
            decoder_ffn_dim=96, encoder_attention_heads=4, decoder_attention_heads=4, vocab_size=211,
            max_position_embeddings=40, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            forced_eos_token_id=None, decoder_start_token_id=2,
        )
    )  # fmt: skip


SQUARE = math.sqrt(2 / (64 + 64))
WIDE = math.sqrt(2 / (64 + 96))
ENDS = ("v_proj", "out_proj", "fc1", "fc2")


def gain(planned: ui.Plan, path: str) -> float:
    """Return the std of a matrix over Xavier's."""
    return law_of(planned, path).std / (WIDE if ".fc" in path else SQUARE)


def kernels(planned: ui.Plan) -> list[str]:
    """Return the paths of a plan's matrices inside of blocks."""
    return [
        one.record.path for one in planned if one.record.role == "kernel" and ".layers." in one.record.path
    ]


def test_deepnorm_gains_of_encoder_and_decoder() -> None:
    """0.87 (N^4 M)^-1/16 in the encoder, (12 M)^-1/4 in the decoder, on values, outputs and feed-forward."""
    planned = ui.plan(bart(), recipes.deepnorm(n_encoder=3, n_decoder=2))
    for path in kernels(planned):
        expected = 1.0
        if path.split(".")[-2] in ENDS:
            expected = 24**-0.25 if "decoder" in path else 0.87 * (3**4 * 2) ** (-1 / 16)
        assert gain(planned, path) == pytest.approx(expected, rel=1e-14), path
        assert law_of(planned, path).kind == "normal"


def test_deepnorm_keeps_the_papers_product() -> None:
    """Gain times residual factor is 1/sqrt(2) in each row of the paper's table; torchscale's 1.15 breaks it."""
    for layers in (1, 6, 100):
        spread = (layers**4 * layers) ** (1 / 16)
        assert (8 * layers) ** -0.25 * (2 * layers) ** 0.25 == pytest.approx(2**-0.5)
        assert (12 * layers) ** -0.25 * (3 * layers) ** 0.25 == pytest.approx(2**-0.5)
        assert 0.87 / spread * 0.81 * spread == pytest.approx(2**-0.5, rel=0.01)
        assert 1.15 / spread * 0.81 * spread != pytest.approx(2**-0.5, rel=0.3)


def test_deepnorm_without_an_encoder_reads_no_names() -> None:
    """A decoder alone has one gain, (8 M)^-1/4; the value part of a fused matrix has it, the others not."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=2, n_embd=64, n_head=4, vocab_size=211, n_positions=40))
    planned = ui.plan(model, recipes.deepnorm(n_encoder=0, n_decoder=2))
    parts = {piece.name[-1]: piece.law.std for piece in planned["transformer.h.0.attn.c_attn.weight"].pieces}
    assert parts == {"q": SQUARE, "k": SQUARE, "v": SQUARE * 0.5}
    assert law_of(planned, "transformer.h.1.attn.c_proj.weight").std == SQUARE * 0.5
    assert law_of(planned, "transformer.wte.weight").std == 64**-0.5


def test_magneto_gains_of_encoder_and_decoder() -> None:
    """sqrt(ln 3M ln 2N / 3) in the encoder, sqrt(ln 3M) in the decoder, attention to the encoder excepted."""
    planned = ui.plan(bart(), recipes.magneto(n_encoder=3, n_decoder=2))
    for path in kernels(planned):
        expected = 1.0
        if path.split(".")[-2] in ENDS and "encoder_attn" not in path:
            inside = math.log(6) * math.log(6) / 3
            expected = math.sqrt(math.log(6)) if "decoder" in path else math.sqrt(inside)
        assert gain(planned, path) == pytest.approx(expected, rel=1e-14), path


@pytest.mark.parametrize("side", ["n_encoder", "n_decoder"])
def test_magneto_gain_of_one_side(side: str) -> None:
    """sqrt(ln 2N) where there is an encoder or a decoder alone."""
    import torch

    layer = torch.nn.TransformerEncoderLayer(64, 4, 96, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)
    found = stds_by_part(ui.plan(model, recipes.magneto(**({"n_encoder": 0, "n_decoder": 0} | {side: 3}))))
    assert found["layers.2.self_attn.in_proj_weight/q"] == SQUARE
    for path, base in (("self_attn.in_proj_weight/v", SQUARE), ("self_attn.out_proj.weight", SQUARE),
                       ("linear1.weight", WIDE), ("linear2.weight", WIDE)):  # fmt: skip
        assert found[f"layers.2.{path}"] == pytest.approx(base * math.sqrt(math.log(6)), rel=1e-14)


def test_t_fixup_gains_of_encoder_and_decoder() -> None:
    """0.67 N^-1/4 and (9 M)^-1/4; queries and keys 1/sqrt(2); embeddings (9 N)^-1/4 / sqrt(d)."""
    planned = ui.plan(bart(), recipes.t_fixup(n_encoder=3, n_decoder=2, d_model=64))
    for path in kernels(planned):
        expected = 2**-0.5
        if path.split(".")[-2] in ENDS:
            expected = 18**-0.25 if "decoder" in path else 0.67 * 3**-0.25
        assert gain(planned, path) == pytest.approx(expected, rel=1e-14), path
        assert law_of(planned, path).kind == "uniform"
    assert law_of(planned, "model.shared.weight").std == 64**-0.5 * 27**-0.25
    bias = law_of(planned, "model.encoder.layers.0.self_attn.q_proj.bias")
    assert (bias.kind, bias.high) == ("uniform", 1 / 8)
    assert law_of(planned, "model.encoder.layers.0.fc1.bias").kind == "constant"


def test_torchs_own_encoder_is_covered() -> None:
    """torch.nn.TransformerEncoder has a fused projection, an attention's output and two linear layers."""
    import torch

    layer = torch.nn.TransformerEncoderLayer(64, 4, 96, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    found = stds_by_part(ui.plan(model, recipes.deepnorm(n_encoder=2, n_decoder=0)))
    assert found["layers.0.self_attn.in_proj_weight/v"] == SQUARE * 0.5
    assert found["layers.0.self_attn.in_proj_weight/q"] == SQUARE
    assert found["layers.1.self_attn.out_proj.weight"] == SQUARE * 0.5
    assert found["layers.1.linear2.weight"] == WIDE * 0.5


def stds_by_part(planned: ui.Plan) -> dict[str, float]:
    """Return the std of every piece of a plan by its stream name."""
    return {piece.name: piece.law.std for one in planned for piece in one.pieces}


def test_a_depth_of_one_side_covers_a_model_of_both() -> None:
    """With one number both sides get the same gain, for nothing says which is which."""
    found = stds(ui.plan(bart(), recipes.deepnorm(n_encoder=2, n_decoder=0)))
    assert (
        found["model.decoder.layers.0.fc1.weight"] == found["model.encoder.layers.0.fc1.weight"] == WIDE * 0.5
    )
