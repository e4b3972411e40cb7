"""Proves a match by running both models; what flows into layers decides what the evidence leaves open."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from unified_init.models.match_answer import answered, with_tensors
from unified_init.models.match_evidence import Decision, agree
from unified_init.models.run_differences import difference_of, spread_of
from unified_init.models.verifying import run_both, verified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from unified_init.models.match_answer import Answer, Question
    from unified_init.models.match_layers import Layer
    from unified_init.models.match_readings import Readings
    from unified_init.models.verification import Verification
    from unified_init.models.verifying import Side
    from unified_init.walkers.runs import Run

__all__ = ["proven"]

ROUNDS = 24  # of running both models
EQUAL = 1e-3  # a difference of two inputs that are the same, as a share of their spread
FLOW = "by what flows into it"


def proven(
    sides: tuple[Side, Side], question: Question, answer: Answer, read: Readings
) -> tuple[Answer, Verification | None]:
    """Return an answer whose outputs are equal if there is one, else the last, and what running showed.

    Layers are undecided, or are paired by order and differ when they run. Such a layer has its counterpart in
    the one that looks alike and takes the same input, where all layers before it are decided.
    """
    verification = None
    first, second = sides
    for _ in range(ROUNDS):
        certain = answer.decisions
        if not answer.doubts:
            verification = verified(first, _second(second, answer, read), dict(answer.names))
            if verification.ok:
                break
            certain = tuple(_certain(answer, question, verification))
        partial = with_tensors(question, certain)
        runs = run_both(first, _second(second, partial, read), dict(partial.names))
        flows = list(_by_flow(question, certain, *runs))
        if not flows:
            break
        given = {decision.first.order for decision in question.decisions}
        known = [decision for decision in certain if decision.first.order not in given]
        answer = answered(question, [*known, *flows])
    return answer, verification


def _second(side: Side, answer: Answer, read: Readings) -> Side:
    """Return the second model with its tensors read as those of the first are."""
    return dataclasses.replace(side, inventory=read.second(answer.pairs))


def _certain(answer: Answer, question: Question, verification: Verification) -> Iterator[Decision]:
    """Yield the pairs that do not rest on order, and those whose outputs are equal."""
    equal = {
        layer.first
        for layer in verification.layers
        if layer.difference <= verification.tolerance * layer.scale
    }
    for decision in answer.decisions:
        by_order = decision.reason.endswith((question.order, "the layers around it"))
        if not by_order or decision.first.module in equal:
            yield decision


def _by_flow(question: Question, certain: Sequence[Decision], run_a: Run, run_b: Run) -> Iterator[Decision]:
    """Yield the undecided layers that look alike and take the same input, where only one pair does.

    A branch and its shortcut may begin with layers that look alike and take the same input: those of other
    strides have outputs of other sizes.
    """
    taken_a = {decision.first.order for decision in certain}
    taken_b = {decision.second.order for decision in certain}
    free_a = [layer for layer in question.layers_a if layer.order not in taken_a]
    free_b = [layer for layer in question.layers_b if layer.order not in taken_b]
    candidates = [
        (layer, other) for layer in free_a for other in free_b if _same_input(layer, other, run_a, run_b)
    ]
    decided = list(_unique(candidates))
    alike = [pair for pair in candidates if _same_size_of_output(*pair, run_a, run_b)]
    decided += [pair for pair in _unique(alike) if pair not in decided]
    yield from (Decision(first, second, FLOW) for first, second in decided)


def _unique(candidates: Sequence[tuple[Layer, Layer]]) -> Iterator[tuple[Layer, Layer]]:
    """Yield the pairs of which each layer is in no other pair."""
    firsts = Counter(first.order for first, _ in candidates)
    seconds = Counter(second.order for _, second in candidates)
    for first, second in candidates:
        if firsts[first.order] == seconds[second.order] == 1:
            yield first, second


def _same_input(first: Layer, second: Layer, run_a: Run, run_b: Run) -> bool:
    if first.look != second.look or not agree(first, second):
        return False
    calls = run_a.calls.get(first.module), run_b.calls.get(second.module)
    inputs = [None if activation is None else activation.inputs for activation in calls]
    if inputs[0] is None or inputs[1] is None:
        return False
    difference = difference_of(inputs[0], inputs[1], padded=True)
    return difference is not None and difference <= EQUAL * spread_of(inputs[0])


def _same_size_of_output(first: Layer, second: Layer, run_a: Run, run_b: Run) -> bool:
    outputs = run_a.calls[first.module].outputs, run_b.calls[second.module].outputs
    return outputs[0] is not None and outputs[1] is not None and outputs[0].size == outputs[1].size
