"""Published recipes of convolutional networks, with torchvision's and timm's own values beside ours."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.helpers.messages import refused
from tests.helpers.published import assert_agrees, law_of

import unified_init as ui
from unified_init import recipes

pytestmark = pytest.mark.needs("torch", "torchvision", "timm")


def small_resnet(*, zero: bool, groups: int = 1) -> Any:
    """Return a small bottleneck ResNet of torchvision."""
    from torchvision.models.resnet import Bottleneck, ResNet

    return ResNet(
        Bottleneck, [1, 2, 1, 1], num_classes=7, zero_init_residual=zero, groups=groups, width_per_group=16
    )


@pytest.mark.parametrize("zero", [False, True])
def test_a_resnet_is_what_torchvision_draws(zero: bool) -> None:  # noqa: FBT001  # its own flag
    """Every parameter and statistic has torchvision's law, grouped convolutions too."""
    assert_agrees(small_resnet(zero=zero, groups=2), recipes.resnet(zero_init_residual=zero))


def test_a_resnet_is_what_timm_draws() -> None:
    """Branches start at 0 by default in timm."""
    import timm

    assert_agrees(timm.create_model("resnet10t", num_classes=7), recipes.resnet())


def test_laws_of_a_resnet() -> None:
    """sqrt(2 / (O k^2)) with all groups' outputs; the third normalization of each block 0; a PyTorch head."""
    planned = ui.plan(small_resnet(zero=True, groups=2), recipes.resnet())
    assert law_of(planned, "conv1.weight").std == math.sqrt(2 / (64 * 49))
    shape = planned["layer1.0.conv2.weight"].record.shape
    assert law_of(planned, "layer1.0.conv2.weight").std == math.sqrt(2 / (shape[0] * 9))
    assert law_of(planned, "fc.weight").high == pytest.approx(2048**-0.5, rel=1e-15)
    zeroed = {one.record.path for one in planned if one.record.role == "scale" and not one.pieces[0].law.mean}
    assert zeroed == {
        f"layer{stage}.{block}.bn3.weight" for stage in (1, 2, 3, 4) for block in range(1 + (stage == 2))
    }


def test_resnet_refuses_a_model_without_branches() -> None:
    """Nothing to start at 0: said, not passed over."""
    import torch

    with refused(ui.UnifiedInitError):
        ui.plan(torch.nn.Conv2d(3, 8, 3), recipes.resnet())


def test_a_mobilenet_is_what_torchvision_draws() -> None:
    """Depthwise kernels count all channels' outputs."""
    from torchvision.models import mobilenet_v2

    model = mobilenet_v2(num_classes=7, width_mult=0.25)
    planned = ui.plan(model, recipes.mobilenet())
    depthwise = next(one.record for one in planned if one.record.depthwise and one.record.role == "kernel")
    assert law_of(planned, depthwise.path).std == math.sqrt(2 / (9 * depthwise.groups))
    assert_agrees(model, recipes.mobilenet())


def test_an_efficientnet_is_what_timm_draws() -> None:
    """Depthwise kernels count their own window, the head its outputs."""
    import timm

    model = timm.create_model("mnasnet_small", num_classes=7)
    planned = ui.plan(model, recipes.efficientnet_tf())
    depthwise = next(
        one.record
        for one in planned
        if one.record.depthwise and one.record.role == "kernel" and one.record.space == 9
    )
    assert law_of(planned, depthwise.path).std == math.sqrt(2 / 9)
    assert law_of(planned, "classifier.weight").high == pytest.approx(7**-0.5, rel=1e-15)
    assert_agrees(model, recipes.efficientnet_tf())


def fixup_net() -> Any:
    """Return a residual network with the names of Fixup's reference implementation."""
    import torch
    from torch import nn

    def scalar(value: float) -> Any:
        return nn.Parameter(torch.full((1,), value))

    model = nn.Module()
    model.conv1, model.bias1, model.bias2 = nn.Conv2d(3, 8, 7, bias=False), scalar(5.0), scalar(5.0)
    model.fc = nn.Linear(16, 5)
    for stage, (inner, out) in enumerate(((8, 8), (8, 16)), start=1):
        block = nn.Module()
        block.conv1 = nn.Conv2d(inner, out, 3, bias=False)
        block.conv2 = nn.Conv2d(out, out, 3, bias=False)
        block.bias1a, block.bias1b, block.bias2a, block.bias2b = (scalar(5.0) for _ in range(4))
        block.scale = scalar(5.0)
        if inner != out:
            block.downsample = nn.Conv2d(inner, out, 1, bias=False)
        setattr(model, f"layer{stage}", nn.Sequential(block))
    return model


