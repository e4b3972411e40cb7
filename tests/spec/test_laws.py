"""Laws: what a spec becomes on a shape, in numbers, and the shapes that it refuses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.helpers.messages import refused, source_of
from tests.helpers.strategies import bounds, elementwise, skewed, triangular

import unified_init as ui
from unified_init.spec.scales import fan

SPECS_OF_MODE = {
    mode: ui.variance_scaling(1.0, mode, "untruncated_normal")
    for mode in ("fan_in", "fan_out", "fan_avg", "fan_geo_avg")
}


def close(value: float, rel: float = 1e-15) -> Any:
    """Equal to a few units in the last place."""
    return pytest.approx(value, rel=rel, abs=0)


def anything(value: Any) -> Any:
    """Return a value that no type checker objects to."""
    return value


# --- shapes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (7,), (300, 100), (2, 3, 4)])
def test_a_fan_spec_without_a_layout_is_refused_on_every_shape(shape: tuple[int, ...]) -> None:
    """No rank has a default: vectors, scalars and matrices alike need a layout."""
    with refused(ui.ArgumentValueError):
        ui.he_normal().resolve(shape)


def test_the_message_of_the_design_to_the_letter() -> None:
    """The sentence that the project holds up as its model."""
    with refused(ui.ArgumentValueError):
        ui.he_normal().resolve((300, 100))


@pytest.mark.parametrize(
    "spec",
    [
        ui.kaiming_normal(mode="fan_out"),
        ui.siren(),
        ui.he_uniform(),
        ui.glorot_normal(),
        ui.icnr(ui.lecun_normal(), 2),
        ui.Initializer(triangular().distribution, ui.VarianceScaling(1, "fan_in")),
    ],
)
def test_a_message_names_the_preset_and_the_fan(spec: ui.Initializer) -> None:
    """A preset is called by its name, any other spec by its distribution."""
    with refused(ui.ArgumentValueError):
        spec.resolve((6, 4))


@pytest.mark.parametrize(
    ("spec", "shape", "layout"),
    [
        (ui.he_normal(), (7,), "O"),
        (ui.he_normal(), (3, 3, 8, 1), "HWBO"),
        (ui.glorot_uniform(), (7,), "O"),
        (ui.glorot_uniform(), (7,), "I"),
        (ui.kaiming_uniform(mode="fan_out"), (7, 3), "BI"),
        (ui.he_normal(), (), ""),
    ],
)
def test_a_layout_without_the_axis_refuses_its_fan(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str
) -> None:
    """A bias has no inputs of its own; the message says whose fans to pass."""
    with refused(ui.ArgumentValueError):
        spec.resolve(shape, layout=layout)


def test_only_the_fan_that_is_needed_must_be_there() -> None:
    """fan_in of a layout without O, and fan_out of one without I, are known."""
    assert ui.he_uniform().resolve((5, 7), layout="IW").std == close(math.sqrt(2 / 35))
    law = SPECS_OF_MODE["fan_out"].resolve((3, 3, 8, 2), layout="HWBO")
    assert (law.fan_in, law.fan_out) == (None, 18)
    assert law.std == close(math.sqrt(1 / 18))


@pytest.mark.parametrize("shape", [(), (7,), (0,), (4, 5)])
def test_fans_stand_in_for_a_layout(shape: tuple[int, ...]) -> None:
    """With fans= any shape has a law, and the law reports them."""
    law = ui.he_normal().resolve(shape, fans=(50, None))
    assert law.std == close(math.sqrt(2 / 50))
    assert (law.fan_in, law.fan_out) == (50, None)


def test_fans_override_the_layout() -> None:
    """Explicit fans are taken as they are, fractions too, for both layout and quirk."""
    law = ui.xavier_uniform().resolve((300, 100), layout="OI", fans=(12.5, 7))
    assert (law.fan_in, law.fan_out) == (12.5, 7.0)
    assert law.high == close(math.sqrt(6 / 19.5))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("fan_in", 8.0), ("fan_out", 50.0), ("fan_avg", 29.0), ("fan_geo_avg", 20.0)],
)
def test_each_mode_has_its_fan(mode: str, expected: float) -> None:
    """In, out, their arithmetic and their geometric mean."""
    assert SPECS_OF_MODE[mode].resolve((50, 8), layout="OI").std == close(math.sqrt(1 / expected))
    inverse = ui.Initializer(ui.Normal(), ui.InverseFan(3.0, mode))
    assert inverse.resolve((50, 8), layout="OI").std == close(3.0 / expected)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 0, 2)])
def test_an_empty_shape_without_a_fan_gives_an_empty_array(shape: tuple[int, ...]) -> None:
    """Nothing to draw is no error."""
    for spec in (ui.normal(0, 1), ui.uniform(0, 1), ui.truncated_normal(0, 1), ui.zeros()):
        for dtype in ("float32", "float64", "bfloat16"):
            drawn = ui.draw(spec, shape, seed=0, dtype=dtype)
            assert drawn.shape == shape
            assert drawn.dtype.name == dtype


def test_a_scalar_is_drawn_as_the_first_value() -> None:
    """Rank 0 has one value: logical index 0."""
    scalar = ui.draw(ui.normal(0, 1), (), seed=4, name="w")
    assert scalar.shape == ()
    assert scalar == ui.draw(ui.normal(0, 1), (3,), seed=4, name="w")[0]
    assert ui.draw(ui.normal(0, 1), 3, seed=4, name="w").shape == (3,)


@pytest.mark.parametrize(
    ("spec", "shape", "layout"),
    [(ui.he_normal(), (7, 0), "OI"), (ui.he_normal(), (7, 2, 0), "OIW"), (ui.glorot_uniform(), (0, 7), "OI")],
)
def test_an_empty_axis_inside_a_needed_fan_is_an_error(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str
) -> None:
    """A fan of 0 divides nothing."""
    with refused(ui.ArgumentValueError):
        spec.resolve(shape, layout=layout)


def test_an_empty_axis_outside_the_needed_fan_is_fine() -> None:
    """No outputs, or no copies, leave fan_in as it is."""
    for shape, layout in (((0, 7), "OI"), ((0, 3, 7), "BOI")):
        assert ui.he_normal().resolve(shape, layout=layout).std == close(math.sqrt(2 / 7))
        assert ui.draw(ui.he_normal(), shape, layout=layout, seed=0).shape == shape


# --- composition ------------------------------------------------------------------------------


@given(elementwise, st.floats(1e-3, 1e3))
def test_scaling_a_spec_scales_its_law(spec: ui.Initializer, factor: float) -> None:
    """The three spellings are equal, and every number of the law is multiplied."""
    scaled = spec.scaled(factor)
    assert scaled == spec * factor == factor * spec
    one = spec.resolve((6, 4), layout="OI")
    two = scaled.resolve((6, 4), layout="OI")
    for name in ("mean", "std", "low", "high"):
        expected = getattr(one, name) * factor
        assert getattr(two, name) == pytest.approx(expected, rel=1e-13, abs=1e-13 * two.std)
    assert (two.fan_in, two.fan_out) == (one.fan_in, one.fan_out)


def test_factors_multiply_up() -> None:
    """Scaling twice is scaling by the product, and a spec never changes."""
    spec = ui.he_normal()
    assert (spec * 0.5 * 0.5).factor == 0.25
    assert spec.factor == 1.0
    assert spec * np.float64(0.5) == spec.scaled(0.5)
    assert ui.orthogonal(2.0).scaled(0.5).resolve((3, 3)).high == 1.0
    assert ui.constant(3).scaled(0.5).resolve((3,)).mean == 1.5


def test_specs_do_not_multiply_each_other() -> None:
    """Python's own error, for either order."""
    with pytest.raises(TypeError, match="unsupported operand"):
        ui.he_normal() * ui.he_normal()  # type: ignore[operator]


