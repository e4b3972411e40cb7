"""Sizes that fall with a fan: of structured distributions, of both ends of an interval, of mean and std."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.testing import assert_follows


@pytest.mark.parametrize(
    ("distribution", "natural"),
    [
        (ui.Orthogonal(), 1 / math.sqrt(60)),
        (ui.Sparse(0.25), math.sqrt(0.75)),
    ],
)
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
def test_random_matrices_have_the_variance_of_the_rule(distribution: Any, natural: float, mode: str) -> None:
    """The std is sqrt(scale / fan), and the multiplier that over the natural std."""
    fan = {"fan_in": 40, "fan_out": 60, "fan_avg": 50, "fan_geo_avg": math.sqrt(2400)}[mode]
    law = ui.Initializer(distribution, ui.VarianceScaling(3.0, mode)).resolve((60, 40), layout="OI")
    assert law.std == pytest.approx(math.sqrt(3.0 / fan), rel=1e-15)
    assert law.scale == pytest.approx(math.sqrt(3.0 / fan) / natural, rel=1e-15)
    assert (law.fan_in, law.fan_out) == (40, 60)
    inverse = ui.Initializer(distribution, ui.InverseFan(3.0, mode)).resolve((60, 40), layout="OI")
    assert inverse.std == pytest.approx(3.0 / fan, rel=1e-15)


@pytest.mark.parametrize("distribution", [ui.DeltaOrthogonal(), ui.ConvolutionalOrthogonal()])
def test_kernels_have_the_variance_of_the_rule(distribution: Any) -> None:
    """The mean square over all positions of a kernel is scale / fan."""
    spec = ui.Initializer(distribution, ui.VarianceScaling(2.0, "fan_in"))
    kernel = ui.draw(spec, (3, 3, 8, 16), layout="HWIO", seed=0, name="w", dtype="float64")
    assert spec.resolve((3, 3, 8, 16), layout="HWIO").std == pytest.approx(math.sqrt(2 / 72), rel=1e-15)
    assert np.mean(kernel**2) == pytest.approx(2 / 72, rel=1e-12)


def test_a_std_of_an_orthogonal_matrix_is_that_of_its_entries() -> None:
    """Fixed gives the entries a std, as it does elsewhere; the mean square of a draw is exact."""
    spec = ui.Initializer(ui.Orthogonal(), ui.Fixed(0.02))
    matrix = ui.draw(spec, (50, 30), layout="OI", seed=0, name="w", dtype="float64")
    assert math.sqrt(np.mean(matrix**2)) == pytest.approx(0.02, rel=1e-12)


@pytest.mark.parametrize("scale", [2.0, 0.5])
def test_glorot_orthogonal_is_that_of_dimenet(scale: float) -> None:
    """Orthogonal times sqrt(scale / ((in + out) var)), with the variance about 0 that all such matrices have."""
    drawn = ui.draw(ui.orthogonal(), (40, 10), layout="OI", seed=0, name="w", dtype="float64")
    theirs = drawn * math.sqrt(scale / ((40 + 10) * np.mean(drawn**2)))
    ours = ui.draw(ui.glorot_orthogonal(scale), (40, 10), layout="OI", seed=0, name="w", dtype="float64")
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_sparse_by_a_fan_counts_its_zeros() -> None:
    """The variance is that of all entries; those that are not zero have more."""
    spec = ui.Initializer(ui.Sparse(0.5), ui.VarianceScaling(1.0, "fan_in"))
    matrix = ui.draw(spec, (400, 400), layout="OI", seed=0, name="w")
    assert_follows(matrix[matrix != 0.0], ui.normal(0.0, math.sqrt(2 / 400)).resolve((80000,)))


@pytest.mark.parametrize(
    ("distribution", "shape", "layout"),
    [
        (ui.Constant(-3.0), (8, 16), "OI"),
        (ui.Constant(((1.0,), (2.0,)) * 4), (8, 16), "OI"),
        (ui.Identity(), (8, 16), "OI"),
        (ui.Dirac(), (8, 4, 2, 2), "OIHW"),
        (ui.Hadamard(), (8, 16), "OI"),
        (ui.BilinearUpsampling(), (8, 4, 2, 2), "OIHW"),
        (ui.FcnUpsampling(), (8, 4, 2, 2), "OIHW"),
    ],
    ids=["number", "array", "identity", "dirac", "hadamard", "bilinear", "fcn"],
)
def test_what_a_formula_gives_is_multiplied_by_the_root_of_the_variance(
    distribution: Any, shape: tuple[int, ...], layout: str
) -> None:
    """A constant under VarianceScaling is value * sqrt(scale / fan); so is every formula."""
    values = ui.draw(ui.Initializer(distribution), shape, layout=layout, dtype="float64")
    scaled = ui.draw(
        ui.Initializer(distribution, ui.VarianceScaling(4.0, "fan_in")), shape, layout=layout, dtype="float64"
    )
    assert (scaled == values * 0.5).all()
    inverse = ui.draw(
        ui.Initializer(distribution, ui.InverseFan(4.0, "fan_in")), shape, layout=layout, dtype="float64"
    )
    assert (inverse == values * 0.25).all()


def test_ends_fall_with_the_fan() -> None:
    """U(0, 1/sqrt(fan_in)): the ends are exact, and the values are those of uniform()."""
    spec = ui.Initializer(ui.Uniform(), ui.FanInterval(0.0, 1.0, "fan_in"))
    law = spec.resolve((8, 50), layout="OI")
    assert (law.low, law.high) == (0.0, 1 / math.sqrt(50))
    ours = ui.draw(spec, (8, 50), layout="OI", seed=0, name="w")
    assert (ours == ui.draw(ui.uniform(0.0, 1 / math.sqrt(50)), (8, 50), seed=0, name="w", layout="OI")).all()
    halved = (spec * 0.5).resolve((8, 50), layout="OI")
    assert halved.high == 0.5 / math.sqrt(50)


@pytest.mark.parametrize(
    ("power", "divisor"), [(0.5, math.sqrt(50)), (1, 50), (1.5, 50 * math.sqrt(50)), (2, 2500)]
)
def test_powers_of_a_fan(power: float, divisor: float) -> None:
    """Each power that is listed divides by exactly that."""
    assert ui.FanInterval(-1.0, 3.0, "fan_in", power).ends_of(50, None) == (-1.0 / divisor, 3.0 / divisor)
    moments = ui.FanMoments(2.0, 3.0, "fan_in", power, power)
    assert moments.moments_of(50, None) == (3.0 / divisor, 2.0 / divisor)


@pytest.mark.parametrize(
    "distribution", [ui.Normal(), ui.Uniform(), ui.TruncatedNormal(-1, 3), ui.TruncatedNormal(-2, 2)], ids=str
)
def test_moments_fall_with_the_fan(distribution: Any) -> None:
    """Mean and std are the realized ones, after truncation, and a sample has them."""
    spec = ui.Initializer(distribution, ui.FanMoments(0.5, -2.0, "fan_in"))
    law = spec.resolve((4000, 25), layout="OI")
    assert law.mean == pytest.approx(-0.08, rel=1e-14)
    assert law.std == pytest.approx(0.1, rel=1e-15)
    sample = ui.draw(spec, (4000, 25), layout="OI", seed=0, name="w").astype(np.float64)
    assert sample.mean() == pytest.approx(-0.08, abs=5 * 0.1 / math.sqrt(sample.size))
    assert sample.std() == pytest.approx(0.1, rel=0.02)
    assert_follows(sample, law)


def test_moments_of_a_quantile_table_fall_with_the_fan() -> None:
    """The mean of the table itself does not add to the one that is asked for."""
    skewed = ui.from_quantile(lambda p: p**0.5, lambda p: (1 - p) ** 0.5, low=0.0, high=1.0)
    law = ui.Initializer(skewed.distribution, ui.FanMoments(1.0, 3.0, "fan_out")).resolve((9, 4), layout="OI")
    assert law.mean == pytest.approx(1 / 3, rel=1e-14)
    assert law.std == pytest.approx(1 / 3, rel=1e-14)


@pytest.mark.parametrize(
    ("spec", "label"),
    [
        (ui.glorot_orthogonal(), "glorot_orthogonal"),
        (
            ui.Initializer(ui.Orthogonal(), ui.VarianceScaling(2.0, "fan_in")),
            "orthogonal of variance 2.0 / fan_in",
        ),
        (ui.Initializer(ui.Sparse(0.5), ui.InverseFan(2.0, "fan_in")), "sparse of std 2.0 / fan_in"),
        (
            ui.Initializer(ui.Constant(1.0), ui.VarianceScaling(2.0, "fan_in")),
            "constant times sqrt(2.0 / fan_in)",
        ),
        (ui.Initializer(ui.Constant(1.0), ui.InverseFan(2.0, "fan_in")), "constant times 2.0 / fan_in"),
        (
            ui.Initializer(ui.Uniform(), ui.FanInterval(0, 1, "fan_in")),
            "uniform between 0.0 and 1.0, over sqrt(fan_in)",
        ),
        (
            ui.Initializer(ui.Normal(), ui.FanMoments(2, 1, "fan_out", 1.5)),
            "normal of std 2.0 / fan_out**1.5, mean 1.0 / fan_out",
        ),
    ],
    ids=range(7),
)
def test_labels_say_how_a_size_falls(spec: ui.Initializer, label: str) -> None:
    """What explain() and an audit call a spec names its law."""
    assert spec.label == label
    assert spec.explain((8, 8), layout="OI").startswith(f"{label} on (8, 8)")
    assert "nan" not in spec.explain((8, 8), layout="OI")


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.FanInterval(1.0, 0.0, "fan_in"),
        lambda: ui.FanInterval(0.0, 1.0, "fan"),
        lambda: ui.FanInterval(0.0, 1.0, "fan_in", 0.7),
        lambda: ui.FanMoments(0.0, 1.0, "fan_in"),
        lambda: ui.FanMoments(1.0, 1.0, "fan_in", mean_power=3),
        lambda: ui.Initializer(ui.Orthogonal(), ui.Fixed(1.0, 2.0)),
        lambda: ui.Initializer(ui.Sparse(1.0), ui.VarianceScaling(1.0, "fan_in")).resolve(
            (4, 4), layout="OI"
        ),
        lambda: ui.Initializer(ui.Constant(1.0), ui.VarianceScaling(1.0, "fan_in")).resolve((4,)),
        lambda: ui.Initializer(ui.Normal(), ui.FanMoments(1.0, 1.0, "fan_in")).resolve((4, 4)),
        lambda: ui.glorot_orthogonal(0),
    ],
    ids=range(10),
)
def test_sizes_that_are_none_are_refused(make: Any) -> None:
    """Ends that are no interval, powers that are not listed, zeros, and missing fans."""
    with refused(ui.ArgumentValueError):
        make()


@pytest.mark.parametrize(
    ("distribution", "scale"),
    [(ui.Normal(), ui.FanInterval(0, 1, "fan_in")), (ui.Orthogonal(), ui.FanMoments(1.0, 1.0, "fan_in"))],
    ids=str,
)
def test_rules_that_do_not_fit_are_refused(distribution: Any, scale: Any) -> None:
    """An interval is for a uniform, a mean for independent draws."""
    with refused(ui.ArgumentTypeError):
        ui.Initializer(distribution, scale)


def test_empty_shapes_have_a_law() -> None:
    """Without entries there is no variance to reach, and none is refused."""
    spec = ui.Initializer(ui.Sparse(0.5), ui.VarianceScaling(1.0, "fan_in"))
    assert ui.draw(spec, (0, 4), layout="OI", seed=0, name="w").shape == (0, 4)
