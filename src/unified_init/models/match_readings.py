"""What one model says of a tensor, said of its counterpart: raw parameters, ties and fused matrices."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.places import unwrapped
from unified_init.inventory.stacks import embedded
from unified_init.law.layout import bind
from unified_init.models.match_fused import is_fused, split_like, whole, wholes_of_both
from unified_init.models.match_layers import owner_of, shared_words, tensor_of, without_wrappers
from unified_init.models.match_units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from unified_init.inventory.records import Record
    from unified_init.models.match_given import Pair

__all__ = ["Readings", "readings"]

# What the tensors of a norm are called, in a class that no walker knows.
NORM_WORDS = {
    "scale": frozenset({"weight", "scale", "gamma", "g"}), "offset": frozenset({"bias", "beta", "offset"}),
}  # fmt: skip
Sides = tuple[Inventory, Inventory]


@dataclasses.dataclass(frozen=True, slots=True)
class Readings:
    """The inventories of two models as they are described, and as their layers are compared.

    In ``described`` each layer of a stack has a record of its own, where the other model has separate layers.
    In ``compared`` a raw parameter is what its counterpart is known to be, a fused matrix has no parts if
    only one model is known to have them, and a tied tensor has a record for each of its paths.
    """

    described: Sides
    compared: Sides

    def second(self, pairs: Sequence[Pair]) -> Inventory:
        """Return the second model's inventory, each tensor read as its counterpart in the first model is.

        Layers of a stack are regions of its tensors.
        """
        firsts = {path: record for record in self.described[0] for path in (record.path, *record.ties)}
        seconds = {record.path: record for record in self.described[1]}
        for pair in pairs:
            path = pair.second.record.path
            if pair.first.part is None and pair.second.part is None:
                seconds[path] = _read_as(seconds[path], firsts[pair.first.record.path])
        return dataclasses.replace(self.described[1], records=tuple(map(embedded, seconds.values())))


def readings(a: Inventory, b: Inventory, given: Mapping[str, str | None] | None) -> Readings:
    """Return how two models are read; ``given`` is as for ``match``, and says which tensors are whole."""
    wholes = wholes_of_both(a, b)
    settled = list(_given_records(a, b, given))
    for first, second in settled:
        if is_fused(first) != is_fused(second) and _extents(whole(first)) == _extents(whole(second)):
            wholes[0].add(first.path)
            wholes[1].add(second.path)
    raw_a, raw_b = _as_known(a, b), _as_known(b, a)
    tables = {first.path for first, second in settled if second.role == "kernel"}
    compared = _with_ties(_whole(raw_a, wholes[0]), b, tables), _whole(raw_b, wholes[1])
    return Readings((a, b), compared)


def _whole(inventory: Inventory, paths: AbstractSet[str]) -> Inventory:
    records = tuple(whole(record) if record.path in paths else record for record in inventory)
    return dataclasses.replace(inventory, records=records)


def _extents(record: Record) -> tuple[int, ...]:
    return Unit(record, None, 0).extents


def _given_records(
    a: Inventory, b: Inventory, given: Mapping[str, str | None] | None
) -> Iterator[tuple[Record, Record]]:
    """Yield the pairs of records that are given, by themselves or as the tensors of a layer with one role."""
    for key, value in () if given is None else checks.items(given) or ():
        if value is None:
            continue
        path, counterpart = checks.text("given", key), checks.text("given", value)
        firsts, seconds = _at(a, counterpart), _at(b, path)
        if len(firsts) == len(seconds) == 1:
            yield firsts[0], seconds[0]
            continue
        for first in firsts:
            partners = [second for second in seconds if second.role == first.role]
            if len(partners) == 1:
                yield first, partners[0]


def _at(inventory: Inventory, path: str) -> list[Record]:
    """Return the record of a path, or those of the layer that it is of."""
    own = [record for record in inventory if path in (record.path, *record.ties)]
    return own or [record for record in inventory if owner_of(record) == path]


def _as_known(inventory: Inventory, other: Inventory) -> Inventory:
    """Return an inventory in which raw parameters are tables and norms, where the other model's are.

    Those whose name and extents are those of a table or of a norm's tensor. And where both models have
    equally many of one role and extents, those of which only one model knows what they are.
    """
    known = [record for record in other if record.kind != "parameter" and _roles(record)]
    prefix, others = _shared(inventory), _shared(other)
    by_name = {(name, _extents(record)): record for record in known for name in _names(record, others)}
    counts = [
        Counter((record.kind == "parameter", *key) for record in side for key in _keys(record))
        for side in (inventory, other)
    ]
    examples = {key: record for record in known for key in _keys(record)}
    records = []
    for record in inventory:
        partner = None
        if record.kind == "parameter" and not record.parts:
            partners = [by_name.get((name, _extents(record))) for name in _names(record, prefix)]
            partners += [examples.get(key) for key in _keys(record) if _is_told(counts, key)]
            partner = next(filter(None, partners), None)
        records.append(record if partner is None else _alike(record, partner))
    return dataclasses.replace(inventory, records=tuple(records))


Key = tuple[str, tuple[int, ...]]  # a role and extents


def _is_told(counts: Sequence[Counter[tuple[bool, str, tuple[int, ...]]]], key: Key) -> bool:
    """Whether both models have equally many tensors like this, and not equally many raw ones."""
    raw = [count[True, *key] for count in counts]
    return raw[0] != raw[1] and raw[0] + counts[0][False, *key] == raw[1] + counts[1][False, *key]


def _keys(record: Record) -> list[Key]:
    return [(role, _extents(record)) for role in _roles(record)]


def _alike(record: Record, partner: Record) -> Record:
    """Return a raw parameter as what its counterpart is; its place is its own, or that of the table."""
    place = partner.place if partner.role == "embedding" else ""
    return dataclasses.replace(_read_as(record, partner), place=record.place or place)


def _split(path: str) -> tuple[str, ...]:
    return tuple(word for word in re.split(r"[./~]+", unwrapped(path).lower()) if word)


def _shared(inventory: Inventory) -> int:
    return shared_words(_split(record.path) for record in inventory)


def _names(record: Record, prefix: int) -> list[tuple[tuple[str, ...], str]]:
    """Return the names by which a raw parameter and a known tensor are the same, each with a role.

    A table is called by its layer or, raw, by itself; the tensors of a norm by the layer and what they are.
    """
    layer = without_wrappers(_split(owner_of(record))[prefix:])
    if record.kind != "parameter":
        return [(layer, record.role)] if layer else []
    roles = [(layer, role) for role in ("embedding", *_roles(record))] if layer else []
    return [(without_wrappers(_split(record.path)[prefix:]), "embedding"), *roles]


def _roles(record: Record) -> list[str]:
    """Return the role of a table or of a norm's tensor; of a raw parameter that it may be; else none."""
    if record.kind != "parameter":
        return [record.role] if record.role in {"embedding", *NORM_WORDS} else []
    if len(_extents(record)) > 1:
        return ["embedding"] if record.role in {"parameter", "position"} else []
    tensor = tensor_of(record).lower()
    return [role for role, words in NORM_WORDS.items() if tensor in words]


