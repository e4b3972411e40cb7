"""The assertions on tensors of the frameworks: what has values is read, what has none is refused in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import testing

SHAPE = (20, 30)
SPEC = ui.normal(0.0, 1.0)
LAW = SPEC.resolve(SHAPE)


def all_pass(tensor: Any) -> None:
    """Assert that a tensor of our draw is read by every assertion, and that a wrong one fails."""
    ours = ui.draw(SPEC, SHAPE, seed=0, name="w")
    other = ui.draw(SPEC, SHAPE, seed=0, name="v")
    assert testing.examine(tensor, LAW) == testing.examine(ours, LAW)
    testing.assert_identical(tensor, ours.T, "OI", "IO")
    testing.assert_same_law(tensor, other)
    testing.assert_independent(other, tensor)
    with pytest.raises(AssertionError, match=r"^samples 0 and 1 "):
        testing.assert_independent(ours, tensor)
    with pytest.raises(AssertionError, match=r"^600 of 600 values differ"):
        testing.assert_identical(tensor, other)


@pytest.mark.needs("torch")
def test_torch_tensors_are_read() -> None:
    """Leaves that require gradients, parameters, transposed views; meta and sparse tensors have no values."""
    import torch

    tensor = ui.draw(SPEC, SHAPE, seed=0, name="w", backend="torch")
    for one in (
        tensor,
        tensor.clone().requires_grad_(),
        torch.nn.Parameter(tensor.clone()),
        tensor.T.contiguous().T,
    ):
        all_pass(one)
    with refused(ui.ArgumentValueError):
        testing.assert_follows(torch.empty(SHAPE, device="meta"), LAW)
    with refused(ui.ArgumentTypeError, hidden="(?s)(?<=got Tensor: ).*"):
        testing.assert_identical(torch.eye(20).to_sparse(), tensor)


@pytest.mark.needs("jax")
def test_jax_arrays_are_read() -> None:
    """A tracer has no values, and each assertion says so."""
    import jax

    tensor = ui.draw(SPEC, SHAPE, seed=0, name="w", backend="jax")
    all_pass(tensor)
    for call in (
        lambda x: testing.assert_follows(x, LAW),
        lambda x: testing.assert_same_law(tensor, x),
        lambda x: testing.assert_identical(x, tensor),
        lambda x: testing.assert_independent(tensor, x),
    ):
        with refused(ui.UnifiedInitError):
            jax.jit(call)(tensor)


@pytest.mark.needs("tensorflow")
def test_tensorflow_tensors_are_read() -> None:
    """Variables too; inside a tf.function there are no values."""
    import tensorflow as tf

    tensor = ui.draw(SPEC, SHAPE, seed=0, name="w", backend="tensorflow")
    all_pass(tensor)
    all_pass(tf.Variable(tensor))
    with refused(ui.UnifiedInitError):
        tf.function(lambda x: testing.assert_follows(x, LAW), autograph=False)(tensor)


@pytest.mark.needs("torch", "tensorflow", "jax")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_all_frameworks_give_equal_findings(dtype: str) -> None:
    """A finding depends on the bits alone."""
    drawn = [
        ui.draw(SPEC, SHAPE, seed=0, name="w", dtype=dtype, backend=backend)
        for backend in ("numpy", "torch", "tensorflow", "jax")
    ]
    first, *others = (testing.examine(one, LAW) for one in drawn)
    assert all(findings == first for findings in others)
    assert np.isfinite([one.p for one in first]).all()
