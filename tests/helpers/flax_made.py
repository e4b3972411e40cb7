"""Layers of Flax as Flax makes them, and their values by path."""

from __future__ import annotations

from typing import Any

import numpy as np

import unified_init as ui


def linen(expression: str, shape: tuple[int, ...] | None, seed: int = 0) -> tuple[Any, dict[str, np.ndarray]]:
    """Return a layer as a model, and the values that Flax gives it by path."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    module = eval(expression, vars(nn))  # noqa: S307  # written above
    x = jnp.ones((1, 3), jnp.int32) if shape is None else jnp.ones(shape)
    args = (
        (module.initialize_carry(jax.random.key(1), shape), x)
        if hasattr(module, "initialize_carry")
        else (x,)
    )
    variables = module.init(jax.random.key(seed), *args)
    return ui.linen(module, variables, *args), flat(variables["params"])


def flat(tree: Any) -> dict[str, np.ndarray]:
    """Return the arrays of nested dicts by path."""
    import jax

    pairs = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {"/".join(step.key for step in path): np.asarray(leaf) for path, leaf in pairs}


def nnx_values(module: Any) -> dict[str, np.ndarray]:
    """Return the parameters of an NNX module by path, as they are now."""
    from flax import nnx

    pairs = nnx.to_flat_state(nnx.state(module, nnx.Param))
    return {"/".join(map(str, path)): np.array(leaf.get_value()) for path, leaf in pairs}
