"""Writing an Equinox module: it is made anew, and what is not written is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.equinox_made import made
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("equinox")


def test_a_convolutions_bias_is_a_vector() -> None:
    """Stored as (C, 1, 1), drawn as its twins' (C,), and written in its own shape."""
    layer = made("Conv2d(6, 400, 3, key=key)")
    assert ui.inspect(layer)["bias"].shape == (400,)
    written, _ = ui.apply(layer, ui.recipes.equinox_default(), seed=0)
    b = ui.draw(ui.uniform(-(54**-0.5), 54**-0.5), (400,), layout="O", seed=0, name="bias")
    assert written.bias.shape == (400, 1, 1)
    assert (np.asarray(written.bias).ravel() == b).all()


@pytest.mark.parametrize(
    "make",
    ["WeightNorm(Linear(3, 2, key=key))", 'SpectralNorm(Linear(3, 2, key=key), "weight", key=key)'],
)
def test_a_weight_that_is_normalised_is_refused(make: str) -> None:
    """What is written would not be what the layer uses; the bias, or all but the weight, may be."""
    layer = made(make)
    with refused(ui.UnifiedInitError):
        ui.apply(layer, ui.recipes.equinox_default(), seed=0)
    written, _ = ui.apply(layer, ui.recipes.keras_default(), seed=0, skip="layer.weight")
    assert not written.layer.bias.any()
    assert written.layer.weight is layer.layer.weight


def test_a_new_module_is_returned() -> None:
    """The old one is as it was; the two have one structure; what is not written is the same object."""
    import jax

    layer = made("Linear(40, 30, key=key)")
    before = np.array(layer.weight)
    written, report = ui.apply(layer, ui.recipes.keras_default(), seed=3, skip="bias")
    assert (np.asarray(layer.weight) == before).all()
    assert jax.tree.structure(written) == jax.tree.structure(layer)
    assert written.bias is layer.bias
    assert report.written == ("weight",)
    w = ui.draw(ui.glorot_uniform(), (30, 40), layout="OI", seed=3, name="weight")
    assert (np.asarray(written.weight) == w).all()


def test_shared_nodes_are_written_once() -> None:
    """eqx.nn.Shared keeps one of two tied tensors, and that one is drawn."""
    shared = made(
        "Shared((Embedding(5, 3, key=key), Linear(3, 5, key=key)), lambda p: p[1].weight, lambda p: p[0].weight)"
    )
    written, report = ui.apply(shared, ui.recipes.equinox_default(), seed=0)
    assert report.written == ("pytree.0.weight", "pytree.1.bias")
    table, head = written()
    assert table.weight is head.weight


def test_abstract_modules_become_concrete() -> None:
    """The shapes of filter_eval_shape are enough; one that is skipped is refused by name."""
    import jax

    abstract = made("eqx.filter_eval_shape(Conv2d, 4, 6, 3, key=key)")
    written, _ = ui.apply(abstract, ui.recipes.equinox_default(), seed=0)
    concrete, _ = ui.apply(made("Conv2d(4, 6, 3, key=key)"), ui.recipes.equinox_default(), seed=0)
    assert isinstance(written.weight, jax.Array)
    assert bool((written.weight == concrete.weight).all())
    with refused(ui.UnifiedInitError):
        ui.apply(abstract, ui.recipes.equinox_default(), seed=0, skip="bias")


def test_bfloat16_is_the_rounded_float32() -> None:
    """The type stays, and its values are those of float32, rounded once."""
    import jax.numpy as jnp

    low, _ = ui.apply(
        made("Linear(40, 30, dtype=jax.numpy.bfloat16, key=key)"), ui.recipes.equinox_default(), seed=3
    )
    wide, _ = ui.apply(made("Linear(40, 30, key=key)"), ui.recipes.equinox_default(), seed=3)
    assert low.weight.dtype == jnp.bfloat16
    assert bool((low.weight == wide.weight.astype(jnp.bfloat16)).all())


def test_devices_and_shardings_are_kept() -> None:
    """An array that is committed to a device or a mesh lies there again."""
    import equinox as eqx
    import jax

    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("x",))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    layer = made("Linear(40, 30, key=key)")
    placed = eqx.tree_at(lambda one: one.weight, layer, jax.device_put(layer.weight, place))
    written, _ = ui.apply(placed, ui.recipes.equinox_default(), seed=0)
    plain, _ = ui.apply(layer, ui.recipes.equinox_default(), seed=0)
    assert written.weight.sharding == place
    assert written.bias.committed == layer.bias.committed
    assert bool((written.weight == plain.weight).all())


def test_a_module_of_many_layers_is_walked_quickly() -> None:
    """Every path leads to its tensor, also where a key has a dot in it."""
    import equinox as eqx

    class Mine(eqx.Module):
        layers: dict[str, Any]

    model = Mine({"a.b": made("Linear(3, 2, key=key)"), "0": made("Linear(3, 2, key=key)")})
    written, report = ui.apply(model, ui.recipes.keras_default(), seed=0)
    assert report.written == ("layers.0.bias", "layers.0.weight", "layers.a.b.bias", "layers.a.b.weight")
    assert not written.layers["a.b"].bias.any()
