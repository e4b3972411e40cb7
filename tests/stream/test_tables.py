"""Tables: every value is the exact quantile to the stated precision, on every platform the same."""

from __future__ import annotations

import decimal
import hashlib
import json
import math
import os
import subprocess
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np
import pytest
from scipy import special, stats
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.law.unit_normal import tail as normal_tail
from unified_init.stream import numpy_runner, threefry
from unified_init.stream.elementary import cos_turns, normal_quantile, sin_turns
from unified_init.stream.knots import FORMAT32, FORMAT64
from unified_init.stream.table import Table, _rows64, compile_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

NORMAL = ui.normal(0.0, 1.0)
# SHA-256 of the rows of the unit normal's tables: what every platform must compile.
GOLDEN = {
    32: "e3d2fd1371feadec22d98114e4188d1b8a18ab1661411467a7f6b6aaf9561d5a",
    64: "2b55d94c251bf5db93a0b254c5b40fd7d5d88aeee3f7b50acc08cb14004704e7",
}


def table_of(spec: ui.Initializer, bits: int = 32) -> Table:
    """Return the table of a spec that needs no fan."""
    return compile_table(spec.resolve(1), bits)


# --- a second implementation of the program, from the description in Table's docstring -----------


def tails(bits: int, *, random: int = 1 << 20) -> NDArray[np.uint64]:
    """Return tails in units of 2**-bits: all below 2**14, those next to the median, and random ones."""
    top = 1 << (bits - 1)
    generator = np.random.default_rng(20261124)
    return np.concatenate(
        [
            np.arange(1 << 14, dtype=np.uint64),
            np.uint64(top - 1) - np.arange(1 << 12, dtype=np.uint64),
            generator.integers(top, size=random // 2, dtype=np.uint64),
            # As many with a uniform logarithm: the octaves of the tail are all visited.
            np.exp2(generator.uniform(0, bits - 1, random // 2)).astype(np.uint64),
        ]
    )


def word_of(tail: NDArray[np.uint64], bits: int, *, upper: bool) -> NDArray[np.uint64]:
    """Return the word of a tail in a half: the top bit is set in the lower half."""
    return tail if upper else tail | np.uint64(1 << (bits - 1))


def integers32(table: Table, tail: NDArray[np.uint64], *, upper: bool) -> NDArray[np.int64]:
    """Return the integers before the last rounding."""
    shifted = (tail.astype(np.int64) >> table.tail_shift) | table.tail_or
    pattern = shifted.astype(np.float32).view(np.int32).astype(np.int64)
    row = np.maximum((pattern >> FORMAT32.fraction) - table.bias, 0) + upper * table.upper_rows
    base, step = table.rows.astype(np.int64)[row].T
    value = base + ((step * (pattern % (1 << FORMAT32.fraction))) >> table.slope_shift)
    if upper:
        value = (value ^ table.upper_xor) + table.upper_add
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)  # 32-bit integers wrap


def drawn32(table: Table, tail: NDArray[np.uint64], *, upper: bool) -> NDArray[np.float32]:
    """Return the float32 values of tails in one half."""
    return numpy_runner.values32(table, word_of(tail, 32, upper=upper).astype(np.uint32))


def drawn64(table: Table, tail: NDArray[np.uint64], *, upper: bool) -> NDArray[np.float64]:
    """Return the float64 values of tails in one half."""
    word = word_of(tail, 64, upper=upper)
    return numpy_runner.values64(table, (word >> np.uint64(32)).astype(np.uint32), word.astype(np.uint32))


def probability(tail: NDArray[np.uint64], bits: int) -> NDArray[np.float64]:
    """Return the probability at the middle of a word's interval."""
    return np.ldexp(tail.astype(np.float64) + 0.5, -bits)


# --- precision ----------------------------------------------------------------------------------


@pytest.mark.parametrize("upper", [False, True])
def test_a_32_bit_normal_is_the_exact_quantile_to_2e_7(*, upper: bool) -> None:
    """At most 2e-7 std before the last rounding, and that rounding is to nearest."""
    table, tail = table_of(NORMAL), tails(32)
    exact = special.ndtri(probability(tail, 32)) * (-1 if upper else 1)
    before = np.ldexp(integers32(table, tail, upper=upper).astype(np.float64), table.exponent)
    assert np.abs(before - exact).max() <= 2e-7
    after = drawn32(table, tail, upper=upper)
    np.testing.assert_array_equal(after, before.astype(np.float32))
    assert (np.abs(after - exact) <= 2e-7 + np.spacing(np.abs(after)) / 2).all()


@pytest.mark.parametrize("upper", [False, True])
def test_a_64_bit_normal_is_the_exact_quantile_to_1e_12(*, upper: bool) -> None:
    """At most 1e-12 std, to the far end of the tails, where z passes 9."""
    tail = tails(64)
    exact = special.ndtri(probability(tail, 64)) * (-1 if upper else 1)
    drawn = drawn64(table_of(NORMAL, 64), tail, upper=upper)
    assert np.abs(drawn - exact).max() <= 1e-12


def test_the_tails_reach_as_far_as_their_words() -> None:
    """|z| reaches 6.3 in 32 bits and 9.1 in 64: the quantiles of 2**-33 and 2**-65."""
    none = np.zeros(1, dtype=np.uint64)
    assert drawn32(table_of(NORMAL), none, upper=True)[0] == pytest.approx(6.3379578, abs=3e-7)
    assert drawn64(table_of(NORMAL, 64), none, upper=False)[0] == pytest.approx(
        special.ndtri(2.0**-65), abs=1e-12
    )
    assert table_of(NORMAL).magnitude == pytest.approx(-special.ndtri(2.0**-33), abs=2e-7)


# Bounds in sigmas: symmetric, one-sided, asymmetric, and on one side of the mean.
CUTS = [(-2.0, 2.0), (-0.5, 0.5), (-4.0, 4.0), (0.0, math.inf), (-math.inf, 1.0), (-1.0, 3.0), (-3.0, 0.25),
        (0.5, 1.5), (2.0, 4.0), (-4.0, -2.0)]  # fmt: skip


def exact_cut(ends: tuple[float, float], p: NDArray[np.float64], *, upper: bool) -> NDArray[np.float64]:
    """Return the quantile of a cut normal at tail probabilities, each from the nearer end."""
    lower, above = (-ends[1], -ends[0]) if upper else ends
    below, beyond = special.ndtr(lower), special.ndtr(-above)
    if lower > 0:  # all on the far side of the mean: as survival probabilities
        start = special.ndtr(-lower)
        values = -special.ndtri(start - p * (start - beyond))
    else:
        mass = special.ndtr(above) - below if above < 0 else 1.0 - below - beyond
        from_below = below + p * mass
        values = np.where(
            from_below < 0.5,
            special.ndtri(np.minimum(from_below, 0.5)),
            -special.ndtri(np.minimum(beyond + (1.0 - p) * mass, 0.5)),
        )
    return -values if upper else values


def inside(values: NDArray[np.float64], ends: tuple[float, float]) -> NDArray[np.float64]:
    """Return values moved to the first and last float32 of an open interval, where they lie beyond."""
    first = np.nextafter(np.float32(ends[0]), np.float32(np.inf))
    last = np.nextafter(np.float32(ends[1]), np.float32(-np.inf))
    return np.clip(values, np.float64(first), np.float64(last))


@pytest.mark.parametrize("upper", [False, True])
@pytest.mark.parametrize("ends", CUTS, ids=str)
def test_a_cut_normal_is_the_exact_quantile(ends: tuple[float, float], *, upper: bool) -> None:
    """2e-7 of the law's std in 32 bits, 1e-12 in 64, against the cut distribution of SciPy too.

    But for values that would round onto an end: those are the float32 next to it.
    """
    spec = ui.truncated_normal(0.0, 1.0, *ends)
    std = spec.resolve(1).std
    tail = tails(32, random=1 << 18)
    p = probability(tail, 32)
    exact = exact_cut(ends, p, upper=upper)
    few = slice(None, None, 97)  # SciPy's own takes its time
    law = stats.truncnorm(*ends)
    np.testing.assert_allclose(
        exact[few], (law.isf if upper else law.ppf)(p[few]), rtol=1e-8, atol=1e-9 * std
    )
    table = table_of(spec)
    before = np.ldexp(integers32(table, tail, upper=upper).astype(np.float64), table.exponent)
    assert np.abs(before - inside(exact, ends)).max() <= 2e-7 * std
    np.testing.assert_array_equal(drawn32(table, tail, upper=upper), before.astype(np.float32))
    tail = tails(64, random=1 << 18)
    wide = drawn64(table_of(spec, 64), tail, upper=upper)
    assert np.abs(wide - exact_cut(ends, probability(tail, 64), upper=upper)).max() <= 1e-12 * std


@pytest.mark.parametrize("upper", [False, True])
def test_a_cut_far_out_keeps_its_precision(*, upper: bool) -> None:
    """Between 5 and 6 sigmas, with a std of 0.17: 2e-7 of that std, which is 3.4e-8."""
    spec = ui.truncated_normal(0.0, 1.0, 5.0, 6.0)
    std = spec.resolve(1).std
    assert std == pytest.approx(stats.truncnorm(5, 6).std(), rel=1e-8)
    tail = tails(32, random=1 << 18)
    exact = exact_cut((5.0, 6.0), probability(tail, 32), upper=upper)
    table = table_of(spec)
    before = np.ldexp(integers32(table, tail, upper=upper).astype(np.float64), table.exponent)
    assert np.abs(before - inside(exact, (5.0, 6.0))).max() <= 2e-7 * std
    tail = tails(64, random=1 << 18)
    wide = drawn64(table_of(spec, 64), tail, upper=upper)
    assert np.abs(wide - exact_cut((5.0, 6.0), probability(tail, 64), upper=upper)).max() <= 1e-12 * std


@pytest.mark.parametrize(
    ("mean", "std"), [(0.0, 0.02), (1.0, 3.0), (-7.3, 0.3), (100.0, 1.0), (0.0, 2.0**-90), (0.0, 5e37)]
)
def test_mean_and_std_go_into_the_table(mean: float, std: float) -> None:
    """A scaled and shifted law keeps 2e-7 std and half an ulp of the value.

    And a unit of the table, 2**-30 of its largest value, which counts where the mean is far larger
    than the std: for those laws the bound is 0.52 ulp.
    """
    table, tail = table_of(ui.normal(mean, std)), tails(32, random=1 << 16)
    for upper, sign in ((False, 1), (True, -1)):
        exact = mean + sign * std * special.ndtri(probability(tail, 32))
        before = np.ldexp(integers32(table, tail, upper=upper).astype(np.float64), table.exponent)
        unit = 2.0**table.exponent
        assert np.abs(before - exact).max() <= 2e-7 * std + unit
        drawn = drawn32(table, tail, upper=upper).astype(np.float64)
        half_ulp = np.spacing(np.abs(drawn).astype(np.float32)).astype(np.float64) / 2
        assert (np.abs(drawn - exact) <= 2e-7 * std + unit + half_ulp).all()


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        (0.0, 0.02),
        (1.0, 1.0),
        (1.0, 1e-3),
        (1.0, 1e-9),
        (-6831.07, 0.35),
        (1e4, 1.0),
        (9.7e7, 2e4),
        (1e-20, 1e-23),
    ],
)
def test_a_64_bit_normal_loses_what_a_far_mean_takes(mean: float, std: float) -> None:
    """A cubic counts in steps of 2**-50 of the largest value: 1e-12 std and 1e-14 of the mean are its bound."""
    table, tail = table_of(ui.normal(mean, std), 64), tails(64, random=1 << 16)
    for upper, sign in ((False, 1), (True, -1)):
        exact = np.longdouble(mean) + sign * std * special.ndtri(probability(tail, 64)).astype(np.longdouble)
        error = np.abs(drawn64(table, tail, upper=upper) - exact)
        assert error.max() <= 1e-12 * std + 1e-14 * abs(mean)
        if abs(mean) > 100 * std:  # nearly as much is met
            assert error.max() > 2e-15 * abs(mean)


