"""What every walker does: twins are matched, audits read, loaded values stay, and what has no values is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused
from tests.helpers.reading import logical_values

import unified_init as ui
from unified_init.walkers.registry import walker_of

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras

INPUTS, WIDTH, OUTPUTS = 40, 50, 30


def haiku() -> Any:
    """Return two linear layers of Haiku."""
    import haiku as hk
    import jax

    function = hk.transform(lambda x: hk.nets.MLP([WIDTH, OUTPUTS])(x))  # noqa: PLW0108  # made inside
    x = np.ones((1, INPUTS), np.float32)
    return ui.haiku(function, function.init(jax.random.PRNGKey(0), x), x)


def equinox() -> Any:
    """Return two linear layers of Equinox."""
    import equinox as eqx
    import jax

    return eqx.nn.MLP(INPUTS, OUTPUTS, WIDTH, 1, key=jax.random.key(0))


def linen() -> Any:
    """Return two linear layers of Linen."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    module, x = nn.Sequential([nn.Dense(WIDTH), nn.relu, nn.Dense(OUTPUTS)]), jnp.ones((1, INPUTS))
    return ui.linen(module, module.init(jax.random.key(0), x), x)


def nnx() -> Any:
    """Return two linear layers of NNX."""
    from flax import nnx

    rngs = nnx.Rngs(0)
    return nnx.Sequential(nnx.Linear(INPUTS, WIDTH, rngs=rngs), nnx.Linear(WIDTH, OUTPUTS, rngs=rngs))


def keras() -> Any:
    """Return two linear layers of Keras."""
    import keras

    layers = [keras.layers.Dense(WIDTH, name="first"), keras.layers.Dense(OUTPUTS, name="second")]
    return keras.Sequential([keras.Input((INPUTS,)), *layers])


TREES = [
    pytest.param(haiku, "mlp/~/linear_0/w", marks=pytest.mark.needs("haiku"), id="haiku"),
    pytest.param(equinox, "layers.0.weight", marks=pytest.mark.needs("equinox"), id="equinox"),
    pytest.param(linen, "layers_0/kernel", marks=pytest.mark.needs("flax"), id="linen"),
]
MODELS = [
    *TREES,
    pytest.param(nnx, "layers/0/kernel", marks=pytest.mark.needs("flax"), id="nnx"),
    pytest.param(keras, "first/kernel", marks=pytest.mark.needs("keras"), id="keras"),
]


@pytest.mark.needs("torch")
@pytest.mark.parametrize(("make", "first"), MODELS)
def test_a_twin_of_pytorch_is_matched_and_has_its_bits(make: Any, first: str) -> None:
    """Two linear layers: each kernel and bias is that of the torch model, in value too."""
    import torch

    theirs = torch.nn.Sequential(torch.nn.Linear(INPUTS, WIDTH), torch.nn.Linear(WIDTH, OUTPUTS))
    ours = make()
    names = ui.match(theirs, ours)
    assert names[first] == "0.weight"
    assert set(names.values()) == set(theirs.state_dict())
    recipe = ui.recipes.torch_default()
    ui.apply(theirs, recipe, seed=4)
    twin, _ = ui.apply(ours, recipe, seed=4, names=names)
    values, twins = logical_values(theirs), logical_values(twin, dict(names))
    assert all(values[name].tobytes() == twins[name].tobytes() for name in values)
    assert np.array_equal(values["0.weight"], theirs[0].weight.detach().numpy())


@pytest.mark.parametrize(("make", "first"), MODELS)
def test_an_audit_reads_what_was_written(make: Any, first: str) -> None:
    """The recipe that was applied passes, with the law's exact std; another one does not."""
    model, _ = ui.apply(make(), ui.recipes.torch_default(), seed=0)
    audit = ui.audit(model, ui.recipes.torch_default(), alpha=1e-6)
    assert audit.ok, str(audit)
    assert {row.verdict for row in audit} == {"ok"}
    assert audit[first].expected_std == pytest.approx((3 * INPUTS) ** -0.5, rel=1e-14)
    assert not ui.audit(model, ui.recipes.keras_default(), alpha=1e-6).ok