@given(st.floats(1e-3, 1e3), st.sampled_from(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]))
def test_std_is_linear_in_the_gain(gain: float, mode: str) -> None:
    """PyTorch's gain multiplies the std, for each rule that takes one."""
    shape: dict[str, Any] = {"shape": (40, 10, 3), "layout": "OIW"}
    for unit, scaled in (
        (ui.xavier_normal(), ui.xavier_normal(gain)),
        (ui.xavier_uniform(), ui.xavier_uniform(gain)),
        (ui.orthogonal(), ui.orthogonal(gain)),
        (ui.uniform_unit_scaling(), ui.uniform_unit_scaling(gain)),
        (SPECS_OF_MODE[mode], SPECS_OF_MODE[mode] * gain),
        (SPECS_OF_MODE[mode], ui.variance_scaling(gain**2, mode, "untruncated_normal")),
    ):
        assert scaled.resolve(**shape).std == close(gain * unit.resolve(**shape).std, rel=1e-14)


# --- moments ----------------------------------------------------------------------------------


def test_the_correction_of_the_two_sigma_cut() -> None:
    """The constant 0.8796... is the std of a unit normal cut at two sigmas."""
    assert ui.TruncatedNormal(-2, 2).unit_std == 0.87962566103423978
    assert ui.TruncatedNormal(-2, 2).unit_std == close(stats.truncnorm(-2, 2).std(), rel=1e-13)


