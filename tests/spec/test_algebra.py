"""Sums, negatives and products of specs: how they are written, their laws, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init.law.combination import ScaledBy, SumOf

A, B, C = ui.he_normal(), ui.identity(-0.7), ui.normal(0.25, 0.02)
INPUTS = ui.along("I", [1.0, 0.5, -0.25])
ARRAY: Any = np.ones(3)
MATRIX: dict[str, Any] = {"shape": (2, 3), "layout": "OI"}


def test_sums_are_flat() -> None:
    """Brackets do not matter: terms are added from left to right."""
    assert (A + B) + C == A + (B + C) == ui.Initializer(ui.Sum((A, B, C)))
    assert hash((A + B) + C) == hash(A + (B + C))
    assert A + B != B + A


def test_a_factor_of_a_sum_is_one_of_each_term() -> None:
    """Also as the factor or the gain of the Initializer, and as an array."""
    assert 2 * (A + B) == 2 * A + 2 * B == ui.Initializer(ui.Sum((A, B)), factor=2.0)
    assert -(A + B) == -A - B == ui.Initializer(ui.Sum((A, B)), ui.Gain(-1.0))
    assert (A + B) / 4 == A / 4 + B / 4
    assert INPUTS * (A + B) == INPUTS * A + INPUTS * B
    assert 2 * (INPUTS * A) == INPUTS * (2 * A)


def test_numbers_and_arrays_are_constants() -> None:
    """On either side. The number 0 adds no term, so that sum() of a list of specs works."""
    assert A + ui.constant(1.0) == A + 1
    assert ui.constant(1.0) + -A == 1 - A
    assert A - INPUTS * ui.ones() == A - INPUTS
    assert INPUTS * ui.ones() + A == INPUTS + A
    assert INPUTS * ui.ones() - A == INPUTS - A
    assert A + 0 == A - 0.0 == 0 + A == +A == A
    assert 0 - A == -A
    assert sum([A, B, C]) == A + B + C


def test_an_array_multiplies_from_both_sides_and_divides() -> None:
    """All three are one product."""
    assert INPUTS * A == A * INPUTS == A / ui.along("I", [1.0, 2.0, -4.0])
    assert ui.along("I", [-1.0, -0.5, 0.25]) == -INPUTS
    assert ui.along("I", np.array([1, 2], np.float32)) == ui.along("I", (1, 2))


@pytest.mark.parametrize("number", [-0.7, np.float64(-0.7), np.array(-0.7)], ids=["float", "NumPy", "array"])
def test_a_factor_may_be_negative(number: Any) -> None:
    """Gains of presets too."""
    assert ui.identity(gain=number) == ui.identity(-0.7)
    assert (number * ui.orthogonal()).resolve((3, 3)).low == -0.7
    assert (A * number).resolve((2, 3), layout="OI").std == (A * 0.7).resolve((2, 3), layout="OI").std


def test_the_law_of_a_negative_is_mirrored() -> None:
    """Mean and ends change their signs; the law says what is drawn before location and scale."""
    spec = ui.trunc_normal(0.3, 1.0, -1.0, 2.0)
    law, mirror = spec.resolve((4, 4)), (-spec).resolve((4, 4))
    assert (mirror.mean, mirror.std, mirror.low, mirror.high) == (-law.mean, law.std, -2.0, 1.0)
    assert (mirror.loc, mirror.scale, mirror.kind) == (-0.3, 1.0, "truncated_normal")
    assert (-1.0 * -spec).resolve((4, 4)) == law
    assert ui.identity(-0.7).resolve((4, 4)).low == -0.7
    assert ui.identity(-0.7).resolve((4, 4)).high == 0.0


def test_the_law_of_a_sum_has_exact_moments() -> None:
    """Means and variances are added; a term without randomness adds no variance."""
    law = (ui.normal(1.0, 3.0) - ui.uniform(-1.0, 2.0) + 0.5).resolve((4, 4))
    assert law.kind == "normal + uniform + constant"
    assert law.mean == 1.0
    assert math.isclose(law.std, math.sqrt(9.0 + 9.0 / 12.0), rel_tol=1e-15)
    law = (ui.uniform(-1.0, 2.0) + ui.identity(-0.7)).resolve((4, 4))
    assert (law.low, law.high) == (-1.7, 2.0)
    assert math.isnan(law.mean)
    assert math.isclose(law.std, math.sqrt(9.0 / 12.0))
    assert law.random
    assert not law.independent
    assert not (ui.identity() + 1.0).resolve((4, 4)).random
    assert isinstance(law.unit, SumOf)


def test_the_law_of_a_product_is_known_where_entries_agree() -> None:
    """An entry has the moments of its own multiple; where entries differ, no number says them all."""
    law = (INPUTS * ui.uniform(-1.0, 2.0)).resolve(**MATRIX)
    assert law.kind == "uniform along I"
    assert (law.low, law.high) == (-1.0, 2.0)
    assert math.isnan(law.mean)
    assert math.isnan(law.std)
    assert (INPUTS * A).resolve(**MATRIX).mean == 0.0
    same = (ui.along("I", [2.0, 2.0, 2.0]) * ui.uniform(-1.0, 2.0)).resolve(**MATRIX)
    assert (same.mean, same.std) == (1.0, 2 * ui.uniform(-1.0, 2.0).resolve(**MATRIX).std)
    assert isinstance(same.unit, ScaledBy)


def test_fans_are_asked_of_whoever_needs_them() -> None:
    """A sum needs the fans of its terms, and is random if one is."""
    assert (A + ui.glorot_uniform() + 1.0).needs == ("fan_in", "fan_out")
    assert (B + 1.0).needs == ()
    assert (INPUTS * A).needs == ("fan_in",)
    assert (A + B).is_random
    assert not (B + INPUTS).is_random
    with refused(ui.ArgumentValueError):
        (B + A).resolve((3, 3))


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
def test_each_output_may_have_its_own_fan(mode: str) -> None:
    """The std of each entry is that of its own fans; other fans are numbers, or arrays along other axes."""
    spec = ui.variance_scaling(2.0, mode, "untruncated_normal")
    ins, outs = [3.0, 12.0], [4.0, 8.0, 2.0]
    law = spec.resolve(**MATRIX, fans=(ui.along("O", ins), ui.along("I", outs)))
    unit = law.unit
    assert isinstance(unit, ScaledBy)
    expected = [
        spec.resolve((2, 3), layout="OI", fans=(fan_in, fan_out)).std for fan_in in ins for fan_out in outs
    ]
    values = np.broadcast_to(np.reshape(unit.values, unit.shape), (2, 3)).reshape(-1)
    np.testing.assert_allclose(values * unit.base.std, expected, rtol=1e-14)
    assert law.fan_in is None


def test_fans_that_are_not_needed_change_nothing() -> None:
    """As numbers do not, and a sum hands them to each of its terms."""
    own = (ui.along("O", [3.0, 12.0]), None)
    assert C.resolve(**MATRIX, fans=own).std == 0.02
    law = (A + C).resolve(**MATRIX, fans=own)
    assert isinstance(law.unit, SumOf)
    assert [term.kind for term in law.unit.terms] == ["truncated_normal along O", "normal"]


def test_labels_and_laws_read_well() -> None:
    """For plans, audits and explanations."""
    spec = A - ui.along("O", [1.0, 2.0]) * C
    assert spec.label == "he_normal + normal along O"
    assert str(spec.resolve(**MATRIX)).startswith("truncated_normal + normal along O, mean nan, std nan")
    lines = spec.explain(**MATRIX).splitlines()
    assert lines[0] == "he_normal + normal along O on (2, 3), layout 'OI'"
    assert any(line.startswith("term 1    normal along O") for line in lines)
    assert "std       0.02 to 0.04 (along O)" in (ui.along("O", [1, 2]) * C).explain(**MATRIX).splitlines()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ARRAY * A,
        lambda: A * ARRAY[:, None],
        lambda: A / ARRAY,
        lambda: A + ARRAY,
        lambda: ARRAY - A,
        lambda: A + "x",  # type: ignore[operator]
        lambda: A + math.nan,
        lambda: A * 0,
        lambda: -ui.normal(0, 1) * 2.0**-100,
        lambda: ui.identity(0),
        lambda: A / ui.along("I", [1, 0]),
        lambda: ui.along("I", [2.0**-91]),
        lambda: ui.along("I", [2.0**91]),
        lambda: ui.along("I", 3.0),
        lambda: ui.along("OI", [1.0]),
        lambda: ui.along("II", [[1.0]]),
        lambda: ui.along("Q", [1.0]),
        lambda: ui.along("", 1.0),
        lambda: ui.along("I", ["x"]),
        lambda: ui.along("OI", [[1.0], [1.0, 2.0]]),
        lambda: ui.Sum((A,)),
        lambda: ui.Sum((A, 3)),  # type: ignore[arg-type]
        lambda: ui.Sum(A),  # type: ignore[arg-type]
        lambda: ui.Scaled(3, INPUTS),  # type: ignore[arg-type]
        lambda: ui.Scaled(A, [1.0]),  # type: ignore[arg-type]
        lambda: ui.Scaled(A + B, INPUTS),
        lambda: ui.Initializer(ui.Sum((A, B)), ui.Fixed(1.0)),
        lambda: ui.icnr(A + B, 2),
        lambda: ui.Rule(spec=A, fans=(INPUTS, None)),  # type: ignore[arg-type]
    ],
    ids=source_of,
)
def test_what_is_no_sum_or_product_is_refused(make: Any) -> None:
    """Where it is written."""
    with refused(ui.UnifiedInitError):
        make()


def check_refused(array: Any) -> None:
    """Check that an array is refused on either side of each operator."""
    with refused(ui.ArgumentTypeError):
        array * A
    with refused(ui.ArgumentTypeError):
        A * array
    with refused(ui.ArgumentTypeError):
        array - A
    with refused(ui.ArgumentTypeError):
        A + array


@pytest.mark.needs("torch")
def test_a_torch_tensor_has_no_named_axes() -> None:
    """On either side."""
    import torch

    array: Any = torch.ones(3)
    check_refused(array)


@pytest.mark.needs("jax")
def test_a_jax_array_has_no_named_axes() -> None:
    """On either side."""
    import jax.numpy as jnp

    check_refused(jnp.ones(3))


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        (INPUTS * C, {"shape": (2, 3)}),
        (INPUTS * C, {"shape": (2, 4), "layout": "OI"}),
        (INPUTS * C, {"shape": (3,), "layout": "O"}),
        (ui.along("I", [1.0, 2.0**-80, 1.0]) * ui.normal(0, 2.0**-20), MATRIX),
        (C + ui.constant(2.0**-91), MATRIX),
        (C + ui.along("I", [1.0, 2.0**-70, 1.0]), MATRIX),
        (A, {**MATRIX, "fans": (ui.along("O", [3.0]), None)}),
        (A, {**MATRIX, "fans": (ui.along("O", [3.0, -1.0]), None)}),
        (A, {**MATRIX, "fans": (None, ui.along("O", [3.0, 1.0]))}),
        (ui.glorot_normal(), {**MATRIX, "fans": (None, ui.along("O", [3.0, 1.0]))}),
    ],
)
def test_what_does_not_fit_a_shape_is_refused(spec: ui.Initializer, options: dict[str, Any]) -> None:
    """Axes that are not there, and sizes that frameworks would flush to zero."""
    with refused(ui.ArgumentValueError):
        spec.resolve(**options)


@pytest.mark.parametrize(
    "spec",
    [
        ui.with_norm(ui.he_normal(), "spectral"),
        ui.mixture((0.5, 0.5), (ui.he_normal(), ui.he_uniform())),
        ui.Initializer(ui.Normal(), ui.FanMoments(0.5, 1.0, "fan_in")),
    ],
    ids=lambda spec: spec.label,
)
def test_specs_of_several_powers_of_a_fan_take_no_arrays(spec: ui.Initializer) -> None:
    """Their values are not all multiplied by one number."""
    with refused(ui.ArgumentValueError):
        spec.resolve((3, 4), layout="OI", fans=(ui.along("O", [1.0, 2.0, 3.0]), None))


ASYMMETRIC = {
    "lognormal": ui.lognormal(0.0, 0.5), "cauchy": ui.cauchy(0.0, 1.0, -2.0, 5.0), "transform": ui.lru_nu_log(),
    "steps": ui.discrete((-1.0, 0.0, 2.5), (0.2, 0.3, 0.5)), "sparse_of": ui.sparse_of(ui.lognormal(0.0, 0.5), 0.5),
    "mixture": ui.mixture((0.5, 0.5), (ui.normal(0.3, 1.0), ui.lognormal(0.0, 0.5))),
    "student_t": ui.student_t(4.0, 0.5, 1.0), "with_norm": ui.with_norm(ui.uniform(0.0, 1.0), "frobenius"),
    "laplace": ui.laplace(0.5, 1.0),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", ASYMMETRIC)
def test_a_negative_spec_draws_the_negatives(name: str, dtype: str) -> None:
    """Of a law of any kind, to the bit, and its law has the mirrored moments and ends."""
    spec = ASYMMETRIC[name]
    where: dict[str, Any] = {"seed": 3, "name": "w", "layout": "OI", "dtype": dtype}
    values = ui.draw(spec, (30, 20), **where).astype(np.float64)
    assert (ui.draw(-spec, (30, 20), **where).astype(np.float64) == -values).all()
    law, mirrored = (spec * sign for sign in (1, -1))
    ours, theirs = (one.resolve((30, 20), layout="OI") for one in (law, mirrored))
    mirrored_numbers = (0.0 - ours.mean, ours.std, 0.0 - ours.high, 0.0 - ours.low)
    np.testing.assert_array_equal((theirs.mean, theirs.std, theirs.low, theirs.high), mirrored_numbers)


def test_products_of_products_have_an_end() -> None:
    """64 specs may be inside of each other, and are values; one more is refused, where Python recursed too deep."""
    spec = ui.normal(0.0, 1.0)
    for _ in range(63):
        spec = ui.along("I", [1.0, -1.0]) * spec
    assert ui.from_json(ui.to_json(spec)) == spec
    assert ui.draw(spec, (2, 2), layout="OI", seed=0, name="w").shape == (2, 2)
    with refused(ui.ArgumentValueError):
        _ = ui.along("I", [1.0, -1.0]) * spec


def test_an_array_without_entries_is_explained() -> None:
    """A tensor of no inputs has no range of stds."""
    spec = ui.along("I", np.ones(0)) * ui.normal(0.0, 1.0)
    assert " to " not in spec.explain((3, 0), layout="OI")
