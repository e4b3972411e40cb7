"""The same model in Flax NNX."""

from __future__ import annotations

import jax
from flax import nnx


class GatedBlock(nnx.Module):
    """A gated linear unit between two normalizations."""

    def __init__(self, width: int, hidden: int, *, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs)
        self.value = nnx.Linear(width, hidden, rngs=rngs)
        self.gate = nnx.Linear(width, hidden, rngs=rngs)
        self.out = nnx.Linear(hidden, width, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Return x and what the block adds to it."""
        normed = self.norm(x)
        return x + self.out(self.value(normed) * jax.nn.sigmoid(self.gate(normed)))
