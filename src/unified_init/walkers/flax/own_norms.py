"""Norms of Flax that are of the user's own: each is run by itself, to see what it multiplies by."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from flax import nnx

from unified_init.walkers import norms
from unified_init.walkers.flax.layers import NORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from unified_init.walkers.flax.leaves import Layer

__all__ = ["linen_norm", "needs_run", "nnx_norm"]


def needs_run(module: Any, layer: Layer) -> bool:
    """Whether a module is a norm whose forward pass is not Flax's own."""
    if layer.what in NORMS:
        return not type(module).__call__.__module__.startswith("flax.")
    return layer.what == "other" and norms.says_norm(layer.native)


def _with_factors(
    layer: Layer,
    shapes: Mapping[str, tuple[int, ...]],
    run: Callable[[str, NDArray[Any], int, float], NDArray[Any]],
) -> Layer:
    """Return the description of a norm that is run."""
    factors = tuple(
        (name, norms.multiplier(layer.native, functools.partial(run, name), shape))
        for name, shape in shapes.items()
        if norms.norm_role(name) == "scale"
    )
    return dataclasses.replace(layer, what="norm", factors=factors)


def nnx_norm(module: nnx.Module, layer: Layer) -> Layer:
    """Return the description of a norm of NNX."""
    variables = {name: value for name, value in vars(module).items() if isinstance(value, nnx.Param)}
    shapes = {name: tuple(variable.get_value().shape) for name, variable in variables.items()}

    def run(scale: str, batch: NDArray[Any], gates: int, number: float) -> NDArray[Any]:
        stand_in: Any = nnx.clone(module)
        for name, variable in vars(stand_in).items():
            if isinstance(variable, nnx.Variable):
                fill = norms.fill_of(name, scale, number)
                variable.set_value(jnp.full(variable.get_value().shape, fill, jnp.float32))
        return np.asarray(stand_in(*[jnp.asarray(batch)] * (1 + gates)), np.float32)

    return _with_factors(layer, shapes, run)


def linen_norm(
    module: nn.Module, layer: Layer, variables: Mapping[str, Mapping[str, tuple[int, ...]]]
) -> Layer:
    """Return the description of a norm of Linen.

    Args:
        module: the norm, outside of any scope.
        layer: its description so far.
        variables: the shapes of its variables, by collection and name.
    """

    def run(scale: str, batch: NDArray[Any], gates: int, number: float) -> NDArray[Any]:
        values = {
            collection: {
                name: jnp.full(shape, norms.fill_of(name, scale, number), jnp.float32)
                for name, shape in shapes.items()
            }
            for collection, shapes in variables.items()
        }
        output: Any = module.apply(values, *[jnp.asarray(batch)] * (1 + gates))
        return np.asarray(output, np.float32)

    return _with_factors(layer, variables.get("params", {}), run)
