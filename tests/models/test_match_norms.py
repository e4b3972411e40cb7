"""Norms that look alike: which evidence tells them apart, and that the order of registration does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

WIDTH = 6


def inventory(*paths: str) -> ui.Inventory:
    """Return linear layers and norms in this order; a path with "fc" is that of a linear layer."""
    shapes: dict[bool, dict[str, Any]] = {
        True: {"shape": (4, 4), "kind": "linear", "role": "kernel", "layout": "OI"},
        False: {"shape": (4,), "kind": "layer_norm", "role": "scale", "layout": "O"},
    }
    return ui.Inventory(
        "torch", tuple(ui.Record(name=path, path=path, **shapes["fc" in path]) for path in paths)
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("alpha", "beta"), ("red", "blue")),
        (("norm1", "norm2"), ("red", "blue")),
        (("norm2", "norm1"), ("ln_1", "ln_2")),
        (("ffn_norm", "attention_norm"), ("input_layernorm", "post_attention_layernorm")),
        (("norm", "norm_again"), ("ln_1", "ln_2")),
    ],
)
def test_the_order_of_registration_alone_is_a_doubt(first: Any, second: Any) -> None:
    """Of norms without kernels between them whose names say no order, or another one than the models have."""
    models = [inventory("fc.w", *(f"{name}.w" for name in names)) for names in (first, second)]
    with refused(ui.ArgumentValueError):
        ui.match(*models)
    names = ui.match(*models, strict=False)
    assert (dict(names), len(names.doubts)) == ({"fc.w": "fc.w"}, 1)
    given = {f"{second[0]}.w": f"{first[1]}.w"}
    assert ui.match(*models, given=given)[f"{second[1]}.w"] == f"{first[0]}.w"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("norm1", "norm2"), ("ln_1", "ln_2")),
        (("a", "b"), ("ln_1", "ln_2")),
        (("layernorm_before", "layernorm_after"), ("norm1", "norm2")),
        (("input_layernorm", "post_attention_layernorm"), ("attention_norm", "ffn_norm")),
        (("pre_attention_norm", "pre_mlp_norm"), ("attention_norm", "feed_forward_norm")),
        (("red", "blue"), ("blue", "red")),
    ],
)
def test_names_tell_norms_apart(first: Any, second: Any) -> None:
    """By numbers, letters and words for first and last; by equal names in whatever order."""
    models = [inventory("fc.w", *(f"{name}.w" for name in names)) for names in (first, second)]
    names = ui.match(*models)
    same = set(first) == set(second)
    assert {key: names[key] for key in names if key != "fc.w"} == {
        f"{theirs}.w": f"{theirs if same else ours}.w" for ours, theirs in zip(first, second, strict=True)
    }


def test_kernels_between_norms_tell_them_apart() -> None:
    """Each follows the same kernel in both models."""
    models = inventory("fc1.w", "red.w", "fc2.w", "blue.w"), inventory("fc1.w", "one.w", "fc2.w", "two.w")
    assert dict(ui.match(*models)) == {
        "fc1.w": "fc1.w", "one.w": "red.w", "fc2.w": "fc2.w", "two.w": "blue.w",
    }  # fmt: skip


def block(*, reverse: bool) -> Any:
    """Return a block in PyTorch that registers its norms in the order of their calls, or the other way round."""
    import torch

    class Block(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            names = ("beta", "alpha") if reverse else ("red", "blue")
            for name in names:
                self.add_module(name, torch.nn.LayerNorm(WIDTH))
            self.fc_up, self.fc_down = torch.nn.Linear(WIDTH, 9), torch.nn.Linear(9, WIDTH)
            self.calls = names[::-1] if reverse else names

        def forward(self, x: Any) -> Any:
            first, last = (self.get_submodule(name) for name in self.calls)
            return last(x + self.fc_down(torch.relu(self.fc_up(first(x)))))

    return Block()


@pytest.mark.needs("torch")
def test_execution_tells_norms_apart() -> None:
    """With ``inputs=`` the order of the calls decides, and the outputs prove it."""
    x = np.random.default_rng(0).standard_normal((3, WIDTH), dtype=np.float32)
    first, second = block(reverse=True), block(reverse=False)
    with refused(ui.ArgumentValueError):
        ui.match(first, second)
    names = ui.match(first, second, inputs=(x, x))
    assert (names["red.weight"], names["blue.weight"]) == ("alpha.weight", "beta.weight")
    assert names.verification is not None
    assert names.verification.ok
