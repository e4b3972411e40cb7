"""The axes along which Linen stacks layers, where the lengths of all axes are equal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = pytest.mark.needs("flax")


def scanned(axis: int, *, boxed: bool = False) -> ui.Linen:
    """Return four layers of four outputs, stacked along an axis."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    kernel = nn.initializers.lecun_normal()

    class Body(nn.Module):
        @nn.compact
        def __call__(self, carry: Any, _: Any) -> Any:
            init = nn.with_partitioning(kernel, ("in", "out")) if boxed else kernel
            carry = nn.Dense(4, kernel_init=init)(carry)
            return nn.BatchNorm(use_running_average=False)(carry), None

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            axes = {"params": axis, "batch_stats": 0}
            layers = nn.scan(
                Body, variable_axes=axes, split_rngs={"params": True}, length=4,
                metadata_params={nn.PARTITION_NAME: "layers"},
            )  # fmt: skip
            return layers(name="layers")(x, None)[0]

    x = jnp.ones((1, 4))
    return ui.linen(Model(), Model().init(jax.random.key(0), x), x)


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize(
    ("axis", "kernel", "bias"), [(0, "BIO", "BO"), (1, "IBO", "OB"), (-1, "IOB", "OB"), (-2, "IBO", "BO")]
)
def test_a_transformation_says_along_which_axis_it_stacks(
    axis: int, kernel: str, bias: str, *, boxed: bool
) -> None:
    """Where every axis has the same length, too, with boxes of the model's own and without."""
    inventory = ui.inspect(scanned(axis, boxed=boxed))
    assert inventory["layers/Dense_0/kernel"].layout == kernel
    assert inventory["layers/Dense_0/bias"].layout == bias
    assert inventory["batch_stats/layers/BatchNorm_0/mean"].layout == "BO"


def test_each_of_the_stacked_layers_is_orthogonal() -> None:
    """Four square matrices along axis 1, not four others along axis 0."""
    rules = (ui.Rule(spec=ui.orthogonal(), role="kernel"), ui.Rule(spec=ui.zeros()))
    model, _ = ui.apply(scanned(1), ui.Recipe("square", rules), seed=0)
    kernel = np.asarray(model.variables["params"]["layers"]["Dense_0"]["kernel"])
    for at in range(4):
        np.testing.assert_allclose(kernel[:, at].T @ kernel[:, at], np.eye(4), atol=1e-6)


def test_nested_transformations_say_it_together() -> None:
    """The outer one's axis is counted behind the inner one's."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            layer: Any = nn.Dense
            for axis in (1, 0):
                layer = nn.vmap(
                    layer, variable_axes={"params": axis}, split_rngs={"params": True}, in_axes=None,
                    axis_size=4,
                )  # fmt: skip
            return layer(4, name="mapped")(x)

    x = jnp.ones((1, 4))
    inventory = ui.inspect(ui.linen(Model(), Model().init(jax.random.key(0), x), x))
    assert [record.layout for record in inventory] == ["BOB", "BIBO"]


def test_a_stack_that_is_used_twice_is_noted_once() -> None:
    """The second call takes the axis away and puts it back; statistics are renewed inside of their boxes."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    class Body(nn.Module):
        @nn.compact
        def __call__(self, carry: Any, _: Any) -> Any:
            count = self.variable("batch_stats", "count", jnp.zeros, (4,))
            count.value += 1.0
            self.variable("cache", "seen", jnp.zeros, (4,))
            return nn.Dense(4, use_bias=False)(carry), None

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            axes = {"params": 1, "batch_stats": 1, "cache": 1}
            layers = nn.scan(Body, variable_axes=axes, split_rngs={"params": True}, length=4)(name="layers")
            return layers(layers(x, None)[0], None)[0]

    x = jnp.ones((1, 4))
    inventory = ui.inspect(ui.linen(Model(), Model().init(jax.random.key(0), x), x))
    assert inventory["layers/Dense_0/kernel"].layout == "IBO"


def test_an_axis_that_nobody_names_is_asked_for() -> None:
    """A function of the model that takes arrays alone hides the axis, and the lengths fit twice."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    def doubled(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf * 2, tree, is_leaf=lambda leaf: hasattr(leaf, "unbox"))

    class Body(nn.Module):
        @nn.compact
        def __call__(self, carry: Any, _: Any) -> Any:
            return nn.Dense(4, use_bias=False, name="dense")(carry), None

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            mapped = nn.map_variables(Body, "params", doubled, doubled, init=True, mutable=True)
            stack = nn.scan(mapped, variable_axes={"params": 0}, split_rngs={"params": True}, length=4)
            return stack(name="stack")(x, None)[0]

    x = jnp.ones((1, 4))
    model = ui.linen(Model(), Model().init(jax.random.key(0), x), x)
    with refused(ui.ArgumentValueError):
        ui.inspect(model)
