"""Integer and bool types, and no type: what draws whole numbers, and what is refused there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.drawing.integers import INTEGERS

BACKENDS = [
    pytest.param(name, marks=() if name == "numpy" else pytest.mark.needs(name))
    for name in ("numpy", "torch", "tensorflow", "jax")
]
NORMAL = ui.normal(0.0, 1.0)


def test_no_type_is_float32() -> None:
    """None is the default, where callers pass what they were passed."""
    assert ui.draw(NORMAL, 3, seed=0, dtype=None).tobytes() == ui.draw(NORMAL, 3, seed=0).tobytes()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", sorted(INTEGERS))
def test_whole_numbers_in_every_type(backend: str, name: str) -> None:
    """Zeros, ones, a constant and an identity, where the framework has the type."""
    if backend == "jax" and name.endswith("64"):
        with refused(ui.BackendError):
            ui.draw(ui.ones(), 3, dtype=name, backend=backend)
        return
    wanted = {ui.zeros(): [[0] * 3] * 3, ui.ones(): [[1] * 3] * 3, ui.identity(): np.eye(3)}
    if name != "bool":
        wanted[ui.constant(7.0)] = [[7] * 3] * 3
    for spec, values in wanted.items():
        drawn = np.asarray(ui.draw(spec, (3, 3), layout="OI", dtype=name, backend=backend))
        assert drawn.dtype.name == name
        np.testing.assert_array_equal(drawn, np.asarray(values, name))


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_types_of_the_frameworks() -> None:
    """They choose the backend, as floating types do."""
    import jax.numpy as jnp
    import tensorflow as tf
    import torch

    kinds = {
        torch.int64: torch.Tensor,
        tf.int32: tf.Tensor,
        tf.bool: tf.Tensor,
        jnp.int8: np.ndarray,
        int: np.ndarray,
    }
    for dtype, cls in kinds.items():
        drawn = ui.draw(ui.ones(), 2, dtype=dtype)
        assert isinstance(drawn, cls)
        assert np.asarray(drawn).tolist() == [1, 1]


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_whole_numbers_inside_programs() -> None:
    """The same in ``jax.jit``, ``tf.function`` and ``torch.compile``."""
    import jax
    import tensorflow as tf
    import torch

    traced: list[Any] = [
        jax.jit(lambda: ui.draw(ui.ones(), 2, dtype="int32", backend="jax"))(),
        tf.function(lambda: ui.draw(ui.ones(), 2, dtype="int32", backend="tensorflow"), autograph=False)(),
        torch.compile(lambda: ui.draw(ui.ones(), 2, dtype=torch.int32), backend="eager")(),
    ]
    for drawn in traced:
        assert np.asarray(drawn).dtype == np.int32
        assert np.asarray(drawn).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("spec", "dtype"),
    [
        (NORMAL, "int32"), (ui.constant(0.5), "int32"), (ui.constant(-1.0), "uint8"), (ui.constant(2.0), "bool"),
        (ui.constant(2.0**24 + 2), "int64"), (ui.constant(2.0**24 + 1), "int64"),
        (ui.constant(2.0**24) + ui.constant(1.0) - 5.0, "int32"), (ui.constant(1.0 + 2.0**-25), "int8"),
    ],
    ids=["random", "half", "negative", "two", "beyond", "rounded", "rounded on the way", "not whole"],
)  # fmt: skip
def test_what_is_no_whole_number_is_refused(spec: ui.Initializer, dtype: str) -> None:
    """Nothing is rounded, and nothing is cut off."""
    with refused(ui.ArgumentValueError):
        ui.draw(spec, 3, seed=0, dtype=dtype)


def test_a_whole_number_of_fractions_is_one() -> None:
    """Float64 has it within its rounding."""
    spec = ui.constant(0.1) + ui.constant(0.2) + ui.along("O", [0.7, 0.7]) * ui.ones()
    assert ui.draw(spec, (2, 1), layout="OI", dtype="int32").tolist() == [[1], [1]]


def test_integers_are_filled() -> None:
    """In place, a part of a larger tensor too; a random law is refused, and the array is as it was."""
    assert ui.fill(np.zeros(3, np.int64), ui.constant(3.0)).tolist() == [3, 3, 3]
    row = np.zeros((1, 3), np.int8)
    assert ui.fill(row, ui.identity(), layout="OI", shape=(3, 3), index=(slice(1, 2),)).tolist() == [
        [0, 1, 0]
    ]
    with refused(ui.ArgumentValueError):
        ui.fill(row, NORMAL, seed=0, name="w")
    with refused(ui.ArgumentValueError):
        ui.fill(row, ui.zeros(), shape=(3, 3), index=(slice(0, 2),))
    assert row.tolist() == [[0, 1, 0]]


@pytest.mark.needs("torch", "jax", "tensorflow", "keras")
def test_initializers_of_the_frameworks_make_integers() -> None:
    """Of their own type, without seed or name."""
    import jax
    import keras
    import torch

    assert ui.as_torch(ui.ones())(torch.zeros(2, dtype=torch.bool)).tolist() == [True, True]
    assert ui.as_jax(ui.ones())(jax.random.key(0), (2,), "int32").tolist() == [1, 1]
    variable = keras.Variable(ui.as_keras(ui.constant(2.0)), shape=(2,), dtype="int32")
    assert np.asarray(variable.value).tolist() == [2, 2]
