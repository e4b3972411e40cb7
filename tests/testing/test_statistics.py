"""Statistics of one sample and of two, each against SciPy, a direct formula or going through all cases."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import TYPE_CHECKING

import ml_dtypes
import numpy as np
import pytest
from scipy import stats

import unified_init as ui
from unified_init import testing
from unified_init.testing import goodness, two_sample
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NORMAL = ui.normal(0.0, 1.0).resolve(())


def normals(n: int, seed: int = 0) -> Array:
    """Return unit normals of float64, increasing."""
    return np.sort(np.random.default_rng(seed).standard_normal(n))


def counted(a: Array, b: Array) -> tuple[Array, Array]:
    """Return how many of each sample are at most each distinct value of both."""
    values = np.unique(np.concatenate([a, b]))
    below_a, below_b = (np.searchsorted(one, values, side="right").astype(float) for one in (a, b))
    return below_a, below_b


def named(findings: tuple[testing.Finding, ...]) -> dict[str, testing.Finding]:
    """Return findings by name."""
    return {one.name: one for one in findings}


# --- goodness of fit ------------------------------------------------------------------------------


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.3])
def test_kolmogorov_smirnov_is_that_of_scipy(shift: float) -> None:
    """Distance and exact p-value of a continuous sample."""
    sample = normals(500) + shift
    u = goodness.grades(sample, population_of(NORMAL, "float64"))
    expected = stats.kstest(sample, "norm", method="exact")
    distance, p = goodness.kolmogorov_smirnov(u)
    assert distance == pytest.approx(expected.statistic, abs=1e-12)
    assert p == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("n", [1, 2, 8, 64, 99, 140, 141])
def test_the_p_value_of_few_values_is_that_of_scipy(n: int) -> None:
    """To 1e-11, from the smallest distance that there is up to 1, which has none above."""
    for distance in np.linspace(0.5 / n, 1.0, 200):
        sample = np.clip(np.arange(1, n + 1) / n - distance, 0.0, 1.0)
        observed, p = goodness.kolmogorov_smirnov(sample)
        assert p == pytest.approx(float(stats.kstwo.sf(observed, n)), rel=5e-11, abs=1e-300)


def weighted_distance(u: Array) -> float:
    """Return n times the integral of (F_n - u)^2 / (u (1 - u)), piece by piece, in closed form."""
    ends = np.concatenate([[1e-300], u, [1.0 - 2.0**-53]])
    levels = np.arange(u.size + 1) / u.size  # of F_n, from one value to the next

    def primitive(at: Array) -> Array:
        weighed: Array = levels**2 * np.log(at) - (1.0 - levels) ** 2 * np.log1p(-at) - at
        return weighed

    return u.size * math.fsum(primitive(ends[1:]) - primitive(ends[:-1]))


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.3])
def test_anderson_darling_is_the_integral_that_defines_it(shift: float) -> None:
    """The sum of logarithms equals the weighted squared distance of the distribution functions."""
    u = goodness.grades(normals(300) + shift, population_of(NORMAL, "float64"))
    assert goodness.anderson_darling(u)[0] == pytest.approx(weighted_distance(u), rel=1e-9)


def test_anderson_darling_survives_the_ends() -> None:
    """Probabilities of 0 and 1 are infinitely unlikely, not undefined."""
    statistic, p = goodness.anderson_darling(np.array([0.0, 0.5, 1.0]))
    assert math.isfinite(statistic)
    assert p == 1e-15


def test_grades_of_equal_values_are_spread_over_their_cell() -> None:
    """Three draws of one bfloat16 value lie at 1/6, 3/6 and 5/6 of its cell."""
    population = population_of(NORMAL, "bfloat16")
    u = goodness.grades(np.array([-1.0, 0.5, 0.5, 0.5, 2.0]), population)
    lower, upper = stats.norm.cdf([0.5 - 2.0**-10, 0.5 + 2.0**-9])
    np.testing.assert_allclose(u[1:4], lower + (upper - lower) * np.array([1, 3, 5]) / 6.0, rtol=1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (200, 130), (1000, 5000)])
@pytest.mark.parametrize("decimals", [15, 1])
def test_two_sample_statistics_are_those_of_scipy(n: int, m: int, decimals: int) -> None:
    """Kolmogorov-Smirnov's distance, and anderson_ksamp's statistic before it is standardized.

    SciPy returns (A - 1) / sigma, where sigma depends on the sizes alone (F. W. Scholz and M. A. Stephens,
    "K-sample Anderson-Darling tests", 1987): so two pairs of samples tell sigma, and a third is foretold.
    Ours counts ties once a value, as SciPy's midrank=False.
    """
    ours, theirs = [], []
    for seed in range(3):
        a, b = (np.round(normals(size, seed + at), decimals) for at, size in ((0, n), (50, m)))
        below = counted(a, b)
        distance, _ = goodness.two_kolmogorov_smirnov(*below, n, m)
        assert distance == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic, abs=1e-12)
        ours.append(goodness.two_anderson_darling(*below, n, m)[0])
        theirs.append(scipy_two_sample(a, b))
    sigma = (ours[1] - ours[0]) / (theirs[1] - theirs[0])
    assert ours[2] == pytest.approx(ours[0] + sigma * (theirs[2] - theirs[0]), rel=1e-9)
    assert ours[0] == pytest.approx(1.0 + sigma * theirs[0], rel=1e-9)


def scipy_two_sample(a: Array, b: Array) -> float:
    """Return SciPy's standardized statistic."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of p-values outside its table, and of arguments to come
        return float(stats.anderson_ksamp([a, b], midrank=False).statistic)