# --- uniform ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1.0, 1.0), (0.0, 1.0), (-0.25, 0.25), (0.0, 2.0**-60), (-3.0, 1.0), (5.0, 7.0), (-8.0, 0.0)],
)
def test_a_uniform_draws_its_equally_spaced_points(low: float, high: float) -> None:
    """All 2**24 points are center + half (2k + 1 - 2**24) / 2**24, rounded once.

    Off center, the outermost points would round onto an end; to keep it open, the outermost 1024th
    of each half is drawn in by at most one ulp of the larger end.
    """
    table = table_of(ui.uniform(low, high))
    k = np.arange(1 << 23, dtype=np.uint64)
    tail = (k << np.uint64(8)) | (k & np.uint64(255))  # the low bits of a word do not matter
    center, half = (low + high) / 2, (high - low) / 2
    point = (2.0 * k + 1.0 - 2.0**24) / 2.0**24  # exact in float64, as is what is made of it below
    edge = 0 if center == 0.0 else 1 << 13
    for upper, sign in ((False, 1), (True, -1)):
        drawn, exact = drawn32(table, tail, upper=upper), (center + sign * half * point).astype(np.float32)
        np.testing.assert_array_equal(drawn[edge:], exact[edge:])
        ulp = np.spacing(np.float32(max(abs(low), abs(high))))
        assert np.abs(drawn[:edge].astype(np.float64) - exact[:edge]).max(initial=0.0) <= ulp


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 0.7), (-0.1, 0.7), (0.0, 0.5 + 0.49 * 2.0**-24), (-1e-3, 1.0), (-0.6, 0.6), (-1.0, 1e-6)],
)
def test_a_uniform_keeps_its_precision_at_its_smaller_end(low: float, high: float) -> None:
    """At most 2e-7 std and half an ulp of the value: one end's rounding does not reach the other."""
    spec = ui.uniform(low, high)
    table, tail = table_of(spec), tails(32, random=1 << 16)
    k = (tail >> np.uint64(8)).astype(np.float64)
    point = (2 * k + 1 - 2.0**24) / 2.0**24
    upper = abs(high) < abs(low)
    exact = (low + high) / 2 + (high - low) / 2 * point * (-1 if upper else 1)
    drawn = drawn32(table, tail, upper=upper)
    error = np.abs(drawn - inside(exact, (low, high)))
    assert (error <= 2e-7 * spec.resolve(1).std + np.spacing(np.abs(drawn)) / 2).all()


