"""Named laws: every value is the exact quantile, every probability of a few values exact, on every platform."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy
from scipy import stats
from tests.helpers.runners import COMPILED, prepare_of

import unified_init as ui
from unified_init import testing
from unified_init.law import moments
from unified_init.stream import numpy_runner
from unified_init.stream.steps import compile_steps, values_of
from unified_init.stream.table import compile_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A spec, SciPy's distribution, and how far its values may be from the quantile, of the std and of the value.
SMOOTH: dict[str, tuple[ui.Initializer, Any, float, float]] = {
    "laplace": (ui.laplace(0.0, 1.0), stats.laplace(), 2e-7, 6e-8),
    "laplace, moved": (ui.laplace(0.5, 0.1), stats.laplace(0.5, 0.1), 2e-7, 6e-8),
    "logistic": (ui.logistic(-1.0, 2.0), stats.logistic(-1.0, 2.0), 2e-7, 6e-8),
    "student_t(1)": (ui.student_t(1, 0.0, 1.0), stats.t(1), 2e-7, 4e-7),
    "student_t(2.5)": (ui.student_t(2.5, 0.0, 1.0), stats.t(2.5), 2e-7, 3e-7),
    "student_t(5), moved": (ui.student_t(5, 3.0, 0.5), stats.t(5, 3.0, 0.5), 2e-7, 3e-7),
    "student_t(30)": (ui.student_t(30, 0.0, 1.0), stats.t(30), 2e-7, 3e-7),
    "student_t(1000)": (ui.student_t(1000, 0.0, 1.0), stats.t(1000), 2e-7, 3e-7),
    "lognormal(0.5)": (ui.lognormal(0.0, 0.5), stats.lognorm(0.5), 0.0, 3e-7),
    "lognormal(1.85)": (ui.lognormal(-1.0, 1.85), stats.lognorm(1.85, scale=math.exp(-1.0)), 0.0, 4e-7),
}
HEAVY = [name for name in SMOOTH if name.startswith(("student", "lognormal"))]


def tails(bits: int) -> NDArray[np.uint64]:
    """Return tails in units of 2**-bits: the first, the last, and random ones of every octave."""
    generator = np.random.default_rng(20261129)
    octaves = np.exp2(generator.uniform(0, bits - 1, 1 << 15)).astype(np.uint64)
    top = 1 << (bits - 1)
    return np.concatenate(
        [np.arange(1 << 10, dtype=np.uint64), np.uint64(top - 1) - octaves % (top // 2), octaves]
    )


def exact(law: Any, tail: NDArray[np.uint64], bits: int, *, upper: bool) -> NDArray[np.float64]:
    """Return SciPy's quantiles at the middles of the cells of words."""
    p = np.ldexp(tail.astype(np.float64) + 0.5, -bits)
    result: NDArray[np.float64] = law.isf(p) if upper else law.ppf(p)
    return result


def size(law: Any) -> float:
    """Return a std, or the scale of a law that has none."""
    return float(law.std()) if math.isfinite(law.std()) else 1.0


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("name", SMOOTH)
def test_a_32_bit_value_is_the_quantile(name: str, *, upper: bool) -> None:
    """To 2e-7 std, as of the normal, and of a heavy law to 4e-7 of the value itself; then half an ulp."""
    spec, law, of_std, of_value = SMOOTH[name]
    tail = tails(32)
    word = (tail if upper else tail | np.uint64(1 << 31)).astype(np.uint32)
    drawn = numpy_runner.values32(compile_table(spec.resolve(1), 32), word).astype(np.float64)
    quantile = exact(law, tail, 32, upper=upper)
    allowed = of_std * size(law) + of_value * np.abs(quantile)
    error = np.abs(drawn - quantile) - np.spacing(np.abs(drawn).astype(np.float32)) / 2
    assert (error <= allowed).all()


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("name", SMOOTH)
def test_a_64_bit_value_is_the_quantile(name: str, *, upper: bool) -> None:
    """To 1e-12 std and 2e-12 of the value, out to the tail 2**-65."""
    spec, law, of_std, _ = SMOOTH[name]
    tail = tails(64)
    word = tail if upper else tail | np.uint64(1 << 63)
    table = compile_table(spec.resolve(1), 64)
    drawn = numpy_runner.values64(table, (word >> np.uint64(32)).astype(np.uint32), word.astype(np.uint32))
    quantile = exact(law, tail, 64, upper=upper)
    allowed = 1e-12 * (size(law) if of_std else 0.0) + 2e-12 * (np.abs(quantile) + abs(law.median()))
    if name.startswith("student_t") and tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15):
        allowed = allowed + 1e-10 * np.abs(quantile - law.median())  # SciPy's own quantile is that far off
    assert (np.abs(drawn - quantile) <= allowed).all()