@pytest.mark.parametrize(("make", "first"), MODELS)
def test_loaded_values_stay(make: Any, first: str) -> None:
    """overwrite=False keeps what ``loaded`` names: these frameworks mark nothing themselves."""
    recipe = ui.Recipe("sevens", (ui.Rule(spec=ui.constant(7.0)),))
    model = make()
    before = logical_values(model)
    written, report = ui.apply(model, recipe, loaded=first, overwrite=False)
    assert report.kept == (first,)
    after = logical_values(written)
    assert np.array_equal(after.pop(first), before[first])
    assert all((values == 7).all() for values in after.values())


def abstracted(model: Any, change: Any) -> Any:
    """Return a model whose arrays are changed."""
    import dataclasses

    import jax

    field = {"Haiku": "params", "Linen": "variables"}.get(type(model).__name__)
    if field is None:
        import equinox as eqx

        arrays, rest = eqx.partition(model, eqx.is_array)
        return eqx.combine(jax.tree.map(change, arrays), rest)
    return dataclasses.replace(model, **{field: jax.tree.map(change, getattr(model, field))})


@pytest.mark.parametrize(("make", "first"), TREES)
def test_an_array_that_is_traced_is_refused(make: Any, first: str) -> None:
    """Inside of jit there is nothing to write to."""
    import jax

    model = make()

    def inside(by: Any) -> Any:
        traced = abstracted(model, lambda array: array * by)
        ui.apply(traced, ui.recipes.torch_default(), seed=0, only=first)

    with refused(ui.ArgumentTypeError):
        jax.jit(inside)(2.0)


@pytest.mark.parametrize(("make", "first"), TREES)
def test_float64_that_jax_would_narrow_is_refused(make: Any, first: str) -> None:
    """Abstract float64 parameters of a process without x64 would silently become float32."""
    import jax
    import jax.numpy as jnp

    model = abstracted(make(), lambda array: jax.ShapeDtypeStruct(array.shape, np.dtype("float64")))
    with refused(ui.ArgumentValueError):
        ui.apply(model, ui.recipes.torch_default(), seed=0, only=first)
    assert jnp.ones(1).dtype == jnp.float32


@pytest.mark.parametrize(("make", "first"), TREES)
def test_an_audit_of_abstract_arrays_says_so(make: Any, first: str) -> None:
    """There is nothing to read before a recipe was applied."""
    import jax

    model = abstracted(make(), lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype))
    audit = ui.audit(model, ui.recipes.torch_default())
    assert not audit.ok
    assert {row.verdict for row in audit} == {"unread"}
    with refused(ui.ArgumentValueError) as caught:
        walker_of(model).read(model, first)
    assert audit[first].notes == (str(caught.value),)


SHARDED = """
import flax.linen as nn, jax, jax.numpy as jnp, numpy as np
import unified_init as ui

mesh = jax.sharding.Mesh(np.array(jax.devices()), ("x",))
sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
module, x = nn.Dense(6), jnp.ones((1, 4))
variables = module.init(jax.random.key(0), x)
for tree in (variables, jax.device_put(variables, sharding)):
    model, _ = ui.apply(ui.linen(module, tree, x), ui.recipes.flax_linen_default(), seed=0)
    kernel = model.variables["params"]["kernel"]
    assert np.array_equal(kernel, ui.draw(ui.lecun_normal(), (4, 6), layout="IO", seed=0, name="kernel"))
assert kernel.sharding == sharding and len(kernel.addressable_shards) == 2
"""


@pytest.mark.needs("flax")
def test_an_array_on_two_devices_is_filled_there() -> None:
    """The graph program gives each device its shard, with the bits of the host."""
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    subprocess.run([sys.executable, "-c", SHARDED], env=environment, check=True)
