"""The layers of a Linen tree without its module: those that default names and shapes prove.

A convolution is not among them: its kernel does not say how many groups it has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from unified_init.walkers.flax.leaves import Layer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unified_init.walkers.flax.leaves import Key

__all__ = ["named_layers"]

NUMBERED = re.compile(r"([A-Za-z]\w*?)_\d+")
NORMS = {
    "BatchNorm": "batch_norm", "LayerNorm": "layer_norm", "GroupNorm": "group_norm",
    "InstanceNorm": "group_norm", "RMSNorm": "rms_norm",
}  # fmt: skip
ATTENTION = {"MultiHeadDotProductAttention", "MultiHeadAttention", "SelfAttention"}
# The names of the layers in a cell, which no other module has.
GATES = {
    frozenset({"ii", "if", "ig", "io", "hi", "hf", "hg", "ho"}): "lstm",
    frozenset({"ir", "iz", "in", "hr", "hz", "hn"}): "gru",
    frozenset({"if", "in", "hf", "hn"}): "mgu",
}


def named_layers(shapes: Mapping[Key, tuple[int, ...]]) -> dict[Key, Layer]:
    """Return the layers that the keys and shapes of arrays prove, by key."""
    children: dict[Key, set[str]] = {}
    for key in shapes:
        for end in range(len(key)):
            children.setdefault(key[:end], set()).add(key[end])
    layers: dict[Key, Layer] = {}
    for parent, names in children.items():
        what = GATES.get(frozenset(names))
        if what is not None:
            layers[parent] = Layer(what=what, native=_native(parent))
            continue
        tensors = {name: shapes[*parent, name] for name in names if (*parent, name) in shapes}
        layer = _layer(parent, tensors, names)
        if layer is not None:
            layers[parent] = layer
    return layers


def _native(key: Key) -> str:
    match = NUMBERED.fullmatch(key[-1]) if key else None
    return match[1] if match else ""


def _layer(key: Key, tensors: Mapping[str, tuple[int, ...]], names: set[str]) -> Layer | None:  # noqa: PLR0911
    native = _native(key)
    rank = len(tensors.get("kernel", ()))
    parent_class = _native(key[:-1])
    if parent_class in ATTENTION and key[-1] in {"query", "key", "value", "out"} and rank == 3:  # noqa: PLR2004
        inputs = 2 if key[-1] == "out" else 1
        return Layer(what="dense", native="DenseGeneral", inputs=inputs, outs=rank - inputs)
    if native in ATTENTION and names >= {"query", "key", "value", "out"}:
        return Layer(what="attention", native=native)
    if native in {"Dense", "DenseGeneral"} and rank == 2:  # noqa: PLR2004  # a matrix
        return Layer(what="dense", native=native)
    if native == "Embed" and "embedding" in tensors:
        return Layer(what="embed", native=native)
    if native in NORMS and tensors.keys() <= {"scale", "bias", "mean", "var"}:
        return Layer(what=NORMS[native], native=native)
    if native == "PReLU" and tensors.keys() == {"negative_slope"}:
        return Layer(what="prelu", native=native)
    return None
