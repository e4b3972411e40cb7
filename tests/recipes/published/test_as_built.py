"""Recipes against models that their own library has initialized: an audit passes, that of a wrong recipe fails."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest
from tests.helpers.messages import refused
from tests.helpers.published import law_of

import unified_init as ui
from unified_init import recipes

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("torch", "torchvision", "timm", "transformers")

LANGUAGE = {
    "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 101,
}  # fmt: skip
VISION = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96,
    "image_size": 32, "patch_size": 8, "num_labels": 7,
}  # fmt: skip
CONVNEXT = {"depths": (1, 1, 2, 1), "dims": (16, 32, 64, 64), "num_classes": 7}
SWIN = {
    "img_size": 32, "patch_size": 2, "embed_dim": 24, "depths": (2, 2), "num_heads": (2, 4), "window_size": 4,
    "num_classes": 7,
}  # fmt: skip
SWIN_HF = {
    "image_size": 32, "patch_size": 4, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4],
    "window_size": 4,
}  # fmt: skip


def of_transformers(model: str, config: str, **sizes: Any) -> Any:
    """Return a model of transformers, as its constructor initializes it."""
    import transformers

    return getattr(transformers, model)(getattr(transformers, config)(**sizes))


def convnext_timm(**changes: Any) -> Any:
    """Return a small ConvNeXt of timm."""
    from timm.models.convnext import ConvNeXt

    return ConvNeXt(**CONVNEXT | changes)


def convnext_torchvision() -> Any:
    """Return a small ConvNeXt of torchvision."""
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt

    return ConvNeXt([CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 2)], num_classes=7)


def swin_timm(*, second: bool) -> Any:
    """Return a small Swin of timm, or its second version."""
    from timm.models.swin_transformer import SwinTransformer
    from timm.models.swin_transformer_v2 import SwinTransformerV2

    return (SwinTransformerV2 if second else SwinTransformer)(**SWIN)


def swin_torchvision(*, second: bool) -> Any:
    """Return a small Swin of torchvision, or its second version."""
    from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2

    parts = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2} if second else {}
    return SwinTransformer([2, 2], 24, [2, 2], [2, 4], [4, 4], num_classes=7, **parts)


def deit_timm() -> Any:
    """Return a small distilled DeiT of timm."""
    from timm.models.deit import VisionTransformerDistilled

    return VisionTransformerDistilled(
        img_size=32, patch_size=8, embed_dim=64, depth=2, num_heads=4, num_classes=7
    )


def regnet_timm(**changes: Any) -> Any:
    """Return a small RegNet of timm."""
    from timm.models.regnet import RegNet, RegNetCfg

    config = RegNetCfg(depth=6, w0=16, wa=16.0, wm=2.0, group_size=8, se_ratio=0.25)
    return RegNet(config, num_classes=7, **changes)


def regnet_torchvision() -> Any:
    """Return a small RegNet of torchvision, with squeeze and excitation."""
    from torchvision.models.regnet import BlockParams, RegNet

    return RegNet(BlockParams([2, 2], [16, 32], [8, 8], [1, 1], [2, 2], se_ratio=0.25), num_classes=7)


def densenet(library: str) -> Any:
    """Return a small DenseNet."""
    if library == "timm":
        from timm.models.densenet import DenseNet

        return DenseNet(8, (2, 2), num_classes=7)
    from torchvision.models.densenet import DenseNet

    return DenseNet(8, (2, 2), 16, num_classes=7)


def mamba2(**changes: Any) -> Any:
    """Return a small Mamba-2 of 8 heads."""
    return of_transformers(
        "Mamba2ForCausalLM", "Mamba2Config", num_hidden_layers=3, hidden_size=64, state_size=16, head_dim=16,
        num_heads=8, n_groups=2, vocab_size=101, expand=2, **changes,
    )  # fmt: skip


def mamba(**changes: Any) -> Any:
    """Return a small Mamba of 16 states."""
    return of_transformers(
        "MambaForCausalLM", "MambaConfig", num_hidden_layers=2, hidden_size=64, vocab_size=101, **changes
    )


def clip(factor: float = 1.0) -> Any:
    """Return a small CLIP whose two towers differ in width and depth."""
    tower = {"num_attention_heads": 4, "intermediate_size": 80, "initializer_factor": factor}
    text = {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 101, "max_position_embeddings": 20}
    vision = {"hidden_size": 48, "num_hidden_layers": 3, "image_size": 32, "patch_size": 8}
    return of_transformers(
        "CLIPModel", "CLIPConfig", projection_dim=16, initializer_factor=factor, text_config=text | tower,
        vision_config=vision | tower,
    )  # fmt: skip


def whisper() -> Any:
    """Return a small Whisper."""
    return of_transformers(
        "WhisperForConditionalGeneration", "WhisperConfig", vocab_size=101, d_model=32, encoder_layers=2,
        decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=64,
        decoder_ffn_dim=64, num_mel_bins=16, max_source_positions=30, max_target_positions=20, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None,
        begin_suppress_tokens=None,
    )  # fmt: skip


def swin_hf(version: str) -> Any:
    """Return a small Swin of transformers."""
    return of_transformers(f"{version}ForImageClassification", f"{version}Config", **SWIN_HF)


def convnext_hf(version: str) -> Any:
    """Return a small ConvNeXt of transformers."""
    sizes = {"hidden_sizes": [16, 32, 64, 64], "depths": [1, 1, 2, 1]}
    return of_transformers(f"{version}ForImageClassification", f"{version}Config", **sizes)


def mixture(name: str, **changes: Any) -> Any:
    """Return a small mixture of experts of transformers."""
    config = "Llama4TextConfig" if name == "Llama4" else f"{name}Config"
    return of_transformers(f"{name}ForCausalLM", config, **LANGUAGE | {"num_local_experts": 4} | changes)


@dataclasses.dataclass(frozen=True)
class Case:
    """A model as its library makes it, its recipe, and a wrong recipe that differs from it in one law."""

    build: Callable[[], Any]
    recipe: ui.Recipe
    wrong: ui.Recipe


default = recipes.transformers_default
CASES = {
    "ViT": Case(
        lambda: of_transformers("ViTForImageClassification", "ViTConfig", initializer_range=0.05, **VISION),
        default(0.05), default(),
    ),
    "BERT": Case(
        lambda: of_transformers("BertForPreTraining", "BertConfig", **LANGUAGE), default(), default(0.022)
    ),
    "Mixtral": Case(lambda: mixture("Mixtral"), default(), default(0.022)),
    "Mixtral by llama": Case(lambda: mixture("Mixtral"), recipes.llama(), recipes.megatron(2)),
    "GPT-OSS": Case(lambda: mixture("GptOss", head_dim=16), default(), recipes.bert_hf()),
    "Qwen2-MoE": Case(
        lambda: mixture("Qwen2Moe", num_experts=4, moe_intermediate_size=32, shared_expert_intermediate_size=48),
        default(), recipes.megatron(2),
    ),
    "Llama 4": Case(
        lambda: mixture("Llama4", intermediate_size_mlp=96, head_dim=16, moe_layers=[0, 1]),
        default(), recipes.megatron(2),
    ),
    "JetMoe": Case(
        lambda: mixture("JetMoe", num_key_value_heads=4, kv_channels=16), default(0.01), default()
    ),
    "DeiT, transformers": Case(
        lambda: of_transformers("DeiTForImageClassificationWithTeacher", "DeiTConfig", **VISION),
        recipes.deit_hf(), default(),
    ),
    "DeiT, timm": Case(deit_timm, recipes.deit(), recipes.vit_timm()),
    "CLIP": Case(clip, recipes.clip(2, 3), recipes.clip(3, 3)),
    "CLIP, factor": Case(
        lambda: clip(0.5), recipes.clip(2, 3, factor=0.5), recipes.clip(2, 3)
    ),
    "Whisper": Case(whisper, recipes.whisper(), recipes.whisper(0.022)),
    "Mamba": Case(mamba, recipes.mamba(), recipes.mamba(n_layer=2)),
    "Mamba-2": Case(mamba2, recipes.mamba2(8), recipes.mamba2(8, std=0.09)),
    "Mamba-2, rescaled": Case(
        lambda: mamba2(rescale_prenorm_residual=True), recipes.mamba2(8, n_layer=3), recipes.mamba2(8)
    ),
    "ConvNeXt, timm": Case(convnext_timm, recipes.convnext(), recipes.convnext(1e-5)),
    "ConvNeXt, timm, head": Case(
        lambda: convnext_timm(head_init_scale=0.1), recipes.convnext(head_scale=0.1), recipes.convnext()
    ),
    "ConvNeXt V2, timm": Case(
        lambda: convnext_timm(use_grn=True, ls_init_value=None), recipes.convnext(), recipes.resnet()
    ),
    "ConvNeXt, torchvision": Case(convnext_torchvision, recipes.convnext(), recipes.convnext(1e-5)),
    "ConvNeXt, transformers": Case(lambda: convnext_hf("ConvNext"), recipes.convnext(), default(0.022)),
    "ConvNeXt V2, transformers": Case(lambda: convnext_hf("ConvNextV2"), default(), default(0.022)),
    "Swin, timm": Case(lambda: swin_timm(second=False), recipes.swin(), default()),
    "Swin V2, timm": Case(
        lambda: swin_timm(second=True), recipes.swin(zero_init_norms=True), recipes.swin()
    ),
    "Swin, torchvision": Case(lambda: swin_torchvision(second=False), recipes.swin(), default()),
    "Swin V2, torchvision": Case(
        lambda: swin_torchvision(second=True), recipes.swin(), recipes.swin(zero_init_norms=True)
    ),
    "Swin, transformers": Case(lambda: swin_hf("Swin"), default(), recipes.swin()),
    "Swin V2, transformers": Case(lambda: swin_hf("Swinv2"), default(), recipes.swin()),
    "RegNet, timm": Case(regnet_timm, recipes.regnet_timm(), recipes.regnet()),
    "RegNet, timm, no zeros": Case(
        lambda: regnet_timm(zero_init_last=False),
        recipes.regnet_timm(zero_init_last=False), recipes.regnet_timm(),
    ),
    "RegNet, torchvision": Case(regnet_torchvision, recipes.regnet(), recipes.mobilenet()),
    "RegNet, transformers": Case(
        lambda: of_transformers(
            "RegNetForImageClassification", "RegNetConfig", embedding_size=16, hidden_sizes=[16, 32],
            depths=[1, 2], groups_width=8,
        ),
        recipes.resnet(zero_init_residual=False), recipes.regnet(),
    ),
    "DenseNet, timm": Case(lambda: densenet("timm"), recipes.densenet(), recipes.mobilenet()),
    "DenseNet, torchvision": Case(lambda: densenet("torchvision"), recipes.densenet(), recipes.mobilenet()),
}  # fmt: skip


def built(case: Case) -> Any:
    """Return the model of a case from a seed: one in 24 million values of timm's truncated normal is -2."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return case.build()


