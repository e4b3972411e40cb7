"""The layer defaults of Linen and NNX: the laws of the layers that Flax itself constructs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.flax_made import flat, linen, nnx_values

import unified_init as ui
from unified_init.testing import assert_same_law

pytestmark = pytest.mark.needs("flax")

ALPHA = 1e-6
# Layer, shape of its input, its kernel, its law and the exact std. Those marked * count what is not an input.
LINEN = [
    ("Dense(200)", (1, 300), "kernel", "truncated_normal", 300**-0.5),
    ("DenseGeneral((8, 25), axis=(-2, -1))", (1, 30, 10), "kernel", "truncated_normal", 300**-0.5),
    ("DenseGeneral(25, batch_dims=(0,))", (16, 64), "kernel", "truncated_normal", (16 * 64) ** -0.5),  # *
    ("Einsum((50, 8, 25), 'btd,dhe->bthe')", (1, 2, 50), "kernel", "truncated_normal", (50 * 8) ** -0.5),  # *
    ("Conv(64, (3, 3))", (1, 8, 8, 16), "kernel", "truncated_normal", 144**-0.5),
    ("Conv(64, (5,))", (1, 8, 16), "kernel", "truncated_normal", 80**-0.5),
    ("Conv(64, (2, 3, 4))", (1, 8, 8, 8, 4), "kernel", "truncated_normal", 96**-0.5),
    ("Conv(64, (3, 3), feature_group_count=4)", (1, 8, 8, 16), "kernel", "truncated_normal", 36**-0.5),
    ("Conv(640, (3, 3), feature_group_count=16)", (1, 8, 8, 16), "kernel", "truncated_normal", 9**-0.5),
    ("ConvTranspose(64, (3, 3))", (1, 8, 8, 16), "kernel", "truncated_normal", 144**-0.5),
    ("ConvTranspose(64, (3, 3), transpose_kernel=True)", (1, 8, 8, 16), "kernel", "truncated_normal",
     (64 * 9) ** -0.5),  # *
    ("ConvLocal(10, (3, 3), padding='VALID')", (1, 8, 8, 4), "kernel", "truncated_normal", (36 * 36) ** -0.5),  # *
    ("Embed(100, 64)", None, "embedding", "normal", 64**-0.5),
]  # fmt: skip
NNX = [
    ("Linear(300, 200)", "kernel", "truncated_normal", 300**-0.5),
    ("LinearGeneral((30, 10), (8, 25), axis=(-2, -1))", "kernel", "truncated_normal", 300**-0.5),
    ("LinearGeneral(64, 25, batch_axis={0: 16})", "kernel", "truncated_normal", (16 * 64) ** -0.5),  # *
    ("Einsum('btd,dhe->bthe', (50, 8, 25))", "kernel", "truncated_normal", (50 * 8) ** -0.5),  # *
    ("Conv(16, 64, (3, 3))", "kernel", "truncated_normal", 144**-0.5),
    ("Conv(16, 64, (3, 3), feature_group_count=4)", "kernel", "truncated_normal", 36**-0.5),
    ("ConvTranspose(16, 64, (3, 3))", "kernel", "truncated_normal", 144**-0.5),
    ("ConvTranspose(16, 64, (3, 3), transpose_kernel=True)", "kernel", "truncated_normal",
     (64 * 9) ** -0.5),  # *
    ("Embed(100, 64)", "embedding", "normal", 64**-0.5),
    ("LoRA(300, 20, 50)", "lora_a", "uniform", (2 / 300) ** 0.5),
]  # fmt: skip


def check_law(model: Any, recipe: ui.Recipe, path: str, kind: str, std: float) -> ui.Law:
    """Assert the exact law of a parameter, and return it."""
    law = ui.plan(model, recipe)[path].pieces[0].law
    assert (law.kind, law.mean) == (kind, 0.0)
    assert math.isclose(law.std, std, rel_tol=1e-14)
    return law


def check_values(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], law: ui.Law, path: str) -> None:
    """Assert that a tensor has the same law as Flax', within its bounds, and the others are equal."""
    assert_same_law(ours[path], theirs[path], alpha=ALPHA)
    assert np.abs(theirs[path]).max() <= law.high * (1 + 1e-6)
    assert ours.keys() == theirs.keys()
    for other in ours.keys() - {path}:
        assert np.array_equal(ours[other], theirs[other])


