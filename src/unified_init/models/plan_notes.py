"""What a plan says beside its laws: what looks half recognized, and where a framework's own fans differ."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from unified_init.inventory.places import words_of
from unified_init.recipes.assignment import law_with_fans
from unified_init.recipes.fan_conventions import FANS_BY_CONVENTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.recipes.assignment import Assignment, Piece
    from unified_init.recipes.fan_conventions import Convention

__all__ = ["framework_ratio", "notes_of"]

SAME = 1e-6
SHOWN = 3
# Layers that are called like several projections in one; what their parts are, their class says, or nobody.
FUSED = re.compile(
    r"(^|_)(c_attn|in_proj\w*|w?qkv\w*|query_key_value|kv(_proj)?|to_kv|gate_up\w*)$", re.IGNORECASE
)
QUERIES = ("attention.query", "attention.key", "attention.value")
CONVENTION_OF: dict[str, Convention] = {
    "torch": "torch", "keras": "keras", "flax_nnx": "flax", "flax_linen": "flax", "haiku": "haiku",
    "equinox": "equinox",
}  # fmt: skip


def framework_ratio(assignment: Assignment, piece: Piece, framework: str) -> float | None:
    """Return the std by the framework's own fans over that by the true fans; None where they agree."""
    record = assignment.record.of_part(piece.parts[0]) if len(piece.parts) == 1 else assignment.record
    name = CONVENTION_OF.get(framework)
    if name is None or not piece.spec.needs or not piece.law.random:
        return None
    own = law_with_fans(record, piece, piece.spec, FANS_BY_CONVENTION[name](record))
    true = law_with_fans(record, piece, piece.spec, record.fans)
    if own is None or true is None or not own.std > 0.0 or not true.std > 0.0:
        return None
    ratio = own.std / true.std
    return ratio if abs(math.log(ratio)) > SAME else None


def notes_of(inventory: Inventory, assignments: Iterable[Assignment]) -> Iterator[str]:
    """Yield the warnings of a plan, each a line."""
    yield from _half_blocks(inventory)
    for assignment in assignments:
        for piece in assignment.pieces:
            if _is_unknown_fusion(assignment.record) and (piece.spec.needs or not piece.law.independent):
                yield (
                    f"{assignment.record.path}: looks like several projections in one matrix, whose parts "
                    "are not known: it is drawn whole, and its fans are those of the whole"
                )


def _is_unknown_fusion(record: Record) -> bool:
    """Whether a matrix without parts has a fused layer's name and outputs a multiple of its inputs."""
    if record.kind != "linear" or record.role != "kernel" or record.parts:
        return False
    words = words_of(record.path)
    inputs, outputs = record.inputs or 0, record.outputs or 0
    is_multiple = inputs > 0 and outputs > inputs and outputs % inputs == 0
    return is_multiple and any(FUSED.search(word) for word in words[-2:])


def _half_blocks(inventory: Inventory) -> Iterator[str]:
    """Yield a line for each kind of half of a branch, with the blocks that have it."""
    places: dict[str, dict[str, str]] = {}
    for record in inventory:
        if record.block is not None and record.role == "kernel" and record.place:
            places.setdefault(_stem(record), {}).setdefault(record.place, record.path)
    halves: dict[str, list[str]] = {}
    for paths in places.values():
        for place, missing in _missing(paths):
            halves.setdefault(f"{place} without {missing}", []).append(paths[place])
    for half, examples in halves.items():
        more = f" and {len(examples) - SHOWN} more" if len(examples) > SHOWN else ""
        count = "a block has" if len(examples) == 1 else f"{len(examples)} blocks have"
        yield f"{count} {half}, so that a rule by place may miss a layer: {', '.join(examples[:SHOWN])}{more}"


def _stem(record: Record) -> str:
    """Return the path of a record up to the number of its block; of a stacked layer, the block by itself."""
    if record.stack:
        return f"block {record.block}"
    number = re.search(rf"(?<!\d){record.block}(?!\d)", record.path)
    return record.path[: number.end()] if number else f"block {record.block}"


def _missing(paths: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield a place that a block has, and one that belongs to it and that the block lacks."""
    has = paths.keys()
    first_in = next((place for place in ("mlp.in", "mlp.gate") if place in has), None)
    if first_in and "mlp.out" not in has:
        yield first_in, "mlp.out"
    if "mlp.out" in has and not first_in:
        yield "mlp.out", "mlp.in"
    separate = [place for place in QUERIES if place in has]
    if separate and "attention.qkv" not in has:
        for place in QUERIES:
            if place not in has:
                yield separate[0], place
    first_of = next(iter(separate), "attention.qkv" if "attention.qkv" in has else None)
    if first_of and "attention.out" not in has:
        yield first_of, "attention.out"
    if "attention.out" in has and not first_of:
        yield "attention.out", "attention.query"
