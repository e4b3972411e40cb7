"""Inversion: sums of independent draws against laws that are known exactly, and published critical values."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import integrate, special, stats

import unified_init as ui
from unified_init.testing.inversion import (
    LEAST,
    Inverted,
    anderson_darling_above,
    anderson_darling_limit,
    mean_of,
)
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def unit(spec: ui.Initializer) -> tuple[Array, Array]:
    """Return the standardized values of a law and their weights."""
    population = population_of(spec.resolve(()), "float64")
    return (population.values - population.mean) / population.std, population.weights


@pytest.mark.parametrize("n", [100, 10_000, 2**20])
@pytest.mark.parametrize("tail", [0.3, 1e-3, 1e-6, 1e-9, 1e-12])
def test_the_variance_of_normals_is_chi_square(n: int, tail: float) -> None:
    """The sum of n squares, in both tails, to 1e-15 and 1e-5 of the tail."""
    values, weights = unit(ui.normal(0.0, 1.0))
    distribution = mean_of(n, (values**2 - 1.0) / math.sqrt(2.0), weights)
    low, high = ((x - n) / math.sqrt(2.0 * n) for x in (stats.chi2.ppf(tail, n), stats.chi2.isf(tail, n)))
    assert distribution.below(low) == pytest.approx(tail, rel=1e-5, abs=1e-15)
    assert 1.0 - distribution.below(high) == pytest.approx(tail, rel=1e-5, abs=1e-15)


def test_many_draws_cost_no_digits() -> None:
    """The largest samples have a tail of 1e-10 to one part in 10,000: n log f is not n times a rounding."""
    values, weights = unit(ui.normal(0.0, 1.0))
    n = 2**26
    distribution = mean_of(n, (values**2 - 1.0) / math.sqrt(2.0), weights)
    z = (stats.chi2.isf(1e-10, n) - n) / math.sqrt(2.0 * n)
    assert 1.0 - distribution.below(z) == pytest.approx(1e-10, rel=1e-4)


def test_a_normal_limit_would_not_do() -> None:
    """At 1e-9 and 10,000 values it is off by half, at 100 values by a factor of 50."""
    for n, factor in ((10_000, 1.5), (100, 50.0)):
        assert stats.norm.sf((stats.chi2.isf(1e-9, n) - n) / math.sqrt(2.0 * n)) < 1e-9 / factor


@pytest.mark.parametrize(("n", "near"), [(1, 2e-2), (5, 1e-4)])
def test_few_draws_are_as_fine_as_the_nodes(n: int, near: float) -> None:
    """A sum of one draw is a step a node, one of five is smooth to 1e-4; examine() has 100 at least."""
    values, weights = unit(ui.normal(0.0, 1.0))
    distribution = mean_of(n, (values**2 - 1.0) / math.sqrt(2.0), weights)
    for p in (0.01, 0.2, 0.5, 0.8, 0.99):
        z = (stats.chi2.ppf(p, n) - n) / math.sqrt(2.0 * n)
        assert distribution.below(z) == pytest.approx(p, abs=near)


def irwin_hall(n: int, x: Fraction) -> Fraction:
    """Return the probability that n uniforms on (0, 1) sum to at most x, exactly."""
    terms = [(-1) ** k * math.comb(n, k) * (x - k) ** n for k in range(math.floor(x) + 1)]
    return sum(terms, Fraction(0)) / math.factorial(n)


@pytest.mark.parametrize("n", [8, 20])
@pytest.mark.parametrize("share", [Fraction(1, 20), Fraction(1, 5), Fraction(2, 5), Fraction(3, 4)])
def test_the_mean_of_uniforms_is_irwin_hall(n: int, share: Fraction) -> None:
    """By rational arithmetic: P(sum of n uniforms <= share n)."""
    distribution = mean_of(n, *unit(ui.uniform(-1.0, 1.0)))
    z = float(share * n - Fraction(n, 2)) / math.sqrt(n / 12.0)
    near = {8: 1e-7, 20: 1e-14}[n]  # a sum of few variables has a rough density
    assert distribution.below(z) == pytest.approx(float(irwin_hall(n, share * n)), abs=near)


@pytest.mark.parametrize("n", [5, 1000])
def test_the_mean_of_normals_is_normal(n: int) -> None:
    """A symmetric law, to 1e-15 in every tail that is resolved."""
    distribution = mean_of(n, *unit(ui.normal(0.0, 1.0)))
    for z in np.linspace(-7.5, 7.5, 31):
        assert distribution.below(z) == pytest.approx(stats.norm.cdf(z), abs=1e-15)
        assert distribution.two_sided(z) == pytest.approx(2.0 * stats.norm.sf(abs(z)), abs=2e-15)
        assert distribution.above(z) == pytest.approx(stats.norm.sf(z), abs=1e-15)


def test_the_sum_of_coins_is_binomial_between_its_values() -> None:
    """A lattice law is smoothed: 2 % off half-way between two values, and half the mass at a value."""
    distribution = mean_of(400, np.array([-1.0, 1.0]), np.array([0.5, 0.5]))
    exact = stats.binom(400, 0.5)
    for heads in (150, 180, 199, 200, 230):
        middle, value = ((2.0 * (heads + half) - 400.0) / 20.0 for half in (0.5, 0.0))
        assert distribution.below(middle) == pytest.approx(exact.cdf(heads), rel=0.02)
        assert distribution.below(value) == pytest.approx(exact.cdf(heads) - exact.pmf(heads) / 2.0, rel=0.05)


def test_what_lies_past_the_reach_is_decided() -> None:
    """Beyond it the distribution function is 0 or 1, and a p-value never less than is resolved."""
    distribution = mean_of(100, *unit(ui.normal(0.0, 1.0)))
    assert distribution.below(-distribution.reach - 1.0) == 0.0
    assert distribution.below(distribution.reach + 1.0) == 1.0
    assert distribution.two_sided(distribution.reach + 1.0) == LEAST
    assert distribution.above(distribution.reach + 1.0) == LEAST
    assert distribution.above(-distribution.reach - 1.0) == 1.0


def test_a_wrong_law_is_seen() -> None:
    """The mean of uniforms has other tails than that of normals of the same variance."""
    uniform, normal = (mean_of(8, *unit(spec)) for spec in (ui.uniform(-1.0, 1.0), ui.normal(0.0, 1.0)))
    assert uniform.below(-3.5) < normal.below(-3.5) / 2.0


# --- Anderson-Darling -----------------------------------------------------------------------------


def exact_limit(z: float) -> float:
    """Return P(A^2 < z) by the series of Anderson and Darling's paper of 1952, each term by quadrature."""
    total = 0.0
    for j in range(12):
        rate = (4 * j + 1) ** 2 * math.pi**2 / (8.0 * z)
        integral, _ = integrate.quad(
            lambda w, rate: math.exp(z / (8.0 * (w * w + 1.0)) - rate * w * w), 0.0, math.inf, args=(rate,)
        )
        total += float(special.binom(-0.5, j)) * (4 * j + 1) * math.exp(-rate) * integral
    return math.sqrt(2.0 * math.pi) / z * total


