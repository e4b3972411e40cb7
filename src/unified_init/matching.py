"""Matching: which parameter of one model is which of its twin, from kinds, shapes, places and order."""

from __future__ import annotations

import collections
import dataclasses
import math
from typing import TYPE_CHECKING, Any

from unified_init import checks
from unified_init.applying import inspect
from unified_init.errors import ArgumentValueError
from unified_init.layout import bind
from unified_init.planning import miss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from unified_init.inventory import Inventory, Part, Record

__all__ = ["NameMap", "match"]

# Kinds that are one thing under two names: a projection of attention is a linear layer.
KIN = {"attention": "linear", "rms_norm": "layer_norm"}
LABELLED = {"q": "attention.query", "k": "attention.key", "v": "attention.value"}
UNCOUNTED = frozenset({"count", "buffer"})  # counters, which one framework has and the other not
SHOWN = 4


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """A record, or one part of a fused one: what is matched with what."""

    record: Record
    part: Part | None
    at: int

    @property
    def path(self) -> str:
        """The key of a name map."""
        return self.record.path if self.part is None else f"{self.record.path}/{self.part.label}"

    @property
    def stream(self) -> str:
        """The name it is drawn under."""
        return self.record.name if self.part is None else f"{self.record.name}/{self.part.label}"

    @property
    def place(self) -> str:
        """Where it stands, a part by its label."""
        if self.part is not None and self.record.place == "attention.qkv":
            return LABELLED.get(self.part.label, self.record.place)
        return self.record.place

    @property
    def look(self) -> tuple[Any, ...]:
        """What twins have in common: kind, role, label of a gate, extents of the logical axes."""
        record, part = self.record, self.part
        shape = record.shape if part is None else record.part_shape(part)
        geometry = bind(shape, record.layout, dict(record.sizes) or None)
        if record.layout is None:
            extents: tuple[int, ...] = (math.prod(shape),)
        else:
            extents = (math.prod(geometry.extent(role) for role in "BO"), geometry.extent("I"))
            extents += geometry.spatial()
        gate = part.label if part is not None and part.label not in LABELLED else ""
        return KIN.get(record.kind, record.kind), record.role, gate, extents


@dataclasses.dataclass(frozen=True, slots=True)
class NameMap(collections.abc.Mapping):  # type: ignore[type-arg]  # a Mapping[str, str]; slots forbid its brackets
    """Stream names by native path of the second model: what ``names=`` takes.

    Args:
        names: (path, stream name) pairs; a part's path is "path/label".
        reasons: (path, path in the first model, reason) triples, for whoever checks the map.

    Example:
        >>> import unified_init as ui
        >>> ui.NameMap((("Dense_0/kernel", "fc.weight"),))["Dense_0/kernel"]
        'fc.weight'
    """

    names: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str, str], ...] = ()

    def __getitem__(self, path: str) -> str:
        """Return the stream name of a path."""
        return dict(self.names)[path]

    def __iter__(self) -> Iterator[str]:
        """Go through the paths."""
        return iter(path for path, _ in self.names)

    def __len__(self) -> int:
        """Return how many paths have names."""
        return len(self.names)

    def __str__(self) -> str:
        """Return one line a pair: both paths and the reason."""
        width = max((len(path) for path, _, _ in self.reasons), default=0)
        other = max((len(path) for _, path, _ in self.reasons), default=0)
        return "\n".join(f"{b:<{width}}  {a:<{other}}  {why}" for b, a, why in self.reasons)


def match(model_a: Any, model_b: Any, *, given: Mapping[str, str | None] | None = None) -> NameMap:  # noqa: ANN401
    """Return the stream names that make the second model the twin of the first.

    Parameters are paired by kind, role, logical extents and place; among equals by their order, which the
    weights before them must confirm. What that does not decide is an error that lists it.

    Args:
        model_a: a model or an inventory; its stream names stay.
        model_b: its twin, in any framework and layout.
        given: pairs that settle what the models do not say: a path of ``model_b`` and that of its twin in
            ``model_a``; None for a path of either that has no twin. A part is "path/label".

    Returns:
        The map, for ``ui.apply(model_b, recipe, names=...)``; print it to see each pair and its reason.

    Raises:
        ArgumentValueError: what cannot be decided, and what ``given`` names and no model has.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> a, b = torch.nn.Linear(3, 2), torch.nn.Sequential(torch.nn.Linear(3, 2))
        >>> dict(ui.match(a, b))
        {'0.weight': 'weight', '0.bias': 'bias'}

    Differs from:
        No framework has one; conversion scripts between model zoos write such maps by hand.
    """
    a, b = inspect(model_a), inspect(model_b)
    units_a, units_b = _units(a), _units(b)
    settled = _settled(units_a, units_b, given or {})
    taken_a = {one.path for one, _, _ in settled} | {
        path for path, twin in (given or {}).items() if twin is None
    }
    taken_b = {one.path for _, one, _ in settled} | {
        path for path, twin in (given or {}).items() if twin is None
    }
    free_a = [unit for unit in units_a if unit.path not in taken_a]
    free_b = [unit for unit in units_b if unit.path not in taken_b]
    pairs = [*settled, *_paired(free_a, free_b)]
    return _as_map(pairs)


def _units(inventory: Inventory) -> list[Unit]:
    records = [record for record in inventory if record.role not in UNCOUNTED]
    found = [(record, part) for record in records for part in record.parts or (None,)]
    return [Unit(record, part, at) for at, (record, part) in enumerate(found)]


Pair = tuple[Unit, Unit, str]


