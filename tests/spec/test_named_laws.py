"""Specs of named laws: their arguments, their texts, their names in messages, and how a fan scales them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.helpers.messages import refused, source_of

import unified_init as ui

SPECS = {
    "laplace": ui.laplace(0.5, 0.1),
    "logistic": ui.logistic(0.0, 2),
    "student_t(2.5)": ui.student_t(2.5, 0, 1),
    "lognormal": ui.lognormal(-1, 0.5),
    "cauchy": ui.cauchy(0, 1, -5, 20),
    "discrete": ui.discrete([-1, 0, 2.5], [0.25, 0.5, 0.25]),
    "rademacher": ui.rademacher(),
    "bernoulli(0.1)": ui.bernoulli(0.1),
}


@pytest.mark.parametrize("name", SPECS)
def test_a_named_law_is_short_in_every_form(name: str) -> None:
    """JSON has the kind and the parameters, no table; repr and JSON give an equal spec; messages say the name."""
    spec = SPECS[name] * 0.5
    assert ui.from_json(ui.to_json(spec)) == spec
    assert len(ui.to_json(spec)) < 300
    assert eval(repr(spec), dict(vars(ui))) == spec  # noqa: S307  # our own repr
    assert spec.label == name
    assert str(spec.explain((3, 4))).startswith(f"{name} * 0.5 on (3, 4)")
    kind = "discrete" if name in {"rademacher", "bernoulli(0.1)"} else name
    assert str(spec.resolve(1)).startswith(kind)


@pytest.mark.parametrize("name", [name for name in SPECS if name != "rademacher"])
def test_a_fan_gives_a_named_law_its_std(name: str) -> None:
    """He's variance, whatever the std of the distribution; the mean is scaled as the values are."""
    own = SPECS[name].resolve(1)
    spec = ui.Initializer(SPECS[name].distribution, ui.VarianceScaling(2.0, "fan_in"))
    law = spec.resolve((64, 50), layout="OI")
    assert law.std == pytest.approx(0.2, rel=1e-15)
    assert law.mean == pytest.approx(own.mean * 0.2 / own.std, rel=1e-14)
    with refused(ui.ArgumentValueError):
        spec.resolve((64, 50))


def test_labels_are_words_of_the_field() -> None:
    """A preset's name, or its family's; never one of our classes."""
    labels = {
        "kaiming_normal": ui.kaiming_normal(a=5**0.5),
        "xavier_uniform": ui.xavier_uniform(3.0),
        "he_normal": ui.he_normal(),
        "normal": ui.normal(0, 1),
        "siren": ui.siren(first=True),
        "bilinear_upsampling": ui.bilinear_upsampling(),
        "from_quantile": ui.from_quantile(lambda p: p - 0.5),
        "variance_scaling(laplace)": ui.Initializer(ui.Laplace(0, 1), ui.VarianceScaling(2.0, "fan_in")),
        "variance_scaling(truncated_normal)": ui.variance_scaling(3.0, "fan_in", "truncated_normal"),
        "inverse_fan(normal)": ui.Initializer(ui.Normal(), ui.InverseFan(1.0, "fan_in")),
    }
    labels["trunc_normal"] = ui.Initializer(ui.TruncatedNormal(-0.1, 0.2), ui.Between(1.0, 0.0, -0.1, 0.2))
    assert {name: spec.label for name, spec in labels.items()} == {name: name for name in labels}


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.laplace(0, 0),
        lambda: ui.logistic(math.inf, 1),
        lambda: ui.student_t(0.5, 0, 1),
        lambda: ui.student_t(1001, 0, 1),
        lambda: ui.lognormal(0, 2.1),
        lambda: ui.lognormal(61, 1),
        lambda: ui.cauchy(0, 1, 2, 2),
        lambda: ui.cauchy(0, 1, -1, 1e5),
        lambda: ui.discrete([1], [1]),
        lambda: ui.discrete([1, 2], [1]),
        lambda: ui.discrete([2, 1], [0.5, 0.5]),
        lambda: ui.discrete([1, 2], [0.5, 0.6]),
        lambda: ui.discrete([1, 2], [0.0, 1.0]),
        lambda: ui.discrete([1, math.nan], [0.5, 0.5]),
        lambda: ui.bernoulli(1),
        lambda: ui.bernoulli(0),
    ],
    ids=source_of,
)
def test_parameters_outside_their_ranges_are_refused(make: Any) -> None:
    """With the range, and for a limit the reason."""
    with refused(ui.ArgumentValueError):
        make()


def test_a_law_without_a_std_takes_none_from_a_fan() -> None:
    """Student's t up to 2 degrees of freedom; values that are no sequence."""
    with refused(ui.ArgumentTypeError):
        ui.Initializer(ui.StudentT(2, 0, 1), ui.VarianceScaling(2.0, "fan_in"))
    with refused(ui.ArgumentTypeError):
        ui.discrete(3.0, [1.0])  # type: ignore[arg-type]


def test_a_type_too_narrow_for_a_tail_is_refused() -> None:
    """With both numbers, as of any law."""
    with refused(ui.ArgumentValueError):
        ui.draw(ui.student_t(1, 0, 1), 3, seed=0, dtype="float16")
