"""Describes each tensor of an Equinox layer: its kind, role, layout and the numbers that give its fans."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from equinox import nn
from jax import tree_util

from unified_init.errors import ArgumentValueError
from unified_init.walkers import jax_arrays, norms
from unified_init.walkers.layer_facts import loose, pieces

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["facts_of"]

SPATIAL = {1: "W", 2: "HW", 3: "DHW"}
CELLS = {nn.LSTMCell: ("lstm", "ifgo"), nn.GRUCell: ("gru", "rzn")}
NORMS = {
    nn.LayerNorm: "layer_norm", nn.GroupNorm: "group_norm", nn.RMSNorm: "rms_norm",
    nn.BatchNorm: "batch_norm",
}  # fmt: skip
NORM_ROLES = {"weight": "scale", "bias": "offset"}
PROJECTIONS = {
    "query_proj": "attention.query", "key_proj": "attention.key", "value_proj": "attention.value",
    "output_proj": "attention.out",
}  # fmt: skip


def facts_of(
    owner: Any, name: str, parent: tuple[eqx.Module, str] | None, shape: tuple[int, ...], path: str
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return the facts of a tensor, and the leading axes along which its layers are stacked.

    Args:
        owner: the object that holds it: a module, or a container such as a list.
        name: its field there.
        parent: the nearest module above the owner, and the field that leads on.
        shape: its shape.
        path: its path, for messages.
    """
    own = _own_norm(owner, name, shape, path)
    if own is not None:
        return {"shape": shape} | own, ()
    facts = _known(owner, name, parent)
    if facts is None:
        return {"shape": shape} | loose(name, shape), ()
    native = facts.pop("native")
    lead, tail = shape[: len(shape) - len(native)], shape[len(shape) - len(native) :]
    if tail != native:
        msg = f"{path!r} has shape {shape}, where its {type(owner).__name__} has {native} by its fields."
        raise ArgumentValueError(msg)
    facts = {"shape": native} | facts
    if "gates" in facts:
        facts |= pieces(path, native, 0, facts.pop("gates"))
    return facts, lead


def _own_norm(owner: Any, name: str, shape: tuple[int, ...], path: str) -> dict[str, Any] | None:
    """Return the facts of a parameter of a norm whose forward pass is not Equinox's own."""
    label = type(owner).__name__
    is_norm = isinstance(owner, tuple(NORMS))
    if is_norm and type(owner).__call__.__module__.startswith("equinox."):
        return None
    if not is_norm and not (isinstance(owner, eqx.Module) and norms.says_norm(label)):
        return None
    factor: float | str | None = 0.0
    if norms.norm_role(name) == "scale":
        factor = norms.multiplier(label, functools.partial(_output, owner, name), shape)
    return norms.norm_facts(label, name, path, shape, factor)


def _output(owner: Any, scale: str, batch: NDArray[Any], gates: int, number: float) -> NDArray[Any]:
    """Return the output of a norm whose weight is filled with a number."""
    pairs, structure = tree_util.tree_flatten_with_path(owner)
    leaves = [
        jnp.full(leaf.shape, norms.fill_of(jax_arrays.word_of(keys[-1]), scale, number), jnp.float32)
        if jax_arrays.is_tensor(leaf)
        else leaf
        for keys, leaf in pairs
    ]
    output = tree_util.tree_unflatten(structure, leaves)(*[jnp.asarray(batch)] * (1 + gates))
    return np.asarray(output, np.float32)


