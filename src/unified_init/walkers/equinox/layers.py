"""What each tensor of an Equinox layer is: kind, role, layout and the numbers that fans are made of."""

from __future__ import annotations

import math
from typing import Any

import equinox as eqx
from equinox import nn

from unified_init.errors import ArgumentValueError
from unified_init.walkers.layer_facts import loose, pieces

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
    owner: Any, name: str, above: tuple[eqx.Module, str] | None, shape: tuple[int, ...], path: str
) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Return what a tensor is, and the leading axes that hold copies of its layer.

    Args:
        owner: the module that holds it; a list or nothing may do so, too.
        name: its field there.
        above: the module that holds the owner, and the field.
        shape: its shape.
        path: its path, for messages.
    """
    found = _known(owner, name, above)
    if found is None:
        return {"shape": shape} | loose(name, shape), ()
    native = found.pop("native")
    lead, tail = shape[: len(shape) - len(native)], shape[len(shape) - len(native) :]
    if tail != native:
        msg = f"{path!r} has shape {shape}, where its {type(owner).__name__} has {native} by its fields."
        raise ArgumentValueError(msg)
    found = {"shape": native} | found
    if "gates" in found:
        found |= pieces(path, native, 0, found.pop("gates"))
    return found, lead


def _known(  # noqa: PLR0911  # one return a layer
    owner: Any, name: str, above: tuple[eqx.Module, str] | None
) -> dict[str, Any] | None:
    """Return what a layer of Equinox's own holds, ``native`` being the shape of one copy."""
    if isinstance(owner, nn.Linear) and name in {"weight", "bias"}:
        return _linear(owner, name) | (_in_attention(*above) if above else {})
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
    inputs, outputs = (1 if n == "scalar" else n for n in (owner.in_features, owner.out_features))
    found = {"kind": "linear", "inputs": inputs, "outputs": outputs}
    if name == "bias":
        return found | {"native": (outputs,), "role": "bias", "layout": "O"}
    return found | {"native": (outputs, inputs), "role": "kernel", "layout": "OI"}


def _in_attention(above: eqx.Module, field: str) -> dict[str, Any]:
    if not isinstance(above, nn.MultiheadAttention) or field not in PROJECTIONS:
        return {}
    place = PROJECTIONS[field]
    apart = [size for size in (above.key_size, above.value_size) if size != above.query_size]
    features = apart[0] if apart and place != "attention.out" else 0
    return {"kind": "attention", "place": place, "features": features}


def _conv(owner: Any, name: str) -> dict[str, Any]:
    """Return what a convolution holds: outputs first in both kinds, unlike PyTorch's transposed one."""
    groups, window = owner.groups, tuple(owner.kernel_size)
    inputs = owner.in_channels // groups
    found: dict[str, Any] = {
        "kind": "conv_transpose" if isinstance(owner, nn.ConvTranspose) else "conv",
        "inputs": inputs,
        "outputs": owner.out_channels // groups,
        "space": math.prod(window),
        "groups": groups,
    }
    if name == "bias":  # stored with axes of length 1 behind
        native = (owner.out_channels, *(1 for _ in window))
        return found | {"native": native, "shape": native[:1], "role": "bias", "layout": "O"}
    native = (owner.out_channels, inputs, *window)
    if len(window) not in SPATIAL:
        return {"native": native, "kind": "parameter", "role": "parameter", "layout": None}
    space = SPATIAL[len(window)]
    if groups == 1:
        return found | {"native": native, "role": "kernel", "layout": f"OI{space}"}
    sizes = (("B", groups),)
    return found | {"native": native, "role": "kernel", "layout": f"(BO)I{space}", "sizes": sizes}


def _cell(owner: Any, name: str, kind: str, gates: str) -> dict[str, Any] | None:
    hidden, features = owner.hidden_size, owner.input_size
    found = {"kind": kind, "hidden": hidden, "features": features, "outputs": hidden}
    rows = len(gates) * hidden
    match name:
        case "weight_ih":
            found |= {"native": (rows, features), "role": "kernel", "layout": "OI", "inputs": features}
        case "weight_hh":
            found |= {"native": (rows, hidden), "role": "recurrent_kernel", "layout": "OI", "inputs": hidden}
        case "bias":
            found |= {"native": (rows,), "role": "bias", "layout": "O", "inputs": features}
        case "bias_n":  # the one gate where the bias of the state is not added to that of the input
            found |= {"native": (hidden,), "role": "recurrent_bias", "layout": "O", "inputs": hidden}
            return found | {"gates": "n"}
        case _:
            return None
    return found | {"gates": gates}