def test_fixup_ends_branches_at_zero() -> None:
    """Last convolutions 0, others He's times L^(-1 / (2m - 2)), shortcuts He's, head 0, scalars 1 and 0."""
    planned = ui.plan(fixup_net(), recipes.fixup(n_blocks=2))
    for stage, out in ((1, 8), (2, 16)):
        assert law_of(planned, f"layer{stage}.0.conv2.weight").high == 0.0
        std = math.sqrt(2 / (out * 9)) * 2**-0.5
        assert law_of(planned, f"layer{stage}.0.conv1.weight").std == pytest.approx(std, rel=1e-15)
        assert law_of(planned, f"layer{stage}.0.scale").mean == 1.0
        assert law_of(planned, f"layer{stage}.0.bias2a").mean == 0.0
    assert law_of(planned, "layer2.0.downsample.weight").std == math.sqrt(2 / 16)
    assert law_of(planned, "conv1.weight").high == pytest.approx((3 * 49) ** -0.5, rel=1e-15)
    assert law_of(planned, "fc.weight").kind == law_of(planned, "fc.bias").kind == "constant"
    assert law_of(planned, "bias1").mean == 0.0


def test_siren_needs_its_first_layer_named() -> None:
    """The first layer 1 / n, all others sqrt(6 / n) / omega, biases PyTorch's."""
    from torch import nn

    model = nn.Sequential(*(nn.Sequential(nn.Linear(n, o)) for n, o in ((2, 32), (32, 32), (32, 1))))
    planned = ui.plan(model, recipes.siren(first="0.0.weight"))
    assert law_of(planned, "0.0.weight").high == pytest.approx(1 / 2, rel=1e-15)
    for path in ("1.0.weight", "2.0.weight"):
        assert law_of(planned, path).high == pytest.approx(math.sqrt(6 / 32) / 30, rel=1e-15)
    assert law_of(planned, "1.0.bias").high == pytest.approx(32**-0.5, rel=1e-15)
    with refused(ui.UnifiedInitError):
        ui.plan(model, recipes.siren(first="net.0.*"))


def test_lora_starts_at_zero_and_leaves_the_rest() -> None:
    """A as PyTorch's linear layers, B 0, of embeddings A 0 and B normal; what is adapted keeps its values."""
    import torch
    from torch import nn

    model = nn.Module()
    model.q_proj = nn.Module()
    model.q_proj.base_layer = nn.Linear(16, 8)
    model.q_proj.lora_A = nn.ModuleDict({"default": nn.Linear(16, 4, bias=False)})
    model.q_proj.lora_B = nn.ModuleDict({"default": nn.Linear(4, 8, bias=False)})
    model.embed = nn.Module()
    model.embed.base_layer = nn.Embedding(11, 8)
    model.embed.lora_embedding_A = nn.ParameterDict({"default": torch.ones(4, 11)})
    model.embed.lora_embedding_B = nn.ParameterDict({"default": torch.ones(8, 4)})
    model.conv = nn.Module()
    model.conv.lora_A = nn.ModuleDict({"default": nn.Conv2d(8, 4, 3, bias=False)})
    model.conv.lora_B = nn.ModuleDict({"default": nn.Conv2d(4, 8, 1, bias=False)})
    kept = model.q_proj.base_layer.weight.detach().clone()
    planned = ui.plan(model, recipes.lora())
    assert law_of(planned, "q_proj.lora_A.default.weight").high == pytest.approx(1 / 4, rel=1e-15)
    assert law_of(planned, "conv.lora_A.default.weight").high == pytest.approx(72**-0.5, rel=1e-15)
    assert law_of(planned, "embed.lora_embedding_B.default").std == 1.0
    for path in (
        "q_proj.lora_B.default.weight",
        "embed.lora_embedding_A.default",
        "conv.lora_B.default.weight",
    ):
        assert law_of(planned, path).high == 0.0
    _, report = ui.apply(model, recipes.lora(), seed=0)
    assert torch.equal(model.q_proj.base_layer.weight, kept)
    assert report.skipped == ("embed.base_layer.weight", "q_proj.base_layer.bias", "q_proj.base_layer.weight")
