"""Streams of different names: no two collide, and no two parameters of a model are correlated."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

import unified_init as ui
from unified_init import testing
from unified_init.stream import threefry

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MODEL = Path(__file__).parents[2] / "examples" / "gpt2_small.json"
NAMES = tuple(f"model.layers.{i // 10}.block_{i % 10}.kernel" for i in range(100_000))
SEED = 20261124


def distinct(words: list[tuple[int, int]], bits: int = 64) -> int:
    """Return how many different values the leading bits of pairs of words have."""
    return len({(high << 32 | low) >> (64 - bits) for high, low in words})


def test_no_two_of_many_names_share_a_key_or_a_first_word() -> None:
    """100,000 names have as many keys, and as many first pairs of words; chance repeats one in 4e9 times.

    With 24 of the 64 bits, most of them do repeat: the count sees collisions.
    """
    root = threefry.root_key(SEED)
    keys = [threefry.named_key(root, name) for name in NAMES]
    assert distinct(keys) == len(NAMES)
    first = [threefry.block_of_ints(key, (0, 0)) for key in keys]
    assert distinct(first) == len(NAMES)
    assert distinct(keys, 24) < len(NAMES) - 100
    assert distinct(first, 24) < len(NAMES) - 100


def test_first_values_of_many_names_are_independent_draws() -> None:
    """Across 5,000 names, values at equal places follow the law, and so do differences in names' order.

    At 1e-4; with every second name given twice, they fail.
    """
    names = NAMES[:5_000]
    drawn = np.stack([ui.draw(ui.normal(0.0, 1.0), (4,), seed=SEED, name=name) for name in names])
    law = ui.normal(0.0, 1.0).resolve(drawn.shape)
    testing.assert_follows(drawn, law, alpha=1e-4)
    drawn[1::2] = drawn[::2]
    with pytest.raises(AssertionError, match="FAILED cross-axis correlation"):
        testing.assert_follows(drawn, law)


# --- one model ------------------------------------------------------------------------------------

PART = (slice(0, 64), slice(0, 64))


def parameters() -> dict[tuple[int, ...], list[Any]]:
    """Return the random parameters of GPT-2 small by shape, where several have one."""
    found: dict[tuple[int, ...], list[Any]] = {}
    for record in json.loads(MODEL.read_text(encoding="utf-8"))["parameters"]:
        if record["spec"]["distribution"]["kind"] != "Constant":
            found.setdefault(tuple(record["shape"]), []).append(record)
    return {shape: records for shape, records in found.items() if len(records) > 1}


def part(record: Any, name: str | None = None) -> Array:
    """Return the 64 by 64 corner of a parameter, drawn alone."""
    spec = ui.from_json(json.dumps(record["spec"]))
    shape = tuple(record["shape"])
    options = {"layout": record["layout"], "seed": 0, "name": name or record["name"]}
    return np.asarray(ui.draw(spec, shape, index=PART, **options))


def scores(parts: list[Array]) -> Array:
    """Return the correlation of each pair, in its standard errors: unit normals where all are independent."""
    units = np.stack([(one.reshape(-1) - one.mean()) / one.std() for one in parts]).astype(np.float64)
    table = units @ units.T / math.sqrt(units.shape[1])
    above: Array = table[np.triu_indices(len(parts), 1)]
    return above


def p_values(z: Array) -> tuple[float, float]:
    """Return the p-values of the sum of squares of scores and of the largest."""
    largest = float(np.abs(z).max())
    return float(stats.chi2.sf(float(z @ z), z.size)), min(1.0, z.size * 2.0 * float(stats.norm.sf(largest)))


def test_equal_shapes_of_one_model_are_uncorrelated() -> None:
    """GPT-2 small has four shapes with 12 tensors each: 264 pairs over 4,096 values, by sum and maximum.

    At 1e-3 each: independent draws fail for one seed in 500; the seed is the model's.
    """
    groups = parameters()
    assert {shape: len(records) for shape, records in groups.items()} == {
        (768, 2304): 12,
        (768, 768): 12,
        (768, 3072): 12,
        (3072, 768): 12,
    }
    parts = {shape: [part(record) for record in records] for shape, records in groups.items()}
    z = np.concatenate([scores(group) for group in parts.values()])
    assert z.size == 4 * 66
    assert min(p_values(z)) > 1e-3
    for group in parts.values():
        testing.assert_independent(*group)


@pytest.mark.parametrize("pair", [(0, 1), (3, 11)])
def test_two_parameters_of_one_name_are_seen(pair: tuple[int, int]) -> None:
    """One name given to two of a shape's twelve: the maximum is clear, and the assertion names the pair."""
    records = parameters()[768, 768]
    parts = [part(record) for record in records]
    parts[pair[1]] = part(records[pair[1]], name=records[pair[0]]["name"])
    assert p_values(scores(parts))[1] < 1e-100
    with pytest.raises(AssertionError, match=f"^samples {pair[0]} and {pair[1]} are not independent"):
        testing.assert_independent(*parts)


def test_a_weak_common_part_is_seen_by_the_sum() -> None:
    """A fifth of a std that all twelve share: a correlation of 0.04, 2.5 standard errors of a pair.

    The sum of the 66 squares is then about 66 (1 + 2.5**2), 36 of its standard errors too large.
    """
    records = parameters()[768, 768]
    parts = [part(record) / part(record).std() for record in records]
    common = np.random.default_rng(0).standard_normal((64, 64))
    assert p_values(scores([one + 0.2 * common for one in parts]))[0] < 1e-9


def test_neighbouring_seeds_and_names_are_independent() -> None:
    """Seeds that differ by one bit, names that differ by a character or order, and a name against none."""
    spec, shape = ui.normal(0.0, 1.0), (40, 50)
    seeds = [ui.draw(spec, shape, seed=seed, name="w") for seed in (0, 1, 2, 3, 2**32, 2**32 + 1, 2**63)]
    names = [ui.draw(spec, shape, seed=0, name=name) for name in ("", "v", "w2", "2w", "w ", "W", "w/mask")]
    testing.assert_independent(*seeds, *names, alpha=1e-4)
