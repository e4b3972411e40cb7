"""Sums and products through the doors of the frameworks: traced, under vmap, sharded, as Keras objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unified_init as ui
from unified_init.testing.bits import differing

SPEC = ui.along("I", [1.0, 0.3, -0.1, 0.0]) * ui.he_normal() - ui.normal(0.25, 0.02) + ui.identity(-0.7) + 0.1
NEGATIVE = -ui.truncated_normal(0.5, 0.1, -1.0, 3.0)
OWN_FANS: dict[str, Any] = {"fans": (ui.along("O", [3.0, 12.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]), None)}
OPTIONS: dict[str, Any] = {"layout": "OI", "name": "w"}
SHAPE = (8, 4)
CASES = [(SPEC, {}), (NEGATIVE, {}), (ui.he_normal(), OWN_FANS)]
by_case = pytest.mark.parametrize(("spec", "more"), CASES, ids=["sum", "negative", "own fans"])


def expected(spec: ui.Initializer, more: dict[str, Any], seed: int = 7) -> Any:
    """Return NumPy's values."""
    return ui.draw(spec, SHAPE, seed=seed, **OPTIONS, **more)


@pytest.mark.needs("jax")
@by_case
def test_jax_draws_it_under_vmap_and_jit(spec: ui.Initializer, more: dict[str, Any]) -> None:
    """Over keys; the function of ``as_jax`` compiles once for all of them."""
    import jax

    initializer = ui.as_jax(spec, **OPTIONS, **more)
    keys = jax.vmap(jax.random.key)(np.arange(3))
    stacked = jax.jit(jax.vmap(lambda key: initializer(key, SHAPE)))(keys)
    for seed in range(3):
        assert differing(np.asarray(stacked[seed]), expected(spec, more, seed)) == 0
    assert differing(np.asarray(initializer(jax.random.key(7), SHAPE)), expected(spec, more)) == 0


@pytest.mark.needs("jax")
@by_case
def test_jax_assembles_it_of_shards(spec: ui.Initializer, more: dict[str, Any]) -> None:
    """With a sharding, outside of a trace and inside."""
    import jax

    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("x",))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    drawn = ui.draw(spec, SHAPE, seed=7, backend="jax", device=sharding, **OPTIONS, **more)
    assert differing(np.asarray(drawn), expected(spec, more)) == 0
    jitted = jax.jit(lambda key: ui.draw(spec, SHAPE, seed=key, device=sharding, **OPTIONS, **more))
    assert differing(np.asarray(jitted(jax.random.key(7))), expected(spec, more)) == 0


@pytest.mark.needs("jax")
def test_specs_of_one_shape_share_the_compilation_of_their_terms() -> None:
    """Outside of the user's own program: key and table of a term are arguments."""
    import jax

    from unified_init.backends import _jax

    def draw(number: int) -> Any:
        spec = ui.normal(0.0, 1.0 + number) - ui.normal(0.1 * number, 2.0)
        return jax.jit(lambda key: ui.draw(spec, (37, 3), seed=key, name="w"))(jax.random.key(number))

    draw(0)
    compiled = _jax.compiled._cache_size()  # the only way to see it
    for number in range(1, 4):
        draw(number)
    assert _jax.compiled._cache_size() == compiled


@pytest.mark.needs("torch")
@by_case
def test_torch_fills_and_compiles_it(spec: ui.Initializer, more: dict[str, Any]) -> None:
    """In place, as one node of a graph, and where the spec is made inside of the compiled function."""
    import torch

    tensor = ui.as_torch(spec, seed=7, **OPTIONS, **more)(torch.empty(SHAPE))
    assert differing(tensor.numpy(), expected(spec, more)) == 0
    torch.compiler.reset()
    node = torch.compile(
        lambda: ui.draw(spec, SHAPE, seed=7, backend="torch", **OPTIONS, **more), fullgraph=True
    )
    assert differing(node().numpy(), expected(spec, more)) == 0


@pytest.mark.needs("torch")
def test_a_sum_may_be_made_inside_of_torch_compile() -> None:
    """Of a part, too."""
    import torch

    def part() -> Any:
        spec = ui.identity(-0.7) + ui.normal(0.0, 0.01)
        return ui.draw(spec, (4, 4), seed=7, backend="torch", index=(slice(1, 3),), **OPTIONS)

    torch.compiler.reset()
    assert differing(torch.compile(part)().numpy(), part().numpy()) == 0


@pytest.mark.needs("torch")
def test_a_rank_draws_its_part() -> None:
    """Into the part's memory, at its cost: ``shape`` and ``index`` of the whole."""
    import torch

    half = torch.empty(4, 4, dtype=torch.bfloat16)
    ui.fill(half, SPEC, seed=7, shape=SHAPE, index=(slice(4, 8),), **OPTIONS)
    whole = ui.draw(SPEC, SHAPE, seed=7, dtype="bfloat16", backend="torch", **OPTIONS)
    assert torch.equal(half.view(torch.int16), whole[4:8].view(torch.int16))


@pytest.mark.needs("torch")
def test_a_sum_on_meta_has_no_values() -> None:
    """Only a shape and a type."""
    assert ui.draw(SPEC, SHAPE, seed=7, backend="torch", device="meta", **OPTIONS).is_meta


@pytest.mark.needs("keras")
@by_case
def test_keras_writes_and_reads_it(spec: ui.Initializer, more: dict[str, Any]) -> None:
    """Its configuration is plain JSON, arrays among the fans too."""
    import json

    import keras

    initializer = ui.as_keras(spec, seed=7, **OPTIONS, **more)
    text = json.dumps(keras.saving.serialize_keras_object(initializer))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert again == initializer
    assert differing(np.asarray(keras.ops.convert_to_numpy(again(SHAPE))), expected(spec, more)) == 0
