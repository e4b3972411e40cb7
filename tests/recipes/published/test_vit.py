"""Published recipes of vision and diffusion transformers, with timm's own values beside ours."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused
from tests.helpers.published import assert_agrees, law_of

import unified_init as ui
from unified_init import recipes

pytestmark = pytest.mark.needs("torch", "torchvision", "timm")


def vit(weight_init: str = "") -> Any:
    """Return a small ViT of timm, as it initializes it."""
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(
        img_size=32, patch_size=8, num_classes=37, embed_dim=64, depth=2, num_heads=4, mlp_ratio=2.0,
        reg_tokens=2, init_values=1e-5, weight_init=weight_init,
    )  # fmt: skip


RECIPES: dict[str, ui.Recipe] = {
    "": recipes.vit_timm(),
    "jax": recipes.vit_jax(),
    "jax_nlhb": recipes.vit_jax_nlhb(37),
    "moco": recipes.vit_moco(),
}


@pytest.mark.parametrize("weight_init", RECIPES)
def test_a_vit_is_what_timm_draws(weight_init: str) -> None:
    """Every parameter has timm's law: patch, tokens, positions, layer scales, head and biases too."""
    assert_agrees(vit(weight_init), RECIPES[weight_init])


def test_laws_of_timms_recipes() -> None:
    """The numbers of each recipe on the fused matrix, the patch, the tokens and the head."""
    model = vit()
    fused, patch, head = "blocks.0.attn.qkv.weight", "patch_embed.proj.weight", "head.weight"
    planned = ui.plan(model, recipes.vit_timm())
    assert law_of(planned, fused).std == law_of(planned, head).std == law_of(planned, "pos_embed").std == 0.02
    assert law_of(planned, patch).high == pytest.approx((3 * 64) ** -0.5, rel=1e-15)
    assert law_of(planned, "patch_embed.proj.bias").high == pytest.approx((3 * 64) ** -0.5, rel=1e-15)
    assert law_of(planned, "cls_token").std == law_of(planned, "reg_token").std == 1e-6
    assert law_of(planned, "blocks.1.ls2.gamma").mean == 1e-5
    planned = ui.plan(model, recipes.vit_jax())
    assert law_of(planned, fused).high == pytest.approx(math.sqrt(6 / (4 * 64)), rel=1e-15)
    assert law_of(planned, "blocks.0.attn.proj.weight").high == pytest.approx(math.sqrt(6 / 128), rel=1e-15)
    assert (
        law_of(planned, "blocks.0.mlp.fc1.bias").std == law_of(planned, "blocks.0.mlp.fc2.bias").std == 1e-6
    )
    assert law_of(planned, "blocks.0.attn.proj.bias").kind == "constant"
    assert law_of(planned, patch).std == pytest.approx((3 * 64) ** -0.5, rel=1e-15)
    assert law_of(planned, patch).kind == "truncated_normal"
    assert law_of(planned, head).mean == law_of(planned, "head.bias").mean == 0.0
    assert law_of(ui.plan(model, recipes.vit_jax_nlhb(37)), "head.bias").mean == -math.log(37)
    apart = ui.plan(model, recipes.vit_jax(fused=False))
    assert law_of(apart, fused).high == pytest.approx(math.sqrt(6 / 128), rel=1e-15)
    assert law_of(ui.plan(model, recipes.vit_moco()), fused).high == pytest.approx(
        math.sqrt(6 / 128), rel=1e-15
    )


@pytest.mark.needs("transformers")
def test_separate_queries_have_the_law_of_the_fused_matrix() -> None:
    """Where queries, keys and values are kept apart, as in transformers, a recipe's law is the same."""
    from transformers import ViTConfig, ViTForImageClassification

    model = ViTForImageClassification(
        ViTConfig(
            hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96, image_size=32,
            patch_size=8, num_labels=7,
        )
    )  # fmt: skip
    planned = ui.plan(model, recipes.vit_jax())
    for letter in "qkv":
        law = law_of(planned, f"vit.layers.0.attention.{letter}_proj.weight")
        assert law.high == pytest.approx(math.sqrt(6 / (4 * 64)), rel=1e-15)
    assert law_of(planned, "classifier.weight").mean == 0.0
    assert law_of(planned, "vit.layers.0.mlp.fc2.bias").std == 1e-6
    timm = ui.plan(model, recipes.vit_timm())
    assert law_of(timm, "vit.embeddings.patch_embeddings.projection.weight").kind == "uniform"
    assert law_of(timm, "vit.embeddings.position_embeddings").std == 0.02
    assert law_of(timm, "vit.embeddings.cls_token").std == 1e-6