@pytest.mark.parametrize("name", CASES)
def test_a_model_as_its_library_makes_it_passes_the_audit_of_its_recipe(name: str) -> None:
    """Every parameter is examined and has its law; a recipe with other laws finds parameters that differ."""
    case = CASES[name]
    model = built(case)
    audit = ui.audit(model, case.recipe)
    assert audit.ok, str(audit)
    assert {row.verdict for row in audit} <= {"ok", "left"}
    wrong = ui.audit(model, case.wrong)
    assert [row.path for row in wrong.failed if row.verdict in {"differs", "faulty"}]


@pytest.mark.parametrize("name", ["Mixtral", "Mamba-2", "Swin V2, timm", "CLIP"])
def test_a_model_that_the_recipe_initializes_passes_its_audit(name: str) -> None:
    """What apply writes is what audit expects, stacked experts and formulas too."""
    case = CASES[name]
    model, _ = ui.apply(case.build(), case.recipe, seed=3)
    audit = ui.audit(model, case.recipe)
    assert audit.ok, str(audit)


@pytest.mark.parametrize(
    "recipe", [recipes.gpt2(2), recipes.megatron(2), recipes.llama()], ids=["gpt2", "megatron", "llama"]
)
def test_mixtures_in_recipes_of_decoders(recipe: ui.Recipe) -> None:
    """Routers 0.02; experts' outputs scaled by depth where the recipe scales outputs, their inputs never."""
    planned = ui.plan(mixture("Mixtral"), recipe)
    mlp = "model.layers.1.mlp"
    assert law_of(planned, f"{mlp}.gate.weight").std == 0.02
    assert law_of(planned, f"{mlp}.experts.gate_up_proj").std == 0.02
    outputs = 0.02 if recipe.name == "llama" else 0.01
    assert law_of(planned, f"{mlp}.experts.down_proj").std == outputs


