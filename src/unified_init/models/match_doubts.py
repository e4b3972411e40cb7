"""Says what a match could not decide, each doubt once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from unified_init.models.match_layers import Layer

__all__ = ["doubts_of", "missing"]

SHOWN = 4


def doubts_of(
    free_a: Sequence[Layer],
    free_b: Sequence[Layer],
    decisions: Sequence[Any],
    blocks: tuple[dict[int, int], dict[int, int]],
    spoken_of: AbstractSet[int],
) -> list[str]:
    """Return what is undecided about the layers that have no counterpart.

    Args:
        free_a: of the first model.
        free_b: of the second.
        decisions: the pairs.
        blocks: the ranks of the layers' blocks.
        spoken_of: the positions of layers of the first model about which there is a doubt already.
    """
    doubts: list[str] = []
    kept: list[list[Layer]] = []
    for side, (layers, word) in enumerate(((free_a, "first"), (free_b, "second"))):
        used = {blocks[side].get(decision[side].order) for decision in decisions}
        whole: dict[int, list[Layer]] = {}
        for layer in layers:
            rank = blocks[side].get(layer.order)
            if rank is not None and rank not in used:
                whole.setdefault(rank, []).append(layer)
        doubts += [
            f"block {members[0].block} of the {word} model, with {len(members)} layers from "
            f"{members[0].path!r} to {members[-1].path!r}, has no counterpart"
            for members in whole.values()
        ]
        counted = {layer.order for members in whole.values() for layer in members}
        kept.append([layer for layer in layers if layer.order not in counted])
    looks: dict[object, tuple[list[Layer], list[Layer]]] = {}
    for side, layers in enumerate(kept):
        for layer in layers:
            looks.setdefault(layer.look, ([], []))[side].append(layer)
    for side_a, side_b in looks.values():
        if len(side_a) != len(side_b):
            doubts.append(_uneven(side_a, side_b, decisions))
        elif not any(layer.order in spoken_of for layer in side_a):
            doubts += _contradictions(side_a, side_b)
    return doubts


def _contradictions(side_a: Sequence[Layer], side_b: Sequence[Layer]) -> Iterator[str]:
    for first, second in zip(side_a, side_b, strict=True):
        settings = [" ".join(filter(None, layer.setting)) or "of no known place" for layer in (second, first)]
        yield f"{second.path!r} and {first.path!r} look alike, but are {settings[0]} and {settings[1]}"


def _uneven(side_a: Sequence[Layer], side_b: Sequence[Layer], decisions: Sequence[Any]) -> str:
    shown = (side_a or side_b)[0]
    paired = sum(decision.first.look == shown.look for decision in decisions)
    others = f", beside {paired} like it in both" if paired else ""
    listed = [", ".join(repr(layer.path) for layer in side[:SHOWN]) for side in (side_a, side_b)]
    listed = [
        f"{names} and {len(side) - SHOWN} more" if len(side) > SHOWN else names
        for names, side in zip(listed, (side_a, side_b), strict=True)
    ]
    if not side_a or not side_b:
        word = "first" if side_a else "second"
        return f"{listed[0] or listed[1]} ({shown.shown}) of the {word} model has no counterpart{others}"
    return (
        f"{shown.shown}: {len(side_a)} in the first model ({listed[0]}) and {len(side_b)} in the second "
        f"({listed[1]}){others}"
    )


def missing(path: str, word: str, other: str, tensors: Sequence[str]) -> str:
    """Return the doubt about tensors that a layer has and its counterpart has not."""
    listed = ", ".join(map(repr, tensors))
    return f"{path!r} of the {word} model has {listed}, and its counterpart {other!r} has not"
