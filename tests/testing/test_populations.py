"""Populations: a law's exact moments and cells, against SciPy and by going through every value of a type."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from scipy import stats

import unified_init as ui
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (48, 20)
SPECS = {
    "normal": ui.normal(0.25, 0.02),
    "uniform": ui.uniform(-0.3, 1.7),
    "truncated": ui.truncated_normal(0.0, 1.0, -2.0, 2.0),
    "one-sided": ui.truncated_normal(0.5, 0.1, -1.0, 3.0),
    "far out": ui.truncated_normal(0.0, 1.0, 3.0, 4.0),
    "absolute": ui.trunc_normal(0.0, 1.0, -0.5, 2.5),
    "he_normal": ui.he_normal(),
    "glorot_uniform": ui.glorot_uniform(),
    "kaiming_uniform": ui.kaiming_uniform(5**0.5),
    "quantile": ui.from_quantile(
        lambda p: (2 * p) ** 0.5 - 1, lambda p: 1 - (2 * p) ** 0.5, low=-1.0, high=1.0
    ),
    "skewed": ui.from_quantile(lambda p: p**2, lambda p: (1 - p) ** 2, low=0.0, high=1.0),
}
# SciPy's own object for each law that it has, of the unit of scale.
SCIPY = {
    "normal": stats.norm(0.25, 0.02),
    "uniform": stats.uniform(-0.3, 2.0),
    "truncated": stats.truncnorm(-2.0, 2.0),
    "one-sided": stats.truncnorm(-1.0, 3.0, loc=0.5, scale=0.1),
    "far out": stats.truncnorm(3.0, 4.0),
    "quantile": stats.triang(0.5, loc=-1.0, scale=2.0),
    "skewed": stats.beta(0.5, 1.0),  # the square of a uniform
}
NARROW = {
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
}


def law_of(name: str) -> Any:
    """Return the law of a spec on one shape."""
    return SPECS[name].resolve(SHAPE, layout="OI")


@pytest.mark.parametrize("name", SPECS)
def test_the_nodes_have_the_moments_of_the_law(name: str) -> None:
    """Mean and std to 1e-9 of a std; of a law given by its quantiles, to the 2**-24 of its table."""
    law = law_of(name)
    population = population_of(law, "float64")
    assert not population.discrete
    assert population.weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert (np.diff(population.values) >= -1e-15).all()  # SciPy's quantiles, at neighbors next to an end
    near = 2.0**-20 if law.kind == "quantile" else 1e-9
    assert population.mean == pytest.approx(law.mean, abs=near * law.std)
    assert population.std == pytest.approx(law.std, rel=near)


def test_another_std_is_not_within_the_tolerance() -> None:
    """The same check sees a law of which the std is a millionth off."""
    law = law_of("normal")
    population = population_of(dataclasses.replace(law, scale=law.scale * (1.0 + 1e-6)), "float64")
    assert population.std != pytest.approx(law.std, rel=1e-9)


@pytest.mark.parametrize("name", SCIPY)
def test_higher_moments_and_quantiles_are_those_of_scipy(name: str) -> None:
    """Skewness and kurtosis as the exact law has them; quantiles to two thousandths of a std."""
    population, exact = population_of(law_of(name), "float64"), SCIPY[name]
    unit = (population.values - population.mean) / population.std
    skewness, kurtosis = exact.stats(moments="sk")
    near = 2.0**-18 if law_of(name).kind == "quantile" else 1e-8
    assert population.expectation(unit**3) == pytest.approx(float(skewness), abs=near)
    assert population.expectation(unit**4) == pytest.approx(float(kurtosis) + 3.0, abs=near)
    for p in (1e-6, 0.01, 0.3, 0.5, 0.7, 0.99, 1.0 - 1e-6):
        assert population.quantile(p) == pytest.approx(exact.ppf(p), abs=2e-3 * exact.std())


@pytest.mark.parametrize("name", SCIPY)
def test_probabilities_below_a_value_are_those_of_scipy(name: str) -> None:
    """Inside, at the ends and outside."""
    population, exact = population_of(law_of(name), "float32"), SCIPY[name]
    z = exact.mean() + exact.std() * np.linspace(-9.0, 9.0, 1001)
    near = 2.0**-20 if law_of(name).kind == "quantile" else 1e-14
    np.testing.assert_allclose(population.below(z), exact.cdf(z), rtol=0, atol=near)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cells_reach_half_way_to_the_neighbours(dtype: str) -> None:
    """Next to a value, next to one where the step doubles, and next to zero."""
    population = population_of(ui.uniform(-3.0, 3.0).resolve(()), dtype)
    step = {"float32": 2.0**-24, "float64": 2.0**-53}[dtype]  # half a step of the values of [1, 2)
    values = np.array([1.5, 1.0, -1.0, 0.0])
    below, above = (np.array(side) for side in ([1.0, 0.5, 1.0, 0.0], [1.0, 1.0, 0.5, 0.0]))
    lower, upper = population.cells(values)
    np.testing.assert_array_equal(lower, population.below(values - below * step))
    np.testing.assert_array_equal(upper, population.below(values + above * step))


def all_values(dtype: Any) -> NDArray[np.float64]:
    """Return every finite value of a narrow type, increasing, by converting every bit pattern."""
    width = np.dtype(dtype).itemsize
    with np.errstate(all="ignore"):
        values = np.arange(256**width, dtype=f"u{width}").view(dtype).astype(np.float64)
    return np.unique(values[np.isfinite(values)])


@pytest.mark.parametrize("factor", [1.0, 3.3, -0.7])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_single_values_have_their_probability_in_every_type(dtype: str, factor: float) -> None:
    """The cell of a value that a law draws again and again holds its whole probability; the others none of it."""
    spec = ui.discrete([-1.0, 0.3, 2.7], [0.25, 0.25, 0.5]) * factor
    population = population_of(spec.resolve(()), dtype)
    lower, upper = population.cells(population.values)
    np.testing.assert_allclose(upper - lower, [0.25, 0.25, 0.5][:: 1 if factor > 0 else -1], atol=1e-9)
    mixed = ui.mixture([0.5, 0.5], [spec, ui.normal(0.0, 1.0)]).resolve(())
    lower, upper = population_of(mixed, dtype).cells(population.values)
    assert (upper - lower >= 0.125).all()


@functools.cache
def equally_likely(name: str) -> NDArray[np.float32]:
    """Return 2**18 equally likely values of a law, by SciPy's quantiles."""
    quantiles: NDArray[np.float64] = SCIPY[name].ppf((np.arange(2**18) + 0.5) / 2**18)
    return quantiles.astype(np.float32)


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("name", ["normal", "uniform", "truncated", "one-sided", "skewed"])
def test_a_narrow_type_is_discrete_and_has_the_moments_of_rounded_values(name: str, dtype: str) -> None:
    """Each value has the mass of its cell: what a float64 grid of the law, rounded by the type, has too.

    2**18 equally likely values leave mean and std uncertain by some 1e-5 of a std.
    """
    population, exact = population_of(law_of(name), dtype), SCIPY[name]
    assert population.discrete
    assert population.weights.sum() == pytest.approx(1.0, abs=1e-12)
    grid = all_values(NARROW[dtype])
    assert np.isin(population.values, grid).all()
    rounded = equally_likely(name).astype(NARROW[dtype]).astype(np.float64)
    near = 4e-5 * exact.std()
    assert population.mean == pytest.approx(rounded.mean(), abs=near)
    assert population.std == pytest.approx(rounded.std(), abs=near)
    values, counts = np.unique(rounded, return_counts=True)
    likely = counts > 16
    chance = dict(zip(population.values.tolist(), population.weights.tolist(), strict=True))
    expected = np.array([chance[value] for value in values[likely].tolist()])
    np.testing.assert_allclose(counts[likely] / 2**18, expected, rtol=0, atol=2.0**-16)


