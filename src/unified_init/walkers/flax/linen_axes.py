"""Finds which axes of a Linen variable stack layers, where the lengths of its axes leave that open.

``nn.scan`` and ``nn.vmap`` call methods of the boxes around variables when they add an axis. So the variables
are put into boxes that note this, while a module is called abstractly.
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


class NotingBox(struct.PyTreeNode, meta.AxisMetadata[Any]):  # type: ignore[misc]  # flax's bases have no types
    """A box that notes the axes which transformations add, in order. A box inside it is told, too."""

    value: Any
    axes: tuple[int, ...] = struct.field(pytree_node=False, default=())

    def unbox(self) -> Any:
        """Return what the box holds."""
        return self.value

    def replace_boxed(self, val: Any) -> NotingBox:
        """Return a box of another value."""
        return NotingBox(val, self.axes)

    def add_axis(self, index: int, params: dict[Any, Any]) -> NotingBox:
        """Note an axis."""
        return NotingBox(meta.add_axis(self.value, index, params), (*self.axes, index))

    def remove_axis(self, index: int, params: dict[Any, Any]) -> NotingBox:
        """Remove the last axis again: the inside of a transformation sees the variable without it."""
        return NotingBox(meta.remove_axis(self.value, index, params), self.axes[:-1])


def stacked_axes(
    shapes: Callable[[], Any], inner: Mapping[tuple[str, Key], tuple[int, ...]]
) -> dict[tuple[str, Key], tuple[int, ...]]:
    """Return the axes that transformations add, by collection and key, for variables that have some.

    Args:
        shapes: calls the module abstractly and returns its variables.
        inner: the shapes that its layers see.
    """

    def box(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
        result = method(*args, **kwargs)
        module = context.module
        for collection in COLLECTIONS if module.scope is not None else ():
            if module.is_mutable_collection(collection):
                for name, value in dict(module.variables.get(collection, {})).items():
                    if not isinstance(value, (NotingBox, dict)) and hasattr(
                        jax.tree.leaves(value)[0], "shape"
                    ):
                        module.put_variable(collection, name, NotingBox(value))
        return result

    with nn.intercept_methods(box):
        variables = shapes()
    axes_by_variable = {}
    pairs, _ = jax.tree_util.tree_flatten_with_path(
        variables, is_leaf=lambda leaf: isinstance(leaf, NotingBox)
    )
    for path, leaf in pairs:
        collection, *key = (jax_arrays.word_of(step) for step in path)
        variable = (collection, tuple(key))
        if isinstance(leaf, NotingBox):
            group_flags = [False] * len(inner[variable])
            for axis in leaf.axes:
                group_flags.insert(axis % (len(group_flags) + 1), True)  # a list of flags
            axes_by_variable[variable] = tuple(position for position, flag in enumerate(group_flags) if flag)
    return axes_by_variable