@given(bounds())
def test_realised_moments_of_a_cut_normal(ends: tuple[float, float]) -> None:
    """Mean and std of the law are those that SciPy computes."""
    unit = ui.TruncatedNormal(*ends)
    mean, variance = stats.truncnorm.stats(*ends, moments="mv")
    assert unit.unit_mean == pytest.approx(mean, rel=1e-9, abs=1e-9 * math.sqrt(variance))
    assert unit.unit_std == pytest.approx(math.sqrt(variance), rel=1e-6)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        (-2, 2),
        (-1, 3),
        (0, 2),
        (-3, 0.5),
        (-math.inf, 1),
        (0, math.inf),
        (1, 2),
        (-4, 4),
        (2, 5),
        (-0.1, 0.1),
    ],
)
def test_moments_of_common_cuts_to_nine_digits(lower: float, upper: float) -> None:
    """The law agrees with SciPy to 1e-9 wherever a network would cut."""
    law = ui.truncated_normal(0.5, 3.0, lower, upper).resolve(1)
    expected = stats.truncnorm(lower, upper, loc=0.5, scale=3.0)
    assert law.mean == pytest.approx(expected.mean(), rel=1e-9)
    assert law.std == pytest.approx(expected.std(), rel=1e-9)
    assert (law.low, law.high) == (0.5 + 3.0 * lower, 0.5 + 3.0 * upper)


def test_moments_of_an_uncut_normal_and_a_uniform() -> None:
    """Infinite bounds cut nothing; a uniform's std is its width over sqrt(12)."""
    law = ui.truncated_normal(1.0, 2.0, -math.inf, math.inf).resolve(1)
    assert (law.mean, law.std, law.low, law.high) == (1.0, 2.0, -math.inf, math.inf)
    law = ui.uniform(-1.0, 5.0).resolve(1)
    assert (law.mean, law.low, law.high) == (2.0, -1.0, 5.0)
    assert law.std == close(6 / math.sqrt(12))


@pytest.mark.parametrize(
    ("mean", "std", "low", "high"),
    [
        (0.0, 0.02, -0.04, 0.04),
        (0.5, 0.2, 0.0, 1.0),
        (0.7, 0.3, 0.0, 1.0),
        (1.5, 0.7, 0.0, 0.5),
        (0.1, 1.0, -0.04, 0.04),
    ],
)
def test_trunc_normal_keeps_its_absolute_bounds(mean: float, std: float, low: float, high: float) -> None:
    """The law's ends are the bounds that were given, though the spec holds them in sigmas."""
    law = ui.trunc_normal(mean, std, low, high).resolve(1)
    assert (law.low, law.high) == (low, high)


def test_structured_laws_describe_one_entry() -> None:
    """Orthogonal, delta-orthogonal and sparse entries have the std of the theory."""
    assert ui.orthogonal(2.0).resolve((64, 3, 7, 7), layout="OIHW").std == close(2 / math.sqrt(147))
    assert ui.orthogonal().resolve((100, 30)).std == close(0.1)
    law = ui.delta_orthogonal().resolve((3, 3, 16, 64), layout="HWIO")
    assert law.std == close(1 / math.sqrt(64 * 9))
    assert ui.sparse(0.75, std=2.0).resolve((8, 3)).std == close(1.0)
    assert ui.sparse(1, std=2.0).resolve((8, 3)).std == 0.0
    assert math.isnan(ui.identity().resolve((3, 3)).std)
    assert ui.constant([[1, -2], [3, 0]]).resolve((5, 2, 2)).low == -2.0


