"""Models that people use, of two libraries each: matched, drawn, run, and their outputs compared."""

from __future__ import annotations

import pytest
from tests.helpers.model_pairs import ModelPair, measured
from tests.helpers.pairs_convolutional import CONVOLUTIONAL
from tests.helpers.pairs_sequential import SEQUENTIAL

# Pairs whose kind another pair shows: the same network in another size, in the same two libraries.
MORE = {
    ("EfficientNet-B0, torchvision", "EfficientNet-B0, timm"),  # EfficientNetV2-S
    ("EfficientNet-B0, torchvision", "EfficientNet-B0, Keras applications"),  # EfficientNetV2-S
    ("ResNet-18, torchvision", "ResNet-18, Haiku"),  # ResNet-50
}


def marks(pair: ModelPair) -> list[pytest.MarkDecorator]:
    """Return what a pair needs, and in which sessions it runs."""
    is_more = (pair.first, pair.second) in MORE
    return [
        pytest.mark.needs(*pair.needs),
        *([pytest.mark.long] if pair.is_long else []),
        *([pytest.mark.more] if is_more else []),
    ]


CASES = [
    pytest.param(
        pair,
        id=f"{pair.first} and {pair.second}",
        marks=marks(pair),
    )
    for pair in (*CONVOLUTIONAL, *SEQUENTIAL)
]


def test_the_pairs_of_fewer_sessions_exist() -> None:
    """A name that no pair has would mark nothing."""
    assert {(pair.first, pair.second) for pair in (*CONVOLUTIONAL, *SEQUENTIAL)} >= MORE


@pytest.mark.parametrize("pair", CASES)
def test_the_map_of_a_pair_is_complete_and_proven(pair: ModelPair) -> None:
    """All tensors are paired, and the outputs are equal to 1e-3 of how far other weights move them."""
    names = measured(pair)
    assert len(names) == pair.tensors
    assert names.verification is not None
    assert names.verification.difference < 1e-3 * names.verification.scale
