"""What the caller of ``match`` settles: pairs of layers or tensors, and those without a counterpart."""

from __future__ import annotations

import difflib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.stacks import base_of
from unified_init.models.match_evidence import Decision
from unified_init.models.match_layers import holder_of, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from unified_init.models.match_layers import Layer
    from unified_init.models.match_units import Unit

__all__ = ["Pair", "settle"]

Member = tuple["Layer", "Unit"]  # a tensor with its layer
Group = list[Member]  # the tensors that a path names


class Pair(NamedTuple):
    """A tensor of the first model, its counterpart in the second, and the reason for the pair."""

    first: Unit
    second: Unit
    reason: str


def settle(
    layers_a: Sequence[Layer], layers_b: Sequence[Layer], given: Mapping[str, str | None] | None
) -> tuple[list[Pair], list[Decision], tuple[set[str], set[str]]]:
    """Return the given pairs of tensors, those of layers, and the paths in each model without a counterpart.

    With a tensor its whole layer is paired, if the two layers look alike. Two tensors of equal extents are a
    pair whatever they are.
    """
    entries = () if given is None else checks.items(given)
    if entries is None:
        msg = f"`given` must be a mapping of paths, got {shown(given)}."
        raise ArgumentTypeError(msg)
    by_a, by_b = _named(layers_a), _named(layers_b)
    pairs: list[Pair] = []
    decisions: dict[tuple[int, int], Decision] = {}
    excluded: tuple[set[str], set[str]] = (set(), set())
    for key, value in entries:
        path = checks.text("given", key)
        if value is None:
            _check(path, by_a | by_b)
            for paths, named in zip(excluded, (by_a, by_b), strict=True):
                paths.update(unit.path for _, unit in named.get(path, ()))
            continue
        counterpart = checks.text("given", value)
        _check(path, by_b)
        _check(counterpart, by_a)
        first, second = by_a[counterpart], by_b[path]
        together = _together(first, second)
        _check_pairs(together, counterpart, first, path, second)
        for (layer_a, unit_a), (layer_b, unit_b) in together:
            pairs.append(Pair(unit_a, unit_b, "given"))
            if layer_a.look == layer_b.look:
                decisions[layer_a.order, layer_b.order] = Decision(layer_a, layer_b, "given")
    return pairs, _once(list(decisions.values())), excluded


def _named(layers: Sequence[Layer]) -> dict[str, Group]:
    """Return the tensors that each path names: a part, a record, a tie, or a layer of another path."""
    tensors: dict[str, Group] = {}
    wholes: dict[str, Group] = {}
    for layer in layers:
        for unit in layer.units:
            record = unit.record
            for path in {record.path, base_of(record), unit.path, *record.ties}:
                tensors.setdefault(path, []).append((layer, unit))
            for path in {layer.path, owner_of(record), holder_of(record)} - {""}:
                wholes.setdefault(path, []).append((layer, unit))
    own = {unit.path for layer in layers for unit in layer.units}
    # A record of a tied tensor may have the path that is a tie of another.
    named = {
        path: [entry for entry in group if entry[1].path == path] if path in own else group
        for path, group in tensors.items()
    }
    return wholes | named


def _check(path: str, named: Mapping[str, Group]) -> None:
    if path in named:
        return
    ends = [name for name in sorted(named) if name.endswith((f".{path}", f"/{path}"))]
    nearest = ends[:1] or difflib.get_close_matches(path, sorted(named), n=1, cutoff=0.5)
    hint = f"; the nearest is {nearest[0]!r}." if nearest else "."
    msg = f"`given`: {path!r} is not the path of a layer or a tensor{hint}"
    raise ArgumentValueError(msg)


def _together(first: Group, second: Group) -> list[tuple[Member, Member]]:
    """Return the tensors of two paths that are pairs: by label and look, by look, then by extents.

    Where only one on each side has a look, or those extents, nothing else can be meant.
    """
    together: list[tuple[Member, Member]] = []
    keys: list[Callable[[Unit], object]] = [
        lambda unit: (unit.label, unit.look), lambda unit: unit.look, lambda unit: unit.extents,
    ]  # fmt: skip
    free = list(first), list(second)
    for key in keys:
        groups = [_single(side, key) for side in free]
        together += [(groups[0][value], groups[1][value]) for value in groups[0] if value in groups[1]]
        used = [{pair[side][1].path for pair in together} for side in range(2)]
        free = tuple(  # type: ignore[assignment]  # two lists
            [member for member in members if member[1].path not in paths]
            for members, paths in zip(free, used, strict=True)
        )
    return together


def _single(members: Group, key: Callable[[Unit], object]) -> dict[object, Member]:
    """Return the tensors that no other has the key of, by key."""
    counts = Counter(key(unit) for _, unit in members)
    return {key(unit): (layer, unit) for layer, unit in members if counts[key(unit)] == 1}


def _check_pairs(
    together: Sequence[tuple[Member, Member]], counterpart: str, first: Group, path: str, second: Group
) -> None:
    """Refuse paths without a pair, and layers of two kinds of which a tensor would be left over."""
    kinds = {first_layer.kind == second_layer.kind for (first_layer, _), (second_layer, _) in together}
    if len(together) == len(first) == len(second) or kinds == {True}:
        return
    unlike = _unlike(together, first, second)
    msg = f"`given` pairs {path!r}, a {unlike[1].shown}, with {counterpart!r}, a {unlike[0].shown}."
    raise ArgumentValueError(msg)


def _unlike(together: Sequence[tuple[Member, Member]], first: Group, second: Group) -> tuple[Unit, Unit]:
    """Return a tensor of each path, one that has no counterpart if there is one."""
    used = [{pair[side][1].path for pair in together} for side in range(2)]
    sides = [
        next((unit for _, unit in members if unit.path not in paths), members[0][1])
        for members, paths in zip((first, second), used, strict=True)
    ]
    return sides[0], sides[1]


def _once(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the pairs of layers that are in one pair each; the tensors of others are paired one by one."""
    firsts = [decision.first.order for decision in decisions]
    seconds = [decision.second.order for decision in decisions]
    return [
        decision
        for decision in decisions
        if firsts.count(decision.first.order) == seconds.count(decision.second.order) == 1
    ]
