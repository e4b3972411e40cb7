"""Mixtures, and sparse matrices of any values: their laws, their streams, their text, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init import testing

MIXED = ui.mixture((0.7, 0.3), (ui.normal(0.0, 0.02), ui.he_uniform()))


def test_a_mixture_has_the_moments_of_its_parts() -> None:
    """Total variance: within the components and between them; the fans are those of the tensor."""
    law = ui.mixture((0.2, 0.8), (ui.normal(3.0, 1.0), ui.laplace(-1.0, 0.5))).resolve((4,))
    mean = 0.2 * 3.0 - 0.8
    variance = 0.2 * (1.0 + (3.0 - mean) ** 2) + 0.8 * (0.5 + (1.0 + mean) ** 2)
    assert (law.mean, law.std) == pytest.approx((mean, math.sqrt(variance)), rel=1e-14)
    scaled = (MIXED * 3.0).resolve((64, 50), layout="OI")
    assert scaled.std == pytest.approx(3.0 * math.sqrt(0.7 * 0.02**2 + 0.3 * 2.0 / 50.0), rel=1e-14)
    assert scaled.fan_in == 50


def test_a_mixture_is_its_components_draws_chosen_by_a_mask() -> None:
    """Component k is the draw of its spec under name/k; the choice follows the weights."""
    drawn = ui.draw(MIXED, (64, 50), layout="OI", seed=3, name="w")
    first = ui.draw(ui.normal(0.0, 0.02), (64, 50), seed=3, name="w/0", layout="OI")
    second = ui.draw(ui.he_uniform(), (64, 50), layout="OI", seed=3, name="w/1")
    chosen = ui.draw(ui.bernoulli(0.3), (64, 50), layout="OI", seed=3, name="w/component")
    np.testing.assert_array_equal(drawn, np.where(chosen == 1.0, second, first))


def test_a_slice_of_a_mixture_is_drawn_alone() -> None:
    """At the cost of the part, in another layout too."""
    drawn = ui.draw(MIXED, (64, 50), layout="OI", seed=3, name="w")
    part = ui.draw(MIXED, (64, 50), layout="OI", seed=3, name="w", index=(slice(3, 9), 5))
    np.testing.assert_array_equal(part, drawn[3:9, 5])
    transposed = ui.draw(MIXED, (50, 64), layout="IO", seed=3, name="w")
    np.testing.assert_array_equal(transposed, drawn.T)


def test_a_mixture_is_tested_as_any_law() -> None:
    """At 1e-9, of 2**20 values: the sample passes, and a std 1 % off does not."""
    law = MIXED.resolve((1 << 10, 1 << 10), layout="OI")
    drawn = ui.draw(MIXED, (1 << 10, 1 << 10), layout="OI", seed=1, name="w")
    testing.assert_follows(drawn, law)
    with pytest.raises(AssertionError):
        testing.assert_follows(drawn * np.float32(1.01), law)


@pytest.mark.parametrize("along", ["column", "row", "all"])
@pytest.mark.parametrize("sparsity", [0.0, 0.35, 0.97, 1.0])
def test_a_fraction_of_entries_is_zero_exactly(along: str, sparsity: float) -> None:
    """Of each column, row or the whole; with at_least_one none of them is empty. The others are the draw's."""
    rows, columns = 30, 20
    values = ui.draw(ui.normal(0.0, 1.0), (rows, columns), seed=0, name="w")
    for keep in (False, True):
        spec = ui.sparse_of(ui.normal(0.0, 1.0), sparsity, along, at_least_one=keep)
        drawn = ui.draw(spec, (rows, columns), seed=0, name="w")
        zero = drawn == 0
        count = {"column": zero.sum(axis=0), "row": zero.sum(axis=1), "all": zero.sum()}[along]
        size = {"column": rows, "row": columns, "all": rows * columns}[along]
        kept = 0 if not keep else rows if along == "all" else 1
        assert (count == min(math.ceil(sparsity * size), size - kept)).all()
        if keep:
            assert not zero.all(axis=0 if along == "column" else 1).any()
        np.testing.assert_array_equal(drawn[~zero], values[~zero])
        assert spec.resolve((rows, columns)).std == pytest.approx(math.sqrt(1.0 - zero.mean()), rel=1e-12)


