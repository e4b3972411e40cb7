"""Describes Linen modules as layers, and lists the arrays in their trees of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax
from flax.core import meta

from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.layers import einsum_roles
from unified_init.walkers.flax.leaves import Layer

if TYPE_CHECKING:
    from unified_init.walkers.flax.leaves import Key

__all__ = ["is_box", "layer_of", "leaves_of", "unboxed", "wrapped_by"]

SIMPLE = (  # layers whose class says everything
    (nn.Dense, "dense"), (nn.Embed, "embed"), (nn.BatchNorm, "batch_norm"), (nn.LayerNorm, "layer_norm"),
    (nn.RMSNorm, "rms_norm"), ((nn.GroupNorm, nn.InstanceNorm), "group_norm"), (nn.PReLU, "prelu"),
    (nn.MultiHeadDotProductAttention, "attention"), ((nn.LSTMCell, nn.OptimizedLSTMCell), "lstm"),
    (nn.GRUCell, "gru"), (nn.MGUCell, "mgu"), (nn.SimpleCell, "simple"),
    ((nn.WeightNorm, nn.SpectralNorm), "wrapper"),
)  # fmt: skip


def layer_of(module: Any, args: Any, kwargs: Any) -> Layer:  # noqa: PLR0911  # one return per layer
    """Return the description of a module that is called with these arguments."""
    native = type(module).__name__
    for classes, what in SIMPLE:
        if isinstance(module, classes):
            return Layer(what=what, native=native)
    if isinstance(module, nn.DenseGeneral):
        lead, inputs = (len(_tuple(value)) for value in (module.batch_dims, module.axis))
        return Layer(what="dense", native=native, lead=lead, inputs=inputs, outs=len(_tuple(module.features)))
    if isinstance(module, nn.Einsum):
        equation = kwargs.get("einsum_str", args[1] if len(args) > 1 else None)
        roles, bias = einsum_roles(module.einsum_str or equation or "")
        return Layer(what="einsum", native="Einsum", roles=roles, bias_roles=bias)
    if isinstance(module, nn.ConvLocal):
        # Each position of the output has its own map, whose inputs are the window and the channels.
        return Layer(what="dense", native=native, lead=len(_tuple(module.kernel_size)))
    if isinstance(module, nn.Conv):
        window = _tuple(module.kernel_size)
        return Layer(what="conv", native=native, window=window, groups=module.feature_group_count)
    if isinstance(module, nn.ConvTranspose):
        window = _tuple(module.kernel_size)
        return Layer(what="conv_transpose", native=native, window=window, swapped=module.transpose_kernel)
    if isinstance(module, nn.ConvLSTMCell):
        return Layer(what="conv_lstm", native=native, window=_tuple(module.kernel_size))
    return Layer(what="other", native=native)


def _tuple(value: Any) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def wrapped_by(module: Any) -> dict[str, str]:
    """Return the tensors that a wrapper normalizes before its layer uses them, with the wrapper's class."""
    if not isinstance(module, (nn.WeightNorm, nn.SpectralNorm)):
        return {}
    layer = module.layer_instance
    prefix = "/".join(layer.path)
    wrappers = {}
    for (collection, key), value in leaves_of(layer.variables).items():
        path = "/".join((layer.name, *key))
        filters = getattr(module, "variable_filter", None)
        is_normalized = (
            any(word in path for word in filters) if filters else len(value.shape) > 1 or filters is not None
        )
        if collection == "params" and is_normalized:
            wrappers["/".join((prefix, *key)) if prefix else "/".join(key)] = type(module).__name__
    return wrappers


def leaves_of(variables: Any) -> dict[tuple[str, Key], Any]:
    """Return the arrays of a tree of variables, out of their boxes, by collection and key."""
    leaves = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(variables, is_leaf=is_box)[0]:
        collection, *key = (jax_arrays.word_of(step) for step in path)
        value = unboxed(leaf)
        if jax_arrays.is_tensor(value):
            leaves[collection, tuple(key)] = value
    return leaves


def is_box(value: Any) -> bool:
    """Whether a leaf is an array inside of metadata."""
    return isinstance(value, meta.AxisMetadata)


def unboxed(leaf: Any) -> Any:
    """Return the array in a box, as it is stored: ``unbox`` may move it to other devices."""
    if not is_box(leaf):
        return leaf
    return leaf.value if hasattr(leaf, "value") else leaf.unbox()
