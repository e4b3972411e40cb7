"""Decides which layers of two models are pairs: by names, then places and blocks, then order, then alignment.

Each stage sees the layers that no stage before it has decided. What stays undecided is said.
"""

from __future__ import annotations

import collections
import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from unified_init.models.match_alignment import aligned_pairs
from unified_init.models.match_doubts import doubts_of
from unified_init.models.match_order import ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from unified_init.models.match_layers import Layer

__all__ = ["Decision", "agree", "decide"]

GUESSED = frozenset({"last_conv", "last_norm"})  # places that only numbers in names say
LIKENESS = 0.75  # the share of layers in blocks that must look alike, block by block


class Decision(NamedTuple):
    """A layer of the first model, its counterpart in the second, and the reason for the pair."""

    first: Layer
    second: Layer
    reason: str


def agree(first: Layer, second: Layer) -> bool:
    """Whether neither the places nor the sides of two layers contradict each other.

    A place that was guessed from numbers contradicts none: "Conv_1" may be the second of any two layers.
    """
    words = zip(first.setting, second.setting, strict=True)
    return not any(
        word_a and word_b and word_a != word_b and not GUESSED & {word_a, word_b} for word_a, word_b in words
    )


def decide(
    layers_a: Sequence[Layer], layers_b: Sequence[Layer], settled: Sequence[Decision], order: str
) -> tuple[list[Decision], list[str]]:
    """Return the pairs of layers, and what cannot be decided.

    Args:
        layers_a: of the first model, in order.
        layers_b: of the second.
        settled: the pairs that were given.
        order: what the order is, for the reasons: "order of execution", say.
    """
    blocks = _block_ranks(layers_a, layers_b)
    decisions = list(settled)
    crossed: list[str] = []
    spoken_of: tuple[set[int], set[int]] = (set(), set())  # the layers in these doubts

    def by_order(free_a: Sequence[Layer], free_b: Sequence[Layer], *, kernels: bool) -> Iterator[Decision]:
        key = functools.partial(_look_and_block, blocks)
        for group_a, group_b in _groups(free_a, free_b, key):
            if group_a[0].has_kernel is kernels and len(group_a) == len(group_b):
                pairs, doubts = ordered(group_a, group_b, [*decisions, *decided_here], order, agree)
                for text, *sides in doubts:
                    crossed.append(text)
                    for orders, layers in zip(spoken_of, sides, strict=True):
                        orders.update(layer.order for layer in layers)
                made = [Decision(first, second, reason) for first, second, reason in pairs]
                decided_here.extend(made)
                yield from made

    decided_here: list[Decision] = []
    stages: list[Callable[[Sequence[Layer], Sequence[Layer]], Iterable[Decision]]] = [
        functools.partial(_by_name, name_of=lambda layer: layer.words, reason="by name"),
        functools.partial(
            _only, key=lambda _, layer: layer.look, reason="the only one of its kind and shape"
        ),
        functools.partial(
            _only, key=functools.partial(_look_and_block, blocks),
            reason="the only one of its kind and shape in its block",
        ),
        functools.partial(_by_place, blocks=blocks),
        functools.partial(_by_tail, blocks=blocks),
        functools.partial(by_order, kernels=True),
        functools.partial(by_order, kernels=False),
        lambda free_a, free_b: _by_alignment(
            (layers_a, layers_b), (_without(free_a, spoken_of[0]), _without(free_b, spoken_of[1])),
            decisions, blocks,
        ),
    ]  # fmt: skip
    free_a, free_b = _free(layers_a, layers_b, decisions)
    for stage in stages:
        decided_here.clear()
        decisions += list(stage(free_a, free_b))
        free_a, free_b = _free(layers_a, layers_b, decisions)
    return decisions, [*crossed, *doubts_of(free_a, free_b, decisions, blocks, spoken_of[0])]


def _without(layers: Sequence[Layer], orders: AbstractSet[int]) -> list[Layer]:
    return [layer for layer in layers if layer.order not in orders]


def _free(
    layers_a: Sequence[Layer], layers_b: Sequence[Layer], decisions: Sequence[Decision]
) -> tuple[list[Layer], list[Layer]]:
    taken_a = {decision.first.order for decision in decisions}
    taken_b = {decision.second.order for decision in decisions}
    return _without(layers_a, taken_a), _without(layers_b, taken_b)


Blocks = tuple[dict[int, int], dict[int, int]]  # the rank of each layer's block, by the layer's order