def test_columns_of_normals_are_what_sparse_draws() -> None:
    """Bit for bit: sparse(s, std) is sparse_of(normal(0, std), s)."""
    drawn = ui.draw(ui.sparse_of(ui.normal(0.0, 0.02), 0.35), (40, 30), seed=0, name="w")
    np.testing.assert_array_equal(drawn, ui.draw(ui.sparse(0.35, 0.02), (40, 30), seed=0, name="w"))


@pytest.mark.parametrize(
    "spec", [MIXED, ui.sparse_of(ui.he_normal(), 0.5, "row", at_least_one=True) * 2], ids=str
)
def test_parts_are_in_the_json_and_in_the_repr(spec: ui.Initializer) -> None:
    """And the fan of a part is needed by the whole."""
    assert ui.from_json(ui.to_json(spec)) == spec
    assert eval(repr(spec), dict(vars(ui))) == spec  # noqa: S307  # our own repr
    assert spec.needs == ("fan_in",)
    with refused(ui.ArgumentValueError):
        spec.resolve((3, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.mixture([1.0], [ui.he_normal()]),
        lambda: ui.mixture([0.5, 0.6], [ui.he_normal(), ui.he_normal()]),
        lambda: ui.mixture([0.5, 0.5], [ui.he_normal()]),
        lambda: ui.sparse_of(ui.he_normal(), 1.5),
        lambda: ui.sparse_of(ui.he_normal(), 0.5, "rows"),
        lambda: ui.from_json(ui.to_json(MIXED).replace('"std": 0.02', '"std": -1')),
        lambda: ui.from_json(
            ui.to_json(MIXED).replace('{"kind": "Uniform"}, "scale"', '{"kind": "Uniform"}, "size"')
        ),
        lambda: ui.draw(MIXED, (3, 4), layout="OI", seed=0, dtype="complex64"),
        lambda: ui.draw(MIXED * 1e7, (3, 4), layout="OI", seed=0, dtype="float16"),
    ],
    ids=source_of,
)
def test_what_has_no_meaning_is_refused(make: Any) -> None:
    """With the field, in JSON too."""
    with refused(ui.ArgumentValueError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.mixture([0.5, 0.5], [ui.he_normal(), ui.orthogonal()]),
        lambda: ui.mixture([0.5, 0.5], [ui.he_normal(), MIXED]),
        lambda: ui.mixture(0.5, [ui.he_normal()]),  # type: ignore[arg-type]
        lambda: ui.sparse_of(ui.icnr(ui.he_normal(), 2), 0.5),
        lambda: ui.sparse_of(ui.Normal(), 0.5),  # type: ignore[arg-type]
    ],
    ids=source_of,
)
def test_parts_are_initializers_of_independent_values(make: Any) -> None:
    """No matrices, no sub-pixel kernels, no distribution without its scale."""
    with refused(ui.ArgumentTypeError):
        make()


@pytest.mark.parametrize(
    ("shape", "fans"), [((0, 3), (3, 0)), ((3, 0), (0, 3)), ((0, 0), (0, 0))], ids=["rows", "columns", "both"]
)
def test_an_empty_tensor_has_a_law(shape: tuple[int, int], fans: tuple[int, int]) -> None:
    """Of components that have one: a fan of 0 that nothing divides by is no fan that was given."""
    normal = ui.normal(0.0, 0.5)
    for spec in (ui.mixture((0.5, 0.5), (normal, ui.laplace(0.0, 1.0))), ui.sparse_of(normal, 0.5), -normal):
        law = spec.resolve(shape, layout="OI")
        assert (law.fan_in, law.fan_out) == fans
        assert ui.draw(spec + 1.0, shape, layout="OI", seed=0, name="w").shape == shape
