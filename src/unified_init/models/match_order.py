"""Pairs layers that look alike by the order in which they are, which the kernels around them must confirm."""

from __future__ import annotations

import bisect
import collections
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from unified_init.models.match_layers import Layer

__all__ = ["REGISTRATION", "ordered"]

Pair = tuple["Layer", "Layer", str]
Doubt = tuple[str, list["Layer"], list["Layer"]]
# Kernels of one branch, which models list in any order; the last one of each branch is not among them.
BESIDE = frozenset({
    "attention.query", "attention.key", "attention.value", "attention.qkv", "mlp.gate", "mlp.in",
})  # fmt: skip

REGISTRATION = "order of registration"
# Words that say which of two norms comes first. Numbers and single letters in names say it, too.
FIRST = frozenset({"before", "pre", "input", "in", "attention", "attn", "first"})
LAST = frozenset({
    "after", "post", "output", "out", "mlp", "ffn", "ffw", "ff", "feedforward", "final", "last", "second",
})  # fmt: skip


class Anchors(NamedTuple):
    """The kernels that are decided: their positions in both models, in the order of the first model."""

    pairs: list[tuple[int, int]]

    def neighbors(self, layers: Sequence[Layer], side: int, step: int) -> list[int | None]:
        """Return the kernel before (-1) or behind (1) each layer, as its position in the second model."""
        positions = sorted(pair[side] for pair in self.pairs)
        partner = {pair[side]: pair[1] for pair in self.pairs}
        indices = [bisect.bisect_left(positions, layer.order) - (step < 0) for layer in layers]
        return [partner[positions[index]] if 0 <= index < len(positions) else None for index in indices]

    def are_crossed(self, layers_a: Sequence[Layer], layers_b: Sequence[Layer]) -> bool:
        """Whether kernels among these layers, or next to them, are in another order in the other model."""
        near: set[tuple[int, int]] = set()
        for side, layers in enumerate((layers_a, layers_b)):
            by_side = sorted(self.pairs, key=lambda pair: pair[side])
            positions = [pair[side] for pair in by_side]
            start = bisect.bisect_left(positions, layers[0].order)
            stop = bisect.bisect_left(positions, layers[-1].order)
            near.update(by_side[max(0, start - 1) : stop + 1])
        seconds = [second for _, second in sorted(near)]
        return seconds != sorted(seconds)


def ordered(
    group_a: Sequence[Layer],
    group_b: Sequence[Layer],
    decisions: Sequence[Any],
    order: str,
    agree: Callable[[Layer, Layer], bool],
) -> tuple[list[Pair], list[Doubt]]:
    """Return the pairs of layers that look alike, equally many of each model, and the doubts.

    A doubt is a text, and the layers of each model that it is about.

    Args:
        group_a: of the first model, in order.
        group_b: of the second.
        decisions: the pairs of layers so far.
        order: what the order is, for the reasons.
        agree: whether two layers may be a pair.
    """
    kernels = [decision for decision in decisions if decision.first.has_kernel]
    every = Anchors([(decision.first.order, decision.second.order) for decision in kernels])
    main = Anchors(
        [
            (decision.first.order, decision.second.order)
            for decision in kernels
            if not _is_beside(decision.first.place, decision.second.place, [*group_a, *group_b])
        ]
    )
    pairs: list[Pair] = []
    doubts: list[Doubt] = []
    for reason, part_a, part_b in _by_setting(group_a, group_b):
        context = _by_context(part_a, part_b, every)
        if context is not None:
            pairs += [
                (first, second, reason + (order if straight else "the layers around it"))
                for first, second, straight in context
                if agree(first, second)
            ]
        elif main.are_crossed(part_a, part_b):
            doubts.append((_crossing(part_a, part_b), part_a, part_b))
        elif _has_one_shortcut(part_a, part_b):
            doubts.append((_unnamed_shortcut(part_a, part_b), part_a, part_b))
        elif order == REGISTRATION and not part_a[0].has_kernel and not _are_named_in_order(part_a, part_b):
            doubts.append((_unnamed_order(part_a, part_b), part_a, part_b))
        else:
            ranked = zip(part_a, part_b, strict=True)
            pairs += [(first, second, reason + order) for first, second in ranked if agree(first, second)]
    return pairs, doubts