def _block_ranks(layers_a: Sequence[Layer], layers_b: Sequence[Layer]) -> Blocks:
    """Return the ranks of the layers' blocks; empty if the two models do not have the same blocks.

    One model counts from 0 and the other from 1, or numbers its stages: blocks are compared by their layers.
    """
    contents = []
    for layers in (layers_a, layers_b):
        looks: dict[int, collections.Counter[object]] = {}
        for layer in layers:
            if layer.block is not None:
                looks.setdefault(layer.block, collections.Counter())[layer.look] += 1
        contents.append(looks)
    numbers = [sorted(looks) for looks in contents]
    paired = list(zip(*numbers, strict=False))
    common = sum((contents[0][a] & contents[1][b]).total() for a, b in paired)
    total = max(
        sum(contents[0][a].total() for a, _ in paired), sum(contents[1][b].total() for _, b in paired), 1
    )
    if common < LIKENESS * total:
        return {}, {}
    ranks = [{number: rank for rank, number in enumerate(side)} for side in numbers]
    return (
        {layer.order: ranks[0][layer.block] for layer in layers_a if layer.block is not None},
        {layer.order: ranks[1][layer.block] for layer in layers_b if layer.block is not None},
    )


def _look_and_block(blocks: Blocks, side: int, layer: Layer) -> object:
    return layer.look, blocks[side].get(layer.order)


def _groups(
    free_a: Sequence[Layer], free_b: Sequence[Layer], key: Callable[[int, Layer], object]
) -> Iterator[tuple[list[Layer], list[Layer]]]:
    """Yield the layers of both models that have the same key, for each key that both have."""
    groups: dict[object, tuple[list[Layer], list[Layer]]] = {}
    for side, layers in enumerate((free_a, free_b)):
        for layer in layers:
            groups.setdefault(key(side, layer), ([], []))[side].append(layer)
    yield from (group for group in groups.values() if all(group))


def _by_name(
    free_a: Sequence[Layer],
    free_b: Sequence[Layer],
    *,
    name_of: Callable[[Layer], tuple[str, ...]],
    reason: str,
) -> Iterator[Decision]:
    """Pair layers of equal names. Names that differ in numbers are equal where both models count alike.

    A sequence numbered 0, 2, 4 is not one numbered 0, 1, 2; numbers by themselves are no names.
    """

    def pattern(_: int, layer: Layer) -> object:
        return layer.look, re.sub(r"\d+", "#", "/".join(name_of(layer)))

    for group_a, group_b in _groups(free_a, free_b, pattern):
        names_a, names_b = ({name_of(layer): layer for layer in group} for group in (group_a, group_b))
        if len(names_a) != len(group_a) or len(names_b) != len(group_b):
            continue
        if not re.search(r"[a-z]", "".join(next(iter(names_a)))):
            continue
        common = names_a.keys() & names_b.keys()
        if len(common) < min(len(names_a), len(names_b)):
            continue
        for name in filter(common.__contains__, names_a):
            if agree(names_a[name], names_b[name]):
                yield Decision(names_a[name], names_b[name], reason)


def _only(
    free_a: Sequence[Layer], free_b: Sequence[Layer], *, key: Callable[[int, Layer], object], reason: str
) -> Iterator[Decision]:
    for group_a, group_b in _groups(free_a, free_b, key):
        if len(group_a) == len(group_b) == 1 and agree(group_a[0], group_b[0]):
            yield Decision(group_a[0], group_b[0], reason)


def _by_place(free_a: Sequence[Layer], free_b: Sequence[Layer], *, blocks: Blocks) -> Iterator[Decision]:
    def key(side: int, layer: Layer) -> object:
        return layer.look, blocks[side].get(layer.order), layer.setting if any(layer.setting) else None

    for group_a, group_b in _groups(free_a, free_b, key):
        if len(group_a) == len(group_b) == 1 and any(group_a[0].setting):
            within = group_a[0].order in blocks[0]
            yield Decision(group_a[0], group_b[0], "by place and block" if within else "by place")


def _by_tail(free_a: Sequence[Layer], free_b: Sequence[Layer], *, blocks: Blocks) -> Iterator[Decision]:
    """Pair layers whose own names are equal, block by block: what is around them has another name."""
    for group_a, group_b in _groups(free_a, free_b, lambda side, layer: blocks[side].get(layer.order)):
        within = group_a[0].order in blocks[0]
        reason = "by its own name in its block" if within else "by its own name"
        yield from _by_name(group_a, group_b, name_of=lambda layer: layer.words[-1:], reason=reason)


def _by_alignment(
    layers: tuple[Sequence[Layer], Sequence[Layer]],
    free: tuple[Sequence[Layer], Sequence[Layer]],
    decisions: Sequence[Decision],
    blocks: Blocks,
) -> Iterator[Decision]:
    """Pair layers of which one model has more, where only one longest alignment exists."""
    if not all(free):
        return
    partners = {decision.first.order: decision.second.order for decision in decisions}
    undecided = [{layer.order for layer in side} for side in free]

    def fits(first: Layer, second: Layer) -> bool:
        if first.order in partners:
            return partners[first.order] == second.order
        return (
            first.order in undecided[0]
            and second.order in undecided[1]
            and _look_and_block(blocks, 0, first) == _look_and_block(blocks, 1, second)
            and agree(first, second)
        )

    for row, column in aligned_pairs(*layers, fits):
        if layers[0][row].order not in partners:
            yield Decision(layers[0][row], layers[1][column], "by the layers around it")
