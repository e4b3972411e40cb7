"""Shards: the spans that a rank holds are the positions that cutting the axis itself leaves."""

from __future__ import annotations

import doctest
import itertools

from hypothesis import given
from hypothesis import strategies as st

from unified_init.law import shards

CUTS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
        lambda cut: st.tuples(st.just(cut[0]), st.just(cut[1]), st.integers(0, cut[1] - 1))
    ),
    max_size=4,
)


def pieces(positions: list[int], count: int) -> list[list[int]]:
    """Return what torch.chunk makes of a list, completed with empty pieces."""
    size = max(-(-len(positions) // count), 1)
    return [positions[size * piece : size * (piece + 1)] for piece in range(count)]


def positions_of(spans: shards.Spans) -> list[int]:
    """Return the positions of spans in the order in which a shard stores them."""
    return list(itertools.chain.from_iterable(range(*span) for span in spans))


@given(length=st.integers(0, 40), cuts=CUTS)
def test_cuts_leave_the_positions_that_cutting_a_list_leaves(
    length: int, cuts: list[tuple[int, int, int]]
) -> None:
    """Plain and strided cuts, uneven and empty ones, one after the other."""
    (spans,) = shards.whole((length,))
    expected = list(range(length))
    for factor, count, position in cuts:
        if factor == 1:
            spans = shards.chunk(spans, count, position)
            expected = pieces(expected, count)[position]
        else:
            spans = shards.strided_chunk(spans, factor, count, position)
            parts = [pieces(part, count)[position] for part in pieces(expected, factor)]
            expected = list(itertools.chain.from_iterable(parts))
    assert positions_of(spans) == expected
    assert shards.lengths((spans,)) == (len(expected),)
    assert all(first < last for first, last in spans)


def test_boxes_cover_a_shard_once() -> None:
    """Their places tile the shard, and each has the size of its box in the tensor."""
    axes = (((0, 2), (5, 6)), ((1, 4),), ((0, 1), (2, 3)))
    places = [
        position
        for spans, slices in shards.boxes(axes)
        for position in itertools.product(*(range(place.start, place.stop) for place in slices))
        if [last - first for first, last in spans] == [place.stop - place.start for place in slices]
    ]
    assert sorted(places) == list(itertools.product(*map(range, shards.lengths(axes))))


def test_a_scalar_is_one_box_and_an_empty_shard_none() -> None:
    """Rank 0 has one value; an axis without positions has no box."""
    assert list(shards.boxes(shards.whole(()))) == [((), ())]
    assert list(shards.boxes(shards.whole((3, 0)))) == []


def test_the_examples_of_the_docstrings_are_right() -> None:
    """Each returns what its docstring shows."""
    results = doctest.testmod(shards)
    assert results.attempted >= 5
    assert not results.failed
