"""Which axes of a Linen variable hold copies, where the lengths of its axes leave that open.

``nn.scan`` and ``nn.vmap`` tell the boxes around variables where they add an axis. Variables are boxed for
that while a module is called abstractly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax
from flax import struct
from flax.core import meta

from unified_init.walkers import jax_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from unified_init.walkers.flax.leaves import Key

__all__ = ["stacked_axes"]

COLLECTIONS = ("params", "batch_stats")


class Noted(struct.PyTreeNode, meta.AxisMetadata[Any]):  # type: ignore[misc]  # flax's bases have no types
    """A box that notes the axes which transformations add, in order; what it holds is told, too."""

    value: Any
    axes: tuple[int, ...] = struct.field(pytree_node=False, default=())

    def unbox(self) -> Any:
        """Return what the box holds."""
        return self.value

    def replace_boxed(self, val: Any) -> Noted:
        """Return a box of another value."""
        return Noted(val, self.axes)

    def add_axis(self, index: int, params: dict[Any, Any]) -> Noted:
        """Note an axis."""
        return Noted(meta.add_axis(self.value, index, params), (*self.axes, index))

    def remove_axis(self, index: int, params: dict[Any, Any]) -> Noted:
        """Forget an axis, for the inside of a transformation."""
        return Noted(meta.remove_axis(self.value, index, params), self.axes[:-1])


def stacked_axes(
    shapes: Callable[[], Any], inner: Mapping[tuple[str, Key], tuple[int, ...]]
) -> dict[tuple[str, Key], tuple[int, ...]]:
    """Return the axes that transformations add, by collection and key; without those that none says.

    Args:
        shapes: calls the module abstractly and returns its variables.
        inner: the shapes that its layers see.
    """

    def box(following: Any, args: Any, kwargs: Any, context: Any) -> Any:
        result = following(*args, **kwargs)
        module = context.module
        for collection in COLLECTIONS if module.scope is not None else ():
            if module.is_mutable_collection(collection):
                for name, value in dict(module.variables.get(collection, {})).items():
                    if not isinstance(value, (Noted, dict)) and hasattr(jax.tree.leaves(value)[0], "shape"):
                        module.put_variable(collection, name, Noted(value))
        return result

    with nn.intercept_methods(box):
        variables = shapes()
    found = {}
    pairs, _ = jax.tree_util.tree_flatten_with_path(variables, is_leaf=lambda leaf: isinstance(leaf, Noted))
    for path, leaf in pairs:
        collection, *key = (jax_arrays.word_of(step) for step in path)
        at = (collection, tuple(key))
        if isinstance(leaf, Noted):
            copies = [False] * len(inner[at])
            for axis in leaf.axes:
                copies.insert(axis % (len(copies) + 1), True)  # a list of flags
            found[at] = tuple(position for position, copy in enumerate(copies) if copy)
    return found
