"""The library's own model in two frameworks: the same weights, the same outputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unified_init as ui

WIDTH, HIDDEN = 8, 24
RECIPE = ui.recipes.torch_default()
INPUTS = np.random.default_rng(0).standard_normal((4, WIDTH), np.float32)


@pytest.fixture
def models(ui_backends: tuple[str, ...]) -> tuple[Any, Any]:
    """Return the model in PyTorch and in Flax, with the same initial weights."""
    if not {"torch", "jax"} <= set(ui_backends):
        pytest.skip("compares torch with jax")
    from flax import nnx
    from library_matrix import flax_model, torch_model

    torch_block = torch_model.GatedBlock(WIDTH, HIDDEN)
    flax_block = flax_model.GatedBlock(WIDTH, HIDDEN, rngs=nnx.Rngs(0))
    names = ui.match(torch_block, flax_block)
    torch_block, _ = ui.apply(torch_block, RECIPE, seed=0)
    flax_block, _ = ui.apply(flax_block, RECIPE, seed=0, names=names)
    return torch_block, flax_block


def test_both_models_have_the_golden_weights(models: tuple[Any, Any], ui_golden: Any) -> None:
    """Bit for bit, each kernel in its own layout."""
    torch_block, flax_block = models
    for name in ("value", "gate", "out"):
        ui_golden(getattr(torch_block, name).weight, name, layout="OI")
        ui_golden(getattr(flax_block, name).kernel[...], name, layout="IO")


def test_both_models_compute_the_same(models: tuple[Any, Any]) -> None:
    """On the same inputs, to float32's rounding; a kernel that is transposed would show."""
    import torch

    torch_block, flax_block = models
    with torch.no_grad():
        ours = torch_block(torch.from_numpy(INPUTS)).numpy()
    np.testing.assert_allclose(np.asarray(flax_block(INPUTS)), ours, rtol=0, atol=1e-5)
