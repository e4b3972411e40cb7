"""Turns assignments into one write per native tensor: all is checked, nothing is drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.parts import Part
from unified_init.inventory.stacks import region_of_layer
from unified_init.law.layout import bind
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.program import make_program
from unified_init.walkers.writes import Drawn, Target, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from unified_init.inventory.parts import Box
    from unified_init.inventory.records import Record
    from unified_init.recipes.assignment import Assignment, Piece

    NativeOf = Callable[[str], tuple[tuple[int, ...], str]]

__all__ = ["check_types", "writes_of"]


def writes_of(native_of: NativeOf, assignments: Sequence[Assignment]) -> dict[str, Write]:
    """Return the write of each native tensor, by path: all are checked, nothing is drawn.

    Args:
        native_of: the shape and the element type's name of a native tensor, by its path.
        assignments: what to draw.
    """
    drawn_by_path: dict[str, list[Drawn]] = {}
    zero_rows: dict[str, int] = {}
    natives: dict[str, tuple[tuple[int, ...], str]] = {}
    for assignment in assignments:
        for path, _ in assignment.record.stored:
            if path not in natives:
                natives[path] = native_of(path)
        for piece in assignment.pieces:
            for path, entry in _drawn(assignment, piece, natives):
                drawn_by_path.setdefault(path, []).append(entry)
        if assignment.zero_row is not None:
            zero_rows[assignment.record.path] = assignment.zero_row
    writes = {}
    for path, entries in drawn_by_path.items():
        shape, dtype = natives[path]
        parts = [target.part for entry in entries for target in entry.targets]
        boxes = [None if part is None else part.box for part in parts]
        covered = sum(math.prod(stop - start for start, stop in _full(box, shape)) for box in boxes)
        size = math.prod(shape)
        if covered > size:
            msg = (
                f"{path!r} would be written twice: {len(boxes)} pieces cover {covered} of its {size} values."
            )
            raise ArgumentValueError(msg)
        writes[path] = Write(
            path, shape, dtype, None, tuple(entries), zero_rows.get(path), covers=covered == size
        )
    return writes


def check_types(assignments: Sequence[Assignment]) -> None:
    """Refuse laws that a record's element type cannot hold: the part of ``writes_of`` that needs no model."""
    for assignment in assignments:
        record = assignment.record
        natives = {path: (record.shape, record.dtype) for path, _ in record.stored}
        for piece in assignment.pieces:
            for _ in _drawn(assignment, piece, natives):
                pass


def _full(box: Box | None, shape: tuple[int, ...]) -> Box:
    return tuple((0, length) for length in shape) if box is None else box


def _drawn(
    assignment: Assignment, piece: Piece, natives: Mapping[str, tuple[tuple[int, ...], str]]
) -> Iterator[tuple[str, Drawn]]:
    """Yield, for each native tensor that a piece fills, the drawn tensor and its target regions."""
    record, box = assignment.record, assignment.box
    paths = [part.path for part in piece.parts] or [record.path]
    for path in dict.fromkeys(paths):
        targets = tuple(_targets(record.axis, piece, path))
        if box is not None:
            targets = (_region(record, box, targets[0]),)
        dtype = natives[path][1]
        try:
            yield path, _entry(record, piece, dtype, targets, box)
        except UnifiedInitError as error:
            msg = f"{path!r}: {error}"
            raise ArgumentValueError(msg) from None


def _targets(axis: int | None, piece: Piece, path: str) -> Iterator[Target]:
    if not piece.parts:
        yield Target(())
        return
    assert axis is not None  # noqa: S101  # a record with parts has an axis
    start = 0
    for part in piece.parts:
        stop = start + part.length
        if part.path == path:
            yield Target((*(slice(None),) * axis, slice(start, stop)), part)
        start = stop


def _region(record: Record, box: Box, target: Target) -> Target:
    """Return the target of a tensor of which only a region is drawn."""
    start, stop = box[0]
    if target.part is not None and record.stack:
        return Target((), region_of_layer(target.part, record, box))
    return Target((), Part(label="", length=stop - start, path=record.path, box=box, shift=target.shift))


def _entry(record: Record, piece: Piece, dtype: str, targets: tuple[Target, ...], box: Box | None) -> Drawn:
    if dtype not in DTYPES:
        value = piece.law.mean
        if piece.law.kind != "constant" or not _holds(dtype, value):
            msg = (
                f"its type is {dtype}, which holds only whole constants in its range; "
                f"the rule gives {piece.spec!r}."
            )
            raise ArgumentValueError(msg)
        return Drawn(None, targets, value)
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    index = None if box is None else tuple(slice(*ends) for ends in box)
    program = make_program(piece.law, geometry, index=index, name=piece.name, dtype=DTYPES[dtype])
    return Drawn(program, targets)


def _holds(dtype: str, value: float) -> bool:
    """Whether an integer type has a value exactly."""
    try:
        return bool(float(np.dtype(dtype).type(int(value))) == value)
    except (TypeError, OverflowError, ValueError):  # a type that NumPy lacks, a value out of range, NaN
        return False
