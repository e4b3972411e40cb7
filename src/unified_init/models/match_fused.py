"""Fused matrices that only one of two models is known to fuse: paired whole, and read alike afterwards."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import UnifiedInitError
from unified_init.inventory.layer import Split
from unified_init.law.layout import bind, parse
from unified_init.models.match_layers import owner_of
from unified_init.models.match_units import GATED, Unit
from unified_init.walkers.fused import fused_facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.parts import Part
    from unified_init.inventory.records import Record

__all__ = ["is_fused", "split_like", "whole", "wholes_of_both"]


def is_fused(record: Record) -> bool:
    """Whether it is one tensor whose outputs are labeled parts; gates are none, they are always known."""
    labels = [part.label for part in record.parts if part.label]
    return len(labels) > 1 and record.kind not in GATED and _split_of(record) is not None


def whole(record: Record) -> Record:
    """Return a fused record as one without parts, like that of a matrix of which nothing is known."""
    if not is_fused(record):
        return record
    outputs = bind(record.shape, record.layout, dict(record.sizes) or None).extent("O")
    return dataclasses.replace(record, axis=None, parts=(), outputs=outputs)


def split_like(record: Record, fused: Record) -> Record:
    """Return a record without parts as one with the parts of another, whose outputs are in the same order."""
    split, axis = _split_of(fused), _outputs_axis(record)
    if split is None or axis is None or split.outputs != record.shape[axis]:
        return record
    return dataclasses.replace(record, **fused_facts(split, record.path, record.shape, axis))


def wholes_of_both(a: Inventory, b: Inventory) -> tuple[set[str], set[str]]:
    """Return the paths of fused records in each model that are to be paired whole.

    Those of matrices of which both models have equally many, and of which one model knows the parts of more
    than the other does. Where the parts have counterparts of their own there are more of the whole.
    """
    kernels = [[record for record in side if _is_matrix(record)] for side in (a, b)]
    groups: dict[Any, tuple[list[Record], list[Record]]] = {}
    for side, records in enumerate(kernels):
        for record in records:
            groups.setdefault(_look(whole(record)), ([], []))[side].append(record)
    looks = [Counter(look for record in records for look in _looks(record)) for records in kernels]
    owners: tuple[set[str], set[str]] = (set(), set())
    for group in groups.values():
        fused = [[record for record in side if is_fused(record)] for side in group]
        if len(group[0]) != len(group[1]) or len(fused[0]) == len(fused[1]):
            continue
        parts = {look for side in fused for record in side for look in _looks(record)}
        if all(looks[0][look] == looks[1][look] for look in parts):
            continue
        for side, records in enumerate(fused):
            owners[side].update(owner_of(record) for record in records)
    sides = [
        {record.path for record in inventory if owner_of(record) in paths and is_fused(record)}
        for inventory, paths in zip((a, b), owners, strict=True)
    ]
    return sides[0], sides[1]


def _is_matrix(record: Record) -> bool:
    is_linear = record.kind in {"linear", "attention"} or Unit(record, None, 0).is_pointwise
    return record.role == "kernel" and is_linear


def _look(record: Record) -> Any:  # noqa: ANN401  # what is compared
    return Unit(record, None, 0).look


def _looks(record: Record) -> list[Any]:
    """Return the looks of a matrix: of its parts, where it has some."""
    parts: Sequence[Part | None] = record.parts if is_fused(record) else (None,)
    return [Unit(record, part, 0).look for part in parts]


def _outputs_axis(record: Record) -> int | None:
    """Return the only axis of a record that holds outputs, and nothing beside them."""
    axes = parse(record.layout) if record.layout else ()
    indices = [axis for axis, letters in enumerate(axes) if "O" in letters]
    return indices[0] if len(indices) == 1 and axes[indices[0]] == "O" else None


def _split_of(record: Record) -> Split | None:
    """Return how the outputs of a record are split; None for parts elsewhere, or in no simple order."""
    axis = _outputs_axis(record)
    if axis is None or axis != record.axis or any(part.path != record.path for part in record.parts):
        return None
    rows = _all_rows(record.parts, record.shape, axis)
    if rows is None:
        return None
    labels = tuple(sorted(rows, key=lambda label: int(rows[label][0])))
    blocks = {1 + int((np.diff(positions) != 1).sum()) for positions in rows.values()}
    # Parts that are blocks of one length each, over and over. Neighbors of one part make no new block.
    count = blocks.pop() if len(blocks) == 1 else 0
    if count == 0 or any(len(positions) % count for positions in rows.values()):
        return None
    try:
        split = Split(labels, tuple(len(rows[label]) // count for label in labels), count)
        made = split.parts(record.path, record.shape, axis)
    except UnifiedInitError:
        return None
    again = _all_rows(made, record.shape, axis) or {}
    return split if all(np.array_equal(again[label], rows[label]) for label in labels) else None


def _all_rows(
    parts: Sequence[Part], shape: tuple[int, ...], axis: int
) -> dict[str, NDArray[np.int64]] | None:
    """Return the positions of each part's outputs along an axis; None where a part has not all of another."""
    rows = {}
    for part in parts:
        view = shape if part.view is None else part.view
        stop = len(view) - (len(shape) - axis - 1)  # the axes of the view from ``axis`` to here hold outputs
        full = tuple((0, size) for size in view)
        box = full if part.box is None else part.box
        kept = (view[:axis], view[stop:], box[:axis], box[stop:])
        if kept != (shape[:axis], shape[axis + 1 :], full[:axis], full[stop:]):
            return None
        positions = np.arange(shape[axis]).reshape(view[axis:stop])
        rows[part.label] = np.sort(positions[tuple(slice(*ends) for ends in box[axis:stop])].ravel())
    return rows