def test_a_64_bit_uniform_draws_its_equally_spaced_points() -> None:
    """The same rule with 2**53 points."""
    table, tail = table_of(ui.uniform(-1.0, 1.0), 64), tails(64, random=1 << 12)
    for upper, sign in ((False, 1), (True, -1)):
        drawn = drawn64(table, tail, upper=upper)
        for value, word in zip(drawn[::37].tolist(), tail[::37].tolist(), strict=True):
            point = sign * Fraction(2 * (word >> 11) + 1 - 2**53, 2**53)
            assert Fraction(value) == point


# --- P3: intervals ------------------------------------------------------------------------------

INTERVALS = [(0.0, 1.0), (-1e-3, 1e3), (1.0, 1.0 + 2.0**-20), (1.0, 1.0 + 2.0**-22), (-1.0, 2.0**-24),
             (0.1, 0.3), (-2.0**-89, 2.0**-89), (0.0, 2.0**-88), (-1e38, 2e38), (-65504.0, 65504.0),
             (0.0, 65504.0), (1e-40, 1e-3), (-0.1, 1e-9)]  # fmt: skip
NARROW = ["bfloat16", "float16", "float8_e5m2", "float8_e4m3fn"]


def enclosed(low: float, high: float) -> list[ui.Initializer]:
    """Return specs whose values lie between two ends: uniform, cut, and cut on one side."""
    middle, width = (low + high) / 2, (high - low) / 2
    return [
        ui.uniform(low, high),
        ui.trunc_normal(middle, width, low, high),
        ui.trunc_normal(low, width, low, high),
        ui.trunc_normal(high, 3 * width, low, high),
    ]


