"""Parameters of no known layer are known by their names, alike in PyTorch and elsewhere."""

from __future__ import annotations

import pytest

import unified_init as ui
from unified_init.walkers.layer_facts import loose

ROLES = {
    "q_bias": "bias", "dt_bias": "bias", "bias": "bias", "rel_pos_bias": "position", "unbias": "parameter",
    "register_tokens": "token", "reg_token": "token", "registers": "token", "distillation_token": "token",
    "dist_token": "token", "mask_token": "token", "class_embedding": "token", "cls": "token",
    "embed_tokens": "parameter", "tokenizer": "parameter", "classtokenizer": "parameter",
}  # fmt: skip


@pytest.mark.parametrize(("name", "role"), ROLES.items())
def test_a_name_says_what_a_parameter_is(name: str, role: str) -> None:
    """Biases by their suffix, registers and tokens of distillation; not what only begins with the word."""
    assert loose(name, (3, 4))["role"] == role


@pytest.mark.needs("torch")
def test_pytorch_says_the_same() -> None:
    """Its walker has the same words."""
    import torch

    module = torch.nn.Module()
    for name in ROLES:
        module.register_parameter(name, torch.nn.Parameter(torch.zeros(3, 4)))
    assert {record.path: record.role for record in ui.inspect(module)} == ROLES
