"""Dense, recurrent and attention models of two frameworks: matched, drawn, run, and their outputs compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers import ports_sequential as ports

import unified_init as ui


def values(*shape: int) -> Any:
    """Return inputs of a shape, the same each time."""
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def linen(module: Any, x: Any) -> Any:
    """Return a Linen module with its variables."""
    import jax

    return ui.linen(module, module.init(jax.random.key(0), x), x)


def nested(x: Any, *, residual: bool) -> Any:
    """Return a Linen model that makes the outer of two layers first, which is Dense_0 for that reason."""
    import flax.linen as nn

    class Nested(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            y = nn.Dense(64)(nn.relu(nn.Dense(64)(x)))
            return x + y if residual else y

    return linen(Nested(), x)


@pytest.mark.needs("torch", "flax")
@pytest.mark.parametrize("residual", [False, True])
def test_nested_layers_of_linen_are_paired_by_execution(*, residual: bool) -> None:
    """The layer that is called first is PyTorch's first, whatever its number; with inputs and without."""
    import torch

    class Mlp(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = torch.nn.Linear(64, 64), torch.nn.Linear(64, 64)

        def forward(self, x: Any) -> Any:
            y = self.second(torch.relu(self.first(x)))
            return x + y if residual else y

    x = values(3, 64)
    theirs, ours = Mlp(), nested(x, residual=residual)
    names = ui.match(theirs, ours)
    assert names["Dense_1/kernel"] == "first.weight"
    assert ui.verify_match(theirs, ours, names, inputs=(x, x)).difference < 1e-5
    assert dict(ui.match(theirs, ours, inputs=(x, x))) == dict(names)
    swapped = {"Dense_0/kernel": "first.weight", "Dense_1/kernel": "second.weight"}
    assert ui.verify_match(theirs, ours, swapped, inputs=(x, x)).difference > 0.1


@pytest.mark.needs("torch", "flax")
def test_what_flows_into_layers_corrects_an_order() -> None:
    """Two branches of equal layers, listed and called in another order: outputs show it, inputs decide it."""
    import torch
    from flax import nnx

    class Branches(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8)

        def forward(self, x: Any) -> Any:
            return self.a(torch.relu(x)) - self.b(torch.tanh(x))

    class Ours(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.p, self.q = nnx.Linear(8, 8, rngs=rngs), nnx.Linear(8, 8, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            other = self.p(nnx.tanh(x))
            return self.q(nnx.relu(x)) - other

    x = values(3, 8)
    names = ui.match(Branches(), Ours(nnx.Rngs(0)), inputs=(x, x))
    assert names["q/kernel"] == "a.weight"
    assert {reason for _, _, reason in names.reasons} == {"by what flows into it"}
    assert names.verification is not None
    assert names.verification.difference < 1e-5


LLAMAS = [pytest.param(bare, marks=pytest.mark.needs("transformers", "flax")) for bare in (False, True)]


@pytest.mark.parametrize("bare", LLAMAS)
def test_llama_of_transformers_and_a_port(*, bare: bool) -> None:
    """Its norms are made in the order of the calls, transformers' after all others; a prefix costs nothing."""
    tokens = np.random.default_rng(0).integers(0, ports.WORDS, (2, 7))
    theirs, ours = ports.transformers_llama(bare=bare), ports.nnx_llama(bare=bare)
    names = ui.match(theirs, ours)
    result = ui.verify_match(theirs, ours, names, inputs=(tokens, tokens))
    assert result.difference < 1e-4 * result.scale
    proven = ui.match(theirs, ours, inputs=(tokens, tokens))
    assert dict(proven) == dict(names)
    prefix = "" if bare else "model."
    assert names["layers/1/ffn_norm/scale"] == f"{prefix}layers.1.post_attention_layernorm.weight"


@pytest.mark.needs("transformers", "flax")
def test_one_more_layer_is_one_doubt() -> None:
    """It is named; the others are paired, and strict=False returns them."""
    theirs, ours = ports.transformers_llama(), ports.nnx_llama(extra_norm=True)
    names = ui.match(theirs, ours, strict=False)
    assert len(names.doubts) == 1
    assert "norm_again" in names.doubts[0]
    assert len(names) == len(ui.match(theirs, ports.nnx_llama())) - ("norm/scale" not in names)


@pytest.mark.needs("transformers", "flax")
def test_one_more_block_is_one_doubt() -> None:
    """Not one for each of its layers."""
    names = ui.match(ports.transformers_llama(2), ports.nnx_llama(3), strict=False)
    assert len(names.doubts) == 1
    assert names.doubts[0].startswith("block 2 of the second model, with 9 layers")
    assert len(names) == len(ui.match(ports.transformers_llama(2), ports.nnx_llama(2)))


@pytest.mark.needs("torch", "flax")
def test_fused_and_separate_projections_compute_the_same() -> None:
    """PyTorch's attention, one matrix, and Flax's, three of three axes."""
    import torch
    from flax import nnx

    theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    ours = nnx.MultiHeadAttention(4, 16, decode=False, rngs=nnx.Rngs(0))
    x = values(2, 5, 16)
    names = ui.match(theirs, ours, inputs=((x, x, x), x))
    assert names["query/kernel"] == "in_proj_weight/q"
    assert names.verification is not None
    assert names.verification.difference < 1e-5


@pytest.mark.needs("torch", "keras")
@pytest.mark.parametrize("bidirectional", [False, True])
def test_recurrent_layers_with_one_bias_and_with_two(*, bidirectional: bool) -> None:
    """The bias that Keras lacks is given; the outputs of both directions are equal."""
    x = values(2, 7, 6)
    suffixes = ("", "_reverse") if bidirectional else ("",)
    given = {f"lstm.bias_hh_l0{suffix}": None for suffix in suffixes}
    names = ui.match(*ports.lstms(bidirectional=bidirectional), given=given, inputs=(x, x))
    assert names.verification is not None
    assert names.verification.difference < 1e-5


@pytest.mark.needs("torch", "flax")
def test_a_convolution_of_one_position_is_a_linear_layer() -> None:
    """As patches are embedded, and channels mixed."""
    import torch
    from flax import nnx

    x = values(2, 6, 3, 3)
    names = ui.match(
        torch.nn.Conv2d(6, 4, 1),
        nnx.Linear(6, 4, rngs=nnx.Rngs(0)),
        inputs=(x, np.ascontiguousarray(x.transpose(0, 2, 3, 1))),
    )
    assert dict(names) == {"kernel": "weight", "bias": "bias"}
    assert names.verification is not None
    assert names.verification.difference < 1e-5


@pytest.mark.needs("torch", "flax")
def test_a_gru_with_one_gate_of_a_second_bias() -> None:
    """Linen has the second bias for the gate n only; the others are 0 where outputs are compared."""
    import flax.linen as nn
    import torch

    class Theirs(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = torch.nn.GRU(6, 5, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.gru(x)[0]

    x = values(2, 7, 6)
    given = {"gru.bias_hh_l0/r": None, "gru.bias_hh_l0/z": None}
    ours = linen(nn.RNN(nn.GRUCell(5)), x)
    names = ui.match(
        Theirs(), ours, given=given, inputs=(x, lambda model: model.module.apply(model.variables, x))
    )
    assert names.verification is not None
    assert names.verification.difference < 1e-5