def test_two_sample_p_values_are_near_the_exact_ones() -> None:
    """Kolmogorov-Smirnov's by one sample's law of the effective size: within a tenth of the exact."""
    a, b = normals(400), normals(400, 1) + 0.2
    _, p = goodness.two_kolmogorov_smirnov(*counted(a, b), 400, 400)
    assert p == pytest.approx(stats.ks_2samp(a, b, method="exact").pvalue, rel=0.15)


# --- moments and extremes -------------------------------------------------------------------------


def test_the_variance_has_the_p_value_of_chi_square() -> None:
    """Of a float64 sample of normals, about the law's mean."""
    sample = np.random.default_rng(0).standard_normal(1000) * 1.1
    found = named(testing.examine(sample, NORMAL))["variance"]
    total = float((sample**2).sum())
    assert found.observed == pytest.approx(total / 1000.0, rel=1e-12)
    assert found.p == pytest.approx(2.0 * stats.chi2.sf(total, 1000), rel=1e-6)
    assert found.z == pytest.approx((total - 1000.0) / math.sqrt(2000.0), rel=1e-8)


def test_the_mean_has_the_p_value_of_the_normal() -> None:
    """Observed and expected are in the units of the sample."""
    law = ui.normal(3.0, 2.0).resolve(())
    sample = 3.0 + 2.0 * np.random.default_rng(0).standard_normal(1000) + 0.2
    found = named(testing.examine(sample, law))["mean"]
    assert found.expected == pytest.approx(3.0, abs=1e-12)
    assert found.observed == pytest.approx(sample.mean(), rel=1e-12)
    z = (sample.mean() - 3.0) * math.sqrt(1000.0) / 2.0
    assert found.p == pytest.approx(2.0 * stats.norm.sf(abs(z)), rel=1e-6)


def test_the_kurtosis_is_about_the_law() -> None:
    """The mean fourth power about the law's mean in units of its std: 3 for a normal."""
    sample = np.random.default_rng(0).standard_normal(1000)
    found = named(testing.examine(sample, NORMAL))["kurtosis"]
    assert found.expected == pytest.approx(3.0, rel=1e-8)
    assert found.observed == pytest.approx(float((sample**4).mean()), rel=1e-12)


