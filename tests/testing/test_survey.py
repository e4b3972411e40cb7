"""The statistics of a histogram, each against the one of sorted values; power sums against NumPy's moments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

import unified_init as ui
from unified_init import testing
from unified_init.testing import power_sums
from unified_init.testing import survey as survey_room
from unified_init.testing.dependence import repeats
from unified_init.testing.power_sums import power_sums_of
from unified_init.testing.survey import MANY, different, survey

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPECS = {
    "normal": ui.normal(0.0, 0.02),
    "shifted": ui.normal(0.25, 0.02),
    "uniform": ui.uniform(-0.3, 1.7),
    "truncated": ui.truncated_normal(0.5, 0.1, -1.0, 3.0),
    "quantile": ui.from_quantile(lambda p: p**2, lambda p: (1 - p) ** 2, low=0.0, high=1.0),
}
BOUNDED = {"bounds", "distinct values", "repeated runs", "repeated columns"}


@pytest.fixture(autouse=True, params=["numpy", pytest.param("c", marks=pytest.mark.needs("c"))])
def _runner(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every test run with the compiled statistics, and without them."""
    if request.param == "numpy":
        for room in (power_sums, survey_room):
            monkeypatch.setattr(room, "compiled", lambda: None)


@pytest.mark.parametrize("size", [1, MANY - 1, MANY, 20 * MANY])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_different_values_are_counted_as_numpy_does(dtype: str, size: int) -> None:
    """With many copies, and zeros of both signs, which are one value."""
    values = np.random.default_rng(size).integers(-size, size + 1, size).astype(dtype)
    values[::3] *= 0
    assert different(values) == np.unique(values).size
    assert different(values.astype(np.float64) + np.arange(size)) == np.unique(values + np.arange(size)).size


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16", "float8_e4m3fn"])
@pytest.mark.parametrize("name", SPECS)
def test_the_statistics_are_those_of_sorted_values(name: str, dtype: str) -> None:
    """Same names, observed values within 5 %, p-values within 10 %; Kolmogorov-Smirnov's is a bound."""
    if name == "quantile" and dtype == "float64":
        return
    spec, shape = SPECS[name], (120, 90)
    sample = np.asarray(ui.draw(spec, shape, seed=2, name=name, dtype=dtype))
    law = spec.resolve(shape)
    findings = survey(sample, law, power_sums_of(sample), np.unique(sample.astype(np.float64)).size)
    assert findings is not None
    for ours, exact in zip(findings, testing.examine(sample, law), strict=True):
        assert (ours.name, ours.share) == (exact.name, exact.share)
        assert ours.observed == pytest.approx(exact.observed, rel=0.05, abs=1e-3), ours.name
        if ours.name == "Kolmogorov-Smirnov":
            assert ours.p >= exact.p * 0.99
        elif ours.name not in BOUNDED:
            assert ours.p == pytest.approx(exact.p, rel=0.1, abs=0.01), ours.name


def test_a_law_that_cells_do_not_resolve_is_left_to_sorting() -> None:
    """One with a peak, and a float32 law of few values."""
    peak = ui.from_quantile(lambda p: -((1 - 2 * p) ** 30), lambda p: (1 - 2 * p) ** 30)
    few = ui.normal(1000.0, 1e-3)
    for spec in (peak, few):
        sample = np.asarray(ui.draw(spec, (400,), seed=0, name="w"))
        assert survey(sample, spec.resolve((400,)), power_sums_of(sample), 400) is None
        assert testing.family_p(testing.examine(sample, spec.resolve((400,)))) > 1e-4


@pytest.mark.parametrize("offset", [0.0, 5.0, -1000.0])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_power_sums_are_the_moments(offset: float, dtype: str) -> None:
    """Of values in several blocks, in any order of storage, far from 0 too."""
    sample = (np.random.default_rng(0).standard_normal((300, 333)) + offset).astype(dtype).T
    exact = sample.astype(np.float64)
    sums = power_sums_of(sample)
    assert (sums.size, sums.low, sums.high) == (99900, exact.min(), exact.max())
    assert sums.mean == pytest.approx(exact.mean(), abs=1e-6)
    assert sums.std == pytest.approx(exact.std(), rel=1e-6)
    assert sums.kurtosis == pytest.approx(((exact - exact.mean()) ** 4).mean() / exact.var() ** 2, rel=1e-5)
    for power, mean in enumerate(sums.about(offset + 0.5, 2.0), 1):
        assert mean == pytest.approx((((exact - offset - 0.5) / 2.0) ** power).mean(), rel=1e-5, abs=1e-6)


def test_power_sums_of_one_value_and_of_none_that_is_finite() -> None:
    """A constant has no spread, exactly; NaN and infinity are seen in the ends."""
    constant = power_sums_of(np.full((70000,), 0.1, np.float32))
    assert (constant.mean, constant.std) == (float(np.float32(0.1)), 0.0)
    assert math.isnan(constant.kurtosis)
    for odd in (math.nan, math.inf, -math.inf):
        values = np.ones(70000, np.float32)
        values[40000] = odd
        sums = power_sums_of(values)
        assert sums.sums is None
        assert math.isnan(sums.mean)
        assert math.isnan(sums.std)
        assert math.isnan(sums.kurtosis)
    assert power_sums_of(np.arange(5)).mean == 2.0


def with_block(length: int) -> NDArray[np.uint32]:
    """Return 2**17 words of which a block of this length occurs twice."""
    words = np.random.default_rng(length).integers(2**32, size=1 << 17, dtype=np.uint32)
    words[90000 : 90000 + length] = words[500 : 500 + length]
    return words


def test_repeated_blocks_are_seen_in_a_part_of_the_runs() -> None:
    """Of all runs about one in eight is compared: a block of 300 is seen, and a right sample has none."""
    (finding,) = repeats(with_block(300), 4, 1e-17, most=1 << 14)
    assert 300 / 16 < finding.observed < 300 / 4
    assert finding.p == 1e-17
    (finding,) = repeats(with_block(0), 4, 1e-17, most=1 << 14)
    assert (finding.observed, finding.p) == (0, 1.0)
    constant = with_block(0)
    constant[70:80] = 3
    (finding,) = repeats(constant, 4, 1e-17, most=1 << 14)
    assert finding.observed >= 5