@pytest.mark.parametrize("ends", [(-20.0, 20.0), (-2.0, 1000.0), (1.0, 30.0), (-30.0, -1.0), (-1e4, 0.0)])
def test_a_truncated_cauchy_follows_its_quantile(ends: tuple[float, float]) -> None:
    """At most 4e-7 std and 4e-7 of the value off, always inside its bounds, in both widths."""
    spec, (low, high) = ui.cauchy(0.0, 1.0, *ends), ends
    law = spec.resolve(1)
    below, above = stats.cauchy.cdf(low), stats.cauchy.sf(high)
    for bits, upper in ((32, False), (32, True), (64, False), (64, True)):
        tail = tails(bits)
        word = tail if upper else tail | np.uint64(1 << (bits - 1))
        table = compile_table(law, bits)
        if bits == 32:
            drawn: Any = numpy_runner.values32(table, word.astype(np.uint32))
        else:
            drawn = numpy_runner.values64(
                table, (word >> np.uint64(32)).astype(np.uint32), word.astype(np.uint32)
            )
        p = np.ldexp(tail.astype(np.float64) + 0.5, -bits)
        mass = 1.0 - below - above if below + above < 0.5 else stats.cauchy.cdf(high) - below
        quantile = stats.cauchy.isf(above + p * mass) if upper else stats.cauchy.ppf(below + p * mass)
        scale = 4e-7 if bits == 32 else 1e-9  # SciPy's own cancellation
        assert (np.abs(drawn - quantile) <= scale * (law.std + np.abs(quantile))).all()
        assert low < drawn.min() < drawn.max() < high


@pytest.mark.parametrize("name", SMOOTH)
def test_the_moments_are_those_of_scipy(name: str) -> None:
    """Mean and std to 1e-12; infinite where SciPy's is."""
    spec, law, _, _ = SMOOTH[name]
    resolved = spec.resolve((3,))
    if math.isfinite(law.mean()):
        assert resolved.mean == pytest.approx(law.mean(), rel=1e-12, abs=1e-15)
    assert resolved.std == pytest.approx(law.std() if name != "student_t(1)" else math.inf, rel=1e-12)
    assert (resolved.low, resolved.high) == law.support()


@pytest.mark.parametrize("ends", [(-20.0, 20.0), (-2.0, 1000.0), (1.0, 30.0)])
def test_the_moments_of_a_truncated_cauchy_are_its_integrals(ends: tuple[float, float]) -> None:
    """Against numeric integration by SciPy."""
    law = ui.cauchy(0.0, 1.0, *ends).resolve(1)
    inside = stats.cauchy.expect(lambda _: 1.0, lb=ends[0], ub=ends[1])
    mean = stats.cauchy.expect(lambda x: x, lb=ends[0], ub=ends[1], limit=500) / inside
    second = stats.cauchy.expect(lambda x: x * x, lb=ends[0], ub=ends[1], limit=500) / inside
    assert law.mean == pytest.approx(mean, abs=1e-7)
    assert law.std == pytest.approx(math.sqrt(second - mean * mean), rel=1e-7)