@pytest.mark.parametrize(("largest", "smallest"), [(3.9, -3.0), (1.7, -3.9), (3.0, -1.8)])
def test_extremes_of_a_continuous_law_are_powers(largest: float, smallest: float) -> None:
    """P(all n below x) is F(x)^n; twice the smaller tail of each end."""
    inner = np.linspace(-1.5, 1.5, 98)
    found = named(testing.examine(np.array([*inner, largest, smallest]), NORMAL))
    for name, x in (("largest value", largest), ("smallest value", -smallest)):
        below = stats.norm.cdf(x) ** 100
        assert found[name].p == pytest.approx(2.0 * min(below, 1.0 - below), rel=1e-6)
        outwards = 1.0 if name == "largest value" else -1.0
        assert math.copysign(1.0, found[name].z) == (outwards if below > 0.5 else -outwards)
        assert stats.norm.cdf(abs(found[name].expected)) ** 100 == pytest.approx(0.5, abs=0.01)


def test_extremes_of_a_discrete_law_count_the_whole_cell() -> None:
    """With float8_e5m2, P(largest >= x) has the mass of x in it, by going through the values."""
    dtype = "float8_e5m2"
    population = population_of(NORMAL, dtype)
    at_or_above = {
        float(value): float(population.weights[i:].sum()) for i, value in enumerate(population.values)
    }
    sample = normals(200).astype(ml_dtypes.float8_e5m2)
    found = named(testing.examine(sample, NORMAL))["largest value"]
    largest = float(sample.astype(np.float64).max())
    reached = 1.0 - (1.0 - at_or_above[largest]) ** 200
    not_passed = (1.0 - at_or_above[largest] + population.weights[population.values == largest][0]) ** 200
    assert found.p == pytest.approx(min(1.0, 2.0 * min(reached, not_passed)), rel=1e-4)


def test_bounds_allow_for_another_arithmetic_and_no_more() -> None:
    """An end may be passed by some ulps, as jax.random does, and not by a hundred."""
    law = ui.uniform(-1.0, 1.0).resolve(())
    sample = np.random.default_rng(0).uniform(-1.0, 1.0, 1000).astype(np.float32)
    for past, outside in ((2.0**-23, 0), (2.0**-16, 1)):
        sample[7] = np.float32(1.0 + past)
        found = named(testing.examine(sample, law))["bounds"]
        assert (found.observed, found.p) == (outside, 1.0 if outside == 0 else 0.0)


# --- ranks ----------------------------------------------------------------------------------------


def two(n: int, m: int, *, tied: bool) -> tuple[Array, Array]:
    """Return two samples of slightly different laws, without ties or with many."""
    a, b = normals(n), 0.1 + 1.2 * normals(m, 1)
    return (np.round(a, 1), np.round(b, 1)) if tied else (a, b)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(("n", "m"), [(100, 100), (400, 150)])
def test_the_mean_is_wilcoxons_statistic(n: int, m: int, *, tied: bool) -> None:
    """SciPy's mannwhitneyu without a continuity correction: z and p, ties and all."""
    a, b = two(n, m, tied=tied)
    found = named(testing.compare(a, b))["mean"]
    expected = stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=False)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert math.copysign(1.0, found.z) == math.copysign(1.0, expected.statistic - n * m / 2.0)
    assert (found.observed, found.expected) == pytest.approx((a.mean(), b.mean()), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (400, 150)])
def test_the_variance_is_moods_statistic(n: int, m: int) -> None:
    """SciPy's mood, without ties: squares of middle ranks are its scores, up to a line."""
    a, b = two(n, m, tied=False)
    found = named(testing.compare(a, b))["variance"]
    expected = stats.mood(a, b)
    assert found.z == pytest.approx(expected.statistic, rel=1e-9)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_rank_statistics_have_their_exact_variance() -> None:
    """Over all ways of choosing 4 of 9 tied values, z has mean 0 and variance 1."""
    pool = np.array([0.0, 1.0, 1.0, 2.0, 3.0, 3.0, 3.0, 5.0, 8.0])
    scores: dict[str, list[float]] = {"mean": [], "variance": [], "kurtosis": []}
    for chosen in itertools.combinations(range(9), 4):
        a, b = np.sort(pool[list(chosen)]), np.sort(np.delete(pool, chosen))
        for one in two_sample._ranks(a, b, *counted(a, b)):
            scores[one.name].append(one.z)
    for zs in scores.values():
        assert float(np.mean(zs)) == pytest.approx(0.0, abs=1e-12)
        assert float(np.var(zs)) == pytest.approx(1.0, rel=1e-12)


