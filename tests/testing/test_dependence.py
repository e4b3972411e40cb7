"""Dependence: correlations against direct formulas, and repeats and distinct values against counting."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

import unified_init as ui
from unified_init import testing
from unified_init.testing import dependence
from unified_init.testing.assertions import _correlation, _ranked
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NORMAL = ui.normal(0.0, 1.0).resolve(())


def unit(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Return standardized uniforms, as grades are."""
    return np.random.default_rng(seed).uniform(-math.sqrt(3.0), math.sqrt(3.0), shape)


def names(shape: tuple[int, ...]) -> list[str]:
    """Return what is looked at across the axes of a shape."""
    return [one.name for one in dependence.axes(unit(shape))]


def test_serial_correlation_is_a_sum_of_squares_over_lags() -> None:
    """Each of the lags 1, 2, 4, ... to at most a quarter of n, in its standard errors."""
    x = unit((200,))
    total = sum((float(x[lag:] @ x[:-lag]) / math.sqrt(200 - lag)) ** 2 for lag in (1, 2, 4, 8, 16, 32))
    found = dependence.serial(x)
    assert (found.observed, found.expected) == pytest.approx((total, 6), rel=1e-12)
    assert found.p == pytest.approx(float(stats.chi2.sf(total, 6)), rel=1e-12)


@pytest.mark.parametrize("lag", [1, 2, 16, 64])
def test_serial_correlation_sees_each_lag(lag: int) -> None:
    """A quarter of the value so many places before is in each: seen at every power of two."""
    x = unit((4096,))
    mixed = (x + 0.25 * np.roll(x, lag)) / math.sqrt(1.0 + 0.25**2)
    assert dependence.serial(mixed).p < 1e-12
    assert dependence.serial(x).p > 1e-3


@pytest.mark.parametrize("size", [1, 1000, 5000, dependence.MANY + 1])
def test_hashes_that_occur_twice_are_all_among_those_that_share(size: int) -> None:
    """With a tenth of them copied; in a table, hardly any other is."""
    hashes = np.random.default_rng(size).integers(2**64, size=size, dtype=np.uint64)
    copies = size // 10
    hashes[size - copies :] = hashes[:copies]
    twice = np.flatnonzero(
        np.unique(hashes, return_counts=True)[1][np.unique(hashes, return_inverse=True)[1]] > 1
    )
    shared = dependence.sharing(hashes)
    assert (np.diff(shared) > 0).all()
    assert set(twice.tolist()) <= set(shared.tolist())
    assert size > dependence.MANY or shared.size <= 2 * copies + 0.1 * size


def test_neighbours_across_axes_are_correlated_as_numpy_says() -> None:
    """Every axis but the last, whose neighbors are those of the serial correlation."""
    x = unit((12, 15, 20))
    first = float((x[1:] * x[:-1]).sum()) / math.sqrt(11 * 15 * 20)
    second = float((x[:, 1:] * x[:, :-1]).sum()) / math.sqrt(12 * 14 * 20)
    found = dependence.axes(x)[0]
    assert found.name == "cross-axis correlation"
    assert found.observed == pytest.approx(first**2 + second**2, rel=1e-12)
    assert found.p == pytest.approx(float(stats.chi2.sf(first**2 + second**2, 2)), rel=1e-12)


def test_means_of_slices_spread_as_chi_square() -> None:
    """The sum of squares of the standardized means about their own mean, on both sides."""
    x = unit((12, 15, 20))
    for axis, found in enumerate(dependence.axes(x)[1:]):
        size = x.shape[axis]
        others = tuple(i for i in range(3) if i != axis)
        means = x.mean(axis=others) * math.sqrt(x.size / size)
        total = size * float(means.var())
        assert found.name == f"means along axis {axis}"
        assert found.observed == pytest.approx(total, rel=1e-9)
        tail = stats.chi2(size - 1)
        assert found.p == pytest.approx(2.0 * min(tail.sf(total), tail.cdf(total)), rel=1e-9)


def test_means_that_are_too_equal_fail_too() -> None:
    """Each row balanced by its own negatives: the spread of means is 0."""
    half = unit((30, 20))
    balanced = np.concatenate([half, -half], axis=1)
    p = {one.name: one.p for one in dependence.axes(balanced)}
    assert p["means along axis 0"] < 1e-15
    assert p["means along axis 1"] > 1e-6


def test_only_axes_of_some_length_are_looked_at() -> None:
    """None along one axis, none where a slice has too few values, none across axes of length 1."""
    assert names((200,)) == []
    assert names((200, 1)) == []
    assert names((1, 1, 200)) == []
    assert names((20, 30)) == ["cross-axis correlation", "means along axis 0", "means along axis 1"]
    assert names((20, 1, 30)) == ["cross-axis correlation", "means along axis 0", "means along axis 2"]
    assert names((100, 3)) == ["cross-axis correlation", "means along axis 1"]


# --- repeats and distinct values ------------------------------------------------------------------


def ranks_of(values: Array) -> NDArray[np.int64]:
    """Return the rank of each value among the distinct ones."""
    ranks: NDArray[np.int64] = np.unique(values, return_inverse=True)[1].reshape(values.shape)
    return ranks


@pytest.mark.parametrize("length", [2, 3, 5])
def test_repeated_runs_are_counted(length: int) -> None:
    """As many as comparing every pair of places finds, less the first of each."""
    values = np.random.default_rng(0).integers(6, size=300)
    runs = [tuple(values[i : i + length].tolist()) for i in range(300 - length + 1)]
    expected = len(runs) - len(set(runs))
    assert expected > 0
    assert dependence.repeated(values, length) == expected


