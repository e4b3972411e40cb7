"""The defaults of recurrent cells in Linen and NNX: the laws of the cells that Flax itself constructs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.flax_made import flat, linen, nnx_values
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.testing import assert_same_law

pytestmark = pytest.mark.needs("flax")

ALPHA = 1e-6


def orthogonal(matrix: np.ndarray) -> bool:
    """Whether a matrix of no more rows than columns has orthonormal rows."""
    wide = matrix.astype(np.float64)
    return bool(np.allclose(wide @ wide.T, np.eye(len(wide)), atol=1e-5))


CELLS = [
    ("LSTMCell", "ifgo", {}),
    ("OptimizedLSTMCell", "ifgo", {}),
    ("GRUCell", "rzn", {}),
    ("MGUCell", "fn", {"if/bias": 1.0}),
]


@pytest.mark.parametrize(("name", "gates", "ones"), CELLS)
def test_linens_cells_have_an_orthogonal_matrix_a_gate(name: str, gates: str, ones: dict[str, float]) -> None:
    """Input kernels as a Dense, recurrent ones orthogonal gate by gate, biases as Flax' own."""
    model, theirs = linen(f"{name}(32)", (1, 100))
    recipe = ui.recipes.flax_linen_default()
    plan = ui.plan(model, recipe)
    ours = flat(ui.apply(model, recipe, seed=1)[0].variables["params"])
    assert ours.keys() == theirs.keys()
    assert [piece.law.std for piece in plan["kernel"].pieces] == [0.1] * len(gates)
    for piece in plan["recurrent_kernel"].pieces:
        assert (piece.law.kind, piece.shape) == ("orthogonal", (32, 32))
        assert math.isclose(piece.law.std, 32**-0.5)
    for path, values in theirs.items():
        if path.endswith("bias"):
            assert np.array_equal(ours[path], values)
            assert np.array_equal(values, np.full(32, ones.get(path, 0.0), np.float32))
        elif path.startswith("h"):
            assert orthogonal(values)
            assert orthogonal(ours[path])
        else:
            assert_same_law(ours[path], values, alpha=ALPHA)


def test_a_simple_cell_has_one_orthogonal_matrix() -> None:
    """One Dense for the input, with the bias, and an orthogonal one for the state."""
    model, theirs = linen("SimpleCell(32)", (1, 100))
    ours = flat(ui.apply(model, ui.recipes.flax_linen_default(), seed=1)[0].variables["params"])
    assert ours.keys() == theirs.keys() == {"i/kernel", "i/bias", "h/kernel"}
    assert orthogonal(ours["h/kernel"])
    assert orthogonal(theirs["h/kernel"])
    assert_same_law(ours["i/kernel"], theirs["i/kernel"], alpha=ALPHA)


def test_a_convolutional_lstm_adds_one_to_its_forget_gate() -> None:
    """Both kernels are LeCun normal; the law of the forget bias is 1, of which 0 is stored."""
    model, theirs = linen("ConvLSTMCell(8, (3, 3))", (1, 6, 6, 4))
    recipe = ui.recipes.flax_linen_default()
    plan = ui.plan(model, recipe)
    assert [piece.parts[0].label for piece in plan["ih/kernel"].pieces] == list("igfo")
    assert {piece.law.std for piece in plan["ih/kernel"].pieces} == {36**-0.5}
    assert {piece.law.std for piece in plan["hh/kernel"].pieces} == {72**-0.5}
    assert [piece.law.mean for piece in plan["ih/bias"].pieces] == [0.0, 0.0, 1.0, 0.0]
    ours = flat(ui.apply(model, recipe, seed=1)[0].variables["params"])
    for path, values in theirs.items():
        if path.endswith("bias"):
            assert not values.any()
            assert not ours[path].any()
        else:
            assert_same_law(ours[path], values, alpha=ALPHA)