def test_values_beyond_the_other_sample_are_as_rare_as_their_ranks() -> None:
    """Over all ways of choosing 4 of 9 values, P(the k largest are all of the 4) is the formula."""
    for k in range(5):
        ways = [set(range(9 - k, 9)) <= set(chosen) for chosen in itertools.combinations(range(9), 4)]
        assert two_sample._chance(k, 4, 5) == pytest.approx(sum(ways) / len(ways), rel=1e-12)


def test_values_beyond_the_other_sample_are_counted() -> None:
    """Three of 100 values past all of 100 others, at either end and in either sample."""
    inner = np.linspace(-1.0, 1.0, 201)
    a, b = inner[::2].copy(), inner[1::2].copy()
    a[-3:] = 2.0, 3.0, 4.0
    expected = 2.0 * two_sample._chance(3, 101, 100)
    for first, second, name, sign in (
        (a, b, "largest value", 1.0),
        (b, a, "largest value", -1.0),
        (-a, -b, "smallest value", -1.0),
        (-b, -a, "smallest value", 1.0),
    ):
        found = named(testing.compare(first, second))[name]
        assert found.p == pytest.approx(expected, rel=1e-9)
        assert math.copysign(1.0, found.z) == sign
        assert {abs(found.observed), abs(found.expected)} == {4.0, float(b.max())}


def test_constant_samples_are_equal_or_not() -> None:
    """Two equal constants have one law, two different ones have not; neither divides by zero."""
    same = testing.compare(np.zeros(200), np.zeros(300))
    assert testing.family_p(same) == 1.0
    assert math.isnan(named(same)["kurtosis"].observed)
    assert testing.family_p(testing.compare(np.zeros(200), np.ones(300))) < 1e-60


# --- the whole ------------------------------------------------------------------------------------


def test_shares_sum_to_one_and_bounds_have_a_fiftieth() -> None:
    """The rate is shared among findings; those that are upper bounds get 0.02 of an exact one's part."""
    findings = testing.examine(normals(400).reshape(20, 20), NORMAL)
    assert sum(one.share for one in findings) == pytest.approx(1.0, rel=1e-12)
    shares = {one.name: one.share for one in findings}
    assert shares["bounds"] == pytest.approx(0.02 * shares["mean"], rel=1e-12)
    assert len({one.name for one in findings}) == len(findings)


def test_a_finding_prints_one_line() -> None:
    """Name, both values, z and p."""
    one = testing.Finding("mean", 0.5, -0.25, 3.0, 0.0027)
    assert (
        str(one) == "mean                   observed  0.5           expected -0.25          z +3.00  p 0.0027"
    )


def test_family_p_is_the_least_p_over_its_share() -> None:
    """Never more than 1, and 1 of nothing."""
    one = testing.Finding("a", 0.0, 0.0, 0.0, 0.01, 0.25)
    other = testing.Finding("b", 0.0, 0.0, 0.0, 0.9, 0.75)
    assert testing.family_p([one, other]) == pytest.approx(0.04)
    assert testing.family_p([other]) == 1.0
    assert testing.family_p([]) == 1.0


def test_a_law_of_two_values_has_a_mean_and_no_more() -> None:
    """Where even powers do not vary there is nothing to compare; the mean has the p-value of coins."""
    law = ui.normal(1.125, 2.0**-10).resolve(())  # half-way between 1 and 1.25, which float8_e5m2 has
    sample = np.where(np.random.default_rng(0).uniform(size=400) < 0.6, 1.25, 1.0)
    found = named(testing.examine(sample.astype(ml_dtypes.float8_e5m2), law))
    assert {"variance", "kurtosis"}.isdisjoint(found)
    heads = int((sample == 1.25).sum())
    exact = stats.binom(400, 0.5)
    expected = 2.0 * (exact.sf(heads) + exact.pmf(heads) / 2.0)
    assert found["mean"].p == pytest.approx(expected, rel=0.05)
