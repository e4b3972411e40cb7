"""What the caller of ``match`` settles: pairs of layers or tensors, and those without a counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from unified_init.core import checks
from unified_init.core.patterns import miss
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.match_evidence import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_init.models.match_layers import Layer
    from unified_init.models.match_units import Unit

__all__ = ["Pair", "settle"]

Group = list[tuple["Layer", "Unit"]]  # the tensors that a path names, each with its layer


class Pair(NamedTuple):
    """A tensor of the first model, its counterpart in the second, and the reason for the pair."""

    first: Unit
    second: Unit
    reason: str


def settle(
    layers_a: Sequence[Layer], layers_b: Sequence[Layer], given: Mapping[str, str | None] | None
) -> tuple[list[Pair], list[Decision], tuple[set[str], set[str]]]:
    """Return the given pairs of tensors, those of layers, and the paths in each model without a counterpart.

    With a tensor its whole layer is paired, if the two layers look alike.
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
        _check_looks(counterpart, first, path, second)
        by_look = {unit.look: unit for _, unit in second}
        pairs += [Pair(unit, by_look[unit.look], "given") for _, unit in first if unit.look in by_look]
        layer_a, layer_b = first[0][0], second[0][0]
        if layer_a.look == layer_b.look:
            decisions[layer_a.order, layer_b.order] = Decision(layer_a, layer_b, "given")
    return pairs, _once(list(decisions.values())), excluded


def _named(layers: Sequence[Layer]) -> dict[str, Group]:
    """Return the tensors that each path names: a part, a record, or a layer that has no tensor's path."""
    named: dict[str, Group] = {}
    for layer in layers:
        for unit in layer.units:
            for path in {unit.record.path, unit.path}:
                named.setdefault(path, []).append((layer, unit))
    wholes = {layer.path: [(layer, unit) for unit in layer.units] for layer in layers}
    return wholes | named


def _check(path: str, named: Mapping[str, Group]) -> None:
    if path not in named:
        msg = f"`given`: {miss(path, sorted(named))}"
        raise ArgumentValueError(msg)


def _check_looks(counterpart: str, first: Group, path: str, second: Group) -> None:
    """Refuse two tensors that do not look alike, and two layers or records of which none does."""
    looks = [{(layer.kind, unit.look) for layer, unit in group} for group in (first, second)]
    if not looks[0] & looks[1]:
        msg = f"`given` pairs {path!r}, a {second[0][1].shown}, with {counterpart!r}, a {first[0][1].shown}."
        raise ArgumentValueError(msg)


def _once(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the pairs of layers that are in one pair each; the tensors of others are paired one by one."""
    firsts = [decision.first.order for decision in decisions]
    seconds = [decision.second.order for decision in decisions]
    return [
        decision
        for decision in decisions
        if firsts.count(decision.first.order) == seconds.count(decision.second.order) == 1
    ]