@pytest.mark.parametrize(
    ("expression", "recurrent", "gates", "std"),
    [
        ("LSTMCell(100, 32)", "recurrent_kernel", 4, 32**-0.5),
        ("OptimizedLSTMCell(100, 32)", "dense_h/kernel", 1, 128**-0.5),
        ("GRUCell(100, 32)", "dense_h/kernel", 1, 96**-0.5),
        ("SimpleCell(100, 32)", "dense_h/kernel", 1, 32**-0.5),
    ],
)
def test_nnx_cells_have_one_orthogonal_matrix_where_they_store_one(
    expression: str, recurrent: str, gates: int, std: float
) -> None:
    """OptimizedLSTMCell and GRUCell: all gates together; LSTMCell: each; the corrected recipe: each."""
    from flax import nnx

    module = eval(f"nnx.{expression[:-1]}, rngs=rngs)", {"nnx": nnx, "rngs": nnx.Rngs(0)})  # noqa: S307
    theirs = nnx_values(module)
    pieces = ui.plan(module, ui.recipes.flax_nnx_default())[recurrent].pieces
    assert len(pieces) == gates
    assert all(math.isclose(piece.law.std, std) for piece in pieces)
    corrected = ui.plan(module, ui.recipes.flax_nnx_default_corrected())[recurrent].pieces
    assert all(math.isclose(piece.law.std, 32**-0.5) for piece in corrected)
    ours = nnx_values(ui.apply(module, ui.recipes.flax_nnx_default(), seed=1)[0])
    assert ours.keys() == theirs.keys()
    for path, values in theirs.items():
        if values.ndim == 1:
            assert np.array_equal(ours[path], values)
        elif len(values) == 32:
            assert orthogonal(values)
            assert orthogonal(ours[path])
        else:
            assert_same_law(ours[path], values, alpha=ALPHA)


@pytest.mark.parametrize("name", ["LSTMCell", "OptimizedLSTMCell"])
def test_the_only_bias_of_a_linen_lstm_is_its_bias(name: str) -> None:
    """It stands with the state's layers, and Keras' recipe gives its forget gate 1 all the same."""
    model, _ = linen(f"{name}(4)", (1, 3))
    record = ui.inspect(model)["bias"]
    assert (record.role, record.layout, record.shape) == ("bias", "O", (16,))
    assert [part.path for part in record.parts] == [f"h{gate}/bias" for gate in "ifgo"]
    recipe = ui.recipes.keras_default()
    assert [piece.law.mean for piece in ui.plan(model, recipe)["bias"].pieces] == [0.0, 1.0, 0.0, 0.0]
    ours = flat(ui.apply(model, recipe, seed=0)[0].variables["params"])
    assert {gate: ours[f"h{gate}/bias"].tolist() for gate in "ifgo"} == {
        "i": [0.0] * 4, "f": [1.0] * 4, "g": [0.0] * 4, "o": [0.0] * 4,
    }  # fmt: skip


def test_a_minimal_gated_unit_without_reset_has_one_bias() -> None:
    """The state's bias is not there, and no record stands for it."""
    model, theirs = linen("MGUCell(4, reset_gate=False)", (1, 3))
    assert "hn/bias" not in theirs
    assert {record.path: record.role for record in ui.inspect(model)} == {
        "kernel": "kernel", "recurrent_kernel": "recurrent_kernel", "bias": "bias",
    }  # fmt: skip


def test_a_cell_of_another_make_is_refused() -> None:
    """What derives from Flax' cell and has other tensors would get gates where there are none."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class Peephole(nn.LSTMCell):
        @nn.compact
        def __call__(self, carry: Any, inputs: Any) -> Any:
            return carry, inputs @ self.param("peek", nn.initializers.zeros, (3, 4))

    x = jnp.ones((1, 3))
    variables = Peephole(4).init(jax.random.key(0), None, x)
    with refused(ui.ArgumentValueError):
        ui.inspect(ui.linen(Peephole(4), variables, None, x))