@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_no_float32_lies_outside_the_open_interval(low: float, high: float) -> None:
    """Strictly inside the ends, themselves rounded to float32; narrow types inside the rounded ends."""
    tail = np.concatenate([tails(32, random=1 << 14), (np.arange(1 << 12) << 8).astype(np.uint64)])
    first, last = np.float32(low), np.float32(high)
    for spec in enclosed(low, high):
        table = table_of(spec)
        for upper in (False, True):
            drawn = drawn32(table, tail, upper=upper)
            assert (drawn > first).all(), spec
            assert (drawn < last).all(), spec
            for name in NARROW:
                dtype = np.dtype(getattr(ml_dtypes, name, name))
                if max(abs(low), abs(high)) > float(ml_dtypes.finfo(dtype).max):
                    continue
                narrow = drawn.astype(dtype)
                assert (narrow >= first.astype(dtype)).all(), (spec, name)
                assert (narrow <= last.astype(dtype)).all(), (spec, name)


@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_no_float64_lies_outside_the_open_interval(low: float, high: float) -> None:
    """The same in float64, whose ends need no rounding."""
    tail = tails(64, random=1 << 14)
    for spec in enclosed(low, high):
        table = table_of(spec, 64)
        for upper in (False, True):
            drawn, law = drawn64(table, tail, upper=upper), spec.resolve(1)
            assert (drawn > law.low).all(), spec
            assert (drawn < law.high).all(), spec


