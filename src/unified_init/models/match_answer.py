"""The question which layers of two models are pairs, and its answer: pairs of tensors, reasons and doubts."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from unified_init.models.match_doubts import missing
from unified_init.models.match_evidence import decide
from unified_init.models.match_given import Pair, settle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from unified_init.models.match_evidence import Decision
    from unified_init.models.match_layers import Layer
    from unified_init.models.match_units import Unit

__all__ = ["Answer", "Question", "answered", "asked", "with_tensors"]


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """The layers of two models in order, and what is given.

    ``pairs`` and ``decisions`` are the given pairs of tensors and of layers, ``excluded`` the paths in each
    model that have no counterpart, ``order`` is what the order is of.
    """

    layers_a: tuple[Layer, ...]
    layers_b: tuple[Layer, ...]
    pairs: tuple[Pair, ...]
    decisions: tuple[Decision, ...]
    excluded: tuple[frozenset[str], frozenset[str]]
    order: str


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The pairs of layers, those of tensors, and what could not be decided."""

    decisions: tuple[Decision, ...]
    pairs: tuple[Pair, ...]
    doubts: tuple[str, ...]

    @property
    def names(self) -> tuple[tuple[str, str], ...]:
        """The name map; two fused records whose parts are all paired with each other are one entry."""
        names: dict[str, str] = {}
        owners: dict[str, set[tuple[str, bool]]] = {}
        for first, second, _ in self._ordered:
            same_label = (
                first.part is not None and second.part is not None and first.part.label == second.part.label
            )
            owners.setdefault(second.record.path, set()).add((first.record.name, same_label))
        for first, second, _ in self._ordered:
            sources = owners[second.record.path]
            fused = len(sources) == 1 and next(iter(sources))[1]
            names[second.record.path if fused else second.path] = first.record.name if fused else first.stream
        return tuple(names.items())

    @property
    def reasons(self) -> tuple[tuple[str, str, str], ...]:
        """The path in the second model, that in the first, and the reason, of each pair."""
        return tuple((second.path, first.path, reason) for first, second, reason in self._ordered)

    @property
    def _ordered(self) -> list[Pair]:
        return sorted(self.pairs, key=lambda pair: pair.second.order)


def asked(
    layers_a: Sequence[Layer],
    layers_b: Sequence[Layer],
    given: Mapping[str, str | None] | None,
    order: str,
) -> Question:
    """Return the question without the layers of which all is given: counterparts elsewhere, or none."""
    pairs, decisions, excluded = settle(layers_a, layers_b, given)
    settled = _taken(pairs, excluded)
    free_a, free_b = (
        tuple(
            layer
            for layer in layers
            if layer.order in decided or not all(unit.path in paths for unit in layer.units)
        )
        for layers, paths, decided in (
            (layers_a, settled[0], {decision.first.order for decision in decisions}),
            (layers_b, settled[1], {decision.second.order for decision in decisions}),
        )
    )
    lacking = frozenset(excluded[0]), frozenset(excluded[1])
    return Question(free_a, free_b, tuple(pairs), tuple(decisions), lacking, order)


def answered(question: Question, known: Sequence[Decision] = ()) -> Answer:
    """Return the answer by evidence. ``known`` are pairs of layers that are settled beside the given ones."""
    settled = [*question.decisions, *known]
    decisions, doubts = decide(question.layers_a, question.layers_b, settled, question.order)
    return with_tensors(question, decisions, doubts)


def with_tensors(question: Question, decisions: Sequence[Decision], doubts: Sequence[str] = ()) -> Answer:
    """Return the answer that these pairs of layers make; what one layer of a pair lacks is a doubt."""
    pairs, doubts = [*question.pairs], [*doubts]
    for decision in decisions:
        tensors, lacking = _tensors(decision, question)
        pairs += tensors
        doubts += lacking
    return Answer(tuple(decisions), tuple(pairs), tuple(doubts))


def _tensors(decision: Decision, question: Question) -> tuple[list[Pair], list[str]]:
    """Return the pairs of tensors in a pair of layers, by role, and what one of the two lacks."""
    taken = _taken(question.pairs, question.excluded)
    sides: list[dict[Any, Unit]] = [
        {unit.look: unit for unit in layer.units if unit.path not in paths}
        for layer, paths in zip(decision[:2], taken, strict=True)
    ]
    common = [look for look in sides[0] if look in sides[1]]
    pairs = [Pair(sides[0][look], sides[1][look], decision.reason) for look in common]
    doubts = []
    layers: tuple[Layer, Layer] = decision[:2]
    for side, word in enumerate(("first", "second")):
        lacking = [unit for look, unit in sides[side].items() if look not in common]
        if lacking:
            doubts.append(missing(layers[side].path, word, layers[1 - side].path, _paths(lacking)))
    return pairs, doubts


def _taken(pairs: Sequence[Pair], excluded: Sequence[AbstractSet[str]]) -> tuple[set[str], set[str]]:
    """Return the paths in each model that given pairs, and what is given to have none, leave nothing of.

    A table whose values a head takes as well still has a table as its counterpart.
    """
    firsts = {pair.first.path for pair in pairs if not _is_tie(pair)}
    return {*excluded[0], *firsts}, {*excluded[1], *(pair.second.path for pair in pairs)}


def _is_tie(pair: Pair) -> bool:
    return pair.first.record.role == "embedding" and pair.second.record.role == "kernel"


def _paths(units: Sequence[Unit]) -> list[str]:
    """Return the paths of units, that of a record in place of those of all its parts."""
    counts: dict[str, int] = {}
    for unit in units:
        counts[unit.record.path] = counts.get(unit.record.path, 0) + 1
    whole = {unit.record.path for unit in units if counts[unit.record.path] == len(unit.record.parts)}
    return list(dict.fromkeys(unit.record.path if unit.record.path in whole else unit.path for unit in units))
