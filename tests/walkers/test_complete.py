"""Abstract models of which a part would stay without values: refused before a generator is advanced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui


def linen() -> tuple[Any, str]:
    """Return two layers of Linen, and the first one's paths."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    module, x = nn.Sequential([nn.Dense(3), nn.Dense(2)]), jnp.ones((1, 4))
    return ui.linen(module, jax.eval_shape(module.init, jax.random.key(0), x), x), "layers_0/*"


def haiku() -> tuple[Any, str]:
    """Return two layers of Haiku, and the first one's paths."""
    import haiku as hk
    import jax
    import jax.numpy as jnp

    function, x = hk.transform(lambda x: hk.Linear(2)(hk.Linear(3)(x))), jnp.ones((1, 4))
    return ui.haiku(function, jax.eval_shape(function.init, jax.random.PRNGKey(0), x), x), "linear/*"


def equinox() -> tuple[Any, str]:
    """Return two layers of Equinox, and the first one's paths."""
    import equinox as eqx
    import jax

    return eqx.filter_eval_shape(eqx.nn.MLP, 4, 2, 8, 1, key=jax.random.key(0)), "layers.0.*"


def nnx() -> tuple[Any, str]:
    """Return two layers of NNX, and the first one's paths."""
    from flax import nnx as flax_nnx

    def make() -> Any:
        rngs = flax_nnx.Rngs(0)
        return flax_nnx.Sequential(flax_nnx.Linear(4, 3, rngs=rngs), flax_nnx.Linear(3, 2, rngs=rngs))

    return flax_nnx.eval_shape(make), "layers/0/*"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(linen, marks=pytest.mark.needs("flax")),
        pytest.param(haiku, marks=pytest.mark.needs("haiku")),
        pytest.param(equinox, marks=pytest.mark.needs("equinox")),
        pytest.param(nnx, marks=pytest.mark.needs("flax")),
    ],
)
def test_a_part_without_values_is_refused_before_the_generator_is_advanced(make: Any) -> None:
    """The message names it, and the generator is where it was."""
    model, only = make()
    generator = np.random.default_rng(0)
    before = generator.bit_generator.state
    with refused(ui.ArgumentValueError):
        ui.apply(model, ui.recipes.torch_default(), seed=generator, only=only)
    assert generator.bit_generator.state == before