def test_an_interval_without_a_number_is_refused() -> None:
    """Neighboring floats leave nothing between them; a wider type may."""
    spec = ui.uniform(1.0, 1.0 + 2.0**-23)
    with refused(ui.ArgumentValueError):
        ui.draw(spec, 3, seed=0)
    assert ui.draw(spec, 3, seed=0, dtype="float64").shape == (3,)


# --- shape of the tables ------------------------------------------------------------------------

LAWS = [
    NORMAL,
    ui.normal(0.3, 2.0),
    ui.uniform(-1, 3),
    ui.truncated_normal(0, 1),
    ui.truncated_normal(0, 1, -1, 3),
    ui.truncated_normal(0, 1, 2, 5),
    ui.truncated_normal(0, 1, 0, math.inf),
]


@pytest.mark.parametrize("spec", LAWS, ids=str)
def test_values_follow_their_words(spec: ui.Initializer) -> None:
    """The lower half rises with the tail and the upper half falls, without a step back at a knot."""
    table, table64 = table_of(spec), table_of(spec, 64)
    tail, tail64 = np.sort(tails(32, random=1 << 18)), np.sort(tails(64, random=1 << 18))
    assert (np.diff(integers32(table, tail, upper=False)) >= 0).all()
    assert (np.diff(integers32(table, tail, upper=True)) <= 0).all()
    median = [int(integers32(table, tail[-1:], upper=upper)[0]) for upper in (False, True)]
    assert median[0] <= median[1]
    for upper, sign in ((False, 1), (True, -1)):
        steps = np.diff(drawn64(table64, tail64, upper=upper)) * sign
        assert (steps >= -1e-13 * spec.resolve(1).std).all()  # cubics meet at a knot to that


@pytest.mark.parametrize("spec", LAWS, ids=str)
def test_interpolation_stays_between_its_knots(spec: ui.Initializer) -> None:
    """The last point of a segment does not pass the next knot."""
    table = table_of(spec)
    base, step = table.rows.astype(np.int64).T
    last = base + ((step * ((1 << FORMAT32.fraction) - 1)) >> table.slope_shift)
    half = table.upper_rows or len(base)
    for start in range(0, len(base), half):
        here, there, reached = (
            base[start : start + half - 1],
            base[start + 1 : start + half],
            last[start:][: half - 1],
        )
        assert (reached >= np.minimum(here, there)).all()
        assert (reached <= np.maximum(here, there)).all()


