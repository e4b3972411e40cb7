"""Haiku's wrapper: what names prove without an example, and which functions and trees are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.haiku_functions import calling, wrapped
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("haiku")


def test_names_say_what_they_prove_without_an_example() -> None:
    """Linear layers, recurrent ones, tables and norms under Haiku's own names are known."""
    import haiku as hk

    def call(x: Any) -> Any:
        h = hk.nets.MLP([4, 5])(x)
        h, _ = hk.LSTM(3)(h, hk.LSTM(3).initial_state(2))
        h, _ = hk.GRU(3)(h, hk.GRU(3).initial_state(2))
        h = hk.BatchNorm(create_scale=True, create_offset=True, decay_rate=0.9)(h, is_training=True)
        return (
            h
            + hk.MultiHeadAttention(1, 3, w_init=hk.initializers.Constant(0.0))(h, h, h)
            + hk.Embed(7, 3)(np.zeros(2, np.int32))
            + hk.get_parameter("w", (3,), init=hk.initializers.Constant(0.0))
        )

    x = np.ones((2, 6), np.float32)
    assert set(ui.inspect(wrapped(call, x, bare=True))) == set(ui.inspect(wrapped(call, x)))


def test_what_names_do_not_prove_is_asked_for() -> None:
    """The groups of a convolution cannot be seen in its kernel."""
    import haiku as hk

    model = wrapped(lambda x: hk.Linear(3)(hk.Conv2D(4, 3)(x)), np.ones((2, 9, 9, 6), np.float32), bare=True)
    with refused(ui.UnifiedInitError):
        ui.inspect(model)


def test_a_function_without_arguments_needs_no_example() -> None:
    """What init takes is then all given."""
    import haiku as hk

    model = wrapped(lambda: hk.Conv2D(4, 3)(np.ones((2, 9, 9, 6), np.float32)))
    assert ui.inspect(model)["conv2_d/w"].layout == "HWIO"


def test_parameters_of_another_function_are_refused() -> None:
    """A path too few or too many, or another shape, is named."""
    import haiku as hk

    function = hk.transform(calling("hk.Linear(3)"))
    x, w, b = np.ones((2, 6), np.float32), np.ones((6, 3), np.float32), np.ones(3, np.float32)
    with refused(ui.UnifiedInitError):
        ui.inspect(ui.haiku(function, {"linear": {"w": w}}, x))
    with refused(ui.UnifiedInitError):
        ui.inspect(ui.haiku(function, {"linear": {"w": w, "b": b, "c": b}}, x))
    with refused(ui.UnifiedInitError):
        ui.inspect(ui.haiku(function, {"linear": {"w": w.T, "b": b}}, x))
    with refused(ui.UnifiedInitError, hidden=r"(?s)(?<=it raised TypeError).*"):
        ui.inspect(ui.haiku(function, {"linear": {"w": w, "b": b}}, x, x))


def test_what_is_no_function_is_refused() -> None:
    """The wrapper names the argument, and knows the pair that a stateful init returns."""
    import haiku as hk

    function = hk.transform(calling("hk.Linear(3)"))
    with refused(ui.UnifiedInitError):
        ui.haiku(lambda x: x, {})
    with refused(ui.UnifiedInitError):
        ui.haiku(function, ({}, {}))
    with refused(ui.UnifiedInitError):
        ui.inspect(ui.haiku(function, {"linear": {"w": 1.0}}))


def test_a_module_of_ones_own_with_a_name_of_haikus_is_none_of_haikus() -> None:
    """Without an example the tensors tell: a GRU has kernels."""
    import haiku as hk

    class GRU(hk.Module):
        def __call__(self, x: Any) -> Any:
            return x + hk.get_parameter("b", (6,), init=hk.initializers.Constant(0.0))

    def call(x: Any) -> Any:
        return GRU()(x)

    x = np.ones((2, 6), np.float32)
    for bare in (True, False):
        record = ui.inspect(wrapped(call, x, bare=bare))["gru/b"]
        assert (record.kind, record.role, record.fans) == ("parameter", "parameter", (None, None))


def test_copies_that_do_not_lead_are_refused() -> None:
    """Parameters stacked along another axis than the first have no known layout, and none is guessed."""
    import haiku as hk
    import jax

    inner = hk.transform(calling("hk.Linear(3)"))

    def call(x: Any) -> Any:
        many = hk.lift(jax.vmap(inner.init, in_axes=(0, None), out_axes=1), name="many")
        params = many(jax.random.split(jax.random.PRNGKey(0), 5), x)
        return jax.vmap(inner.apply, in_axes=(1, None, None))(params, None, x)

    with refused(ui.ArgumentValueError):
        ui.inspect(wrapped(call, np.ones((2, 6), np.float32)))