def _settled(units_a: Sequence[Unit], units_b: Sequence[Unit], given: Mapping[str, str | None]) -> list[Pair]:
    by_a, by_b = ({unit.path: unit for unit in units} for units in (units_a, units_b))
    pairs: list[Pair] = []
    for path, twin in given.items():
        checks.text("given", path)
        known = by_b if twin is not None else by_a | by_b
        for key, units in ((path, known), *(((twin, by_a),) if twin is not None else ())):
            if key not in units:
                msg = f"`given`: {miss(key, sorted(units))}."
                raise ArgumentValueError(msg)
        if twin is not None:
            pairs.append((by_a[twin], by_b[path], "given"))
    return pairs


def _paired(units_a: Sequence[Unit], units_b: Sequence[Unit]) -> list[Pair]:
    """Return the pairs of units that look alike, or raise with all that stay undecided."""
    looks: dict[tuple[Any, ...], tuple[list[Unit], list[Unit]]] = {}
    for side, units in enumerate((units_a, units_b)):
        for unit in units:
            looks.setdefault(unit.look, ([], []))[side].append(unit)
    pairs: list[Pair] = []
    doubts: list[str] = []
    for look, (ours, theirs) in looks.items():
        for group_a, group_b, by_place in _by_place(ours, theirs):
            if len(group_a) != len(group_b):
                doubts.append(_uneven(look, group_a, group_b))
                continue
            reason = "by place" if by_place else "by order"
            if len(ours) == 1:
                reason = "the only one of its kind and shape"
            elif by_place and len(group_a) > 1:
                reason = "by place and order"
            pairs += [(one, other, reason) for one, other in zip(group_a, group_b, strict=True)]
    if not doubts:
        doubts = _crossed(pairs, units_a, units_b)
    if doubts:
        more = f" (and {len(doubts) - SHOWN} more)" if len(doubts) > SHOWN else ""
        msg = (
            f"`match` cannot decide: {'; '.join(doubts[:SHOWN])}{more}. Say which is which with "
            "given={path in the second model: path in the first}, None for one without a twin."
        )
        raise ArgumentValueError(msg)
    return pairs


def _by_place(ours: Sequence[Unit], theirs: Sequence[Unit]) -> Iterator[tuple[list[Unit], list[Unit], bool]]:
    """Split units that look alike by place, where both models have as many in each."""
    places_a, places_b = (collections.Counter(unit.place for unit in units) for units in (ours, theirs))
    if places_a != places_b:
        yield list(ours), list(theirs), False
        return
    for place in places_a:
        same_a, same_b = ([unit for unit in units if unit.place == place] for units in (ours, theirs))
        yield same_a, same_b, bool(place)


def _uneven(look: tuple[Any, ...], group_a: Sequence[Unit], group_b: Sequence[Unit]) -> str:
    kind, role, gate, extents = look
    sides = [", ".join(repr(unit.path) for unit in group[:SHOWN]) or "none" for group in (group_a, group_b)]
    what = f"{kind} {role}{f' of gate {gate}' if gate else ''} of extents {extents}"
    return (
        f"{what}: {len(group_a)} in the first model ({sides[0]}), {len(group_b)} in the second ({sides[1]})"
    )


def _crossed(pairs: Sequence[Pair], units_a: Sequence[Unit], units_b: Sequence[Unit]) -> list[str]:
    """Return the pairs by order whose nearest weights before them are no pair: the orders differ there."""
    twin = {one.path: other.path for one, other, _ in pairs}
    before_a, before_b = _weights_before(units_a), _weights_before(units_b)
    doubts = []
    for one, other, reason in pairs:
        if "order" not in reason or one.place == other.place == "shortcut":
            continue
        ours, theirs = before_a[one.path], before_b[other.path]
        if (twin.get(ours) if ours else None) != theirs:
            doubts.append(
                f"{other.path!r} and {one.path!r} look alike and are next in order, but the weights before "
                f"them are {theirs!r} and {ours!r}"
            )
    return doubts


# Kernels beside the main path: models differ in whether they stand before or after it.
BESIDE = frozenset({"shortcut", "attention.query", "attention.key", "attention.value", "mlp.gate"})


def _weights_before(units: Sequence[Unit]) -> dict[str, str | None]:
    """Return, for each unit, the nearest kernel of the main path before it, in another layer."""
    before: dict[str, str | None] = {}
    kernels: list[tuple[str, str]] = []
    for unit in units:
        layer = unit.record.path.rpartition("." if "." in unit.record.path else "/")[0]
        earlier = [path for owner, path in kernels[-2:] if owner != layer]
        before[unit.path] = earlier[-1] if earlier else None
        if unit.record.role == "kernel" and unit.place not in BESIDE:
            kernels.append((layer, unit.path))
    return before


def _as_map(pairs: Sequence[Pair]) -> NameMap:
    """Return the map; a fused record whose parts all go to one fused record is one entry."""
    names: dict[str, str] = {}
    order = sorted(pairs, key=lambda pair: pair[1].at)
    owners: dict[str, set[tuple[str, bool]]] = {}
    for one, other, _ in order:
        same = one.part is not None and other.part is not None and one.part.label == other.part.label
        owners.setdefault(other.record.path, set()).add((one.record.name, same))
    for one, other, _ in order:
        found = owners[other.record.path]
        fused = len(found) == 1 and next(iter(found))[1]
        names[other.record.path if fused else other.path] = one.record.name if fused else one.stream
    reasons = tuple((other.path, one.path, why) for one, other, why in order)
    return NameMap(tuple(names.items()), reasons)