@pytest.mark.parametrize(
    "spec",
    [NORMAL, ui.truncated_normal(0, 0.3), ui.uniform(-0.7, 0.7), ui.trunc_normal(0, 2, -1, 1)],
    ids=str,
)
def test_symmetric_laws_are_mirrored_exactly(spec: ui.Initializer) -> None:
    """The upper half is minus the lower one, bit for bit, in both widths."""
    tail, tail64 = tails(32, random=1 << 14), tails(64, random=1 << 14)
    np.testing.assert_array_equal(
        drawn32(table_of(spec), tail, upper=True), -drawn32(table_of(spec), tail, upper=False)
    )
    np.testing.assert_array_equal(
        drawn64(table_of(spec, 64), tail64, upper=True), -drawn64(table_of(spec, 64), tail64, upper=False)
    )


def test_a_shifted_symmetric_law_is_mirrored_about_its_mean() -> None:
    """In the table's integers, before any rounding."""
    table, tail = table_of(ui.normal(0.3, 2.0)), tails(32, random=1 << 14)
    twice = integers32(table, tail, upper=True) + integers32(table, tail, upper=False)
    assert set(twice.tolist()) == {round(math.ldexp(0.6, -table.exponent))}


# --- the same on every platform -----------------------------------------------------------------

# Patched before unified_init is imported. What is left out is exact by IEEE 754, or integer. Eight ulps: a
# single one may be rounded away again.
PERTURB = """
import math, ml_dtypes, numpy as np
EXACT = {"sqrt", "ldexp", "frexp", "fsum", "ceil", "floor", "copysign", "nextafter", "fabs", "modf", "trunc",
         "ulp", "prod", "isclose", "fmod", "remainder", "isnan", "isinf", "isfinite"}
def off(function):
    def perturbed(*args, **options):
        result = function(*args, **options)
        return result if isinstance(result, (int, tuple)) else result * (1 + 2.0**-49)
    return perturbed
for name in vars(math).copy():
    if callable(getattr(math, name)) and name not in EXACT and not name.startswith("_"):
        setattr(math, name, off(getattr(math, name)))
for name in ("exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh "
             "arcsinh arccosh arctanh power float_power pow cbrt hypot logaddexp logaddexp2 "
             "asin acos atan atan2").split():
    perturbed = off(getattr(np, name))
    for module in (np,):
        setattr(module, name, perturbed)
"""
HASHES = """
import hashlib, json, math
import numpy as np
import unified_init as ui
from unified_init.stream.table import compile_table
LAWS = [
    (ui.normal(0, 1), {}),
    (ui.normal(0.1, 0.02), {}),
    (ui.truncated_normal(0, 1), {}),
    (ui.truncated_normal(0, 0.02, -1, 3), {}),
    (ui.truncated_normal(0, 1, 0, math.inf), {}),
    (ui.truncated_normal(0, 1, 5, 6), {}),
    (ui.trunc_normal(0.5, 0.2, -1, 1), {}),
    (ui.uniform(-0.05, 0.05), {}),
    (ui.uniform(0, 1), {}),
    (ui.he_normal(), {"layout": "OIHW"}),
    (ui.glorot_normal() * 0.5, {"layout": "OIHW"}),
    (ui.kaiming_uniform(5**0.5), {"layout": "OIHW"}),
    (ui.kaiming_normal(0.1, "fan_out"), {"layout": "OIHW"}),
    (ui.kaiming_normal(nonlinearity="selu"), {"layout": "OIHW"}),
    (ui.siren(), {"layout": "OIHW"}),
    (ui.siren(first=True), {"layout": "OIHW"}),
    (ui.variance_scaling(0.3, "fan_geo_avg", "truncated_normal"), {"layout": "OIHW"}),
    (ui.Initializer(ui.TruncatedNormal(-1, 3), ui.VarianceScaling(1, "fan_in")), {"layout": "OIHW"}),
    (ui.Initializer(ui.TruncatedNormal(-3, 3), ui.VarianceScaling(1, "fan_in")), {"layout": "OIHW"}),
]
result = {"math.exp": math.exp(1.0), "math.erfc": math.erfc(1.0), "np.log": float(np.log(3.0))}
for spec, options in LAWS:
    law = spec.resolve((64, 3, 7, 5), **options)
    for bits in (32, 64):
        table = compile_table(law, bits)
        names = "tail_shift tail_or bias upper_rows upper_xor upper_add slope_shift exponent least most"
        text = repr([getattr(table, name) for name in names.split()])
        result[f"{spec} {bits}"] = hashlib.sha256(text.encode() + table.rows.tobytes()).hexdigest()
result["stft"] = ui.digest(ui.draw(ui.stft(), (16, 1, 9)))
result["complex"] = ui.digest(ui.draw(ui.normal(0, 0.3), 100, seed=0, dtype="complex64"))
result["sparse"] = ui.digest(ui.draw(ui.sparse(0.3), (30, 20), seed=0))
print(json.dumps(result))
"""