def test_torchvisions_vit_is_covered() -> None:
    """Its feed-forward layers are numbers of a sequence, its projection torch's fused one."""
    from torchvision.models.vision_transformer import VisionTransformer

    model = VisionTransformer(32, 8, 2, 4, 64, 96, num_classes=7)
    planned = ui.plan(model, recipes.vit_jax())
    layer = "encoder.layers.encoder_layer_1"
    assert law_of(planned, f"{layer}.self_attention.in_proj_weight").high == pytest.approx(math.sqrt(6 / 256))
    assert law_of(planned, f"{layer}.mlp.0.bias").std == law_of(planned, f"{layer}.mlp.3.bias").std == 1e-6
    assert law_of(planned, "heads.head.weight").mean == 0.0
    assert law_of(planned, "conv_proj.weight").kind == "truncated_normal"


def dit() -> Any:
    """Return a small diffusion transformer with the names of the reference implementation, set as it does."""
    import torch
    from timm.layers.attention import Attention
    from timm.layers.mlp import Mlp
    from timm.layers.patch_embed import PatchEmbed
    from torch import nn

    def conditioned(block: Any, parts: int) -> Any:
        block.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(64, parts * 64))
        return block

    model = nn.Module()
    model.x_embedder = PatchEmbed(16, 2, 4, 64)
    model.t_embedder = nn.Module()
    model.t_embedder.mlp = nn.Sequential(nn.Linear(32, 64), nn.SiLU(), nn.Linear(64, 64))
    model.y_embedder = nn.Module()
    model.y_embedder.embedding_table = nn.Embedding(11, 64)
    model.pos_embed = nn.Parameter(torch.linspace(-1, 1, 64 * 64).reshape(1, 64, 64), requires_grad=False)
    model.blocks = nn.ModuleList()
    for _ in range(2):
        block = conditioned(nn.Module(), 6)
        block.attn = Attention(64, num_heads=4, qkv_bias=True)
        block.mlp = Mlp(64, 96)
        model.blocks.append(block)
    model.final_layer = conditioned(nn.Module(), 2)
    model.final_layer.linear = nn.Linear(64, 32)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            ended = "adaLN_modulation" in name or "final_layer" in name
            nn.init.zeros_(module.weight) if ended else nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    nn.init.xavier_uniform_(model.x_embedder.proj.weight.data.view(64, -1))
    for weight in (model.y_embedder.embedding_table, model.t_embedder.mlp[0], model.t_embedder.mlp[2]):
        nn.init.normal_(weight.weight, std=0.02)
    return model


def test_dit_is_what_its_authors_draw() -> None:
    """Modulation and final layer 0, time and labels 0.02, the patch as a matrix, positions left alone."""
    model = dit()
    planned = ui.plan(model, recipes.dit())
    assert law_of(planned, "x_embedder.proj.weight").high == pytest.approx(
        math.sqrt(6 / (16 + 64)), rel=1e-15
    )
    assert law_of(planned, "blocks.0.attn.qkv.weight").high == pytest.approx(math.sqrt(6 / 256), rel=1e-15)
    positions = model.pos_embed.detach().numpy().copy()
    report = assert_agrees(model, recipes.dit())
    assert report.skipped == ("pos_embed",)
    np.testing.assert_array_equal(model.pos_embed.detach().numpy(), positions)


def test_dit_refuses_a_model_without_modulation() -> None:
    """A plain ViT is none."""
    with refused(ui.UnifiedInitError):
        ui.plan(vit(), recipes.dit())


@pytest.mark.parametrize(
    "recipe", [recipes.vit_jax, functools.partial(recipes.vit_jax_nlhb, 10)], ids=["vit_jax", "vit_jax_nlhb"]
)
def test_fused_is_a_switch(recipe: Any) -> None:
    """A word, true in Python, is refused."""
    with refused(ui.ArgumentTypeError):
        recipe(fused="no")
