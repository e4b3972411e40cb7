"""Recurrent cells of Flax: the gates of a tensor, in one array or in several, as parts of one record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unified_init.errors import ArgumentValueError
from unified_init.inventory.parts import Part
from unified_init.inventory.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from unified_init.inventory.vocabulary import Role
    from unified_init.walkers.flax.leaves import Key, Layer, Leaf

__all__ = ["CELLS", "cell_records"]

# Cells with a separate layer for each gate, named "i" (input) or "h" (state) and the gate. Each record is a
# role, that first letter, the gates in order, and the tensor.
SEPARATE: dict[str, tuple[tuple[Role, str, str, str], ...]] = {
    "lstm": (("kernel", "i", "ifgo", "kernel"), ("recurrent_kernel", "h", "ifgo", "kernel"),
             ("bias", "h", "ifgo", "bias")),
    "gru": (("kernel", "i", "rzn", "kernel"), ("recurrent_kernel", "h", "rzn", "kernel"),
            ("bias", "i", "rzn", "bias"), ("recurrent_bias", "h", "n", "bias")),
    "mgu": (("kernel", "i", "fn", "kernel"), ("recurrent_kernel", "h", "fn", "kernel"),
            ("bias", "i", "fn", "bias"), ("recurrent_bias", "h", "n", "bias")),
}  # fmt: skip
# Cells with one layer for the inputs and one for the state, and their gates in the order of storage.
TOGETHER = {
    "simple": ("i", "h", ""),
    "joined_simple": ("dense_i", "dense_h", ""),
    "joined_lstm": ("dense_i", "dense_h", "ifgo"),
    "joined_gru": ("dense_i", "dense_h", "rzn"),
    "conv_lstm": ("ih", "hh", "igfo"),
}
CELLS = {
    "lstm": "lstm", "gru": "gru", "mgu": "gru", "simple": "rnn", "joined_simple": "rnn",
    "joined_lstm": "lstm", "joined_gru": "gru", "conv_lstm": "lstm",
}  # fmt: skip
SPACE = {0: "", 1: "W", 2: "HW", 3: "DHW"}


def cell_records(layer: Layer, cell_key: Key, tensors: Mapping[Key, Leaf]) -> list[Record]:
    """Return the records of a cell's tensors; the keys are relative to the cell."""
    # NNX calls a layer "if_", because "if" is a keyword of Python.
    leaves = {"/".join((key[0].rstrip("_"), *key[1:])): leaf for key, leaf in tensors.items()}
    needed = _needed(layer.what)
    records = (
        list((_separate_records if layer.what in SEPARATE else _joined_records)(layer, cell_key, leaves))
        if needed <= set(leaves)
        else []
    )
    known = {path for record in records for path, _ in record.stored}
    unknown = sorted(leaf.path for leaf in tensors.values() if leaf.path not in known)
    if unknown:
        msg = (
            f"{'/'.join(cell_key)!r} is a {layer.native} whose tensors are not those of Flax's own cell: "
            f"{', '.join(unknown)}. A cell of another make should not derive from Flax's."
        )
        raise ArgumentValueError(msg)
    return records


def _needed(what: str) -> set[str]:
    """Return the tensors without which a cell is not one of Flax's."""
    if what in TOGETHER:
        return {f"{layer}/kernel" for layer in TOGETHER[what][:2]}
    return {
        f"{letter}{label}/kernel"
        for _, letter, labels, tensor in SEPARATE[what]
        if tensor == "kernel"
        for label in labels
    }


def _sizes(layer: Layer, kernel: tuple[int, ...], recurrent: tuple[int, ...]) -> dict[str, Any]:
    hidden = recurrent[-2]
    return {
        "kind": CELLS[layer.what], "hidden": hidden, "features": kernel[-2], "outputs": hidden,
        "space": math.prod(layer.window), "native": layer.native,
    }  # fmt: skip


def _inputs(role: str, sizes: Mapping[str, Any]) -> int:
    recurrent: int = sizes["hidden"] if role.startswith("recurrent") else sizes["features"]
    return recurrent