def test_step_biases_of_mamba() -> None:
    """The inverse softplus of a log-uniform step: its mean, its std and its ends."""
    law = law_of(ui.plan(mamba2(), recipes.mamba2(8)), "backbone.layers.0.mixer.dt_bias")
    assert law.mean == pytest.approx(-4.594376, abs=5e-7)
    assert law.std == pytest.approx(1.340382, abs=5e-7)
    assert law.low == pytest.approx(-6.907255, abs=1e-6)
    assert law.high == pytest.approx(-2.252168, abs=1e-6)


@pytest.mark.parametrize(
    "recipe", [recipes.vit_timm(), recipes.vit_jax(), recipes.vit_moco()], ids=["timm", "jax", "moco"]
)
def test_a_vision_transformers_recipe_refuses_a_convnext(recipe: ui.Recipe) -> None:
    """It says why, and which recipe there is."""
    with refused(ui.ArgumentValueError):
        ui.plan(convnext_timm(), recipe)


REFUSED: dict[str, Callable[[], Any]] = {
    "a ViT by convnext": lambda: ui.plan(deit_timm(), recipes.convnext()),
    "a ViT by swin": lambda: ui.plan(deit_timm(), recipes.swin()),
    "a Mamba-2 of other heads": lambda: ui.plan(mamba2(), recipes.mamba2(4)),
    "a number for a flag of swin": lambda: recipes.swin(zero_init_norms=1),  # type: ignore[arg-type]
    "a number for a flag of regnet": lambda: recipes.regnet_timm(zero_init_last=1),  # type: ignore[arg-type]
    "no range": lambda: recipes.transformers_default(0.0),
    "state-space steps by llama": lambda: ui.plan(mamba2(), recipes.llama()),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_recipe_refuses_another_family(fault: str) -> None:
    """A model that lacks what a recipe is about, or arguments that make no sense."""
    with refused(ui.UnifiedInitError):
        REFUSED[fault]()
