"""A spec in a framework's own terms: what is refused, and what the objects are as values."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

NORMAL = ui.normal(0.0, 1.0)


def test_what_is_no_spec_is_refused() -> None:
    """By each of the three, before anything is imported."""
    wrong: Any = "he_normal"
    with refused(ui.ArgumentTypeError):
        ui.as_jax(wrong)
    with refused(ui.ArgumentTypeError):
        ui.as_torch(wrong, seed=0, name="w")
    with refused(ui.ArgumentTypeError):
        ui.as_keras(wrong, seed=0, name="w")


def test_a_seed_is_needed_by_what_is_random_alone() -> None:
    """Zeros take None; a normal is refused."""
    assert ui.as_torch(ui.zeros(), seed=None, name="b").seed is None
    with refused(ui.ArgumentTypeError):
        ui.as_torch(NORMAL, seed=None, name="w")


def test_a_keras_seed_is_a_number() -> None:
    """A generator could not be written into a saved model."""
    generator: Any = np.random.default_rng(0)
    with refused(ui.ArgumentTypeError, hidden=r"0x\w+"):
        ui.as_keras(NORMAL, seed=generator, name="w")


def test_keras_is_asked_for_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.delitem(sys.modules, "unified_init.drawing.keras_initializer", raising=False)
    monkeypatch.setitem(sys.modules, "keras", None)
    with refused(ui.BackendError):
        ui.as_keras(NORMAL, seed=0, name="w")


@pytest.mark.needs("keras")
def test_a_keras_initializer_is_a_value() -> None:
    """Clones are equal and hash alike; another seed, and another thing, is unequal."""
    first = ui.as_keras(NORMAL, seed=0, name="w")
    assert first.clone() == first
    assert hash(first.clone()) == hash(first)
    assert first != ui.as_keras(NORMAL, seed=1, name="w")
    assert first != "w"


@pytest.mark.needs("jax")
def test_a_jax_initializer_takes_a_sharding() -> None:
    """``out_sharding``, outside a program and inside one."""
    import jax

    init = ui.as_jax(NORMAL, name="w")
    place = jax.sharding.SingleDeviceSharding(jax.devices("cpu")[0])
    key = jax.random.key(0)
    expected = np.asarray(init(key, (4, 6)))
    outside = init(key, (4, 6), out_sharding=place)
    assert outside.sharding == place
    inside = jax.jit(lambda k: init(k, (4, 6), out_sharding=place))(key)
    for array in (outside, inside):
        np.testing.assert_array_equal(np.asarray(array), expected)


@pytest.mark.needs("jax")
def test_jit_takes_a_jax_initializer_itself() -> None:
    """``jax.jit(init)`` refers to it weakly; the bits are those of the call without jit."""
    import jax

    init = ui.as_jax(ui.he_normal(), layout="IO")
    traced = jax.jit(init, static_argnums=(1, 2))(jax.random.key(0), (8, 4), "float32")
    assert ui.digest(traced, layout="IO") == ui.digest(init(jax.random.key(0), (8, 4)), layout="IO")


def test_a_layout_per_rank() -> None:
    """One initializer of torch's form serves tensors of two ranks."""
    init = ui.as_torch(ui.he_normal(), seed=0, name="w", layout={2: "OI", 4: "OIHW"})
    for shape, layout in (((4, 3), "OI"), ((4, 3, 2, 2), "OIHW")):
        filled = init(np.empty(shape, np.float32))
        assert filled.tobytes() == ui.draw(ui.he_normal(), shape, seed=0, name="w", layout=layout).tobytes()
    with refused(ui.ArgumentValueError):
        init(np.empty((4, 3, 2), np.float32))


@pytest.mark.needs("jax")
def test_a_layout_per_rank_in_jax() -> None:
    """The key stays the caller's."""
    import jax

    init = ui.as_jax(ui.he_normal(), layout={2: "IO", 4: "HWIO"})
    key = jax.random.key(0)
    expected = ui.draw(ui.he_normal(), (3, 3, 4, 8), seed=key, layout="HWIO")
    np.testing.assert_array_equal(np.asarray(init(key, (3, 3, 4, 8))), np.asarray(expected))


@pytest.mark.parametrize(
    "layout", [{"*/kernel": "IO"}, {2.5: "IO"}, {2: "HWIO"}, {2: 3}, {2: "XY"}], ids=repr
)
def test_a_layout_that_is_no_layout_per_rank_is_refused(layout: Any) -> None:
    """Paths are Keras' only; a layout has as many axes as the rank that it is for."""
    with refused(ui.UnifiedInitError):
        ui.as_jax(ui.he_normal(), layout=layout)
