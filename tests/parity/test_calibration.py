"""Calibration: right samples fail as often as the false-alarm rate says."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
from scipy import special

import unified_init as ui
from unified_init import testing
from unified_init.testing.power_sums import power_sums_of
from unified_init.testing.survey import survey

pytestmark = pytest.mark.long

SMALL = (25, 40)
COMPARED = (30, 20)
LEVEL = 0.05
BOUNDS = {"bounds", "distinct values", "repeated runs", "repeated columns"}  # with upper bounds of p
EXTREMES = {"smallest value", "largest value"}


def simulated(
    name: str, random: np.random.Generator, *, by_histogram: bool = False
) -> tuple[testing.Finding, ...]:
    """Return the findings of one right sample of NumPy's generator."""
    unit = random.standard_normal(SMALL)
    match name:
        case "normal":
            spec, sample = ui.normal(0.25, 0.02), (0.25 + 0.02 * unit).astype(np.float32)
        case "bfloat16":
            spec, sample = ui.normal(0.0, 1.0), unit.astype(ml_dtypes.bfloat16)
        case "uniform":
            spec, sample = ui.uniform(-0.3, 1.7), random.uniform(-0.3, 1.7, SMALL).astype(np.float32)
        case "truncated":
            u = random.uniform(special.ndtr(-2.0), special.ndtr(2.0), SMALL)
            spec, sample = ui.truncated_normal(0.0, 1.0, -2.0, 2.0), special.ndtri(u).astype(np.float32)
        case _:
            return testing.compare(unit, random.standard_normal(COMPARED))
    law = spec.resolve(SMALL)
    if not by_histogram:
        return testing.examine(sample, law)
    findings = survey(sample, law, power_sums_of(sample), distinct=sample.size)
    assert findings is not None
    return findings


@pytest.mark.parametrize(
    ("name", "runs", "alarms"),
    [
        # 100 alarms in 10,000 +- 4 standard deviations: a rate of 1 % leaves them once in 16,000 times.
        pytest.param("normal", 10_000, (60, 140), marks=pytest.mark.more),  # 2,000 in an audit, below
        # Ranks make one another likely, which the sum of their rates does not know: 0.7 % alarm, not 1 %.
        ("two samples", 10_000, (36, 140)),
        # 20 in 2,000: a rate of 1 % leaves this range once in 2,000 times.
        ("uniform", 2_000, (7, 37)),
        ("truncated", 2_000, (7, 37)),
        ("bfloat16", 2_000, (7, 37)),
    ],
)
def test_right_samples_fail_as_often_as_the_rate_says(name: str, runs: int, alarms: tuple[int, int]) -> None:
    """At 1e-2, and each finding at 5 % of its own: within 4.5 standard deviations, bounds below it.

    Extreme values of two samples have few possible p-values, so they fail less often than they say.
    """
    random = np.random.default_rng(20261124)
    failed, below = 0, dict.fromkeys((one.name for one in simulated(name, random)), 0)
    for _ in range(runs):
        findings = simulated(name, random)
        failed += testing.family_p(findings) < 0.01
        for one in findings:
            below[one.name] += one.p < LEVEL
    assert alarms[0] <= failed <= alarms[1]
    off = 4.5 * math.sqrt(runs * LEVEL * (1.0 - LEVEL))
    conservative = BOUNDS | (EXTREMES if name == "two samples" else set())
    for finding, count in below.items():
        least = 0.0 if finding in conservative else runs * LEVEL - off
        assert least <= count <= runs * LEVEL + off, finding


@pytest.mark.parametrize("name", ["normal", "uniform", "truncated", "bfloat16"])
def test_right_samples_fail_as_often_in_an_audit(name: str) -> None:
    """By the statistics of the histogram: 7 to 37 of 2,000 at 1e-2, and each finding at its own rate or less."""
    random = np.random.default_rng(20261129)
    runs, failed = 2_000, 0
    below: dict[str, int] = {}
    for _ in range(runs):
        findings = simulated(name, random, by_histogram=True)
        failed += testing.family_p(findings) < 0.01
        for statistic in findings:
            below[statistic.name] = below.get(statistic.name, 0) + (statistic.p < LEVEL)
    assert 7 <= failed <= 37
    off = 4.5 * math.sqrt(runs * LEVEL * (1.0 - LEVEL))
    for finding, count in below.items():
        least = 0.0 if finding in BOUNDS | {"Kolmogorov-Smirnov"} else runs * LEVEL - off
        assert least <= count <= runs * LEVEL + off, finding
