"""The defaults of transformers, against a model that its own initialization has drawn."""

from __future__ import annotations

from typing import Any

import pytest
from tests.helpers.published import law_of

import unified_init as ui
from unified_init import recipes

pytestmark = pytest.mark.needs("torch", "transformers")


def layers(initializer_range: float) -> Any:
    """Return a model of transformers with a layer of each kind that PyTorch has."""
    from torch import nn
    from transformers import PreTrainedConfig, PreTrainedModel

    class Config(PreTrainedConfig):
        model_type = "layers"

    class Layers(PreTrainedModel):
        config_class = Config

        def __init__(self, config: Config) -> None:
            super().__init__(config)
            self.linear = nn.Linear(24, 32)
            self.conv = nn.Conv2d(6, 8, 3, groups=2)
            self.transposed = nn.ConvTranspose2d(6, 8, 3)
            self.embedding = nn.Embedding(50, 16, padding_idx=3)
            self.lstm = nn.LSTM(20, 12, bidirectional=True, proj_size=5)
            self.gru = nn.GRU(20, 12)
            self.attention = nn.MultiheadAttention(16, 2, add_bias_kv=True)
            self.bilinear = nn.Bilinear(5, 6, 7)
            self.norms = nn.ModuleList([nn.LayerNorm(16), nn.GroupNorm(2, 16), nn.BatchNorm1d(16)])
            self.prelu = nn.PReLU()
            self.post_init()

    return Layers(Config(initializer_range=initializer_range))


def test_each_layer_is_what_transformers_draws() -> None:
    """Linear layers and convolutions drawn anew, an LSTM Xavier uniform, attention and a GRU PyTorch's own."""
    model = layers(0.05)
    audit = ui.audit(model, recipes.transformers_default(0.05))
    assert audit.ok, str(audit)
    assert {row.verdict for row in audit} == {"ok"}
    differing = {row.path for row in ui.audit(model, recipes.torch_default()).failed}
    assert {"linear.weight", "linear.bias", "transposed.weight", "lstm.weight_hh_l0/i"} <= differing
    assert not any(path.startswith(("gru", "bilinear", "norms", "prelu")) for path in differing)


def test_parameters_beside_layers_have_optional_rules() -> None:
    """Layer scales, relative positions, loose tokens and adapters, by each default."""
    import torch
    from torch import nn

    model = nn.Module()
    model.gamma = nn.Parameter(torch.zeros(8))
    model.cls_token = nn.Parameter(torch.zeros(1, 1, 8))
    model.attn = nn.Module()
    model.attn.relative_position_bias_table = nn.Parameter(torch.zeros(49, 2))
    model.q_proj = nn.Module()
    model.q_proj.lora_A = nn.ModuleDict({"default": nn.Linear(16, 4, bias=False)})
    model.q_proj.lora_B = nn.ModuleDict({"default": nn.Linear(4, 8, bias=False)})
    for name in recipes.__all__:
        if "_default" not in name:
            continue
        planned = ui.plan(model, getattr(recipes, name)())
        of_transformers = name == "transformers_default"
        assert law_of(planned, "gamma").mean == (1e-6 if of_transformers else 1e-5)
        assert law_of(planned, "cls_token").std == pytest.approx(0.02)
        table = law_of(planned, "attn.relative_position_bias_table")
        assert table.std == pytest.approx(0.0 if of_transformers else 0.02)
        assert law_of(planned, "q_proj.lora_A.default.weight").random
        assert law_of(planned, "q_proj.lora_B.default.weight").high == 0.0
