"""Models that people use, of two libraries each: matched, drawn, run, and their outputs compared."""

from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import ports_transformers
from tests.helpers.model_pairs import ModelPair, measured
from tests.helpers.pairs_convolutional import CONVOLUTIONAL
from tests.helpers.pairs_sequential import SEQUENTIAL

import unified_init as ui

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


@pytest.mark.needs("transformers", "flax")
def test_scanned_layers_have_no_counterparts_in_separate_ones() -> None:
    """One tensor with an axis of layers is not paired with one tensor for each layer: docs/pairs.md says so."""
    tokens = np.zeros((2, 7), np.int32)
    theirs, ours = ports_transformers.transformers_gpt2(), ports_transformers.linen_scanned_gpt2(tokens)
    names = ui.match(theirs, ours, strict=False)
    assert {path.split("/")[0] for path in names} <= {"tokens", "positions", "norm"}
    assert "'blocks/Dense_0' (linear of extents (512, 64)) of the second model" in "; ".join(names.doubts)
