"""Pairs the parameters of two models of one architecture, by kinds, shapes, places, names and order."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import shown
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
        reasons: (path, path in the first model, reason) triples, to check the map by.

    Example:
        >>> import unified_init as ui
        >>> ui.NameMap((("Dense_0/kernel", "fc.weight"),))["Dense_0/kernel"]
        'fc.weight'
    """

    names: tuple[tuple[str, str], ...]
    reasons: tuple[tuple[str, str, str], ...] = ()

    def __getitem__(self, path: str) -> str:
        """Return the stream name of a path."""
        streams = dict(self.names)
        word = checks.plain(path)
        if word not in streams:
            msg = f"the map has no path {shown(path)}"
            raise KeyError(msg)
        return streams[word]

    def __iter__(self) -> Iterator[str]:
        """Go through the paths."""
        return iter(path for path, _ in self.names)

    def __len__(self) -> int:
        """Return how many paths have names."""
        return len(self.names)

    def __str__(self) -> str:
        """Return one line per pair: both paths and the reason."""
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
    settlement = _given(given)
    settled = _settled(units_a, units_b, settlement)
    unpaired = {path for path, counterpart in settlement.items() if counterpart is None}
    taken_a = unpaired | {pair.first.path for pair in settled}
    taken_b = unpaired | {pair.second.path for pair in settled}
    free_a = [unit for unit in units_a if unit.path not in taken_a]
    free_b = [unit for unit in units_b if unit.path not in taken_b]
    pairs = [*settled, *_paired(free_a, free_b)]
    return _as_map(pairs)


class Pair(NamedTuple):
    """A unit of the first model, its counterpart in the second, and the reason for the pair."""

    first: Unit
    second: Unit
    reason: str


def _given(given: object) -> dict[str, str | None]:
    """Return the pairs that are given as plain words."""
    pairs = () if given is None else checks.items(given)
    if pairs is None:
        msg = f"`given` must be a mapping of paths, got {shown(given)}."
        raise ArgumentTypeError(msg)
    return {
        checks.text("given", path): None if counterpart is None else checks.text("given", counterpart)
        for path, counterpart in pairs
    }


def _settled(units_a: Sequence[Unit], units_b: Sequence[Unit], given: Mapping[str, str | None]) -> list[Pair]:
    by_a, by_b = ({unit.path: unit for unit in units} for units in (units_a, units_b))
    pairs: list[Pair] = []
    for path, counterpart in given.items():
        second_units = by_b if counterpart is not None else by_a | by_b
        for key, units in (
            (path, second_units),
            *(((counterpart, by_a),) if counterpart is not None else ()),
        ):
            if key not in units:
                msg = f"`given`: {miss(key, sorted(units))}"
                raise ArgumentValueError(msg)
        if counterpart is not None:
            if by_a[counterpart].look != by_b[path].look:
                msg = (
                    f"`given` pairs {path!r}, a {_shown(by_b[path].look)}, with {counterpart!r}, "
                    f"a {_shown(by_a[counterpart].look)}."
                )
                raise ArgumentValueError(msg)
            pairs.append(Pair(by_a[counterpart], by_b[path], "given"))
    return pairs


def _paired(units_a: Sequence[Unit], units_b: Sequence[Unit]) -> list[Pair]:
    """Return the pairs of units that look alike, or raise an error that lists the undecided ones."""
    looks: dict[tuple[Any, ...], tuple[list[Unit], list[Unit]]] = {}
    for side, units in enumerate((units_a, units_b)):
        for unit in units:
            looks.setdefault(unit.look, ([], []))[side].append(unit)
    pairs: list[Pair] = []
    doubts: list[str] = []
    for look, (side_a, side_b) in looks.items():
        if len(side_a) != len(side_b):
            doubts.append(_uneven(look, side_a, side_b))
            continue
        look_pairs = list(_pairs_alike(side_a, side_b))
        doubts += [_contradiction(pair) for pair in look_pairs if _contradicts(pair)]
        pairs += look_pairs
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


def _pairs_alike(units_a: Sequence[Unit], units_b: Sequence[Unit]) -> Iterator[Pair]:
    """Pair units that look alike, equally many of each model: by place, then by name, then by order."""
    if len(units_a) == 1:
        yield Pair(units_a[0], units_b[0], "the only one of its kind and shape")
        return
    count_a, count_b = (collections.Counter(unit.setting for unit in units) for units in (units_a, units_b))
    shared = {setting for setting in count_a if any(setting) and count_a[setting] == count_b[setting]}
    for setting in filter(shared.__contains__, count_a):
        setting_a, setting_b = (
            [unit for unit in units if unit.setting == setting] for units in (units_a, units_b)
        )
        if len(setting_a) == 1:
            yield Pair(setting_a[0], setting_b[0], "by place")
        else:
            yield from _in_order(setting_a, setting_b, "by place and ")
    rest_a, rest_b = ([unit for unit in units if unit.setting not in shared] for units in (units_a, units_b))
    yield from _in_order(rest_a, rest_b, "by ")