def in_a_fresh_interpreter(code: str) -> dict[str, Any]:
    """Return the JSON that code prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_no_table_depends_on_a_libm() -> None:
    """With every transcendental function a few ulps off, all integers are what they were."""
    true, perturbed = in_a_fresh_interpreter(HASHES), in_a_fresh_interpreter(PERTURB + HASHES)
    probes = ("math.exp", "math.erfc", "np.log")
    assert all(true[name] != perturbed[name] for name in probes)  # the perturbation is effective
    different = [name for name in true if name not in probes and true[name] != perturbed[name]]
    assert different == []


@pytest.mark.parametrize("bits", [32, 64])
def test_the_normal_table_is_the_golden_one(bits: int) -> None:
    """The unit normal's rows, to the byte."""
    rows = table_of(NORMAL, bits).rows
    assert hashlib.sha256(rows.astype(rows.dtype.newbyteorder("<")).tobytes()).hexdigest() == GOLDEN[bits]


# --- the parts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
        ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
        ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
    ],
)
def test_threefry_gives_the_known_answers(
    key: tuple[int, int], counter: tuple[int, int], expected: tuple[int, int]
) -> None:
    """Random123's published answers of Threefry-2x32 with 20 rounds, for both implementations."""
    assert threefry.block_of_ints(key, counter) == expected
    high, low = (np.array([word], dtype=np.uint32) for word in counter)
    assert tuple(int(word[0]) for word in threefry.block(key, high, low)) == expected
    assert (int(high[0]), int(low[0])) == counter  # left as they were


def test_keys_are_the_words_of_the_seed_and_of_the_name() -> None:
    """The root key is the seed's two words; a name's counter is the head of its SHA-256."""
    assert threefry.root_key(0x123456789ABCDEF0) == (0x12345678, 0x9ABCDEF0)
    head = hashlib.sha256("conv/ü".encode()).digest()[:8]
    assert threefry.name_counter("conv/ü") == (
        int.from_bytes(head[:4], "big"),
        int.from_bytes(head[4:], "big"),
    )
    assert threefry.named_key((1, 2), "") == (1, 2)
    assert threefry.named_key((1, 2), "w") == threefry.block_of_ints((1, 2), threefry.name_counter("w"))


def test_elementary_functions_agree_with_scipy() -> None:
    """The normal's quantile and tail, sine and cosine, to a few units in the last place."""
    p = np.concatenate([np.logspace(-300, math.log10(0.5), 4000), np.linspace(1e-9, 0.5, 4001)])
    np.testing.assert_allclose(normal_quantile(p), special.ndtri(p), rtol=3e-15, atol=3e-16)
    for x in (0.0, 1e-9, 0.3, 1.0, 2.0, 6.0, 12.0, 35.0, -1.0, -6.0):
        assert normal_tail(x) == pytest.approx(float(stats.norm.sf(x)), rel=1e-13)
    assert normal_tail(math.inf) == 0.0
    turns = np.linspace(-2, 2, 4001)
    np.testing.assert_allclose(sin_turns(turns), np.sin(2 * np.pi * turns), atol=3e-15)
    np.testing.assert_allclose(cos_turns(turns), np.cos(2 * np.pi * turns), atol=3e-15)