def test_a_wide_lognormal_keeps_its_std() -> None:
    """The table of sigma 1.85 has 99.8 % of the std: what is missing is beyond the tail of 2**-33."""
    law = ui.lognormal(0.0, 1.85).resolve(1)
    tail = np.unique(np.exp2(np.linspace(0, 31, 1 << 18)).astype(np.uint64))[:-1]
    edges = np.append(tail, np.uint64(1 << 31)).astype(np.float64)
    middle = ((edges[:-1] + edges[1:]) / 2).astype(np.uint64)
    table, mass = compile_table(law, 32), np.ldexp(np.diff(edges), -32)
    halves = [
        numpy_runner.values32(table, (middle | np.uint64(bit)).astype(np.uint32)) for bit in (0, 1 << 31)
    ]
    mean = sum(float(mass @ half.astype(np.float64)) for half in halves)
    second = sum(float(mass @ half.astype(np.float64) ** 2) for half in halves)
    assert 0.995 < math.sqrt(second - mean * mean) / law.std < 0.9995


@pytest.mark.parametrize("df", [1.0, 2.0, 7.5, 999.0])
def test_the_density_of_students_t_at_0_is_exact(df: float) -> None:
    """It enters every quantile."""
    assert moments.student_peak(df) == pytest.approx(stats.t(df).pdf(0.0), rel=1e-12)
    assert moments.student_peak(1.0) == pytest.approx(1 / math.pi, rel=2e-16)


# --- runners --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float8_e5m2", "float64"])
@pytest.mark.parametrize("instructions", COMPILED)
def test_both_runners_draw_rows_of_their_own_units(name: str, dtype: str, instructions: str) -> None:
    """The C runner multiplies each value by its row's power of two, with the bits of NumPy."""
    from unified_init.drawing.programs import program_of
    from unified_init.stream import host, threefry

    spec = SMOOTH[name][0] * 2.0**-20
    program = program_of(
        spec, (70, 50), name="w", layout=None, sizes=None, fans=None, index=None, dtype=dtype
    )
    assert program.table is not None
    drawn = []
    for runner in (numpy_runner.prepare, prepare_of(instructions)):
        out = host.aligned_empty((70, 50), program.dtype.numpy)
        host.fill(
            out, index=program.index, key=threefry.named_key((0, 9), "w"), table=program.table, runner=runner
        )
        drawn.append(out.tobytes())
    assert drawn[0] == drawn[1]


# SHA-256 of rows and units: what every platform must compile.
DIGESTS = {
    "laplace": "46cbed09c9d8a90e9e1c644492f0b9d0f328c59fd247baad18121c3b2ae39cf2",
    "student_t(2.5)": "218161e04557491437db485d30be472a5b0fe7661060acba28ebb3847cdb782c",
    "lognormal(1.85)": "93ee1f0013119ebccd44c03265778f78ecc6df5a200101a91469964f68f6029c",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_tables_are_the_same_on_every_platform(name: str) -> None:
    """Compiled from additions, multiplications, divisions and roots: no libm has touched them."""
    digest = hashlib.sha256()
    for bits in (32, 64):
        table = compile_table(SMOOTH[name][0].resolve(1), bits)
        digest.update(table.rows.tobytes())
        digest.update(b"" if table.units is None else table.units.tobytes())
    assert digest.hexdigest() == DIGESTS[name]


# --- few values -------------------------------------------------------------------------------------


def test_each_of_few_values_has_its_words_exactly() -> None:
    """Counted at both sides of every edge: probability k / 2**32 is k words, in the order of the values."""
    shares = (0.1, 0.2, 0.3, 0.4)
    steps = compile_steps(ui.discrete((-2.0, 0.0, 1.0, 5.0), shares).resolve(1), 32)
    ends = [round(sum(map(Fraction, shares[: k + 1])) / sum(map(Fraction, shares)) * 2**32) for k in range(4)]
    for k, end in enumerate(ends[:-1]):
        # The word of the u-th smallest probability: the lower half counts up, the upper half down.
        positions = np.array([end - 1, end], dtype=np.uint64)
        word = np.where(positions < 1 << 31, positions + (1 << 31), (1 << 32) - 1 - positions).astype(
            np.uint32
        )
        assert values_of(steps, word).tolist() == [(-2.0, 0.0, 1.0, 5.0)[k], (-2.0, 0.0, 1.0, 5.0)[k + 1]]


def test_a_sign_is_the_top_bit_of_its_word() -> None:
    """Set is the lower half."""
    steps = compile_steps(ui.rademacher().resolve(1), 32)
    word = np.array([0, 2**31 - 1, 2**31, 2**32 - 1], dtype=np.uint32)
    assert values_of(steps, word).tolist() == [1.0, 1.0, -1.0, -1.0]


def test_few_values_are_monotone_in_the_uniform_of_the_same_stream() -> None:
    """A mask is where a uniform draw of the same name is above 1 - p."""
    mask = ui.draw(ui.bernoulli(0.3), 1 << 12, seed=4, name="w")
    uniform = ui.draw(ui.uniform(0.0, 1.0), 1 << 12, seed=4, name="w")
    away = np.abs(uniform - 0.7) > 1e-6
    np.testing.assert_array_equal(mask[away] == 1.0, uniform[away] > 0.7)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "float8_e4m3fn"])