def _in_order(units_a: Sequence[Unit], units_b: Sequence[Unit], reason: str) -> Iterator[Pair]:
    """Pair units of equal layer names, and the others in order; ``reason`` begins the pairs' reasons."""
    names_a, names_b = ({unit.layer: unit for unit in units} for units in (units_a, units_b))
    unique = len(names_a) == len(units_a) and len(names_b) == len(units_b)
    equal = set(names_a) & set(names_b) if unique else set()
    for name in filter(equal.__contains__, names_a):
        yield Pair(names_a[name], names_b[name], f"{reason}name")
    rest_a, rest_b = ([unit for unit in units if unit.layer not in equal] for units in (units_a, units_b))
    for unit_a, unit_b in zip(rest_a, rest_b, strict=True):
        yield Pair(unit_a, unit_b, f"{reason}order")


def _contradicts(pair: Pair) -> bool:
    """Whether both units have a place, or both a side, and they differ."""
    words = zip(pair.first.setting, pair.second.setting, strict=True)
    return any(word_a and word_b and word_a != word_b for word_a, word_b in words)


def _contradiction(pair: Pair) -> str:
    setting_a, setting_b = (" ".join(filter(None, unit.setting)) for unit in (pair.first, pair.second))
    return f"{pair.second.path!r} and {pair.first.path!r} look alike, but are {setting_b} and {setting_a}"


def _shown(look: tuple[Any, ...]) -> str:
    kind, role, gate, extents = look
    return f"{kind} {role}{f' of gate {gate}' if gate else ''} of extents {extents}"


def _uneven(look: tuple[Any, ...], units_a: Sequence[Unit], units_b: Sequence[Unit]) -> str:
    sides = [", ".join(repr(unit.path) for unit in units[:SHOWN]) or "none" for units in (units_a, units_b)]
    counts = f"{len(units_a)} in the first model ({sides[0]}), {len(units_b)} in the second ({sides[1]})"
    return f"{_shown(look)}: {counts}"


def _crossed(pairs: Sequence[Pair], units_a: Sequence[Unit], units_b: Sequence[Unit]) -> list[str]:
    """Return doubts about pairs by order whose preceding weights are not a pair: the orders differ there."""
    counterparts = {pair.first.path: pair.second.path for pair in pairs}
    before_a, before_b = _weights_before(units_a), _weights_before(units_b)
    doubts = []
    for first, second, reason in pairs:
        if "order" not in reason or first.place == second.place == "shortcut":
            continue
        weight_a, weight_b = before_a[first.path], before_b[second.path]
        if (counterparts.get(weight_a) if weight_a else None) != weight_b:
            doubts.append(
                f"{second.path!r} and {first.path!r} look alike and are next in order, but the weights "
                f"before them are {weight_b!r} and {weight_a!r}"
            )
    return doubts


# Kernels beside the main path: models differ in whether they come before or after it.
BESIDE = frozenset({"shortcut", "attention.query", "attention.key", "attention.value", "mlp.gate"})


def _weights_before(units: Sequence[Unit]) -> dict[str, str | None]:
    """Return, for each unit, the nearest kernel of the main path before it, in another layer."""
    weights_before: dict[str, str | None] = {}
    kernels: list[tuple[str, str]] = []
    for unit in units:
        layer = unit.record.path.rpartition("." if "." in unit.record.path else "/")[0]
        earlier = [path for owner, path in kernels[-2:] if owner != layer]
        weights_before[unit.path] = earlier[-1] if earlier else None
        if unit.record.role == "kernel" and unit.place not in BESIDE:
            kernels.append((layer, unit.path))
    return weights_before


def _as_map(pairs: Sequence[Pair]) -> NameMap:
    """Return the map; two fused records whose parts are all paired with each other are one entry."""
    names: dict[str, str] = {}
    ordered = sorted(pairs, key=lambda pair: pair.second.order)
    owners: dict[str, set[tuple[str, bool]]] = {}
    for first, second, _ in ordered:
        same_label = (
            first.part is not None and second.part is not None and first.part.label == second.part.label
        )
        owners.setdefault(second.record.path, set()).add((first.record.name, same_label))
    for first, second, _ in ordered:
        sources = owners[second.record.path]
        fused = len(sources) == 1 and next(iter(sources))[1]
        names[second.record.path if fused else second.path] = first.record.name if fused else first.stream
    reasons = tuple((pair.second.path, pair.first.path, pair.reason) for pair in ordered)
    return NameMap(tuple(names.items()), reasons)