@pytest.mark.parametrize("z", [0.2, 0.5, 1.0, 1.5, 1.933, 2.492, 3.878, 5.0, 8.0, 12.0])
def test_the_limit_is_the_published_series(z: float) -> None:
    """The whole range to 5e-8, the tail to 1e-9, by a formula that has nothing in common with ours."""
    near = 5e-8 if z < 1.5 else 2e-9
    assert anderson_darling_limit().below(z) == pytest.approx(exact_limit(z), abs=near)
    assert anderson_darling_limit().above(z) == pytest.approx(1.0 - exact_limit(z), rel=1e-6, abs=near / 10)


# T. W. Anderson and D. A. Darling, "A test of goodness of fit", 1954, print 1.933, 2.492 and 3.857. The last
# is too small: G. and J. Marsaglia, "Evaluating the Anderson-Darling distribution", 2004, have 3.878.
CRITICAL = {0.10: 1.933, 0.05: 2.492, 0.01: 3.878}


@pytest.mark.parametrize(("level", "value"), CRITICAL.items())
def test_the_limit_has_the_published_critical_values(level: float, value: float) -> None:
    """To the three decimals that are printed; the first table's last one has 1.02 %, as the series says."""
    limit = anderson_darling_limit()
    assert limit.above(value - 0.0005) > level > limit.above(value + 0.0005)
    assert limit.above(3.857) == pytest.approx(0.01024, abs=1e-5)


def test_the_far_tail_is_that_of_its_largest_term() -> None:
    """Z^2 / 2 is the first term; the others multiply its tail by a constant that is a product.

    For x large, P(> x) = P(Z^2 / 2 > x) times the product over j > 1 of (1 - 2 / (j (j + 1)))^(-1/2),
    which is sqrt(3).
    """
    limit = anderson_darling_limit()
    for x in (15.0, 20.0, 25.0):
        assert limit.above(x) == pytest.approx(math.sqrt(3.0) * stats.chi2.sf(2.0 * x, 1), rel=0.06)


def test_a_distribution_is_computed_once() -> None:
    """The limit is kept."""
    assert isinstance(anderson_darling_limit(), Inverted)
    assert anderson_darling_limit() is anderson_darling_limit()


def test_the_limit_is_interpolated_to_nine_digits() -> None:
    """Everywhere that a p-value is above its resolution, and beyond the table too."""
    limit = anderson_darling_limit()
    for statistic in [*np.linspace(0.0, 30.0, 400), 39.99, 60.0]:
        exact = limit.above(statistic)
        assert anderson_darling_above(statistic) == pytest.approx(exact, rel=2e-9, abs=2e-15)
