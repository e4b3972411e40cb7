"""Sums and products are tested by what is left of them, or refused; what is wrong by a little is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import testing

SIZE = 1024
SHAPE: dict[str, Any] = {"shape": (SIZE, SIZE), "layout": "OI"}
FALLING = ui.along("I", [(1 + number) ** -0.5 for number in range(SIZE)])
SPARSE = ui.along("O", [0.0, *[1.0] * (SIZE - 1)])
SPECS = {
    "identity plus noise": ui.identity(-0.7) + ui.normal(0.0, 0.01),
    "normals": ui.normal(1.0, 3.0) - ui.normal(0.5, 4.0) + 2.0,
    "falling": FALLING * ui.normal(0.0, 1.0) + 1.0,
    "falling uniform": FALLING * ui.uniform(-0.3, 1.7) + ui.along("O", np.linspace(-2, 2, SIZE)),
    "some fixed": SPARSE * ui.he_normal() + ui.identity(),
    "negative": -ui.trunc_normal(0.3, 1.0, -1.0, 2.0),
    "negative table": -ui.from_quantile(np.square, lambda p: (1 - p) ** 2, low=0.0, high=1.0),
    "signs": ui.rademacher() * 0.3 + ui.identity(0.7),
    "few values": FALLING * ui.discrete([-1.0, 0.5, 2.0], [0.2, 0.3, 0.5]) + FALLING,
    "some values": ui.mixture([0.5, 0.5], [ui.bernoulli(0.3), ui.normal(0.0, 1.0)]) * 3.3 - FALLING,
    "own fans": FALLING * ui.he_normal() + ui.hadamard(),
}


def drawn(spec: ui.Initializer, **options: Any) -> Any:
    """Return a tensor, and the law of its values."""
    return ui.draw(spec, seed=3, name="w", **SHAPE, **options), spec.resolve(**SHAPE)


@pytest.mark.parametrize("name", SPECS)
def test_a_right_sample_follows_its_law(name: str) -> None:
    """At the default rate."""
    testing.assert_follows(*drawn(SPECS[name]))


@pytest.mark.parametrize("name", SPECS)
def test_a_scale_that_is_one_per_cent_off_is_seen(name: str) -> None:
    """Of the random part only, at 2**20 values."""
    spec = SPECS[name]
    terms = spec.distribution.terms if isinstance(spec.distribution, ui.Sum) else (spec,)
    wrong = [term * 1.01 if term.is_random else term for term in terms]
    sample, _ = drawn(wrong[0] if len(wrong) == 1 else ui.Initializer(ui.Sum(tuple(wrong))))
    with pytest.raises(AssertionError, match="does not follow"):
        testing.assert_follows(sample, spec.resolve(**SHAPE))


def test_a_wrong_value_that_is_no_draw_is_seen() -> None:
    """A gain of the identity that is off, and an entry that the array sets to 0."""
    sample, law = drawn(ui.identity(-0.7) + ui.normal(0.0, 0.01))
    sample[np.arange(SIZE), np.arange(SIZE)] += 0.005
    with pytest.raises(AssertionError, match="fixed part"):
        testing.assert_follows(sample, law)
    sample, law = drawn(SPECS["some fixed"])
    sample[0, 5] = 1e-3
    with pytest.raises(AssertionError, match="fixed values"):
        testing.assert_follows(sample, law)


def test_a_swapped_axis_is_seen() -> None:
    """The array belongs to an axis: a transposed tensor does not follow the law."""
    sample, law = drawn(SPECS["falling"])
    with pytest.raises(AssertionError, match="does not follow"):
        testing.assert_follows(np.ascontiguousarray(sample.T), law)


def test_a_plain_sum_is_tested_in_narrow_types_too() -> None:
    """A sum of normals and numbers is a normal law, in any type."""
    sample, law = drawn(SPECS["normals"], dtype="bfloat16")
    testing.assert_follows(sample, law)


@pytest.mark.parametrize(
    "spec",
    [
        ui.he_normal() - ui.glorot_uniform(),
        ui.orthogonal() + 1.0,
        ui.identity() + 1.0,
        FALLING * ui.sparse(0.5),
    ],
    ids=["no closed form", "orthogonal", "not random", "sparse"],
)
def test_what_has_no_law_in_closed_form_is_refused(spec: ui.Initializer) -> None:
    """With the reason, and never passed."""
    with refused(ui.ArgumentValueError):
        testing.assert_follows(*drawn(spec))


def test_another_shape_or_a_narrow_type_is_refused() -> None:
    """An entry has its place, and what is left of a narrow type shows its rounding."""
    sample, law = drawn(SPECS["falling"])
    with refused(ui.ArgumentValueError):
        testing.assert_follows(sample[:100], law)
    sample, law = drawn(SPECS["falling"], dtype="bfloat16")
    with refused(ui.ArgumentValueError):
        testing.assert_follows(sample, law)


def test_what_rounding_hides_is_refused() -> None:
    """A small interval far from 0 has few values in float32: a right sample would differ from it."""
    spec = ui.uniform(0.0, 1e-3) + ui.along("I", np.linspace(1000.0, 1001.0, 64))
    sample = ui.draw(spec, (64, 64), layout="OI", seed=0, name="w")
    with refused(ui.ArgumentValueError):
        testing.assert_follows(sample, spec.resolve((64, 64), layout="OI"))
    wide = ui.draw(spec, (64, 64), layout="OI", seed=0, name="w", dtype="float64")
    testing.assert_follows(wide, spec.resolve((64, 64), layout="OI"))
