"""Models that people use, of two libraries each: matched, drawn, run, and their outputs compared."""

from __future__ import annotations

import pytest
from tests.helpers.model_pairs import ModelPair, measured
from tests.helpers.pairs_convolutional import CONVOLUTIONAL
from tests.helpers.pairs_sequential import SEQUENTIAL

CASES = [
    pytest.param(
        pair,
        id=f"{pair.first} and {pair.second}",
        marks=[pytest.mark.needs(*pair.needs), *([pytest.mark.long] if pair.is_long else [])],
    )
    for pair in (*CONVOLUTIONAL, *SEQUENTIAL)
]


@pytest.mark.parametrize("pair", CASES)
def test_the_map_of_a_pair_is_complete_and_proven(pair: ModelPair) -> None:
    """All tensors are paired, and the outputs are equal to 1e-3 of how far other weights move them."""
    names = measured(pair)
    assert len(names) == pair.tensors
    assert names.verification is not None
    assert names.verification.difference < 1e-3 * names.verification.scale
