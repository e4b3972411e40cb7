"""Every preset follows its law in every variant, in float32 and bfloat16; each test has a twin that fails.

All variants draw; equal bits are judged once.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

import unified_init as ui
from unified_init import testing
from unified_init.parity.variants import COMPILED, EAGER, Variant, draw, reference
from unified_init.stream.dtypes import DTYPES
from unified_init.testing.cases import ELEMENTWISE, Case

ALL = EAGER + COMPILED
by_variant = pytest.mark.parametrize("variant", ALL, ids=lambda variant: variant.value)
by_dtype = pytest.mark.parametrize("dtype", ["float32", "bfloat16"])

# 2**16 values whose fans differ, 1024 in and 4096 out; and the same where they are taken for each other.
CASE = Case((8, 8, 16, 64), "HWIO")
SWAPPED = Case(CASE.shape, "HWOI")
WITH_FANS = [name for name, spec in ELEMENTWISE.items() if "fan" in repr(spec.scale)]

judged: dict[tuple[str, str, str], str] = {}


def verdict(name: str, dtype: str, drawn: Any) -> str:
    """Return why a draw does not follow its preset's law, or nothing; equal bits are looked at once."""
    key = (name, dtype, ui.digest(drawn))
    if key not in judged:
        law = ELEMENTWISE[name].resolve(CASE.shape, **CASE.options)
        try:
            testing.assert_follows(drawn, law)
        except AssertionError as error:
            judged[key] = str(error)
        else:
            judged[key] = ""
    return judged[key]


@by_variant
@by_dtype
def test_elementwise_presets_follow_their_laws(variant: Variant, dtype: str) -> None:
    """At 1e-9 a sample, as in tests of one's own: a std 3 % off is 10 standard errors off in 2**16 values."""
    wrong = {}
    for name, spec in ELEMENTWISE.items():
        drawn = draw(variant, spec, CASE.shape, seed=17, name=name, dtype=dtype, **CASE.options)
        assert drawn.dtype.name == dtype
        if verdict(name, dtype, drawn):
            wrong[name] = verdict(name, dtype, drawn)
    assert wrong == {}


@pytest.mark.parametrize(("dtype", "factor"), [("float32", 1.03), ("bfloat16", 0.97)])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_scale_that_is_three_percent_off_is_seen(name: str, dtype: str, factor: float) -> None:
    """The same draws, wider or narrower about the mean, fail for every preset, rounded or not.

    Of a normal's sum of squares the exact law says how often: but for once in a thousand times.
    """
    law = ELEMENTWISE[name].resolve(CASE.shape, **CASE.options)
    drawn = reference(ELEMENTWISE[name], CASE.shape, seed=17, name=name, **CASE.options)
    wrong = law.mean + factor * (drawn.astype(np.float64) - law.mean)
    assert verdict(name, dtype, wrong.astype(np.float32).astype(DTYPES[dtype].numpy))
    n, rate = drawn.size, 1e-9 / 24.0  # no sample has more than 12 findings with exact p-values
    if factor > 1.0:
        assert stats.chi2.sf(stats.chi2.isf(rate, n) / factor**2, n) > 0.999
    else:
        assert stats.chi2.cdf(stats.chi2.ppf(rate, n) / factor**2, n) > 0.999


@pytest.mark.parametrize("name", WITH_FANS)
def test_fans_that_are_taken_for_each_other_are_seen(name: str) -> None:
    """Inputs read as outputs: seen for every preset whose scale is not the same for both."""
    spec = ELEMENTWISE[name]
    law, swapped = (spec.resolve(case.shape, **case.options) for case in (CASE, SWAPPED))
    drawn = reference(spec, CASE.shape, seed=17, name=name, layout="HWOI")
    symmetric = "avg" in repr(spec.scale)
    assert (law.std == swapped.std) == symmetric
    assert (verdict(name, "float32", drawn) == "") == symmetric


def test_the_fans_are_used() -> None:
    """Most presets have a scale that follows a fan, and the swap is told apart for most of these."""
    assert {"he_normal", "glorot_uniform", "kaiming_normal", "siren", "lecun_uniform"} <= set(WITH_FANS)


# --- structured presets -----------------------------------------------------------------------------

SPARSE = Case((200, 300), "OI")
ZEROS = 70  # 0.35 of 200


def sparse_faults(drawn: Any) -> list[str]:
    """Return what is wrong with a draw of sparse(0.35, 0.02): the count, the places, the values."""
    zero = drawn == 0
    faults = []
    if (zero.sum(axis=0) != ZEROS).any():
        faults.append("count")
    # Zeros of a row over all columns: the places in a column are a draw without replacement.
    rows, columns = SPARSE.shape
    p = ZEROS / rows
    spread = columns * p * (1.0 - p) * rows / (rows - 1)
    total = float(((zero.sum(axis=1) - columns * p) ** 2).sum()) / spread
    if min(stats.chi2.sf(total, rows - 1), stats.chi2.cdf(total, rows - 1)) < 1e-9:
        faults.append("places")
    law = ui.normal(0.0, 0.02).resolve(())
    if testing.family_p(testing.examine(drawn.T[~zero.T], law)) < 1e-9:
        faults.append("values")
    return faults


