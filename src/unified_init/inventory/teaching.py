"""Teaching: rewrites the records of layers that a user describes, whatever the framework."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

from unified_init.core.patterns import matches, miss
from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.parts import Part
from unified_init.inventory.places import placed
from unified_init.inventory.stacks import AXES_DOUBT
from unified_init.law.layout import bind, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.layer import Layer, Split
    from unified_init.inventory.records import Record
    from unified_init.inventory.vocabulary import Place

__all__ = ["check_taught", "taught", "told_paths", "with_layout"]

KERNELS = frozenset({"kernel", "recurrent_kernel", "projection"})
BIASES = frozenset({"bias", "recurrent_bias"})
MERGED = re.compile(r"\(([^()]*)\)")


def check_taught(
    inventories: Sequence[Inventory],
    layers: Iterable[tuple[str, Layer]],
    places: Iterable[tuple[str, Place]],
) -> None:
    """Refuse layers and places that are about nothing in any of the inventories."""
    records = [record for inventory in inventories for record in inventory]
    for key, layer in layers:
        known = [record for record in records if _is_about(key, record)]
        if not known:
            texts = sorted({record.native for record in records} - {""})
            texts += [text for record in records for text in _texts(record)]
            msg = f"`layers`: {miss(key, texts)}"
            raise ArgumentValueError(msg)
        for name in dict(layer.tensors) | dict(layer.parts):
            if not any(_is_tensor(name, record) for record in known):
                names = ", ".join(sorted({_split_path(record.path)[1] for record in known}))
                msg = f"`layers`: {key!r} has no tensor {name!r}; its tensors are {names}."
                raise ArgumentValueError(msg)
    for pattern, _ in places:
        texts = [text for record in records for text in _texts(record)]
        if not any(matches(pattern, text) for text in texts):
            msg = f"`places`: {miss(pattern, texts)}"
            raise ArgumentValueError(msg)


def taught(
    inventory: Inventory, layers: Iterable[tuple[str, Layer]], places: Iterable[tuple[str, Place]]
) -> Inventory:
    """Return an inventory in which the records of described layers say what the description does.

    Args:
        inventory: as a walker made it.
        layers: descriptions, by the name of a class or a glob; a later one is about what an earlier one left.
        places: places, by globs of layers or tensors.
    """
    records = list(inventory)
    changed: set[int] = set()
    for key, layer in layers:
        indices = [
            index
            for index, record in enumerate(records)
            if _is_about(key, record)
            and (not layer.tensors or any(_is_tensor(name, record) for name in dict(layer.tensors)))
        ]
        kernels: dict[str, list[Record]] = {}
        # Kernels first: a bias has the fans of its kernel.
        for index in sorted(indices, key=lambda index: _taught_role(layer, records[index]) in BIASES):
            record = _described(key, layer, records[index], kernels)
            kernels.setdefault(_split_path(record.path)[0], []).append(record)
            records[index] = record
        changed |= set(indices)
    for index, record in enumerate(placed(records)):  # a layer of another kind may have another place
        if index in changed and not records[index].place and not record.place.startswith("last_"):
            records[index] = dataclasses.replace(records[index], place=record.place)
    for pattern, place in places:
        records = [
            dataclasses.replace(record, place=place)
            if any(matches(pattern, text) for text in _texts(record))
            else record
            for record in records
        ]
    return dataclasses.replace(inventory, records=tuple(records))


def told_paths(inventory: Inventory, places: Iterable[tuple[str, Place]]) -> frozenset[str]:
    """Return the paths of the records whose places are told."""
    patterns = [pattern for pattern, _ in places]
    return frozenset(
        record.path
        for record in inventory
        if any(matches(pattern, text) for pattern in patterns for text in _texts(record))
    )


def _split_path(path: str) -> tuple[str, str]:
    """Return the path of a tensor's layer, and the tensor's own name."""
    index = max(path.rfind("."), path.rfind("/"))
    return path[: max(index, 0)], path[index + 1 :]


def _texts(record: Record) -> list[str]:
    """Return the paths by which a record is meant: its own, those of its ties, and those of their layers."""
    paths = [record.path, *record.ties]
    return [*paths, *(_split_path(path)[0] for path in paths)]


def _is_about(key: str, record: Record) -> bool:
    return key == record.native or any(matches(key, text) for text in _texts(record))


def _is_tensor(name: str, record: Record) -> bool:
    """Whether a tensor has a name in its layer; a name may have several words."""
    return any(re.search(rf"(^|[./]){re.escape(name)}$", path) for path in (record.path, *record.ties))


def _entry(entries: Mapping[str, Any], record: Record) -> Any:  # noqa: ANN401  # the value of a mapping
    """Return what a mapping by names of tensors says about a record; the longest name decides."""
    name = max((name for name in entries if _is_tensor(name, record)), key=len, default=None)
    return None if name is None else entries[name]


def _taught_role(layer: Layer, record: Record) -> str:
    entry = _entry(dict(layer.tensors), record)
    return record.role if entry is None else str(entry[0])


def _described(key: str, layer: Layer, record: Record, kernels: dict[str, list[Record]]) -> Record:
    """Return the record of one tensor of a described layer."""
    try:
        return _rewritten(layer, record, kernels.get(_split_path(record.path)[0], []))
    except UnifiedInitError as error:
        msg = f"`layers`: {key!r} does not fit {record.path!r} of shape {record.shape}: {error}"
        raise ArgumentValueError(msg) from None


def _rewritten(layer: Layer, record: Record, siblings: Sequence[Record]) -> Record:
    entry = _entry(dict(layer.tensors), record)
    if layer.kind is not None:
        record = dataclasses.replace(record, kind=layer.kind)
    if entry is not None:
        role, layout = entry
        # A layout says along which axis layers are stacked, and not whether a norm adds 1.
        settles_all = role != "scale" or layer.centred is not None or record.doubt.startswith(AXES_DOUBT)
        record = dataclasses.replace(record, role=role, doubt="" if settles_all else record.doubt)
        record = with_layout(record, layout, dict(layer.sizes))
    split = _entry(dict(layer.parts), record)
    if split is not None:
        record = _with_parts(record, split)
    if record.role in KERNELS | BIASES and layer.fans is not None:
        record = dataclasses.replace(record, inputs=layer.fans[0], outputs=layer.fans[1], space=1)
    elif record.role in BIASES:
        record = _with_fans_of(siblings, record)
    return record if layer.centred is None or record.role != "scale" else _centred(record, layer.centred)


def with_layout(record: Record, layout: str | None, sizes: Mapping[str, int]) -> Record:
    """Return a record with another layout, and the numbers that this gives its fans."""
    letters = "".join(MERGED.findall(layout or ""))
    merged = tuple((letter, size) for letter, size in sizes.items() if letter in letters)
    geometry = bind(record.shape, layout, dict(merged) or None)
    groups = geometry.extent("B") if record.kind.startswith("conv") else 1
    labeled = [part for part in record.parts if part.label]
    keeps = bool(layout) and record.axis is not None and parse(layout or "")[record.axis] == "O"
    fields: dict[str, Any] = {"layout": layout, "sizes": merged, "groups": groups}
    fields["inputs"] = geometry.extent("I") if geometry.has("I") else None
    fields["outputs"] = geometry.extent("O") if geometry.has("O") else None
    fields["space"] = math.prod(geometry.spatial())
    if labeled and not keeps:
        fields |= {"axis": None, "parts": ()}
    elif labeled and fields["outputs"] is not None and len({part.length for part in labeled}) == 1:
        fields["outputs"] //= len(labeled)
    return dataclasses.replace(record, **fields)


def _with_fans_of(siblings: Sequence[Record], record: Record) -> Record:
    """Return a bias with the fans of its kernel: the only one, or that of the same number of outputs."""
    kernels = [kernel for kernel in siblings if kernel.role in KERNELS]
    fans = {(kernel.inputs, kernel.outputs, kernel.space) for kernel in kernels}
    if len(fans) > 1:
        fans = {pair for pair in fans if pair[1] == record.outputs}
    if len(fans) != 1:
        return record
    inputs, outputs, space = fans.pop()
    return dataclasses.replace(record, inputs=inputs, outputs=outputs, space=space)


def _with_parts(record: Record, split: Split) -> Record:
    """Return a record with the parts of a fused tensor, along its first axis of outputs."""
    axes = parse(record.layout or "") if record.layout else ()
    if "O" not in axes:
        msg = f"parts follow each other along outputs, and layout {record.layout!r} has no axis of them."
        raise ArgumentValueError(msg)
    axis = axes.index("O")
    split = split.on(record.shape[axis])
    equal = len(set(split.lengths)) == 1
    outputs = record.outputs
    if equal and outputs is not None and not record.parts:
        outputs //= len(split.labels)
    parts = split.parts(record.path, record.shape, axis)
    return dataclasses.replace(record, axis=axis, parts=parts, outputs=outputs)


def _centred(record: Record, centred: bool) -> Record:  # noqa: FBT001  # what the user says
    """Return the scale of a norm to which the forward pass adds 1, or nothing."""
    parts: tuple[Part, ...] = ()
    if centred:
        if not record.shape:
            msg = "a single number has no axis along which a record could say that 1 is added."
            raise ArgumentValueError(msg)
        parts = (Part(label="", length=record.shape[0], path=record.path, shift=1.0),)
    return dataclasses.replace(record, parts=parts, axis=0 if centred else None, doubt="")