@pytest.mark.parametrize(("expression", "shape", "path", "kind", "std"), LINEN)
def test_linens_layers_get_the_laws_of_linen(
    expression: str, shape: tuple[int, ...] | None, path: str, kind: str, std: float
) -> None:
    """The exact std on the plan, and the same law as what ``init`` draws; biases are equal."""
    model, theirs = linen(expression, shape)
    recipe = ui.recipes.flax_linen_default()
    law = check_law(model, recipe, path, kind, std)
    check_values(flat(ui.apply(model, recipe, seed=1)[0].variables["params"]), theirs, law, path)


@pytest.mark.parametrize(("expression", "path", "kind", "std"), NNX)
def test_nnx_layers_get_the_laws_of_nnx(expression: str, path: str, kind: str, std: float) -> None:
    """The exact std on the plan, and the same law as what the constructor draws; biases are equal."""
    from flax import nnx

    module = eval(f"nnx.{expression[:-1]}, rngs=rngs)", {"nnx": nnx, "rngs": nnx.Rngs(0)})  # noqa: S307
    theirs = nnx_values(module)
    recipe = ui.recipes.flax_nnx_default()
    law = check_law(module, recipe, path, kind, std)
    check_values(nnx_values(ui.apply(module, recipe, seed=1)[0]), theirs, law, path)


def test_attention_is_a_dense_layer_of_all_heads() -> None:
    """Linen and NNX: queries, keys and values with the model's width, the output with heads times size."""
    import jax.numpy as jnp
    from flax import nnx

    model, theirs = linen("MultiHeadDotProductAttention(4, qkv_features=64)", (2, 5, 100))
    recipe = ui.recipes.flax_linen_default()
    plan = ui.plan(model, recipe)
    assert plan["query/kernel"].pieces[0].law.std == 0.1
    assert plan["out/kernel"].pieces[0].law.std == 0.125
    ours = flat(ui.apply(model, recipe, seed=1)[0].variables["params"])
    for path, values in theirs.items():
        if path.endswith("kernel"):
            assert_same_law(ours[path], values, alpha=ALPHA)
        else:
            assert np.array_equal(ours[path], values)
    twin = nnx.MultiHeadAttention(4, 100, 64, decode=False, rngs=nnx.Rngs(0))
    native = nnx_values(twin)
    ui.apply(twin, ui.recipes.flax_nnx_default(), seed=1)
    assert_same_law(twin.query.kernel.get_value(), native["query/kernel"], alpha=ALPHA)
    for path, values in ours.items():
        assert np.array_equal(nnx_values(twin)[path], values)
    assert jnp.isfinite(twin(jnp.ones((2, 5, 100)))).all()


@pytest.mark.parametrize("expression", ["BatchNorm(use_running_average=False)", "LayerNorm()", "RMSNorm()",
                                        "GroupNorm(2)", "InstanceNorm()", "PReLU()"])  # fmt: skip
def test_constants_are_linens(expression: str) -> None:
    """Scales 1, offsets 0, running means 0 and variances 1, slopes 0.01."""
    import jax

    model, _ = linen(expression, (2, 4, 8))
    dirty = jax.tree.map(lambda leaf: leaf + 7, model.variables)
    ours = ui.apply(ui.linen(model.module, dirty, *model.args), ui.recipes.flax_linen_default())[0].variables
    assert jax.tree.structure(ours) == jax.tree.structure(model.variables)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), ours, model.variables))


@pytest.mark.parametrize("expression", ["BatchNorm(8, rngs=rngs)", "LayerNorm(8, rngs=rngs)",
                                        "RMSNorm(8, rngs=rngs)", "GroupNorm(8, 2, rngs=rngs)",
                                        "InstanceNorm(8, rngs=rngs)", "PReLU()"])  # fmt: skip
