"""Any one-dimensional law: its quantile function becomes a table, and the table is the spec."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init.stream import numpy_runner
from unified_init.stream.table import compile_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAWS = {
    "laplace": stats.laplace(),
    "laplace, placed": stats.laplace(0.3, 0.02),
    "logistic": stats.logistic(),
    "uniform": stats.uniform(-2, 5),
    "triang": stats.triang(0.3),
    "beta": stats.beta(2, 5),
    "beta, U-shaped": stats.beta(0.5, 0.5),
    "gumbel": stats.gumbel_r(),
    "expon": stats.expon(),
    "gamma": stats.gamma(2.5),
    "t(50)": stats.t(50),
    "t(5)": stats.t(5),
    "semicircular": stats.semicircular(),
    "truncnorm": stats.truncnorm(-1, 2),
    "norm": stats.norm(0.5, 2),
}


def words(*, upper: bool) -> tuple[NDArray[np.uint32], NDArray[np.float64]]:
    """Return words of one half, far tails included, and their tail probabilities."""
    generator = np.random.default_rng(5)
    tail = np.concatenate(
        [
            np.arange(1 << 10),
            2**31 - 1 - np.arange(1 << 10),
            generator.integers(2**31, size=1 << 15),
            np.exp2(generator.uniform(0, 31, 1 << 15)).astype(np.int64),
        ]
    )
    return (tail if upper else tail + 2**31).astype(np.uint32), np.ldexp(tail + 0.5, -32)


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("name", LAWS)
def test_a_scipy_distribution_is_drawn_to_2e_7(name: str, *, upper: bool) -> None:
    """At most 2e-7 std and half an ulp from SciPy's quantile, out to a tail of 2**-33.

    Tails as heavy as those of t(5), which reach 47 std, bend more between knots: 7e-7 std there.
    """
    law = LAWS[name]
    spec = ui.from_quantile(law)
    word, p = words(upper=upper)
    drawn = numpy_runner.values32(compile_table(spec.resolve(1), 32), word)
    exact = law.isf(p) if upper else law.ppf(p)
    low, high = law.support()
    inside = np.clip(
        exact,
        np.float64(np.nextafter(np.float32(low), np.float32(np.inf))),
        np.float64(np.nextafter(np.float32(high), np.float32(-np.inf))),
    )
    error = np.abs(drawn - inside)
    assert (error <= (7e-7 if name == "t(5)" else 2e-7) * law.std() + np.spacing(np.abs(drawn)) / 2).all(), (
        error.max() / law.std()
    )
    assert (drawn > np.float32(low)).all()
    assert (drawn < np.float32(high)).all()


@pytest.mark.parametrize("name", LAWS)
def test_the_law_has_the_moments_of_the_distribution(name: str) -> None:
    """Mean and std to 1e-6 std (1e-5 with heavy tails, cut at 2**-33), the ends of the support to the bit."""
    law = LAWS[name]
    resolved = ui.from_quantile(law).resolve(1)
    assert resolved.mean == pytest.approx(law.mean(), abs=1e-6 * law.std())
    assert resolved.std == pytest.approx(law.std(), rel=1e-5 if name == "t(5)" else 1e-6)
    assert (resolved.low, resolved.high) == law.support()


def test_a_sample_passes_the_test_of_its_law_and_of_no_other() -> None:
    """Kolmogorov-Smirnov over 2**16 draws: p > 1e-4 for the law, p < 1e-4 for one 5 % wider."""
    for law in (stats.laplace(), stats.beta(2, 5), stats.t(50)):
        drawn = ui.draw(ui.from_quantile(law), 1 << 16, seed=20261124, name="w").astype(np.float64)
        assert stats.kstest(drawn, law.cdf).pvalue > 1e-4
        wider = law.mean() + 1.05 * (drawn - law.mean())
        assert stats.kstest(wider, law.cdf).pvalue < 1e-4


def test_callables_are_quantile_functions_of_either_tail() -> None:
    """The second function keeps the precision of the upper tail; without it 1 - p is used."""
    both = ui.from_quantile(np.log, lambda p: -np.log(2 * p) * 2)
    assert both.resolve(1).high == math.inf
    lower = ui.from_quantile(lambda p: p, low=0, high=1)
    paired = ui.from_quantile(lambda p: p, lambda p: 1 - p, low=0, high=1)
    assert lower == paired
    assert lower.resolve(1).mean == pytest.approx(0.5, abs=1e-9)


def test_symmetric_laws_keep_one_half() -> None:
    """Half the text, and an upper half that mirrors the lower one exactly."""
    one, two = ui.from_quantile(stats.laplace()), ui.from_quantile(stats.gumbel_r())
    assert len(ui.to_json(one)) < 0.6 * len(ui.to_json(two))
    table = compile_table(one.resolve(1), 32)
    word, _ = words(upper=True)
    mirrored = numpy_runner.values32(table, word | np.uint32(1 << 31))
    np.testing.assert_array_equal(numpy_runner.values32(table, word), -mirrored)
    assert one.resolve(1).mean == 0.0


@pytest.mark.parametrize("name", ["laplace", "beta", "gumbel"])
def test_a_spec_draws_the_same_bits_from_every_form(name: str) -> None:
    """JSON, pickle and repr hold the table itself; SciPy is no longer needed."""
    spec = ui.from_quantile(LAWS[name]) * 0.3
    expected = ui.draw(spec, (50, 40), seed=3, name="w").tobytes()
    for again in (
        ui.from_json(ui.to_json(spec)),
        pickle.loads(pickle.dumps(spec)),  # noqa: S301  # our own pickle
        eval(repr(spec), dict(vars(ui))),  # noqa: S307  # our own repr
    ):
        assert again == spec
        assert ui.draw(again, (50, 40), seed=3, name="w").tobytes() == expected


def test_fan_rules_scale_a_table() -> None:
    """The realized std is that of the rule, whatever that of the table."""
    laplace = ui.from_quantile(stats.laplace(0, 3)).distribution
    spec = ui.Initializer(laplace, ui.VarianceScaling(2.0, "fan_in"))
    law = spec.resolve((300, 50), layout="OI")
    assert law.std == pytest.approx(0.2, rel=1e-15)
    drawn = ui.draw(spec, (300, 50), layout="OI", seed=0).astype(np.float64)
    # The relative standard error of a std is sqrt((kurtosis - 1) / 4n): 0.9 % for a Laplace sample of 15,000.
    assert abs(drawn.std() / 0.2 - 1) < 5 * math.sqrt(5 / (4 * 15000))


class WithoutSupport:
    """The least that counts as a distribution."""

    def ppf(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the lower quantile."""
        return p - 1.0

    def isf(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the upper quantile."""
        return 1.0 - p


def test_ppf_and_isf_are_enough() -> None:
    """A distribution of any library, with or without a support."""
    law = ui.from_quantile(WithoutSupport()).resolve(1)
    assert (law.low, law.high) == (-math.inf, math.inf)
    law = ui.from_quantile(WithoutSupport(), low=-1, high=1).resolve(1)
    assert (law.low, law.high) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("quantile", "options"),
    [
        (lambda p: -p, {}),
        (lambda p: p, {"upper": lambda p: p}),
        (lambda p: p, {"upper": lambda p: -1 - p}),
        (lambda p: np.where(p < 0.1, np.nan, p), {}),
        (lambda p: np.where(p < 0.1, -np.inf, p), {}),
        (lambda p: p[:5], {}),
        (lambda _: 1.0, {}),
        (lambda p: p - 0.5, {"low": -0.25, "high": 1}),
        (lambda p: p, {"low": math.nan}),
    ],
    ids=source_of,
)
def test_what_is_no_quantile_function_is_refused(quantile: Any, options: dict[str, Any]) -> None:
    """Decreasing, infinite, NaN, of another shape, outside its support."""
    with refused(ui.ArgumentValueError):
        ui.from_quantile(quantile, **options)


@pytest.mark.parametrize(
    "law",
    [stats.cauchy(), stats.t(1.5), stats.t(3), stats.lognorm(2)],
    ids=["cauchy", "t(1.5)", "t(3)", "lognorm"],
)
def test_heavy_tails_are_refused(law: Any) -> None:
    """32 bits cannot hold both a far tail and 2e-7 std; the message says how far the tail reaches."""
    with refused(ui.ArgumentValueError, hidden=r"(?<=reaches )[^,]+|[^ ]+(?= standard)") as caught:
        ui.from_quantile(law)
    farthest = float(max(abs(law.ppf(2.0**-33)), abs(law.isf(2.0**-33))))
    assert f"reaches {farthest!r}, " in str(caught.value)


def test_distribution_objects_of_scipy_are_taken() -> None:
    """Those of SciPy 1.15 and later have other names for the same functions, and the same values."""
    if not hasattr(stats, "Normal"):
        pytest.skip("this SciPy has none")
    make = stats.make_distribution
    assert ui.from_quantile(make(stats.gumbel_r)()) == ui.from_quantile(stats.gumbel_r())
    normal = ui.from_quantile(stats.Normal(mu=1.0, sigma=2.0)).resolve(1)
    assert (normal.mean, normal.std) == pytest.approx((1.0, 2.0), rel=1e-6)
    cut = ui.from_quantile(stats.truncate(stats.Normal(mu=0.0, sigma=1.0), lb=-1.0, ub=2.0)).resolve(1)
    assert (cut.low, cut.high) == (-1.0, 2.0)
    with refused(ui.ArgumentValueError, hidden=r"(?<=the discrete ).*(?=\.)"):
        ui.from_quantile(make(stats.poisson)(mu=3.0))


def test_a_table_without_spread_is_refused() -> None:
    """A constant has no std that a table could resolve."""
    with refused(ui.ArgumentValueError):
        ui.from_quantile(lambda p: np.full_like(p, 3.0))


@pytest.mark.parametrize("quantile", [3.0, None, "laplace"])
def test_only_functions_and_distributions_are_taken(quantile: Any) -> None:
    """A name is no function."""
    with refused(ui.ArgumentTypeError):
        ui.from_quantile(quantile)
    with pytest.raises(ui.ArgumentTypeError):
        ui.from_quantile(np.log, upper=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_float64_is_refused(dtype: str) -> None:
    """A table of 32 bits would be no float64 draw."""
    spec = ui.from_quantile(stats.laplace())
    with refused(ui.ArgumentValueError):
        ui.draw(spec, 3, seed=0, dtype=dtype)


@pytest.mark.parametrize(
    "law", [stats.truncnorm(-2, 2), stats.truncnorm(-2, 2, scale=0.02)], ids=["1", "0.02"]
)
def test_halves_may_round_apart_at_a_median_of_zero(law: Any) -> None:
    """SciPy's two quantile functions cross by an ulp of the spread where they meet."""
    assert ui.from_quantile(law).resolve(1).std == pytest.approx(law.std(), rel=1e-4)
    crossing = ui.from_quantile(lambda p: p - 0.5 + 1e-15, lambda p: 0.5 - p - 1e-15)
    assert crossing.resolve(1).std == pytest.approx(12**-0.5, rel=1e-6)


def test_a_jump_between_neighbouring_knots_is_drawn() -> None:
    """A law of two values: the step takes more bits than any other, so the fixed point moves up by one."""
    spec = ui.from_quantile(lambda p: np.where(p < 0.3, -1.0, 1.0))
    drawn = ui.draw(spec, 4096, seed=0)
    assert set(np.unique(drawn)) >= {-1.0, 1.0}
    assert np.mean(np.abs(drawn) == 1.0) > 0.999  # all but the one segment that holds the jump
    assert compile_table(spec.resolve(1), 32).exponent == 1 + math.frexp(1.0)[1] - 31


def test_the_repr_of_a_table_is_short() -> None:
    """In a spec, a rule, a law and an error; it evaluates while the table exists, and then says what to do."""
    spec = ui.from_quantile(LAWS["beta"])
    law = spec.resolve((3,))
    for text in (repr(spec), str(spec), repr(ui.Rule(spec=spec)), repr(law), str(law)):
        assert len(text) < 600
    assert repr(spec).startswith("Initializer(Quantile.of_repr('")
    text = repr(spec)
    other = ui.from_quantile(LAWS["gumbel"])
    assert eval(text, dict(vars(ui))) == spec != other  # noqa: S307  # our own repr
    assert repr(other) != text
    with refused(ui.ArgumentValueError):
        ui.Quantile.of_repr("0123456789abcdef", 0.0, 1.0)