def _known(  # noqa: PLR0911  # one return per layer
    owner: Any, name: str, parent: tuple[eqx.Module, str] | None
) -> dict[str, Any] | None:
    """Return the facts of a tensor of Equinox's own layers; ``native`` is the shape in one layer."""
    if isinstance(owner, nn.Linear) and name in {"weight", "bias"}:
        return _linear(owner, name) | (_in_attention(*parent) if parent else {})
    if isinstance(owner, (nn.Conv, nn.ConvTranspose)) and name in {"weight", "bias"}:
        return _conv(owner, name)
    if isinstance(owner, nn.Embedding) and name == "weight":
        width = owner.embedding_size
        table = {"native": (owner.num_embeddings, width), "outputs": width, "layout": "BO"}
        return table | {"kind": "embedding", "role": "embedding"}
    for cell, (kind, gates) in CELLS.items():
        if isinstance(owner, cell):
            return _cell(owner, name, kind, gates)
    for norm, kind in NORMS.items():
        if isinstance(owner, norm) and name in NORM_ROLES:
            native = _normed(owner)
            layout = "O" * len(native) if native else None
            return {
                "native": native, "kind": kind, "role": NORM_ROLES[name], "layout": layout,
                "outputs": math.prod(native),
            }  # fmt: skip
    if isinstance(owner, nn.PReLU) and name == "negative_slope":
        native = tuple(owner.negative_slope.shape)
        layout = "O" * len(native) if native else None
        return {"native": native, "kind": "prelu", "role": "slope", "layout": layout}
    return None


def _normed(owner: Any) -> tuple[int, ...]:
    if isinstance(owner, (nn.LayerNorm, nn.RMSNorm)):
        return tuple(owner.shape)
    return (owner.channels if isinstance(owner, nn.GroupNorm) else owner.input_size,)


def _linear(owner: nn.Linear, name: str) -> dict[str, Any]:
    inputs, outputs = (1 if size == "scalar" else size for size in (owner.in_features, owner.out_features))
    facts = {"kind": "linear", "inputs": inputs, "outputs": outputs}
    if name == "bias":
        return facts | {"native": (outputs,), "role": "bias", "layout": "O"}
    return facts | {"native": (outputs, inputs), "role": "kernel", "layout": "OI"}


def _in_attention(parent: eqx.Module, field: str) -> dict[str, Any]:
    if not isinstance(parent, nn.MultiheadAttention) or field not in PROJECTIONS:
        return {}
    place = PROJECTIONS[field]
    other_sizes = [size for size in (parent.key_size, parent.value_size) if size != parent.query_size]
    features = other_sizes[0] if other_sizes and place != "attention.out" else 0
    return {"kind": "attention", "place": place, "features": features}


def _conv(owner: Any, name: str) -> dict[str, Any]:
    """Return the facts of a convolution's tensor: outputs come first, also in a transposed kernel."""
    groups, window = owner.groups, tuple(owner.kernel_size)
    inputs = owner.in_channels // groups
    is_transposed = isinstance(owner, nn.ConvTranspose)
    facts: dict[str, Any] = {
        "kind": "conv_transpose" if is_transposed else "conv",
        "inputs": inputs,
        "outputs": owner.out_channels // groups,
        "space": math.prod(window),
        "groups": groups,
    }
    if name == "bias":  # stored with axes of length 1 behind
        native = (owner.out_channels, *(1 for _ in window))
        return facts | {"native": native, "shape": native[:1], "role": "bias", "layout": "O"}
    native = (owner.out_channels, inputs, *window)
    if len(window) not in SPATIAL:
        return {"native": native, "kind": "parameter", "role": "parameter", "layout": None}
    space = SPATIAL[len(window)]
    facts |= {"native": native, "role": "kernel", "flipped": is_transposed}
    if groups == 1:
        return facts | {"layout": f"OI{space}"}
    return facts | {"layout": f"(BO)I{space}", "sizes": (("B", groups),)}


def _cell(owner: Any, name: str, kind: str, gates: str) -> dict[str, Any] | None:
    hidden, features = owner.hidden_size, owner.input_size
    facts = {"kind": kind, "hidden": hidden, "features": features, "outputs": hidden}
    rows = len(gates) * hidden
    match name:
        case "weight_ih":
            facts |= {"native": (rows, features), "role": "kernel", "layout": "OI", "inputs": features}
        case "weight_hh":
            facts |= {"native": (rows, hidden), "role": "recurrent_kernel", "layout": "OI", "inputs": hidden}
        case "bias":
            facts |= {"native": (rows,), "role": "bias", "layout": "O", "inputs": features}
        case "bias_n":  # the one gate where the bias of the state is not added to that of the input
            facts |= {"native": (hidden,), "role": "recurrent_bias", "layout": "O", "inputs": hidden}
            return facts | {"gates": "n"}
        case _:
            return None
    return facts | {"gates": gates}