def test_constants_are_nnx(expression: str) -> None:
    """The same for NNX, whose variables are written in place."""
    import jax.numpy as jnp
    from flax import nnx

    module = eval(f"nnx.{expression}", {"nnx": nnx, "rngs": nnx.Rngs(0)})  # noqa: S307  # written above
    variables = dict(nnx.to_flat_state(nnx.state(module)))
    before = {path: np.array(variable.get_value()) for path, variable in variables.items()}
    for path, variable in nnx.to_flat_state(nnx.state(module)):
        variable.set_value(jnp.asarray(before[path] + 7))
    result, report = ui.apply(module, ui.recipes.flax_nnx_default())
    assert result is module
    assert len(report.written) == len(before) > 0
    after = nnx.to_flat_state(nnx.state(module))
    assert all(np.array_equal(variable.get_value(), before[path]) for path, variable in after)


@pytest.mark.parametrize(
    ("expression", "shape", "std"),
    [
        ("DenseGeneral(25, batch_dims=(0,))", (16, 64), 64**-0.5),
        ("Einsum((50, 8, 25), 'btd,dhe->bthe')", (1, 2, 50), 50**-0.5),
        ("ConvTranspose(64, (3, 3), transpose_kernel=True)", (1, 8, 8, 16), 144**-0.5),
        ("ConvLocal(10, (3, 3), padding='VALID')", (1, 8, 8, 4), 1 / 6),
        ("Conv(64, (3, 3), feature_group_count=4)", (1, 8, 8, 16), 1 / 6),
    ],
)
def test_the_corrected_recipe_has_the_true_fans(expression: str, shape: tuple[int, ...], std: float) -> None:
    """What one output sees, of one copy."""
    model, _ = linen(expression, shape)
    check_law(model, ui.recipes.flax_linen_default_corrected(), "kernel", "truncated_normal", std)


def test_copies_of_an_einsum_enter_no_fan() -> None:
    """Its own axes do, in Flax; those that vmap stacks do not."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            mapped = nn.vmap(nn.Einsum, variable_axes={"params": 0}, split_rngs={"params": True}, in_axes=None,
                             axis_size=16)  # fmt: skip
            return mapped((4, 25, 30), "nha,hab->nhb", name="einsum")(x)

    variables = Model().init(jax.random.key(0), jnp.ones((1, 4, 25)))
    model = ui.linen(Model(), variables, jnp.ones((1, 4, 25)))
    recipe = ui.recipes.flax_linen_default()
    check_law(model, recipe, "einsum/kernel", "truncated_normal", 0.1)
    check_law(model, ui.recipes.flax_linen_default_corrected(), "einsum/kernel", "truncated_normal", 0.2)
    ours = ui.apply(model, recipe, seed=0)[0].variables["params"]["einsum"]["kernel"]
    assert_same_law(ours, variables["params"]["einsum"]["kernel"], alpha=ALPHA)


@pytest.mark.needs("torch")
@pytest.mark.parametrize(
    ("make", "path", "kind", "std"),
    [
        ("Linear(100, 50)", "weight", "truncated_normal", 0.1),
        ("Conv2d(16, 64, 3, groups=4)", "weight", "truncated_normal", 1 / 6),
        ("ConvTranspose2d(16, 64, 3)", "weight", "truncated_normal", 1 / 12),
        ("Embedding(100, 64, padding_idx=3)", "weight", "normal", 0.125),
        ("LSTM(100, 64)", "weight_ih_l0", "truncated_normal", 0.1),
        ("LSTM(100, 64)", "weight_hh_l0", "orthogonal", 0.125),
        ("GRU(100, 64)", "weight_hh_l0", "orthogonal", 0.125),
        ("MultiheadAttention(100, 4)", "in_proj_weight", "truncated_normal", 0.1),
        ("Bilinear(5, 20, 3)", "weight", "truncated_normal", 0.1),
    ],
)
def test_linens_defaults_serve_a_torch_model(make: str, path: str, kind: str, std: float) -> None:
    """Each torch layer gets the law of its Linen twin."""
    import torch

    module = eval(f"nn.{make}", {"nn": torch.nn})  # noqa: S307  # written above
    check_law(module, ui.recipes.flax_linen_default(), path, kind, std)
    ui.apply(module, ui.recipes.flax_linen_default(), seed=0)


def test_the_recipes_are_json() -> None:
    """All four go through JSON and back."""
    for name in ("linen_default", "linen_default_corrected", "nnx_default", "nnx_default_corrected"):
        recipe = getattr(ui.recipes, f"flax_{name}")()
        assert ui.recipe_from_json(ui.recipe_to_json(recipe)) == recipe