def test_all_types_draw_the_same_choices(dtype: str) -> None:
    """Each value is that of float32, rounded, or its own float64."""
    spec = ui.discrete((-1.0, 0.1, 3.0), (0.25, 0.5, 0.25))
    wide = ui.draw(spec, (40, 30), seed=2, name="w")
    drawn = ui.draw(spec, (40, 30), seed=2, name="w", dtype=dtype)
    if dtype == "float64":
        assert set(np.unique(drawn)) == {-1.0, 0.1, 3.0}
        np.testing.assert_array_equal(drawn.astype(np.float32), wide)
    else:
        np.testing.assert_array_equal(drawn, wide.astype(drawn.dtype))


@pytest.mark.parametrize("count", [2, 3, 5, 16, 255, 256])
def test_any_number_of_values_has_its_frequencies(count: int) -> None:
    """Chi-squared of 2**16 draws over all values, not only powers of two."""
    values, shares = np.arange(count) * 0.5, np.arange(1, count + 1) / (count * (count + 1) / 2)
    spec = ui.discrete(values.tolist(), (shares / shares.sum()).tolist())
    drawn = ui.draw(spec, 1 << 16, seed=0, name="w")
    observed = np.bincount((drawn * 2).astype(int), minlength=count)
    assert stats.chisquare(observed, shares * (1 << 16)).pvalue > 1e-4


# --- samples ------------------------------------------------------------------------------------------

SAMPLED = {
    "laplace": ui.laplace(0.0, 0.1),
    "logistic": ui.logistic(0.5, 0.1),
    "student_t(3)": ui.student_t(3, 0.0, 0.1),
    "student_t(8)": ui.student_t(8, 1.0, 0.1),
    "lognormal": ui.lognormal(0.0, 0.5),
    "cauchy": ui.cauchy(0.0, 1.0, -20.0, 20.0),
    "discrete": ui.discrete((-1.0, 0.0, 3.3), (0.2, 0.5, 0.3)),
    "rademacher": ui.rademacher() * 0.3,
    "bernoulli": ui.bernoulli(0.01),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_a_std_that_is_one_percent_off_is_refused(name: str) -> None:
    """At 1e-9, of 2**20 values; the sample itself passes."""
    spec = SAMPLED[name]
    law, drawn = spec.resolve(1), ui.draw(spec, (1 << 10, 1 << 10), seed=1, name="w")
    testing.assert_follows(drawn, law)
    wrong = (law.mean + 1.01 * (drawn.astype(np.float64) - law.mean)).astype(np.float32)
    with pytest.raises(AssertionError):
        testing.assert_follows(wrong, law)