def test_resolve_is_pure() -> None:
    """The same arguments give equal laws, whatever was resolved before."""
    first = skewed().resolve((3, 3))
    ui.he_normal().resolve((3, 3), layout="OI")
    assert skewed().resolve((3, 3)) == first


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distribution", "scale"),
    [
        (ui.Orthogonal(), ui.Interval(0, 1)),
        (ui.Identity(), ui.Fixed(1.0)),
        (ui.Normal(), ui.Gain(2.0)),
        (ui.Normal(), ui.Interval(0, 1)),
        (ui.TruncatedNormal(-2, 2), None),
        (ui.Uniform(), ui.Fixed(1.0, 2.0)),
        (ui.Sparse(0.5), ui.Gain()),
        (ui.Constant(0.0), ui.Fixed(1.0)),
        ("normal", ui.Fixed(1.0)),
        (ui.Gain(), ui.Gain()),
    ],
    ids=str,
)
def test_parts_that_do_not_fit_are_refused(distribution: Any, scale: Any) -> None:
    """Each distribution names the scale rules that it takes."""
    with refused(ui.ArgumentTypeError):
        ui.Initializer(distribution, scale)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.Initializer(ui.Sparse(0.5), ui.Fixed(1.0, 2.0)),
        lambda: ui.he_normal() * 0,
        lambda: ui.he_normal() * math.inf,
        lambda: ui.he_normal() * math.nan,
        lambda: ui.normal(0, 0),
        lambda: ui.normal(0, 2.0**-91),
        lambda: ui.normal(-math.inf, 1),
        lambda: ui.uniform(1, 1),
        lambda: ui.uniform(0, 2.0**-95),
        lambda: ui.uniform(-1.7e308, 1.7e308),
        lambda: ui.VarianceScaling(-2, "fan_in"),
        lambda: ui.VarianceScaling(2, "fanin"),
        lambda: ui.InverseFan(1, "in"),
        lambda: ui.orthogonal(0),
        lambda: ui.TruncatedNormal(2, 2),
        lambda: ui.TruncatedNormal(math.nan, 2),
        lambda: ui.TruncatedNormal(38, 39),
        lambda: ui.TruncatedNormal(-math.inf, -40),
        lambda: ui.TruncatedNormal(0, 1e-6),
        lambda: ui.sparse(1.5),
        lambda: ui.dirac(0),
        lambda: ui.constant([[1, 2], [3]]),
        lambda: ui.constant([1, math.inf]),
        lambda: ui.stft("left"),
        lambda: ui.stft(window="hanning"),
        lambda: ui.stft(scaling="none"),
        lambda: ui.icnr(ui.orthogonal(), 2),
        lambda: ui.icnr(ui.he_normal(), 0),
        lambda: ui.Initializer(ui.Normal(), ui.Fixed(1.0), upscale=0),
        lambda: ui.Quantile("AAAA", 0, 0.0, 1.0, -1.0, 1.0),
        lambda: ui.Quantile("?", 0, 0.0, 1.0, -1.0, 1.0),
    ],
    ids=source_of,
)
def test_arguments_are_checked_where_they_are_given(make: Any) -> None:
    """A constructor refuses what no shape could make right."""
    with refused(ui.ArgumentValueError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.he_normal() * anything("2"),
        lambda: ui.normal(0, anything(None)),
        lambda: ui.normal(anything(value=True), 1),
        lambda: ui.constant("1"),
        lambda: ui.constant([1, True]),
        lambda: ui.dirac(anything(1.0)),
        lambda: ui.stft(periodic=anything(1)),
        lambda: ui.Quantile(anything(b""), 0, 0.0, 1.0, -1.0, 1.0),
    ],
    ids=source_of,
)
def test_arguments_of_the_wrong_type_are_refused(make: Any) -> None:
    """A wrong type is a TypeError with the same grammar; nothing is converted by chance."""
    with refused(ui.ArgumentTypeError):
        make()


