"""Stacked layers: a tensor with a ``B`` axis of layers (``nn.scan``, ``nnx.vmap``) as one record per layer.

Layer 3 of "blocks/up/kernel" is the record "blocks/up/kernel/3". It is compared as a tensor of its own, whose
parts have paths of that kind too. ``embedded`` says where in the stacked tensor each part is.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

from unified_init.inventory.parts import Part
from unified_init.law.layout import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import TypeVar

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.parts import Box
    from unified_init.inventory.records import Record

    Item = TypeVar("Item")

__all__ = [
    "AXES_DOUBT",
    "STATISTICS",
    "apart",
    "base_of",
    "embedded",
    "in_turn",
    "layers_of_stack",
    "native_shape",
    "region_of_layer",
    "stack_axis",
    "stack_of",
]

# How the doubt about a record begins whose layout its shape does not tell: a layout settles it.
AXES_DOUBT = "it stacks layers"
# Where paths of JAX keep statistics, beside the layer's parameters.
STATISTICS = re.compile(r"^(?:state:|batch_stats/)")


def base_of(record: Record) -> str:
    """Return the path of the tensor that a record is a layer of; of any other record, its own path."""
    return record.path.rpartition("/")[0] if record.stack else record.path


def stack_axis(record: Record) -> int | None:
    """Return the axis that stacks layers; None for a tensor of one layer.

    It is the first that holds nothing but independent groups. The rows of a table and the groups of a
    convolution are such an axis too, which is the layer's own.
    """
    letters = parse(record.layout) if record.layout is not None and not record.stack else ()
    axes = [axis for axis, letter in enumerate(letters) if letter == "B"]
    is_grouped = record.kind in {"conv", "conv_transpose"} and record.groups > 1 and record.role == "kernel"
    has_own = record.role == "embedding" or (is_grouped and not any(len(letter) > 1 for letter in letters))
    if (
        len(axes) <= has_own
        or len(letters) == 1
        or not all(_spans(record, part, axes[0]) for part in record.parts)
    ):
        return None
    return axes[0]


def _spans(record: Record, part: Part, axis: int) -> bool:
    """Whether a part has something of every layer."""
    if axis == record.axis:
        return len(record.parts) == 1 and not part.label and part.box is None
    if part.box is None:
        return True
    position = _position(record, part, axis)
    length = record.shape[axis]
    return part.box[position] == (0, length) and (part.view is None or part.view[position] == length)


def _position(record: Record, part: Part, axis: int) -> int:
    """Return the axis of a part's box that is an axis of its record: a view splits the axis of the parts."""
    added = len(part.view or record.shape) - len(record.shape)
    return axis if record.axis is None or axis <= record.axis else axis + added


def layers_of_stack(record: Record) -> tuple[Record, ...]:
    """Return the layers of a stacked tensor, each as a tensor of its own; () for a tensor of one layer."""
    axis = stack_axis(record)
    return () if axis is None else tuple(_layer(record, axis, index) for index in range(record.shape[axis]))


def _layer(record: Record, axis: int, index: int) -> Record:
    letters = [f"({letter})" if len(letter) > 1 else letter for letter in parse(record.layout or "")]
    shape = _without(record.shape, axis)
    parts, axis_of_parts = tuple(_cut(record, part, axis, index) for part in record.parts), record.axis
    if axis_of_parts == axis:
        parts, axis_of_parts = tuple(dataclasses.replace(part, length=shape[0]) for part in parts), 0
    elif axis_of_parts is not None:
        axis_of_parts -= axis < axis_of_parts
    return dataclasses.replace(
        record, name=f"{record.name}/{index}", path=f"{record.path}/{index}", shape=shape,
        layout="".join(_without(letters, axis)), axis=axis_of_parts, parts=parts,
        block=index if record.block is None else record.block,
        ties=tuple(f"{tie}/{index}" for tie in record.ties), stack=(axis, record.shape[axis], index),
    )  # fmt: skip


def _without(items: Sequence[Item], axis: int) -> tuple[Item, ...]:
    return (*items[:axis], *items[axis + 1 :])


def _cut(record: Record, part: Part, axis: int, index: int) -> Part:
    """Return a part of one layer, as a part of a tensor that holds only this layer."""
    path = f"{part.path}/{index}"
    if part.box is None:
        return dataclasses.replace(part, path=path)
    position = _position(record, part, axis)
    view = None if part.view is None else _without(part.view, position)
    return dataclasses.replace(part, path=path, box=_without(part.box, position), view=view)


