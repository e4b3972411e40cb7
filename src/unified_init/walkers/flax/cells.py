"""Recurrent cells of Flax: their gates, wherever they are stored, as parts of one record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unified_init.errors import ArgumentValueError
from unified_init.inventory.records import Part, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from unified_init.walkers.flax.layers import Layer
    from unified_init.walkers.flax.leaves import Key, Leaf

__all__ = ["CELLS", "cell_records"]

# Cells that keep each gate in a layer of its own: "i" or "h", then the gate. Each record is a role, the
# first letter, the gates in order, and the tensor.
APART = {
    "lstm": (("kernel", "i", "ifgo", "kernel"), ("recurrent_kernel", "h", "ifgo", "kernel"),
             ("bias", "h", "ifgo", "bias")),
    "gru": (("kernel", "i", "rzn", "kernel"), ("recurrent_kernel", "h", "rzn", "kernel"),
            ("bias", "i", "rzn", "bias"), ("recurrent_bias", "h", "n", "bias")),
    "mgu": (("kernel", "i", "fn", "kernel"), ("recurrent_kernel", "h", "fn", "kernel"),
            ("bias", "i", "fn", "bias"), ("recurrent_bias", "h", "n", "bias")),
}  # fmt: skip
# Cells with one layer for the inputs and one for the state, and their gates in the order of storage.
JOINED = {
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


def cell_records(layer: Layer, at: Key, tensors: Mapping[Key, Leaf]) -> list[Record]:
    """Return the records of a cell's tensors; the keys are relative to the cell."""
    # NNX calls a layer "if_", for "if" is a word of Python.
    named = {"/".join((key[0].rstrip("_"), *key[1:])): leaf for key, leaf in tensors.items()}
    needed = _needed(layer.what)
    records = (
        list((_apart if layer.what in APART else _joined)(layer, at, named)) if needed <= set(named) else []
    )
    known = {path for record in records for path, _ in record.stored}
    unknown = sorted(leaf.path for leaf in tensors.values() if leaf.path not in known)
    if unknown:
        msg = (
            f"{'/'.join(at)!r} is a {layer.native} whose tensors are not those of Flax's own cell: "
            f"{', '.join(unknown)}. A cell of another make should not derive from Flax's."
        )
        raise ArgumentValueError(msg)
    return records


def _needed(what: str) -> set[str]:
    """Return the tensors without which a cell is not one of Flax's."""
    if what in JOINED:
        return {f"{layer}/kernel" for layer in JOINED[what][:2]}
    return {
        f"{letter}{label}/kernel"
        for _, letter, labels, tensor in APART[what]
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


def _apart(layer: Layer, at: Key, named: Mapping[str, Leaf]) -> Iterator[Record]:
    gates = APART[layer.what][0][2]
    sizes = _sizes(layer, named[f"i{gates[0]}/kernel"].seen(2), named[f"h{gates[0]}/kernel"].seen(2))
    for role, letter, labels, tensor in APART[layer.what]:
        found = [(label, named[f"{letter}{label}/{tensor}"]) for label in labels
                 if f"{letter}{label}/{tensor}" in named]  # fmt: skip
        if not found:
            continue
        leaf = found[0][1]
        seen = leaf.seen(2 if tensor == "kernel" else 1)
        layout = leaf.layout("IO" if tensor == "kernel" else "O", seen)
        axis = _axis_of_gates(leaf, layout)
        parts = tuple(Part(label=label, length=one.shape[axis], path=one.path) for label, one in found)
        shape = list(leaf.shape)
        shape[axis] = sum(part.length for part in parts)
        path = "/".join((*at, role))
        yield Record(
            name=path, path=path, shape=tuple(shape), dtype=leaf.dtype, role=role, layout=layout, axis=axis,
            parts=parts, inputs=_inputs(role, sizes), **sizes,
        )  # fmt: skip


def _joined(layer: Layer, _at: Key, named: Mapping[str, Leaf]) -> Iterator[Record]:
    data, state, labels = JOINED[layer.what]
    rank = 2 + len(layer.window)
    sizes = _sizes(layer, named[f"{data}/kernel"].seen(rank), named[f"{state}/kernel"].seen(rank))
    second = "recurrent_bias" if f"{data}/bias" in named else "bias"
    roles = {
        f"{data}/kernel": "kernel", f"{data}/bias": "bias", f"{state}/kernel": "recurrent_kernel",
        f"{state}/bias": second,
    }  # fmt: skip
    for tensor, role in roles.items():
        if tensor not in named:
            continue
        leaf = named[tensor]
        is_kernel = tensor.endswith("kernel")
        layout = leaf.layout(
            f"{SPACE[len(layer.window)]}IO" if is_kernel else "O", leaf.seen(rank if is_kernel else 1)
        )
        found: dict[str, Any] = {"layout": layout, "role": role, "inputs": _inputs(role, sizes)}
        if labels:
            # The convolutional cell adds 1 to the sum in its forget gate: to one of the two biases.
            shift = 1.0 if layer.what == "conv_lstm" and role == "bias" else 0.0
            found |= _parts(leaf, _axis_of_gates(leaf, layout), labels, shift)
        yield Record(name=leaf.path, path=leaf.path, shape=leaf.shape, dtype=leaf.dtype, **sizes, **found)


def _axis_of_gates(leaf: Leaf, layout: str | None) -> int:
    if layout is None:
        msg = (
            f"{leaf.path!r} of shape {leaf.shape} has another shape where its cell uses it, so that no axis "
            "is known to be that of the gates: initialise the cell without the transformation "
            "(nn.map_variables)."
        )
        raise ArgumentValueError(msg)
    return layout.index("O")


def _parts(leaf: Leaf, axis: int, labels: str, shift: float) -> dict[str, Any]:
    length = leaf.shape[axis] // len(labels)
    parts = []
    for at, label in enumerate(labels):
        ends = [(0, size) for size in leaf.shape]
        ends[axis] = (at * length, (at + 1) * length)
        parts.append(
            Part(
                label=label,
                length=length,
                path=leaf.path,
                box=tuple(ends),
                shift=shift if label == "f" else 0.0,
            )
        )
    return {"axis": axis, "parts": tuple(parts)}