def _is_beside(place_a: str, place_b: str, group: Sequence[Layer]) -> bool:
    """Whether a kernel is listed in any order among its neighbors: its position says nothing of a group.

    A shortcut may come before its branch or behind it. Its position does say something of layers that may be
    those of a shortcut, unless both models call it one.
    """
    if BESIDE & {place_a, place_b}:
        return True
    if any(layer.place == "shortcut" for layer in group):
        return place_a == place_b == "shortcut"
    return "shortcut" in {place_a, place_b}


def _by_setting(
    group_a: Sequence[Layer], group_b: Sequence[Layer]
) -> Iterator[tuple[str, list[Layer], list[Layer]]]:
    """Yield the layers of each place and side that equally many have in both models, then the others."""
    count_a, count_b = (collections.Counter(layer.setting for layer in group) for group in (group_a, group_b))
    shared = {setting for setting in count_a if any(setting) and count_a[setting] == count_b[setting]}
    for setting in filter(shared.__contains__, count_a):
        side_a, side_b = (
            [layer for layer in group if layer.setting == setting] for group in (group_a, group_b)
        )
        yield "by place and ", side_a, side_b
    rest_a, rest_b = (
        [layer for layer in group if layer.setting not in shared] for group in (group_a, group_b)
    )
    if rest_a:
        yield "by ", rest_a, rest_b


def _by_context(
    layers_a: Sequence[Layer], layers_b: Sequence[Layer], anchors: Anchors
) -> list[tuple[Layer, Layer, bool]] | None:
    """Return the pairs that follow, or precede, the same kernels; None if that does not decide all of them.

    Each comes with whether it is also the pair in order.
    """
    for step in (-1, 1):
        keys_a, keys_b = (
            anchors.neighbors(layers, side, step) for side, layers in enumerate((layers_a, layers_b))
        )
        if len(set(keys_a)) == len(keys_a) and set(keys_a) == set(keys_b):
            seconds = dict(zip(keys_b, layers_b, strict=True))
            return [
                (first, seconds[key], seconds[key] is second)
                for first, key, second in zip(layers_a, keys_a, layers_b, strict=True)
            ]
    return None


def _has_one_shortcut(layers_a: Sequence[Layer], layers_b: Sequence[Layer]) -> bool:
    """Whether the models name different numbers of shortcuts, which come before their branch or behind it."""
    counts = [sum(layer.place == "shortcut" for layer in layers) for layers in (layers_a, layers_b)]
    return len(layers_a) > 1 and counts[0] != counts[1]


def _are_named_in_order(layers_a: Sequence[Layer], layers_b: Sequence[Layer]) -> bool:
    """Whether the names in both models say the order in which the layers are.

    Norms have no order of their own: nothing goes wrong where a class registers the second before the first.
    """
    ranks = [[_rank(layer) for layer in layers] for layers in (layers_a, layers_b)]
    orders = [sorted(range(len(side)), key=side.__getitem__) for side in ranks]
    are_distinct = all(len(set(side)) == len(side) for side in ranks)
    return len(layers_a) == 1 or (are_distinct and orders[0] == orders[1])


def _rank(layer: Layer) -> tuple[int, ...]:
    """Return what the name of a layer says about its order: numbers, letters, and words for first or last."""
    words = re.findall(r"\d+|[a-z]+", layer.path.lower().replace("feed_forward", "feedforward"))
    ranks = []
    for word in words:
        if word.isdecimal():
            ranks.append(int(word))
        elif word in FIRST or word in LAST:
            ranks.append(int(word in LAST))
        elif len(word) == 1:
            ranks.append(ord(word))
    return tuple(ranks)


def _unnamed_order(layers_a: Sequence[Layer], layers_b: Sequence[Layer]) -> str:
    sides = [", ".join(repr(layer.path) for layer in layers) for layers in (layers_b, layers_a)]
    return (
        f"{layers_a[0].shown}: {sides[0]} and {sides[1]} look alike, and only the order in which they are "
        "registered says which is which"
    )


def _unnamed_shortcut(layers_a: Sequence[Layer], layers_b: Sequence[Layer]) -> str:
    sides = [", ".join(repr(layer.path) for layer in layers) for layers in (layers_b, layers_a)]
    return (
        f"{layers_a[0].shown}: {sides[0]} and {sides[1]} look alike, and one of the models does not say "
        "which of them is the shortcut"
    )


def _crossing(layers_a: Sequence[Layer], layers_b: Sequence[Layer]) -> str:
    sides = [", ".join(repr(layer.path) for layer in layers) for layers in (layers_b, layers_a)]
    return (
        f"{layers_a[0].shown}: {sides[0]} and {sides[1]} look alike, and the kernels around them are in "
        "another order in one of the models"
    )
