"""The walker of Haiku: the gates of recurrent cores, wherever Haiku stores them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.haiku_functions import unrolled, wrapped

import unified_init as ui

pytestmark = pytest.mark.needs("haiku")


def test_an_lstms_matrix_is_two_kernels() -> None:
    """Rows of the input, then of the state; gates i g f o; the forward pass adds 1 to f."""
    inventory = ui.inspect(unrolled("hk.LSTM(3)", 5))
    assert [record.path for record in inventory] == [
        "lstm/linear/b",
        "lstm/linear/w#input",
        "lstm/linear/w#recurrent",
    ]
    top, bottom, bias = (inventory[f"lstm/linear/{name}"] for name in ("w#input", "w#recurrent", "b"))
    assert (top.role, top.shape, top.fans, top.hidden, top.features) == ("kernel", (5, 12), (5, 3), 3, 5)
    assert (bottom.role, bottom.shape, bottom.fans) == ("recurrent_kernel", (3, 12), (3, 3))
    assert [(part.label, part.box) for part in bottom.parts] == [
        (label, ((5, 8), (3 * at, 3 * at + 3))) for at, label in enumerate("igfo")
    ]
    assert {part.path for part in (*top.parts, *bottom.parts)} == {"lstm/linear/w"}
    assert [part.shift for part in bias.parts] == [0.0, 0.0, 1.0, 0.0]


def test_the_gates_are_where_the_forward_pass_has_them() -> None:
    """Weights written by gate give the state that the equations of an LSTM give."""
    import haiku as hk
    import jax.numpy as jnp

    def step(x: Any, before: Any) -> Any:
        return hk.LSTM(3)(x, before)

    function = hk.without_apply_rng(hk.transform(step))
    x, h, c = (np.linspace(-1, 1, n, dtype=np.float32) * scale for n, scale in ((5, 1), (3, 0.7), (3, 2)))
    state = hk.LSTMState(jnp.asarray(h), jnp.asarray(c))
    model = ui.haiku(
        function,
        {"lstm/linear": {"w": np.zeros((8, 12), np.float32), "b": np.zeros(12, np.float32)}},
        x,
        state,
    )
    recipe = ui.Recipe("normal", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    model, _ = ui.apply(model, recipe, seed=0)

    def drawn(name: str, *shape: int) -> Any:
        return ui.draw(
            ui.normal(0.0, 1.0),
            shape,
            layout="IO" if len(shape) == 2 else "O",
            seed=0,
            name=f"lstm/linear/{name}",
        )

    gates = {
        gate: x @ drawn(f"w#input/{gate}", 5, 3)
        + h @ drawn(f"w#recurrent/{gate}", 3, 3)
        + drawn(f"b/{gate}", 3)
        for gate in "ifgo"
    }
    sigmoid = {gate: 1 / (1 + np.exp(-values)) for gate, values in gates.items()}
    cell = sigmoid["f"] * c + sigmoid["i"] * np.tanh(gates["g"])
    _, after = function.apply(model.params, x, state)
    np.testing.assert_allclose(after.cell, cell, rtol=1e-5)
    np.testing.assert_allclose(after.hidden, sigmoid["o"] * np.tanh(cell), rtol=1e-5)


def test_a_grus_gates_are_z_r_n() -> None:
    """Three matrices of three gates; the state's kernel has the state as inputs."""
    inventory = ui.inspect(unrolled("hk.GRU(3)", 5))
    seen = {
        record.path: (record.role, record.fans, "".join(part.label for part in record.parts))
        for record in inventory
    }
    assert seen == {
        "gru/w_i": ("kernel", (5, 3), "zrn"),
        "gru/w_h": ("recurrent_kernel", (3, 3), "zrn"),
        "gru/b": ("bias", (5, 3), "zrn"),
    }


def test_the_linear_layers_of_an_rnn_are_its_kernels() -> None:
    """The first is the input's, the second the state's."""
    inventory = ui.inspect(unrolled("hk.VanillaRNN(3)", 5))
    seen = {
        record.path: (record.kind, record.role, record.fans, record.features, record.hidden)
        for record in inventory
    }
    assert seen == {
        "vanilla_rnn/linear/w": ("rnn", "kernel", (5, 3), 5, 3),
        "vanilla_rnn/linear/b": ("rnn", "bias", (5, 3), 5, 3),
        "vanilla_rnn/linear_1/w": ("rnn", "recurrent_kernel", (3, 3), 5, 3),
        "vanilla_rnn/linear_1/b": ("rnn", "recurrent_bias", (3, 3), 5, 3),
    }


def test_a_convolutional_lstm_adds_its_one_once() -> None:
    """Of the two biases that are summed, the input's stands for the forget bias."""
    import haiku as hk

    def call(x: Any) -> Any:
        core = hk.Conv2DLSTM((8, 8), 5, 3)
        return core(x, core.initial_state(2))

    inventory = ui.inspect(wrapped(call, np.ones((2, 8, 8, 4), np.float32)))
    kernel = inventory["conv2_dlstm/input_to_hidden/w"]
    assert (kernel.kind, kernel.layout, kernel.fans, kernel.axis) == ("conv", "HWIO", (36, 45), 3)
    shifts = [part.shift for part in inventory["conv2_dlstm/input_to_hidden/b"].parts]
    assert shifts == [0.0, 0.0, 1.0, 0.0]
    assert inventory["conv2_dlstm/hidden_to_hidden/b"].parts == ()


def test_a_shifted_gate_is_rounded_once() -> None:
    """Narrow biases are the float32 ones, less the 1 that the forward pass adds, rounded at the end."""
    import jax
    import jax.numpy as jnp

    recipe = ui.Recipe("wide", (ui.Rule(spec=ui.normal(0.0, 1.0)),))
    model = unrolled("hk.LSTM(64)", 4)
    wide, _ = ui.apply(model, recipe, seed=0)
    drawn = np.asarray(ui.draw(ui.normal(0.0, 1.0), (64,), seed=0, name="lstm/linear/b/f"))
    assert np.array_equal(wide.params["lstm/linear"]["b"][128:192], drawn - np.float32(1))
    for dtype in (jnp.bfloat16, jnp.float16):
        params = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, dtype), model.params)  # noqa: B023
        narrow, _ = ui.apply(ui.haiku(model.transformed, params, *model.args), recipe, seed=0)
        for name, values in wide.params["lstm/linear"].items():
            assert np.array_equal(narrow.params["lstm/linear"][name], values.astype(dtype))
