"""The shapes that NNX layers give their own tensors, from which stacked layers (``nnx.vmap``) are read."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from flax import nnx

from unified_init.inventory.stacks import AXES_DOUBT
from unified_init.walkers.flax.leaves import axes_of_groups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from unified_init.walkers.flax.leaves import Leaf

__all__ = ["unstacked"]

NORMS = (nnx.BatchNorm, nnx.LayerNorm, nnx.RMSNorm, nnx.GroupNorm, nnx.InstanceNorm)


def _declared(layer: Any, name: str) -> tuple[int, ...] | None:  # one return per layer
    """Return the shape that a layer gives a tensor, by its fields; None for layers that do not say it."""
    is_kernel = name == "kernel"
    if isinstance(layer, nnx.Linear) and name in {"kernel", "bias"}:
        return (layer.in_features, layer.out_features)[0 if is_kernel else 1 :]
    if isinstance(layer, nnx.LinearGeneral) and name in {"kernel", "bias"}:
        inputs = tuple(layer.in_features) if is_kernel else ()
        return (*layer.batch_axis.values(), *inputs, *layer.out_features)
    if isinstance(layer, (nnx.Conv, nnx.ConvTranspose)) and name in {"kernel", "bias"}:
        groups = getattr(layer, "feature_group_count", 1)
        ends = (layer.in_features // groups, layer.out_features)
        ends = ends[::-1] if getattr(layer, "transpose_kernel", False) else ends
        return (*layer.kernel_size, *ends) if is_kernel else (layer.out_features,)
    if isinstance(layer, nnx.Embed) and name == "embedding":
        return (layer.num_embeddings, layer.features)
    width = getattr(layer, "num_features", None)
    return (width,) if isinstance(layer, NORMS) and isinstance(width, int) else None


def unstacked(leaves: Iterable[tuple[Leaf, Any]]) -> list[Leaf]:
    """Return leaves with the shape that their layer sees, and the axes that stack layers.

    Args:
        leaves: each with its layer. All tensors of a layer are stacked along the same axes.
    """
    pairs = [(_with_inner(leaf, layer), layer) for leaf, layer in leaves]
    choices: dict[int, set[tuple[int, ...]]] = {}
    for leaf, layer in pairs:
        if leaf.inner is not None:
            axes = set(axes_of_groups(leaf.shape, leaf.inner))
            choices[id(layer)] = choices.get(id(layer), axes) & axes
    return [
        leaf if leaf.inner is None else _with_axes(leaf, choices[id(layer)], leaf.inner)
        for leaf, layer in pairs
    ]


def _with_inner(leaf: Leaf, layer: Any) -> Leaf:
    declared = _declared(layer, leaf.key[-1])
    if declared is None or len(leaf.shape) <= len(declared) or not axes_of_groups(leaf.shape, declared):
        return leaf
    return dataclasses.replace(leaf, inner=declared)


def _with_axes(leaf: Leaf, shared: set[tuple[int, ...]], inner: tuple[int, ...]) -> Leaf:
    """Return a leaf with the axes that stack layers, or with the doubt that there are several choices."""
    choices = shared or set(axes_of_groups(leaf.shape, inner))
    if len(choices) == 1:
        return dataclasses.replace(leaf, stacked=next(iter(choices)))
    listing = " or ".join(str(axes) for axes in sorted(choices))
    doubt = (
        f"{AXES_DOUBT} whose own shape is {inner}, along {listing}, which its shape {leaf.shape} "
        "does not tell: say its layout with a rule's layout= or with layers=, or stack another number of them"
    )
    return dataclasses.replace(leaf, doubt=doubt)