@by_variant
@by_dtype
def test_sparse_has_exact_zeros_and_normal_values(variant: Variant, dtype: str) -> None:
    """70 of each column's 200, anywhere in it with equal chance; the rest is normal."""
    drawn = draw(variant, ui.sparse(0.35, 0.02), SPARSE.shape, seed=17, name="w", dtype=dtype, layout="OI")
    assert sparse_faults(drawn) == []


def test_wrong_sparse_draws_are_seen() -> None:
    """A mask of independent coins, one of the first rows, a wrong std: each by its own fault."""
    random = np.random.default_rng(0)
    normals = (0.02 * random.standard_normal(SPARSE.shape)).astype(np.float32)
    coins = random.uniform(size=SPARSE.shape) < 0.35
    assert sparse_faults(np.where(coins, np.float32(0.0), normals)) == ["count"]
    first = np.arange(200)[:, None] < ZEROS
    assert sparse_faults(np.where(first, np.float32(0.0), normals)) == ["places"]
    right = random.permuted(np.broadcast_to(first, SPARSE.shape), axis=0)
    assert sparse_faults(np.where(right, np.float32(0.0), normals)) == []
    wider = normals * np.float32(1.05)
    assert sparse_faults(np.where(right, np.float32(0.0), wider)) == ["values"]


UP = Case((64, 32, 8, 8), "OIHW")
INSIDE = ui.variance_scaling(2.0, "fan_out", "truncated_normal")


def icnr_faults(drawn: Any) -> list[str]:
    """Return what is wrong with a draw of icnr(INSIDE, 2): groups that differ, or the law of one of each."""
    groups = drawn.reshape(16, 4, 32, 8, 8)
    faults = ["groups"] if (groups != groups[:, :1]).any() else []
    law = INSIDE.resolve((16, 32, 8, 8), layout="OIHW")  # of the outputs before they are repeated
    if testing.family_p(testing.examine(groups[:, 0], law)) < 1e-9:
        faults.append("law")
    return faults


@by_variant
@by_dtype
def test_icnr_repeats_a_draw_of_the_law_inside(variant: Variant, dtype: str) -> None:
    """Four neighboring outputs are equal, and one of each four is a sample of the law inside."""
    drawn = draw(variant, ui.icnr(INSIDE, 2), UP.shape, seed=17, name="w", dtype=dtype, layout="OIHW")
    assert icnr_faults(drawn) == []


def test_wrong_icnr_draws_are_seen() -> None:
    """Outputs drawn apart, groups 16 outputs apart, and the scale of all 64 outputs."""
    options: dict[str, Any] = {"seed": 17, "name": "w", "layout": "OIHW"}
    assert icnr_faults(reference(ui.icnr(INSIDE, 2), UP.shape, **options)) == []
    apart = reference(INSIDE, UP.shape, **options) * np.float32(2.0)
    assert icnr_faults(apart) == ["groups"]
    inner = reference(INSIDE, (16, 32, 8, 8), **options)
    assert icnr_faults(np.concatenate([inner] * 4)) == ["groups", "law"]  # which repeats itself
    narrow = reference(INSIDE, (64, 32, 8, 8), **options)[:16]
    assert icnr_faults(np.repeat(narrow, 4, axis=0)) == ["law"]


@by_variant
@by_dtype
def test_constants_are_exact(variant: Variant, dtype: str) -> None:
    """Zeros, ones, a number that no type has, an array of them, and a scaled identity: rounded once."""
    for spec, value in (
        (ui.zeros(), 0.0),
        (ui.ones(), 1.0),
        (ui.constant(0.1), 0.1),
        (ui.constant([0.1, 1.0 / 3.0, -2.0]), [0.1, 1.0 / 3.0, -2.0]),
        (ui.identity(0.7), 0.7 * np.eye(5, 3)),
    ):
        drawn = draw(variant, spec, (5, 3), seed=17, name="w", dtype=dtype)
        rounded = np.broadcast_to(np.asarray(value, dtype=np.float32), (5, 3)).astype(drawn.dtype)
        testing.assert_identical(drawn, rounded)
        with pytest.raises(AssertionError, match=r"values differ, first at"):
            testing.assert_identical(drawn, rounded + rounded.dtype.type(1))


@pytest.mark.parametrize("variant", EAGER, ids=lambda variant: variant.value)
def test_delta_orthogonal_is_zero_but_for_one_tap(variant: Variant) -> None:
    """One matrix with orthonormal rows at tap (k - 1) // 2, exact zeros elsewhere."""
    drawn = draw(variant, ui.delta_orthogonal(), (3, 4, 16, 24), seed=17, name="w", layout="HWIO")
    matrix = drawn[1, 1].astype(np.float64)
    assert np.abs(matrix @ matrix.T - np.eye(16)).max() <= 1e-6 * math.sqrt(24)
    assert np.count_nonzero(drawn) == np.count_nonzero(matrix)