def embedded(record: Record) -> Record:
    """Return one layer with parts that are regions of the stacked tensors; any other record as it is."""
    suffix = f"/{record.stack[2]}" if record.stack else ""
    if not record.stack or not all(part.path.endswith(suffix) for part in record.parts):
        return record
    axis, length, index = record.stack
    whole = Part(label="", length=record.shape[0], path=record.path)
    parts = []
    for part in record.parts or (whole,):
        shape = part.view or (
            record.shape if part.box is not None or part is whole else record.part_shape(part)
        )
        box: Box = part.box or tuple((0, size) for size in shape)
        position = _position(record, dataclasses.replace(part, box=box, view=shape), axis)
        parts.append(
            dataclasses.replace(
                part, path=part.path.removesuffix(suffix),
                box=(*box[:position], (index, index + 1), *box[position:]),
                view=(*shape[:position], length, *shape[position:]),
            )
        )  # fmt: skip
    return dataclasses.replace(record, axis=record.axis or 0, parts=tuple(parts))


def region_of_layer(part: Part, record: Record, box: Box) -> Part:
    """Return a region of a layer as a part of the stacked tensor; ``part`` is all of the layer."""
    axis = record.stack[0]
    assert part.box is not None  # noqa: S101  # of an embedded layer
    inner = (*box[:axis], part.box[axis], *box[axis:])
    return dataclasses.replace(part, length=box[0][1] - box[0][0], box=inner)


def stack_of(record: Record) -> tuple[int, str]:
    """Return what the layers of one stack share: their number, and the first word of their paths."""
    return record.stack[1], re.split(r"[./]", STATISTICS.sub("", record.path))[0]


def native_shape(record: Record, part: Part) -> tuple[int, ...]:
    """Return the shape of the stacked tensor that holds a part of a layer."""
    axis, length, _ = record.stack
    # A fused tensor holds all parts of its record; the gates of a cell may have a tensor each.
    is_all = math.prod(part.view or ()) == length * record.size
    shape = record.shape if is_all else record.part_shape(part)
    return (*shape[:axis], length, *shape[axis:])


def apart(inventory: Inventory, paths: Collection[str], read: Sequence[Record] = ()) -> Inventory:
    """Return an inventory in which a stacked tensor is one record per layer, if a path is that of a layer.

    Args:
        inventory: of a model.
        paths: those of layers, and any others.
        read: layers as somebody else read them: of tensors whose layout the inventory does not know.
    """
    above = {path[:end] for path in paths for end, letter in enumerate(path) if letter == "/"}
    if not any(record.path in above for record in inventory):
        return inventory
    wanted = {*paths, *above}
    records: list[Record] = []
    for record in inventory:
        layers = layers_of_stack(record) if record.path in above else ()
        if any(layer.path in wanted for layer in layers):
            records += map(embedded, layers)
        else:
            records += (() if layers else _as_read(record, read)) or (record,)
    return dataclasses.replace(inventory, records=tuple(in_turn(records, lambda record: record)))


def _as_read(record: Record, read: Sequence[Record]) -> tuple[Record, ...]:
    """Return a stacked tensor's layers as they were read; () where they are not those of such a tensor."""
    layers = {layer.stack[2]: layer for layer in read if layer.stack and base_of(layer) == record.path}
    if record.layout is not None or not layers:
        return ()
    axis, length, _ = next(iter(layers.values())).stack
    shape = (*record.shape[:axis], *record.shape[axis + 1 :])
    if record.shape[axis : axis + 1] != (length,) or any(layer.shape != shape for layer in layers.values()):
        return ()
    if layers.keys() != set(range(length)):
        return ()
    return tuple(
        dataclasses.replace(
            layers[index], name=f"{record.name}/{index}", dtype=record.dtype, trainable=record.trainable
        )
        for index in range(length)
    )


def in_turn(items: Sequence[Item], record_of: Callable[[Item], Record]) -> list[Item]:
    """Return items with the first layer of all tensors of a stack before the second, and so on.

    The tensors of one stack follow each other, and their paths begin with the same word.
    """
    ordered: list[Item] = []
    run: list[Item] = []
    previous: object = None
    for item in items:
        record = record_of(item)
        key = stack_of(record) if record.stack else None
        if key != previous:
            ordered += sorted(run, key=lambda entry: record_of(entry).stack[2:])
            run = []
        previous = key
        run.append(item)
    return ordered + sorted(run, key=lambda entry: record_of(entry).stack[2:])
