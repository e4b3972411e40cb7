"""The order of records in frameworks of JAX, whose trees come sorted: that of calls or of definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import unified_init as ui


def kernels(model: Any) -> list[str]:
    """Return the layers of the kernels, in order."""
    return [record.path.rpartition("/")[0] for record in ui.inspect(model) if record.role == "kernel"]


@pytest.mark.needs("flax")
def test_linen_layers_come_in_the_order_of_their_first_calls() -> None:
    """Not in that of their names, by which Dense_10 comes before Dense_2; a parent's own come first."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class Branch(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.Dense(8, name="late")(nn.Dense(8, name="soon")(x))
            return x * self.param("added", nn.initializers.ones, (8,))

    class Model(nn.Module):
        def setup(self) -> None:
            self.a, self.z = Branch(), nn.Dense(8)

        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = self.a(self.z(x))
            for _ in range(12):
                x = nn.Dense(8)(x)
            return self.z(x)

    x = jnp.ones((1, 8))
    for variables in (Model().init(jax.random.key(0), x), jax.eval_shape(Model().init, jax.random.key(0), x)):
        model = ui.linen(Model(), variables, x)
        assert kernels(model) == ["z", "a/soon", "a/late", *(f"Dense_{at}" for at in range(12))]
        paths = [record.path for record in ui.inspect(model)]
        assert paths.index("a/added") == paths.index("a/soon/bias") - 1


@pytest.mark.needs("flax")
def test_a_bare_linen_tree_counts_as_people_do() -> None:
    """Without calls the names are all there is, their numbers numbers; statistics stand by their layer."""
    import jax.numpy as jnp

    dense = {"kernel": jnp.ones((8, 8)), "bias": jnp.ones(8)}
    params = {f"Dense_{at}": dense for at in range(12)}
    norms = {f"BatchNorm_{at}": {"mean": jnp.ones(8)} for at in (10, 9)}
    model = ui.linen(None, {"params": params, "batch_stats": norms})
    assert kernels(model) == [f"Dense_{at}" for at in range(12)]
    assert [record.path for record in ui.inspect(model)][:2] == [
        "batch_stats/BatchNorm_9/mean",
        "batch_stats/BatchNorm_10/mean",
    ]


@pytest.mark.needs("flax", "torch")
def test_twelve_equal_layers_are_twins_in_order() -> None:
    """PyTorch's and Linen's compute the same."""
    import flax.linen as nn
    import jax
    import torch

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            for _ in range(12):
                x = nn.Dense(8)(x)
            return x

    x = np.ones((1, 8), np.float32)
    recipe = ui.recipes.torch_default()
    ours, _ = ui.apply(torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(12))), recipe, seed=0)
    theirs = ui.linen(Model(), jax.eval_shape(Model().init, jax.random.key(0), x), x)
    names = ui.match(ours, theirs)
    assert names["Dense_10/kernel"] == "10.weight"
    theirs, _ = ui.apply(theirs, recipe, seed=0, names=names)
    expected = ours(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(Model().apply(theirs.variables, x), expected, atol=1e-6)


@pytest.mark.needs("haiku")
def test_haiku_modules_come_in_the_order_in_which_init_makes_them() -> None:
    """And those of bare trees in that of their names, numbers as numbers; one module's come together."""
    import haiku as hk
    import jax

    def call(x: Any) -> Any:
        first, last = hk.Linear(8, name="z"), hk.Linear(8, name="a")
        x = first(x)
        for _ in range(12):
            x = hk.Linear(8)(x)
        return last(x)

    function = hk.transform(call)
    x = np.ones((1, 8), np.float32)
    params = jax.eval_shape(function.init, jax.random.PRNGKey(0), x)
    numbered = ["linear", *(f"linear_{at}" for at in range(1, 12))]
    assert kernels(ui.haiku(function, params, x)) == ["z", *numbered, "a"]
    bare = {name: params[name] for name in reversed(numbered)}
    assert kernels(ui.haiku(function, bare)) == numbered
    assert [record.path for record in ui.inspect(ui.haiku(function, params, x))][:2] == ["z/b", "z/w"]


@pytest.mark.needs("flax")
def test_nnx_layers_come_in_the_order_of_definition() -> None:
    """After merging, which sorts what a module holds, numbers in names count as numbers."""
    from flax import nnx

    class Model(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.stem = nnx.Linear(8, 8, rngs=rngs)
            for at in range(12):
                setattr(self, f"layer_{at}", nnx.Linear(8, 8, rngs=rngs))
            self.head = nnx.Linear(8, 8, rngs=rngs)

    numbered = [f"layer_{at}" for at in range(12)]
    model = Model(nnx.Rngs(0))
    assert kernels(model) == ["stem", *numbered, "head"]
    for sorted_one in (nnx.merge(*nnx.split(model)), nnx.eval_shape(lambda: Model(nnx.Rngs(0)))):
        assert kernels(sorted_one) == ["head", *numbered, "stem"]