def test_rounding_is_not_the_unrounded_law() -> None:
    """The std of a float8 is over 1 part in 1,000 from the law's: discretising matters."""
    coarse = population_of(ui.normal(0.0, 1.0).resolve(()), "float8_e5m2")
    assert abs(coarse.std - 1.0) > 0.001
    assert abs(population_of(ui.normal(0.0, 1.0).resolve(()), "bfloat16").std - 1.0) < 1e-4


def test_a_float32_law_of_few_values_is_discrete_too() -> None:
    """A std of a few float32 steps about 1 has some hundred values, with the masses of their cells."""
    law = ui.normal(1.0, 2.0**-20).resolve(())
    population = population_of(law, "float32")
    assert population.discrete
    steps = (population.values - 1.0) / 2.0**-24
    np.testing.assert_array_equal(steps, np.rint(steps))  # below 1 the step is 2**-24, above twice that
    exact = stats.norm(1.0, 2.0**-20)
    at = int(np.searchsorted(population.values, 1.0))
    assert population.values[at] == 1.0
    expected = exact.cdf(1.0 + 2.0**-24) - exact.cdf(1.0 - 2.0**-25)
    assert population.weights[at] == pytest.approx(expected, rel=1e-12)
    negative = population_of(ui.normal(-1.0, 2.0**-20).resolve(()), "float32")
    likely, mirrored = population.weights > 1e-12, negative.weights > 1e-12
    np.testing.assert_array_equal(negative.values[mirrored], -population.values[likely][::-1])
    np.testing.assert_allclose(negative.weights[mirrored], population.weights[likely][::-1], atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_chances_are_those_of_rounding(dtype: str) -> None:
    """Two draws are equal as often as a cell is probable: its density times its width."""
    population = population_of(ui.uniform(-1.0, 1.0).resolve(()), dtype)
    inside = (np.abs(population.values) > 0.51) & (np.abs(population.values) < 0.99)
    step = {"float32": 2.0**-24, "bfloat16": 2.0**-8}[dtype]
    np.testing.assert_allclose(population.chances[inside], step / 2.0, rtol=1e-6)


def test_populations_are_kept() -> None:
    """Equal laws in equal types share one; what they are computed from is read once."""
    one = population_of(law_of("normal"), "bfloat16")
    assert population_of(SPECS["normal"].resolve(SHAPE, layout="OI"), "bfloat16") is one
    fine = population_of(law_of("normal"), "float32")
    assert not fine.discrete
    assert fine.chances is fine.chances
