"""What apply gives back of a Haiku function: every tensor, the bits of draw, and torch's twins."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.needs("haiku")


def calling(make: str) -> Callable[[Any], Any]:
    """Return the function that makes a module and calls it: none can be made outside of one."""
    import haiku as hk

    def call(x: Any) -> Any:
        module = eval(make, {"hk": hk})  # noqa: S307  # written below
        return module(x)

    return call


def unrolled(make: str, features: int) -> Any:
    """Return the wrapper of a recurrent core over three steps, of shapes without values."""
    import haiku as hk
    import jax

    def call(x: Any) -> Any:
        core = eval(make, {"hk": hk})  # noqa: S307  # written below
        return hk.dynamic_unroll(core, x, core.initial_state(2))

    function = hk.transform(call)
    x = np.ones((3, 2, features), np.float32)
    return ui.haiku(function, jax.eval_shape(function.init, jax.random.PRNGKey(0), x), x)


def test_a_resnet_is_written_completely() -> None:
    """ResNet18 from shapes alone: every parameter and every average, and it runs."""
    import haiku as hk
    import jax
    import jax.numpy as jnp

    def call(x: Any, is_training: Any) -> Any:
        return hk.nets.ResNet18(10)(x, is_training)

    function = hk.transform_with_state(call)
    x = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    params, state = jax.eval_shape(lambda key, x: function.init(key, x, True), jax.random.PRNGKey(0), x)  # noqa: FBT003
    model = ui.haiku(function, params, x, state=state, is_training=True)
    inventory = ui.inspect(model)
    assert inventory.left == ()
    assert len(inventory) == len(jax.tree.leaves((params, state)))
    result, report = ui.apply(model, ui.recipes.haiku_default(), seed=0)
    assert set(report.written) == {record.path for record in inventory}
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), result.params) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), params
    )
    out, _ = function.apply(result.params, result.state, None, jnp.ones(x.shape), is_training=False)
    assert bool(jnp.isfinite(out).all())
    assert inventory["res_net18/~/block_group_1/~/block_0/~/batchnorm_1/scale"].place == "last_norm"
    assert inventory["res_net18/~/logits/w"].place == "head"


def test_the_bits_are_those_of_draw() -> None:
    """Each tensor is the draw under its path; arrays of NumPy stay arrays of NumPy."""
    import haiku as hk
    import jax

    function = hk.transform(calling("hk.Linear(30)"))
    x = np.ones((2, 40), np.float32)
    params = {"linear": {"w": np.zeros((40, 30), np.float32), "b": jax.numpy.ones(30)}}
    model, _ = ui.apply(ui.haiku(function, params, x), ui.recipes.keras_default(), seed=3)
    w = ui.draw(ui.glorot_uniform(), (40, 30), layout="IO", seed=3, name="linear/w")
    assert type(model.params["linear"]["w"]) is np.ndarray
    assert isinstance(model.params["linear"]["b"], jax.Array)
    assert (model.params["linear"]["w"] == w).all()
    assert not model.params["linear"]["b"].any()
    assert not params["linear"]["w"].any()  # the old tree is as it was


def test_bfloat16_is_the_rounded_float32() -> None:
    """The type stays, and its values are those of float32, rounded once."""
    import haiku as hk
    import jax
    import jax.numpy as jnp

    function = hk.transform(calling("hk.Linear(30)"))
    x = jax.ShapeDtypeStruct((2, 40), jnp.bfloat16)
    params = jax.eval_shape(function.init, jax.random.PRNGKey(0), x)
    model, _ = ui.apply(ui.haiku(function, params, x), ui.recipes.haiku_default(), seed=3)
    wide, _ = ui.apply(
        ui.haiku(
            function, jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float32), params), x
        ),
        ui.recipes.haiku_default(),
        seed=3,
    )
    assert model.params["linear"]["w"].dtype == jnp.bfloat16
    assert bool((model.params["linear"]["w"] == wide.params["linear"]["w"].astype(jnp.bfloat16)).all())


def test_what_is_skipped_keeps_its_array_and_may_not_be_abstract() -> None:
    """The same array stays in the new tree; a shape without values is refused by name."""
    import haiku as hk
    import jax

    function = hk.transform(calling("hk.Linear(3)"))
    x = np.ones((2, 6), np.float32)
    params = function.init(jax.random.PRNGKey(0), x)
    model, report = ui.apply(
        ui.haiku(function, params, x), ui.recipes.haiku_default(), seed=0, skip="linear/b"
    )
    assert model.params["linear"]["b"] is params["linear"]["b"]
    assert report.skipped == ("linear/b",)
    abstract = jax.eval_shape(function.init, jax.random.PRNGKey(0), x)
    with refused(ui.UnifiedInitError):
        ui.apply(ui.haiku(function, abstract, x), ui.recipes.haiku_default(), seed=0, skip="linear/b")


def test_torchs_default_serves_an_lstm() -> None:
    """All tensors within 1/sqrt(hidden), the forget bias less the 1 that Haiku adds."""
    model = unrolled("hk.LSTM(64)", 40)
    plan = ui.plan(model, ui.recipes.torch_default())
    assert {piece.law.high for one in plan for piece in one.pieces} == {64**-0.5}
    result, _ = ui.apply(model, ui.recipes.torch_default(), seed=0)
    bias = np.asarray(result.params["lstm/linear"]["b"]).reshape(4, 64)
    bound = math.nextafter(64**-0.5, 1.0)
    assert np.abs(bias[[0, 1, 3]]).max() <= bound
    assert np.abs(bias[2] + 1).max() <= bound + 2**-24
    drawn = ui.draw(ui.uniform(-(64**-0.5), 64**-0.5), (64,), layout="O", seed=0, name="lstm/linear/b/f")
    assert (bias[2] == (drawn.astype(np.float64) - 1).astype(np.float32)).all()


@pytest.mark.needs("torch")
def test_a_twin_in_torch_has_the_same_bits() -> None:
    """Under the stream names of a Haiku LSTM, torch's gates are the same tensors, transposed."""
    import torch

    model, _ = ui.apply(unrolled("hk.LSTM(8)", 5), ui.recipes.haiku_default(), seed=0)
    twin = torch.nn.LSTM(5, 8)
    native = {"weight_ih_l0": "lstm/linear/w#input", "weight_hh_l0": "lstm/linear/w#recurrent"}
    names = {f"{path}/{gate}": f"{name}/{gate}" for path, name in native.items() for gate in "ifgo"}
    ui.apply(twin, ui.recipes.haiku_default(), seed=0, names=names)
    i, g, f, o = np.split(np.asarray(model.params["lstm/linear"]["w"]).T, 4)
    both = np.concatenate([twin.weight_ih_l0.detach().numpy(), twin.weight_hh_l0.detach().numpy()], axis=1)
    assert (np.concatenate([i, f, g, o]) == both).all()
    assert twin.bias_ih_l0[8:16].detach().eq(1).all()  # 1 in effect: Haiku stores 0 and adds it
    assert not np.asarray(model.params["lstm/linear"]["b"]).any()