def test_a_word_is_split_as_the_formats_say() -> None:
    """Rows are octaves times leading bits, and two more for the ends."""
    assert (FORMAT32.rows, FORMAT32.fraction) == (31 * 1024 + 2, 13)
    assert (FORMAT64.rows, FORMAT64.fraction) == (63 * 512 + 2, 43)
    assert table_of(NORMAL).rows.shape == (FORMAT32.rows, 2)
    assert table_of(ui.truncated_normal(0, 1, -1, 3)).rows.shape == (2 * FORMAT32.rows, 2)


def test_equal_laws_share_one_table() -> None:
    """Fans and shapes do not enter: he_normal of fan 147 is compiled once."""
    one = ui.he_normal().resolve((64, 3, 7, 7), layout="OIHW")
    two = ui.he_normal().resolve((147, 8), layout="IO")
    assert compile_table(one, 32) is compile_table(two, 32)


def test_a_64_bit_step_that_its_field_cannot_hold_is_no_table() -> None:
    """Then the fixed point moves up by one, as it does at 32 bits."""
    half = np.zeros((4, 3), dtype=np.int64)
    assert _rows64(half, uniform=False) is not None
    half[2:] = 1 << 60
    assert _rows64(half, uniform=False) is None


DECIMAL = """
import decimal, sys
for trap in decimal.DefaultContext.traps:
    decimal.DefaultContext.traps[trap] = sys.argv[1] == "changed"
if sys.argv[1] == "changed":
    decimal.DefaultContext.rounding, decimal.DefaultContext.Emin = decimal.ROUND_UP, -3
import unified_init as ui
print(ui.digest(ui.draw(ui.truncated_normal(0.0, 1.0, -1.8, 3.25), (999,), seed=0)))
"""


def test_the_default_of_decimal_changes_nothing() -> None:
    """Neither its traps, which would raise, nor its rounding and its limits."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", DECIMAL, word], capture_output=True, text=True, check=True
        ).stdout
        for word in ("", "changed")
    ]
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("lower", "upper"),
    [(-1e-5, 1e-5), (1.0, 1.00001), (2.0, 2.0001), (5.0, 5.00001), (-3.0, -2.999), (-1.8, 3.25), (-math.inf, 0.5),
     (34.0, math.inf), (-35.0, -34.6)],
)  # fmt: skip
def test_moments_of_a_narrow_truncated_normal_are_exact(lower: float, upper: float) -> None:
    """By the integrals at 40 digits, of which a narrow interval leaves few to float64."""
    decimals = decimal.Context(prec=40)
    ends = [
        decimal.Decimal(max(min(end, lower + 2.0 if lower > 30.0 else 12.0), -40.0)) for end in (lower, upper)
    ]
    nodes, weights = (
        list(map(decimal.Decimal, map(float, part))) for part in np.polynomial.legendre.leggauss(40)
    )
    pieces = 64
    width = decimals.divide(ends[1] - ends[0], decimal.Decimal(pieces))
    points, masses = [], []
    for piece in range(pieces):
        for node, weight in zip(nodes, weights, strict=True):
            point = ends[0] + width * (piece + (node + 1) / 2)
            points.append(point - ends[0])
            masses.append(weight * decimals.exp(-(point - ends[0]) * (point + ends[0]) / 2))
    nothing, total = decimal.Decimal(0), sum(masses, decimal.Decimal(0))
    mean = sum((p * m for p, m in zip(points, masses, strict=True)), nothing) / total
    variance = sum(((p - mean) ** 2 * m for p, m in zip(points, masses, strict=True)), nothing) / total
    dist = ui.TruncatedNormal(lower, upper)
    assert dist.unit_mean == pytest.approx(float(mean + ends[0]), rel=1e-13, abs=1e-20)
    assert dist.unit_std == pytest.approx(float(variance.sqrt()), rel=1e-12)
