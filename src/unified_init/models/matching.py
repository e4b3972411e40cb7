"""Matching: which parameter of one model is which of its twin, from kinds, shapes, places and order."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.text_table import aligned
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.applying import inspect
from unified_init.models.match_units import Unit, units_of
from unified_init.recipes.near_misses import miss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


__all__ = ["NameMap", "match"]

SHOWN = 4


@public
@dataclasses.dataclass(frozen=True, slots=True)
class NameMap(Mapping):  # type: ignore[type-arg]  # a Mapping[str, str]; slots forbid its brackets
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
        return "\n".join(aligned(self.reasons))


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
    units_a, units_b = units_of(a), units_of(b)
    settled = _settled(units_a, units_b, given or {})
    untwinned = {path for path, twin in (given or {}).items() if twin is None}
    taken_a = untwinned | {pair.first.path for pair in settled}
    taken_b = untwinned | {pair.second.path for pair in settled}
    free_a = [unit for unit in units_a if unit.path not in taken_a]
    free_b = [unit for unit in units_b if unit.path not in taken_b]
    pairs = [*settled, *_paired(free_a, free_b)]
    return _as_map(pairs)


class Pair(NamedTuple):
    """A unit of the first model, its twin in the second, and why they are twins."""

    first: Unit
    second: Unit
    reason: str


def _settled(units_a: Sequence[Unit], units_b: Sequence[Unit], given: Mapping[str, str | None]) -> list[Pair]:
    by_a, by_b = ({unit.path: unit for unit in units} for units in (units_a, units_b))
    pairs: list[Pair] = []
    if not isinstance(given, Mapping):
        msg = f"`given` must be a mapping of paths, got {given!r}."
        raise ArgumentTypeError(msg)
    for path, twin in given.items():
        checks.text("given", path)
        if twin is not None:
            checks.text("given", twin)
        known = by_b if twin is not None else by_a | by_b
        for key, units in ((path, known), *(((twin, by_a),) if twin is not None else ())):
            if key not in units:
                msg = f"`given`: {miss(key, sorted(units))}"
                raise ArgumentValueError(msg)
        if twin is not None:
            if by_a[twin].look != by_b[path].look:
                msg = (
                    f"`given` pairs {path!r}, a {_shown(by_b[path].look)}, with {twin!r}, "
                    f"a {_shown(by_a[twin].look)}."
                )
                raise ArgumentValueError(msg)
            pairs.append(Pair(by_a[twin], by_b[path], "given"))
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
        if len(ours) != len(theirs):
            doubts.append(_uneven(look, ours, theirs))
            continue
        alike = list(_alike(ours, theirs))
        doubts += [_contradiction(pair) for pair in alike if _contradicts(pair)]
        pairs += alike
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


def _alike(ours: Sequence[Unit], theirs: Sequence[Unit]) -> Iterator[Pair]:
    """Pair units that look alike, as many on either side: by place, then by name, then by order."""
    if len(ours) == 1:
        yield Pair(ours[0], theirs[0], "the only one of its kind and shape")
        return
    count_a, count_b = (collections.Counter(unit.setting for unit in units) for units in (ours, theirs))
    shared = {setting for setting in count_a if any(setting) and count_a[setting] == count_b[setting]}
    for setting in filter(shared.__contains__, count_a):
        same_a, same_b = ([unit for unit in units if unit.setting == setting] for units in (ours, theirs))
        if len(same_a) == 1:
            yield Pair(same_a[0], same_b[0], "by place")
        else:
            yield from _in_order(same_a, same_b, "by place and ")
    rest_a, rest_b = ([unit for unit in units if unit.setting not in shared] for units in (ours, theirs))
    yield from _in_order(rest_a, rest_b, "by ")


def _in_order(ours: Sequence[Unit], theirs: Sequence[Unit], reason: str) -> Iterator[Pair]:
    """Pair units of equal layer names, and the others in order; ``reason`` begins the pairs' reasons."""
    names_a, names_b = ({unit.layer: unit for unit in units} for units in (ours, theirs))
    unique = len(names_a) == len(ours) and len(names_b) == len(theirs)
    equal = set(names_a) & set(names_b) if unique else set()
    for name in filter(equal.__contains__, names_a):
        yield Pair(names_a[name], names_b[name], f"{reason}name")
    rest_a, rest_b = ([unit for unit in units if unit.layer not in equal] for units in (ours, theirs))
    for unit_a, unit_b in zip(rest_a, rest_b, strict=True):
        yield Pair(unit_a, unit_b, f"{reason}order")


def _contradicts(pair: Pair) -> bool:
    """Whether both have a place, or both a side, and not the same."""
    words = zip(pair.first.setting, pair.second.setting, strict=True)
    return any(ours and theirs and ours != theirs for ours, theirs in words)


def _contradiction(pair: Pair) -> str:
    ours, theirs = (" ".join(filter(None, unit.setting)) for unit in (pair.first, pair.second))
    return f"{pair.second.path!r} and {pair.first.path!r} look alike, but are {theirs} and {ours}"


def _shown(look: tuple[Any, ...]) -> str:
    kind, role, gate, extents = look
    return f"{kind} {role}{f' of gate {gate}' if gate else ''} of extents {extents}"


def _uneven(look: tuple[Any, ...], ours: Sequence[Unit], theirs: Sequence[Unit]) -> str:
    sides = [", ".join(repr(unit.path) for unit in units[:SHOWN]) or "none" for units in (ours, theirs)]
    counts = f"{len(ours)} in the first model ({sides[0]}), {len(theirs)} in the second ({sides[1]})"
    return f"{_shown(look)}: {counts}"


def _crossed(pairs: Sequence[Pair], units_a: Sequence[Unit], units_b: Sequence[Unit]) -> list[str]:
    """Return the pairs by order whose nearest weights before them are no pair: the orders differ there."""
    twins = {pair.first.path: pair.second.path for pair in pairs}
    before_a, before_b = _weights_before(units_a), _weights_before(units_b)
    doubts = []
    for first, second, reason in pairs:
        if "order" not in reason or first.place == second.place == "shortcut":
            continue
        ours, theirs = before_a[first.path], before_b[second.path]
        if (twins.get(ours) if ours else None) != theirs:
            doubts.append(
                f"{second.path!r} and {first.path!r} look alike and are next in order, but the weights "
                f"before them are {theirs!r} and {ours!r}"
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
    ordered = sorted(pairs, key=lambda pair: pair.second.order)
    owners: dict[str, set[tuple[str, bool]]] = {}
    for first, second, _ in ordered:
        same = first.part is not None and second.part is not None and first.part.label == second.part.label
        owners.setdefault(second.record.path, set()).add((first.record.name, same))
    for first, second, _ in ordered:
        sources = owners[second.record.path]
        fused = len(sources) == 1 and next(iter(sources))[1]
        names[second.record.path if fused else second.path] = first.record.name if fused else first.stream
    reasons = tuple((pair.second.path, pair.first.path, pair.reason) for pair in ordered)
    return NameMap(tuple(names.items()), reasons)