@pytest.mark.parametrize(
    ("fans", "error"),
    [
        (5, ui.ArgumentTypeError),
        ((5,), ui.ArgumentTypeError),
        ("ab", ui.ArgumentTypeError),
        (("5", None), ui.ArgumentTypeError),
        ((5, 0), ui.ArgumentValueError),
        ((None, 5), ui.ArgumentValueError),
    ],
)
def test_fans_must_be_a_pair_of_positive_numbers(fans: Any, error: type[Exception]) -> None:
    """None stands for a fan that is not needed, and for no other."""
    with refused(error):
        ui.he_normal().resolve((3, 4), fans=fans)


def test_a_scale_that_becomes_too_small_or_too_large_is_refused() -> None:
    """What only the shape decides is refused by the law, with the numbers."""
    with refused(ui.ArgumentValueError):
        ui.he_normal().scaled(2.0**-88).resolve((3, 200), layout="OI")
    with refused(ui.ArgumentValueError):
        ui.normal(1e300, 1.0).scaled(1e10).resolve(3)


def test_a_mode_without_fans_is_refused() -> None:
    """The scale rule itself, asked without the fans that it needs."""
    with refused(ui.ArgumentValueError):
        fan("fan_avg", 3.0, None)


@pytest.mark.parametrize(
    ("spec", "shape", "layout"),
    [
        (ui.orthogonal(), (2, 3, 4), None),
        (ui.identity(), (2, 3, 4), None),
        (ui.hadamard(), (2, 3, 4), None),
        (ui.sparse(0.5), (2, 3, 4), None),
        (ui.orthogonal(), (3, 4), "BO"),
        (ui.sparse(0.5), (3, 4), "IB"),
        (ui.identity(), (3, 3, 5), "OIW"),
        (ui.dirac(), (3, 3), None),
        (ui.dirac(), (3, 3), "OI"),
        (ui.delta_orthogonal(), (3, 3), "IW"),
        (ui.bilinear_upsampling(), (3, 3), "OI"),
        (ui.dirac(3), (4, 3, 3), "OIW"),
        (ui.delta_orthogonal(), (3, 16, 8), "WIO"),
        (ui.constant([1, 2, 3]), (3, 4), None),
        (ui.constant([[1, 2]]), (2,), None),
        (ui.stft(), (16, 2, 9), None),
        (ui.stft(), (16, 9), None),
        (ui.stft(), (16, 1, 9), "OIW"),
        (ui.icnr(ui.normal(0, 1), 2), (8, 3), "OI"),
        (ui.icnr(ui.normal(0, 1), 2), (6, 3, 3, 3), "OIHW"),
        (ui.icnr(ui.normal(0, 1), 2), (4, 4, 3), "OOW"),
        (ui.icnr(ui.normal(0, 1), 2), (8,), None),
    ],
)
def test_structured_laws_refuse_shapes_without_meaning(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None
) -> None:
    """A structured law says which axes it needs."""
    with refused(ui.ArgumentValueError):
        spec.resolve(shape, layout=layout)


@pytest.mark.parametrize("layout", ["OIW", "WIO"])
@pytest.mark.parametrize(
    "spec",
    [ui.dirac(), ui.delta_orthogonal(), ui.bilinear_upsampling(), ui.hadamard(), ui.orthogonal()],
    ids=lambda spec: spec.label,
)
def test_a_kernel_without_taps_is_empty(spec: ui.Initializer, layout: str) -> None:
    """A spatial axis of length 0 is an empty array or our error, nothing else."""
    shape = (4, 4, 0) if layout == "OIW" else (0, 4, 4)
    try:
        drawn = ui.draw(spec, shape, layout=layout, seed=0)
    except ui.ArgumentValueError:
        return
    assert drawn.shape == shape


def test_icnr_counts_outputs_before_they_are_repeated() -> None:
    """fan_out of the base draw has a factor**2 fewer outputs; explicit fans stay."""
    spec = ui.icnr(SPECS_OF_MODE["fan_out"], 2)
    law = spec.resolve((64, 16, 3, 3), layout="OIHW")
    assert (law.fan_in, law.fan_out, law.repeat) == (144, 144.0, 4)
    assert spec.resolve((64, 16, 3, 3), layout="OIHW", fans=(None, 10)).std == close(math.sqrt(0.1))