def _separate_records(layer: Layer, cell_key: Key, leaves: Mapping[str, Leaf]) -> Iterator[Record]:
    gates = SEPARATE[layer.what][0][2]
    sizes = _sizes(
        layer, leaves[f"i{gates[0]}/kernel"].layer_shape(2), leaves[f"h{gates[0]}/kernel"].layer_shape(2)
    )
    for role, letter, labels, tensor in SEPARATE[layer.what]:
        gate_leaves = [(label, leaves[f"{letter}{label}/{tensor}"]) for label in labels
                 if f"{letter}{label}/{tensor}" in leaves]  # fmt: skip
        if not gate_leaves:
            continue
        leaf = gate_leaves[0][1]
        layer_shape = leaf.layer_shape(2 if tensor == "kernel" else 1)
        layout = leaf.layout("IO" if tensor == "kernel" else "O", layer_shape)
        axis = _axis_of_gates(leaf, layout)
        parts = tuple(
            Part(label=label, length=gate_leaf.shape[axis], path=gate_leaf.path)
            for label, gate_leaf in gate_leaves
        )
        shape = list(leaf.shape)
        shape[axis] = sum(part.length for part in parts)
        path = "/".join((*cell_key, role))
        yield Record(
            name=path, path=path, shape=tuple(shape), dtype=leaf.dtype, role=role, layout=layout, axis=axis,
            parts=parts, inputs=_inputs(role, sizes), **sizes,
        )  # fmt: skip


def _joined_records(layer: Layer, _cell_key: Key, leaves: Mapping[str, Leaf]) -> Iterator[Record]:
    data, state, labels = TOGETHER[layer.what]
    rank = 2 + len(layer.window)
    sizes = _sizes(
        layer, leaves[f"{data}/kernel"].layer_shape(rank), leaves[f"{state}/kernel"].layer_shape(rank)
    )
    state_bias = "recurrent_bias" if f"{data}/bias" in leaves else "bias"
    roles = {
        f"{data}/kernel": "kernel", f"{data}/bias": "bias", f"{state}/kernel": "recurrent_kernel",
        f"{state}/bias": state_bias,
    }  # fmt: skip
    for tensor, role in roles.items():
        if tensor not in leaves:
            continue
        leaf = leaves[tensor]
        is_kernel = tensor.endswith("kernel")
        layout = leaf.layout(
            f"{SPACE[len(layer.window)]}IO" if is_kernel else "O", leaf.layer_shape(rank if is_kernel else 1)
        )
        facts: dict[str, Any] = {"layout": layout, "role": role, "inputs": _inputs(role, sizes)}
        if labels:
            # The convolutional cell adds 1 to the sum in its forget gate: to one of the two biases.
            shift = 1.0 if layer.what == "conv_lstm" and role == "bias" else 0.0
            facts |= _parts(leaf, _axis_of_gates(leaf, layout), labels, shift)
        yield Record(name=leaf.path, path=leaf.path, shape=leaf.shape, dtype=leaf.dtype, **sizes, **facts)


def _axis_of_gates(leaf: Leaf, layout: str | None) -> int:
    if layout is None:
        msg = (
            f"{leaf.path!r} of shape {leaf.shape} has another shape where its cell uses it, so that no axis "
            "is known to be that of the gates: initialize the cell without the transformation "
            "(nn.map_variables)."
        )
        raise ArgumentValueError(msg)
    return layout.index("O")


def _parts(leaf: Leaf, axis: int, labels: str, shift: float) -> dict[str, Any]:
    length = leaf.shape[axis] // len(labels)
    parts = []
    for index, label in enumerate(labels):
        box = [(0, size) for size in leaf.shape]
        box[axis] = (index * length, (index + 1) * length)
        parts.append(
            Part(
                label=label,
                length=length,
                path=leaf.path,
                box=tuple(box),
                shift=shift if label == "f" else 0.0,
            )
        )
    return {"axis": axis, "parts": tuple(parts)}