def test_inspection_touches_no_flag() -> None:
    """Evaluation leaves no interceptor behind: a later init runs as ever."""
    import haiku as hk
    import jax

    with contextlib.suppress(ui.UnifiedInitError):
        ui.inspect(ui.haiku(hk.transform(calling("hk.Linear(3)")), {"linear": {"w": np.ones((1, 1))}}, 3))
    params = hk.transform(calling("hk.Linear(3)")).init(jax.random.PRNGKey(0), np.ones((2, 6)))
    assert params["linear"]["w"].shape == (6, 3)


def test_half_of_a_matrix_may_be_written_alone() -> None:
    """Where the state's kernel is left, its rows keep their values."""
    import haiku as hk
    import jax

    def step(x: Any, before: Any) -> Any:
        return hk.LSTM(3)(x, before)

    function = hk.transform(step)
    x = np.ones(5, np.float32)
    state = hk.LSTMState(np.ones(3, np.float32), np.ones(3, np.float32))
    params = function.init(jax.random.PRNGKey(0), x, state)
    model = ui.haiku(function, params, x, state)
    written, report = ui.apply(model, ui.recipes.haiku_default(), seed=0, only="*#input")
    old, new = (np.asarray(tree["lstm/linear"]["w"]) for tree in (params, written.params))
    assert report.written == ("lstm/linear/w#input",)
    assert (old[5:] == new[5:]).all()
    assert (old[:5] != new[:5]).all()
