"""Arrays without axes as numbers: as a std, a factor and a fan, of every framework alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui


def entries(number: object) -> dict[str, Any]:
    """Return a number as an array without axes of each framework."""
    import jax.numpy as jnp
    import tensorflow as tf
    import torch

    return {
        "numpy": np.asarray(number), "torch": torch.tensor(number), "tensorflow": tf.constant(number),
        "variable": tf.Variable(number), "jax": jnp.asarray(number),
    }  # fmt: skip


@pytest.mark.needs("torch", "tensorflow", "jax")
@pytest.mark.parametrize("framework", ["numpy", "torch", "tensorflow", "variable", "jax"])
def test_an_array_without_axes_is_a_number(framework: str) -> None:
    """A half and a two, which every type holds."""
    half, two = entries(0.5)[framework], entries(2)[framework]
    assert ui.normal(0.0, half) == ui.normal(0.0, 0.5)
    assert ui.normal(0.0, two) == ui.normal(0.0, 2.0)
    assert ui.he_normal() * half == ui.he_normal() * 0.5
    drawn = ui.draw(ui.he_normal(), 3, seed=0, fans=(two, two))
    assert drawn.tobytes() == ui.draw(ui.he_normal(), 3, seed=0, fans=(2, 2)).tobytes()


@pytest.mark.needs("torch", "tensorflow", "jax")
@pytest.mark.parametrize("framework", ["numpy", "torch", "tensorflow", "jax"])
@pytest.mark.parametrize("wrong", [True, [0.5], 1j], ids=["bool", "axis", "complex"])
def test_other_arrays_are_no_numbers(framework: str, wrong: Any) -> None:
    """A bool, one axis, a complex number."""
    with refused(ui.ArgumentTypeError):
        ui.normal(0.0, entries(wrong)[framework])


@pytest.mark.needs("jax", "tensorflow")
def test_traced_numbers_are_refused() -> None:
    """They have no value yet."""
    import jax
    import tensorflow as tf

    def std(value: Any) -> Any:
        with refused(ui.ArgumentTypeError, hidden=r"traced<.*?>|Tensor\(.*?\)|JitTracer<.*?>"):
            ui.normal(0.0, value)
        return value

    jax.jit(std)(0.5)
    tf.function(std, autograph=False)(tf.constant(0.5))


def test_hints_fit() -> None:
    """Bounds that are exchanged are no constant, nor is a std below zero."""
    for low, high in ((3.0, 1.0), (1.0, 1.0)):
        with refused(ui.ArgumentValueError):
            ui.uniform(low, high)
    for std in (-1.0, 0.0):
        with refused(ui.ArgumentValueError):
            ui.normal(0.0, std)