def _with_ties(a: Inventory, b: Inventory, settled: AbstractSet[str]) -> Inventory:
    """Return an inventory with a record for each head that is tied to a table, if the other's is not.

    Not of tables that are given to be those of a head.
    """
    tables = [record for record in a if record.role == "embedding" and record.ties and record.layout == "BO"]
    tables = [record for record in tables if record.path not in settled]
    records = list(a.records)
    for table in tables:
        heads = [record for record in b if record.role == "kernel" and _extents(record) == _extents(table)]
        others = [record for record in a if record.role == "kernel" and _extents(record) == _extents(table)]
        if len(heads) > len(others) and not any(
            record.ties for record in b if _extents(record) == _extents(table)
        ):
            records += [
                dataclasses.replace(
                    table, path=path, kind="linear", role="kernel", layout="OI", ties=(), place="head",
                    block=None, inputs=table.shape[1], outputs=table.shape[0], padding=None,
                )
                for path in table.ties
            ]  # fmt: skip
    return dataclasses.replace(a, records=tuple(records))


def _read_as(record: Record, counterpart: Record) -> Record:
    """Return a record with what is known of its counterpart, where that is another thing or more."""
    if is_fused(record) and not is_fused(counterpart):
        record = whole(record)
    if is_fused(counterpart) and not is_fused(record):
        record = split_like(record, counterpart)
    if record.role == counterpart.role:
        return record
    return dataclasses.replace(
        record, kind=counterpart.kind, role=counterpart.role, layout=_layout_as(record, counterpart),
        place=counterpart.place, inputs=counterpart.inputs, outputs=counterpart.outputs,
        space=counterpart.space, doubt="" if counterpart.role != "scale" else record.doubt, padding=None,
    )  # fmt: skip


def _layout_as(record: Record, counterpart: Record) -> str | None:
    """Return the layout that gives a record the logical axes of its counterpart; else its own."""
    if counterpart.layout is None or "(" in f"{record.layout}{counterpart.layout}":
        return record.layout
    digits = bind(counterpart.shape, counterpart.layout).digits
    own = bind(record.shape, record.layout).digits
    if record.layout is None and len(own) != len(digits):  # an axis of extent 1 may be of any role
        letters = {mine.axis: digits[0].role for mine in own if mine.size == 1}
        own = tuple(mine for mine in own if mine.size != 1)
    else:
        letters = {}
    if [digit.size for digit in digits] != [digit.size for digit in own]:
        return record.layout
    letters |= {mine.axis: digit.role for mine, digit in zip(own, digits, strict=True)}
    return "".join(letters[axis] for axis in range(len(record.shape)))