def test_repeats_are_looked_for_in_both_orders() -> None:
    """A row is a run in the order of storage, a column in that of the reversed axes."""
    x = unit((40, 50))
    row, column = x.copy(), x.copy()
    row[3] = row[30]
    column[:, 3] = column[:, 30]
    for values, expected in ((x, (0, 0)), (row, (50 - 3, 0)), (column, (0, 40 - 3))):
        runs, columns = dependence.repeats(ranks_of(values), 4, 1e-17)
        assert (runs.name, columns.name) == ("repeated runs", "repeated columns")
        assert (runs.observed, columns.observed) == expected
        assert (runs.p, columns.p) == tuple(1e-17 if count else 1.0 for count in expected)
    assert [one.name for one in dependence.repeats(ranks_of(x.reshape(-1)), 4, 1e-17)] == ["repeated runs"]


def test_a_law_that_repeats_by_chance_is_not_asked() -> None:
    """Of a law of two values, 100 have no run that is long enough to be no chance."""
    population = population_of(ui.normal(1.125, 2.0**-10).resolve(()), "float8_e5m2")
    length, chance = dependence.run_length(100, population.weights, population.chances)
    assert math.isinf(chance)
    assert length == 50
    (found,) = dependence.repeats(np.zeros(100, dtype=np.int64), length, chance)
    assert found.p == 1.0


@pytest.mark.parametrize("dtype", ["float8_e5m2", "bfloat16"])
def test_the_expected_repeats_are_no_fewer_than_those_simulated(dtype: str) -> None:
    """The number is an upper bound: with runs that are short enough to see it, 50 samples stay below."""
    population = population_of(NORMAL, dtype)
    n, length = 2000, {"float8_e5m2": 4, "bfloat16": 2}[dtype]
    pair = float(population.weights @ population.chances)
    most = float(population.chances.max())
    expected = n * n / 2.0 * pair**length + n * length * most**length
    random = np.random.default_rng(0)
    drawn = random.choice(population.values, p=population.weights / population.weights.sum(), size=(50, n))
    found = [dependence.repeated(ranks_of(one), length) for one in drawn]
    assert 0 < float(np.mean(found)) < expected + 4.0 * float(np.std(found)) / math.sqrt(50)


@pytest.mark.parametrize("n", [100, 2000])
def test_the_expected_number_of_distinct_values_is_that_of_occupied_cells(n: int) -> None:
    """In bfloat16, where every cell that matters is wide: sum of 1 - (1 - p)^n."""
    population = population_of(NORMAL, "bfloat16")
    expected, variance = dependence.occupied(n, population.weights, population.chances)
    exact = float((1.0 - (1.0 - population.weights) ** n).sum())
    assert expected == pytest.approx(exact, rel=0.01)
    assert expected < exact  # lenient with those that are narrower than a sampler's steps
    random = np.random.default_rng(0)
    drawn = random.choice(population.values, p=population.weights / population.weights.sum(), size=(200, n))
    found = np.array([np.unique(one).size for one in drawn])
    assert found.var() < variance * 1.5
    assert float(found.mean()) == pytest.approx(exact, abs=5.0 * math.sqrt(variance / 200))


def test_the_bound_on_missing_values_is_bernsteins() -> None:
    """exp(-t^2 / (2 (v + t / 3))), and 1 where none is missing."""
    found = dependence.distinct(90, 100.0, 8.0)
    assert found.p == pytest.approx(math.exp(-100.0 / (2.0 * (8.0 + 10.0 / 3.0))), rel=1e-12)
    assert found.z < 0.0
    assert dependence.distinct(101, 100.0, 8.0).p == 1.0


# --- pairs of samples -----------------------------------------------------------------------------


def test_rank_correlations_are_spearmans() -> None:
    """SciPy's coefficient, in its limit's standard errors, ties and all."""
    random = np.random.default_rng(0)
    for digits in (15, 0):
        a, b = (np.round(random.standard_normal(500), digits) for _ in range(2))
        z = dependence.correlation(_ranked(a), _ranked(b))
        assert z / math.sqrt(500) == pytest.approx(float(stats.spearmanr(a, b).statistic), rel=1e-9)


def test_the_largest_correlation_over_the_orders_of_axes_counts() -> None:
    """A transposed copy is found whichever of the two is transposed, and over the length of the shorter."""
    a = unit((20, 30))
    for left, right in ((a, a), (a, a.T), (a.T, a), (a.T.copy(), a)):
        assert _correlation(left, right) == pytest.approx((math.sqrt(600), 600))
    assert _correlation(a, -np.concatenate([a, a])) == pytest.approx((-math.sqrt(600), 600))


def test_a_constant_has_no_correlation() -> None:
    """Nothing is divided by its spread of 0."""
    assert _correlation(np.ones((10, 20)), unit((10, 20))) == (0.0, 200)
    testing.assert_independent(np.zeros(200), np.zeros(200))


def test_equal_means_of_few_values_are_no_fault() -> None:
    """Three slices of signs have equal means once in a hundred times; slices that are evened out are seen."""
    signs = np.where(np.arange(576).reshape(192, 3) % 6 < 3, 1.0, -1.0)
    assert (
        min(
            entry.p
            for entry in dependence.axes(signs, dependence.grid_step(np.array([0.5, 0.5])))
            if entry.name == "means along axis 1"
        )
        > 1e-3
    )
    even = np.random.default_rng(0).standard_normal((512, 512))
    even -= even.mean(axis=0)
    assert min(entry.p for entry in dependence.axes(even) if entry.name == "means along axis 1") < 1e-12
