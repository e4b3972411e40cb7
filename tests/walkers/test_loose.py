"""Parameters without a known layer, in every framework: what their names say."""

from __future__ import annotations

import pytest

from unified_init.walkers.layer_facts import loose


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("q_bias", "bias"), ("bias", "bias"), ("register_tokens", "token"), ("cls_token", "token"),
        ("distillation_token", "token"), ("pos_embed", "position"), ("layer_scale_1", "layer_scale"),
        ("A_log", "parameter"), ("unbiased", "parameter"), ("tokenizer", "parameter"),
    ],
)  # fmt: skip
def test_a_name_says_the_role(name: str, role: str) -> None:
    """Biases by suffix, tokens in singular and plural; other names that hold the words are none."""
    assert loose(name, (1, 4))["role"] == role
