"""Sums, negatives and products with arrays by named axes, on the host: which values they have."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from ml_dtypes import bfloat16
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.testing.bits import differing

OI: dict[str, Any] = {"shape": (30, 20), "layout": "OI", "seed": 5}
KERNEL: dict[str, Any] = {"shape": (12, 4, 3, 5), "layout": "(BO)IHW", "sizes": {"B": 3}, "seed": 5}
FIRST, SECOND = ui.he_normal(), ui.uniform(-0.3, 1.7)
SHORT = {"float32": np.float32, "float64": np.float64, "bfloat16": bfloat16, "float16": np.float16}


def drawn(spec: ui.Initializer, **options: Any) -> Any:
    """Draw with the host, in NumPy."""
    return ui.draw(spec, **{**OI, **options})


@pytest.mark.parametrize("dtype", SHORT)
def test_a_sum_is_the_sum_of_its_terms_rounded_once(dtype: str) -> None:
    """Each under its own name, in float32 (float64 where 64 bits are drawn), from left to right."""
    wide = "float64" if dtype == "float64" else "float32"
    terms = [FIRST, -SECOND, ui.identity(-0.7), ui.constant(0.1)]
    total = drawn(terms[0], name="w/0", dtype=wide)
    for number, term in enumerate(terms[1:], start=1):
        total = total + drawn(term, name=f"w/{number}", dtype=wide)
    spec = FIRST - SECOND + ui.identity(-0.7) + 0.1
    assert differing(drawn(spec, name="w", dtype=dtype), total.astype(SHORT[dtype])) == 0


def test_terms_of_any_kind_have_names() -> None:
    """Structured ones too, with the names that they derive from theirs: the zeros of a sparse term."""
    spec = ui.orthogonal(-0.5) + ui.sparse(0.25, 0.1)
    expected = drawn(ui.orthogonal(-0.5), name="w/0") + drawn(ui.sparse(0.25, 0.1), name="w/1")
    assert differing(drawn(spec, name="w"), expected) == 0
    unnamed = drawn(ui.orthogonal(-0.5), name="/0") + drawn(ui.sparse(0.25, 0.1), name="/1")
    assert differing(drawn(spec, name=""), unnamed) == 0


@pytest.mark.parametrize(
    "spec",
    [
        FIRST, SECOND, ui.trunc_normal(0.3, 1.0, -1.0, 2.0), ui.truncated_normal(0.5, 0.1, 1.0, 3.0),
        ui.orthogonal(), ui.sparse(0.25), ui.from_quantile(np.square, lambda p: (1 - p) ** 2, low=0.0, high=1.0),
    ],
    ids=itertools.count(),
)  # fmt: skip
@pytest.mark.parametrize("dtype", SHORT)
def test_a_negative_is_the_negative_of_the_draw(spec: ui.Initializer, dtype: str) -> None:
    """To the bit, under the same name; and the negative of a negative is the draw."""
    if isinstance(spec.distribution, ui.Quantile) and dtype == "float64":
        dtype = "float32"  # its table has 32 bits
    plain = drawn(spec, name="w", dtype=dtype)
    assert np.array_equal(drawn(-spec, name="w", dtype=dtype), -plain)
    assert differing(drawn(-1.0 * -spec, name="w", dtype=dtype), plain) == 0
    assert np.array_equal(
        drawn(spec * -0.5, name="w", dtype=dtype), -drawn(spec * 0.5, name="w", dtype=dtype)
    )


@pytest.mark.parametrize("spec", [ui.zeros(), ui.identity(), ui.hadamard()], ids=lambda spec: spec.label)
def test_zeros_of_negatives_have_no_sign(spec: ui.Initializer) -> None:
    """A constant or an identity is the same, whatever its sign, where it is 0; so are sums and products."""
    for negative in (
        -spec,
        ui.along("I", [-1.0] * 20) * spec,
        -spec - spec,
        ui.along("I", [0.0] * 20) * -FIRST,
    ):
        values = drawn(negative, name="w")
        assert not np.signbit(values[values == 0.0]).any()


def test_a_product_multiplies_the_entries_of_its_axis() -> None:
    """In float32, under the name of what it multiplies."""
    scales = np.linspace(-1.0, 2.0, 20)
    expected = drawn(FIRST, name="w") * scales.astype(np.float32)
    assert differing(drawn(ui.along("I", scales) * FIRST, name="w"), expected + 0.0) == 0
    wide = drawn(FIRST, name="w", dtype="float64") * scales + 0.0
    assert differing(drawn(ui.along("I", scales) * FIRST, name="w", dtype="float64"), wide) == 0
    table = np.arange(600.0).reshape(30, 20)
    for axes, array in (("OI", table), ("IO", table.T)):
        product = drawn(ui.along(axes, array) * FIRST, name="w")
        assert differing(product, drawn(FIRST, name="w") * table.astype(np.float32) + 0.0) == 0


def test_an_axis_of_several_is_counted_through() -> None:
    """Repeated letters, in the logical order; merged ones apart."""
    scales = np.linspace(1.0, 2.0, 12)
    options = {"shape": (20, 3, 4), "layout": "IOO", "name": "w"}
    expected = drawn(FIRST, **options) * scales.astype(np.float32).reshape(3, 4)
    assert differing(drawn(ui.along("O", scales) * FIRST, **options), expected) == 0
    merged = ui.draw(ui.along("B", [1.0, 2.0, 3.0]) * FIRST, name="w", **KERNEL)
    groups = np.repeat(np.array([1.0, 2.0, 3.0], np.float32), 4)[:, None, None, None]
    assert differing(merged, ui.draw(FIRST, name="w", **KERNEL) * groups) == 0
    positions = ui.draw(ui.along("WO", np.arange(20.0).reshape(5, 4)) * FIRST, name="w", **KERNEL)
    table = np.tile(np.arange(20.0, dtype=np.float32).reshape(5, 4).T, (3, 1))[:, None, None, :]
    assert differing(positions, ui.draw(FIRST, name="w", **KERNEL) * table + np.float32(0.0)) == 0


MIXED = ui.along("B", [1.0, 0.0, -3.0]) * (FIRST + ui.along("HI", np.arange(12.0).reshape(3, 4))) - SECOND
PARTS = (
    (3,), (slice(2, 9, 3), 2), (slice(None), slice(1, 3), -1, slice(0, 5, 2)), ([slice(0, 2), slice(7, 9)],),
    (slice(0, 0),), (slice(5, 6), slice(None), [slice(2, 3), slice(0, 1)]),
)  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_a_part_is_that_part_of_the_whole(part: tuple[Any, ...]) -> None:
    """Of each term and of the array; also in a merged axis."""
    whole = ui.draw(MIXED, name="w", **KERNEL)
    lists = [
        np.concatenate([np.arange(length)[run] for run in entry]) if isinstance(entry, list) else entry
        for entry, length in zip(part, whole.shape, strict=False)
    ]
    expected = whole
    for axis, entry in reversed(list(enumerate(lists))):
        expected = expected[(*(slice(None),) * axis, entry)]
    assert differing(ui.draw(MIXED, name="w", index=part, **KERNEL), np.ascontiguousarray(expected)) == 0


def test_a_layout_moves_values_and_changes_none() -> None:
    """Logical indices name the entries of the array as they name the draws."""
    kernel = ui.draw(MIXED, (4, 5, 3, 12), layout="IWH(OB)", sizes={"B": 3}, name="w", seed=5)
    parts = kernel.reshape(4, 5, 3, 4, 3).transpose(4, 3, 0, 2, 1).reshape(12, 4, 3, 5)
    assert differing(np.ascontiguousarray(parts), ui.draw(MIXED, name="w", **KERNEL)) == 0


def test_own_fans_scale_the_entries_of_their_outputs() -> None:
    """Each output has the values that a tensor of its fan would have, except for the rounding of the ratio."""
    fans = [3.0, 12.0, 48.0] * 10
    values = drawn(FIRST, name="w", fans=(ui.along("O", fans), None))
    for row, fan in enumerate(fans):
        expected = drawn(FIRST, name="w", fans=(fan, None), index=(row,))
        np.testing.assert_allclose(values[row], expected, rtol=3e-7, atol=2e-9)  # the table is a fixed point


def test_fill_and_the_small_draws_that_are_kept_agree() -> None:
    """A second draw of a kind is made by one call where it can be; a sum never is."""
    for spec in (FIRST + SECOND, -FIRST, ui.along("I", np.arange(20.0)) * FIRST):
        for name in ("a", "b", "a"):
            tensor = np.empty((30, 20), np.float32)
            ui.fill(tensor, spec, layout="OI", seed=5, name=name)
            assert differing(tensor, drawn(spec, name=name)) == 0


def test_a_large_sum_is_drawn_by_threads() -> None:
    """As its terms are."""
    options: dict[str, Any] = {"shape": (1500, 1000), "layout": "OI"}
    first, second = drawn(FIRST, name="w/0", **options), drawn(-SECOND, name="w/1", **options)
    assert differing(drawn(FIRST - SECOND, name="w", **options), first + second) == 0


@pytest.mark.parametrize(
    ("spec", "dtype"),
    [
        (FIRST + 1.0, "complex64"),
        (ui.along("I", [1.0] * 20) * FIRST, "complex128"),
        (ui.constant(3e38) + ui.constant(1e38), "float32"),
        (ui.along("O", [1e4] * 30) * ui.uniform(-10, 10), "float16"),
        (ui.constant(40000.0) + ui.constant(30000.0), "float16"),
    ],
    ids=itertools.count(),
)
def test_a_type_that_cannot_hold_the_values_is_refused(spec: ui.Initializer, dtype: str) -> None:
    """Nor what they pass on the way."""
    with refused(ui.ArgumentValueError):
        drawn(spec, name="w", dtype=dtype)


def test_smallest_values_are_no_subnormal_numbers() -> None:
    """At the smallest sizes that are taken, sums and products are 0 or at least 2**-126, which no flag flushes."""
    tiny = ui.normal(0.0, 2.0**-66)
    for spec in (ui.along("I", [1.0, -1.0] * 10) * tiny - tiny, ui.along("I", [2.0**-24] * 20) * tiny):
        values = drawn(spec, name="w", shape=(3000, 20)).astype(np.float64)
        assert np.abs(values[values != 0.0]).min() >= 2.0**-126
        assert math.isfinite(values.max())


@pytest.mark.parametrize(
    ("spec", "dtype", "largest"),
    [
        (ui.constant(440.0) + ui.identity(8.0), "float8_e4m3fn", 448.0),
        (ui.constant(65000.0) + ui.identity(504.0), "float16", 65504.0),
        (ui.along("I", [1.0, 2.0]) * ui.constant(32752.0), "float16", 65504.0),
    ],
    ids=["float8", "float16", "a product"],
)
def test_a_sum_reaches_the_end_of_a_type(spec: ui.Initializer, dtype: str, largest: float) -> None:
    """Its bound is that of its terms, rounded as they are; a step further it is refused with its size."""
    assert float(ui.draw(spec, (2, 2), layout="OI", dtype=dtype).max()) == largest
    with refused(ui.ArgumentValueError):
        ui.draw(spec + 2.0**-5, (2, 2), layout="OI", dtype=dtype)
