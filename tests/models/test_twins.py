"""Twins of real models: a name map, equal bits in every mapped tensor, equal outputs."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers.ports_transformers import nnx_gpt2, transformers_gpt2
from tests.helpers.reading import logical_values

import unified_init as ui


@pytest.mark.needs("torchvision", "haiku")
def test_resnet18_of_torchvision_and_of_haiku_are_twins() -> None:
    """62 weights and statistics with equal bits, and equal logits to 1e-4.

    With 65 pixels a side, padding "SAME" and PyTorch's symmetric padding are the same at every stride.
    """
    import haiku as hk
    import jax
    import torch
    import torchvision

    theirs = torchvision.models.resnet18(num_classes=10).eval()
    net = hk.transform_with_state(lambda x, train: hk.nets.ResNet18(10)(x, train))  # noqa: PLW0108  # modules are made inside
    image = np.random.default_rng(0).standard_normal((2, 65, 65, 3), dtype=np.float32)
    params, state = net.init(jax.random.key(0), image, train=True)
    ours = ui.haiku(net, params, image, state=state, train=True)
    names = ui.match(theirs, ours)

    recipe = ui.recipes.resnet()
    ui.apply(theirs, recipe, seed=5)
    twin, _ = ui.apply(ours, recipe, seed=5, names=names)
    values, twins = logical_values(theirs), logical_values(twin, dict(names))
    assert len(names) == 102
    assert set(names.values()) <= set(values)
    assert all(values[name].tobytes() == twins[name].tobytes() for name in names.values())

    with torch.no_grad():
        logits = theirs(torch.from_numpy(image.transpose(0, 3, 1, 2).copy())).numpy()
    others, _ = net.apply(twin.params, twin.state, None, image, train=False)
    assert np.abs(logits - np.asarray(others)).max() < 1e-4 * max(1.0, np.abs(logits).max())


@pytest.mark.needs("transformers", "flax")
def test_gpt2_of_transformers_and_one_in_nnx_are_twins() -> None:
    """Fused (in, out) projections and separate ones of three axes have equal bits; so have the logits, nearly."""
    import torch

    theirs, ours = transformers_gpt2(), nnx_gpt2()
    names = ui.match(theirs, ours)
    recipe = ui.recipes.gpt2(n_layer=2)
    _, report = ui.apply(theirs, recipe, seed=1)
    ui.apply(ours, recipe, seed=1, names=names)
    assert ("transformer.wte.weight", "lm_head.weight") in report.ties

    values, twins = logical_values(theirs), logical_values(ours, dict(names))
    assert set(values) == set(twins)
    assert all(values[name].tobytes() == twins[name].tobytes() for name in values)

    tokens = np.random.default_rng(0).integers(0, 101, (2, 16))
    with torch.no_grad():
        logits = theirs(torch.from_numpy(tokens)).logits.numpy()
    assert np.abs(logits - np.asarray(ours(tokens))).max() < 1e-5


@pytest.mark.needs("transformers")
def test_the_residual_projections_of_gpt2_are_scaled_by_depth() -> None:
    """2 L matrices at 0.02 / sqrt(2 L), all other weights at 0.02."""
    model = transformers_gpt2(3)
    plan = ui.plan(model, ui.recipes.gpt2(n_layer=3))
    stds = {
        one.record.path: one.pieces[0].law.std for one in plan if one.record.role in {"kernel", "embedding"}
    }
    scaled = {path for path in stds if path.endswith("c_proj.weight")}
    assert len(scaled) == 6
    assert {stds[path] for path in scaled} == {0.02 * ui.depth_factor(3)}
    assert {std for path, std in stds.items() if path not in scaled} == {0.02}


@pytest.mark.needs("transformers")
def test_llama_in_bfloat16_is_the_rounded_float32_model() -> None:
    """Every parameter, and the rotary frequencies are not touched."""
    import torch
    import transformers

    config = transformers.LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=61, tie_word_embeddings=False,
    )  # fmt: skip
    wide = transformers.LlamaForCausalLM(config)
    narrow = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    frequencies = {path: value.clone() for path, value in narrow.named_buffers()}
    for model in (wide, narrow):
        _, report = ui.apply(model, ui.recipes.llama(), seed=2)
        assert set(report.left) >= set(frequencies)
    for (path, one), (other, two) in zip(wide.named_parameters(), narrow.named_parameters(), strict=True):
        assert path == other
        assert torch.equal(one.detach().to(torch.bfloat16), two)
    assert all(torch.equal(value, frequencies[path]) for path, value in narrow.named_buffers())
