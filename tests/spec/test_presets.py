"""Presets: what each of them is, and the law it has on shapes whose fans differ."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.contained import contained
from tests.helpers.messages import refused, source_of

import unified_init as ui
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Callable

AT_2 = ui.TruncatedNormal(-2.0, 2.0)
CORRECTION = 0.87962566103423978
# Shape, layout, fan_in, fan_out: a matrix either way, a kernel either way, transposed, grouped.
SHAPES = [
    ((300, 100), "OI", None, 100, 300),
    ((100, 300), "IO", None, 100, 300),
    ((64, 3, 7, 5), "OIHW", None, 105, 2240),
    ((7, 5, 3, 64), "HWIO", None, 105, 2240),
    ((3, 64, 7, 5), "IOHW", None, 105, 2240),
    ((64, 2, 3), "(BO)IW", {"B": 4}, 6, 48),
]
EACH_SHAPE = pytest.mark.parametrize(("shape", "layout", "sizes", "fan_in", "fan_out"), SHAPES)
Layout = dict[str, int] | None
positives = st.floats(1e-3, 1e3)


def close(value: float) -> object:
    """Equal to a few units in the last place."""
    return pytest.approx(value, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (ui.zeros(), ui.Initializer(ui.Constant(0.0))),
        (ui.ones(), ui.Initializer(ui.Constant(1.0))),
        (ui.constant(0.5), ui.Initializer(ui.Constant(0.5))),
        (ui.constant([[1, 2]]), ui.Initializer(ui.Constant(((1.0, 2.0),)))),
        (ui.uniform(-1, 2), ui.Initializer(ui.Uniform(), ui.Interval(-1.0, 2.0))),
        (ui.normal(1, 2), ui.Initializer(ui.Normal(), ui.Fixed(2.0, 1.0))),
        (ui.truncated_normal(1, 2), ui.Initializer(AT_2, ui.Fixed(2.0, 1.0))),
        (ui.truncated_normal(0, 1, -1, 3), ui.Initializer(ui.TruncatedNormal(-1, 3), ui.Fixed(1.0))),
        (ui.trunc_normal(), ui.Initializer(AT_2, ui.Fixed(1.0))),
        (ui.trunc_normal(1, 2, 0, 4), ui.Initializer(ui.TruncatedNormal(-0.5, 1.5), ui.Fixed(2.0, 1.0))),
        (ui.glorot_uniform(), ui.Initializer(ui.Uniform(), ui.VarianceScaling(1.0, "fan_avg"))),
        (ui.glorot_normal(), ui.Initializer(AT_2, ui.VarianceScaling(1.0, "fan_avg"))),
        (ui.he_uniform(), ui.Initializer(ui.Uniform(), ui.VarianceScaling(2.0, "fan_in"))),
        (ui.he_normal(), ui.Initializer(ui.TruncatedNormal(-2, 2), ui.VarianceScaling(2.0, "fan_in"))),
        (ui.lecun_uniform(), ui.Initializer(ui.Uniform(), ui.VarianceScaling(1.0, "fan_in"))),
        (ui.lecun_normal(), ui.Initializer(AT_2, ui.VarianceScaling(1.0, "fan_in"))),
        (ui.xavier_uniform(2), ui.Initializer(ui.Uniform(), ui.VarianceScaling(4.0, "fan_avg"))),
        (ui.xavier_normal(), ui.Initializer(ui.Normal(), ui.VarianceScaling(1.0, "fan_avg"))),
        (ui.kaiming_uniform(1), ui.Initializer(ui.Uniform(), ui.VarianceScaling(1.0, "fan_in"))),
        (ui.kaiming_normal(), ui.Initializer(ui.Normal(), ui.VarianceScaling(2.0, "fan_in"))),
        (ui.kaiming_normal(nonlinearity="relu"), ui.kaiming_normal()),
        (ui.kaiming_normal(0.2, "fan_out", "selu"),
         ui.Initializer(ui.Normal(), ui.VarianceScaling(0.5625, "fan_out"))),
        (ui.uniform_unit_scaling(2), ui.Initializer(ui.Uniform(), ui.VarianceScaling(4.0, "fan_in"))),
        (ui.siren(), ui.Initializer(ui.Uniform(), ui.VarianceScaling(2 / 900, "fan_in"))),
        (ui.orthogonal(2), ui.Initializer(ui.Orthogonal(), ui.Gain(2.0))),
        (ui.delta_orthogonal(), ui.Initializer(ui.DeltaOrthogonal(), ui.Gain(1.0))),
        (ui.identity(0.5), ui.Initializer(ui.Identity(), ui.Gain(0.5))),
        (ui.dirac(2), ui.Initializer(ui.Dirac(2))),
        (ui.sparse(0.1), ui.Initializer(ui.Sparse(0.1), ui.Fixed(0.01))),
        (ui.hadamard(), ui.Initializer(ui.Hadamard())),
        (ui.bilinear_upsampling(), ui.Initializer(ui.BilinearUpsampling())),
        (ui.stft(), ui.Initializer(ui.Stft("real", "hann", "density", periodic=False))),
        (ui.icnr(ui.he_normal(), 3), ui.Initializer(AT_2, ui.VarianceScaling(2.0, "fan_in"), upscale=3)),
    ],
)  # fmt: skip
def test_a_preset_is_a_distribution_and_a_rule(spec: ui.Initializer, expected: ui.Initializer) -> None:
    """A preset equals the spec written out, and its repr evaluates to it."""
    assert spec == expected
    assert eval(repr(spec), vars(ui)) == spec  # noqa: S307  # our own repr


def test_every_preset_is_at_the_front_door() -> None:
    """The package exports the presets, and nothing else under their names."""
    for name in presets.__all__:
        assert getattr(ui, name) is getattr(presets, name)


@EACH_SHAPE
def test_fan_scaled_laws(
    shape: tuple[int, ...], layout: str, sizes: Layout, fan_in: int, fan_out: int
) -> None:
    """Standard deviations and bounds are the published formulas of the fans."""
    total = fan_in + fan_out
    bounds = {
        ui.glorot_uniform(): math.sqrt(6 / total),
        ui.xavier_uniform(1.5): 1.5 * math.sqrt(6 / total),
        ui.he_uniform(): math.sqrt(6 / fan_in),
        ui.lecun_uniform(): math.sqrt(3 / fan_in),
        ui.kaiming_uniform(math.sqrt(5)): 1 / math.sqrt(fan_in),
        ui.kaiming_uniform(mode="fan_out", nonlinearity="tanh"): 5 / 3 * math.sqrt(3 / fan_out),
        ui.uniform_unit_scaling(1.43): 1.43 * math.sqrt(3 / fan_in),
        ui.siren(): math.sqrt(6 / fan_in) / 30,
        ui.siren(w0=1): math.sqrt(6 / fan_in),
        ui.siren(first=True): 1 / fan_in,
    }
    for spec, bound in bounds.items():
        law = spec.resolve(shape, layout=layout, sizes=sizes)
        assert (law.fan_in, law.fan_out) == (fan_in, fan_out)
        assert law.high == close(bound), spec
        assert law.low == -law.high
        assert law.std == close(bound / math.sqrt(3)), spec
    normals = {
        ui.glorot_normal(): (math.sqrt(2 / total), True),
        ui.xavier_normal(1.5): (1.5 * math.sqrt(2 / total), False),
        ui.he_normal(): (math.sqrt(2 / fan_in), True),
        ui.lecun_normal(): (math.sqrt(1 / fan_in), True),
        ui.kaiming_normal(0.2): (math.sqrt(2 / (1 + 0.2**2) / fan_in), False),
        ui.kaiming_normal(mode="fan_out"): (math.sqrt(2 / fan_out), False),
    }
    for spec, (std, truncated) in normals.items():
        law = spec.resolve(shape, layout=layout, sizes=sizes)
        assert law.mean == 0.0
        assert law.std == close(std), spec
        assert law.high == (close(2 * std / CORRECTION) if truncated else math.inf), spec


@EACH_SHAPE
@pytest.mark.parametrize("distribution", ["truncated_normal", "untruncated_normal", "uniform"])
def test_variance_scaling_has_the_variance_it_is_told(
    shape: tuple[int, ...], layout: str, sizes: Layout, fan_in: int, fan_out: int, distribution: str
) -> None:
    """The realized variance is scale over the fan, in every mode and distribution."""
    fans = {
        "fan_in": fan_in,
        "fan_out": fan_out,
        "fan_avg": (fan_in + fan_out) / 2,
        "fan_geo_avg": math.sqrt(fan_in * fan_out),
    }
    for mode, fan in fans.items():
        law = ui.variance_scaling(0.7, mode, distribution).resolve(shape, layout=layout, sizes=sizes)
        assert law.std == close(math.sqrt(0.7 / fan))


def test_truncated_normal_counts_in_sigmas_and_trunc_normal_does_not() -> None:
    """Bounds are relative in one and absolute in the other; stds are the parent's in both."""
    relative = ui.truncated_normal(1.0, 0.5).resolve(3)
    absolute = ui.trunc_normal(1.0, 0.5).resolve(3)
    assert (relative.low, relative.high) == (0.0, 2.0)
    assert relative.std == close(0.5 * CORRECTION)
    assert (absolute.low, absolute.high) == (-2.0, 2.0)
    assert ui.trunc_normal(std=0.02).resolve(3).std == close(0.02)


@given(positives, st.floats(-2, 2), st.floats(0.1, 1), st.floats(0.1, 1))
def test_trunc_normal_keeps_its_bounds(std: float, mean: float, below: float, above: float) -> None:
    """The ends of the law are the bounds given, whatever the mean and std."""
    low, high = mean - below * std, mean + above * std
    law = ui.trunc_normal(mean, std, low, high).resolve(3)
    assert law.low == pytest.approx(low, rel=1e-12, abs=1e-12 * std)
    assert law.high == pytest.approx(high, rel=1e-12, abs=1e-12 * std)


@given(positives)
def test_gains_multiply_and_scales_are_their_squares(gain: float) -> None:
    """A xavier law with a gain is variance_scaling with its square, and the plain one times the gain."""
    std = ui.xavier_normal(gain).resolve((300, 100), layout="OI").std
    assert ui.variance_scaling(gain * gain, "fan_avg", "untruncated_normal") == ui.xavier_normal(gain)
    assert (ui.xavier_normal() * gain).resolve((300, 100), layout="OI").std == close(std)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ui.variance_scaling(1.0, "fan_in", "normal"),
        lambda: ui.variance_scaling(1.0, "fan_in", "unifrom"),
        lambda: ui.kaiming_normal(mode="fanin"),
        lambda: ui.trunc_normal(a=2, b=-2),
        lambda: ui.siren(first=1),  # type: ignore[arg-type]
        lambda: ui.icnr(ui.he_normal, 2),  # type: ignore[arg-type]
        lambda: ui.icnr(ui.he_normal(), 0),
        lambda: ui.icnr(ui.icnr(ui.he_normal(), 2), 3),
        lambda: ui.xavier_uniform("relu"),  # type: ignore[arg-type]
        lambda: ui.xavier_normal(0.0),
        lambda: ui.kaiming_uniform(a=math.inf),
    ],
    ids=source_of,
)
def test_presets_refuse(call: Callable[[], object]) -> None:
    """A bad argument is refused where it is given, by name."""
    with refused(ui.UnifiedInitError, hidden=r"0x\w+"):
        call()


@pytest.mark.needs("torch")
def test_fans_are_those_of_torch_layers() -> None:
    """On a layer's own weight, layouts give the fans that PyTorch computes."""
    import torch
    from torch.nn.init import _calculate_fan_in_and_fan_out as theirs

    with contained():
        for layer, layout in [
            (torch.nn.Linear(30, 10), "OI"),
            (torch.nn.Conv1d(6, 10, 5), "OIW"),
            (torch.nn.Conv2d(6, 10, (3, 5)), "OIHW"),
            (torch.nn.Conv3d(6, 10, 3), "OIDHW"),
        ]:
            weight = layer.weight
            law = ui.glorot_uniform().resolve(tuple(weight.shape), layout=layout)
            assert (law.fan_in, law.fan_out) == theirs(weight)


@pytest.mark.needs("torch")
def test_the_default_of_torch_linear_is_kaiming_uniform_with_slope_root_five() -> None:
    """A torch layer's first weights fill exactly the interval of our law."""
    import torch

    with contained():
        weight = torch.nn.Linear(16, 20000).weight
        law = ui.kaiming_uniform(math.sqrt(5)).resolve((20000, 16), layout="OI")
        assert law.high == close(0.25)
        assert 0.2499 < float(weight.detach().abs().max()) <= 0.25


@pytest.mark.needs("keras")
def test_fans_are_those_of_keras_layers() -> None:
    """On a layer's own kernel, layouts give the fans that Keras computes."""
    import keras
    from keras.src.initializers.random_initializers import compute_fans

    with contained():
        for layer, inputs, layout in [
            (keras.layers.Dense(10), (2, 30), "IO"),
            (keras.layers.Conv1D(10, 5), (2, 9, 6), "WIO"),
            (keras.layers.Conv2D(10, (3, 5)), (2, 9, 9, 6), "HWIO"),
        ]:
            layer.build(inputs)
            shape = tuple(layer.kernel.shape)
            law = ui.glorot_uniform().resolve(shape, layout=layout)
            assert (law.fan_in, law.fan_out) == compute_fans(shape)


@pytest.mark.needs("jax")
@pytest.mark.parametrize(
    "name", ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"]
)
def test_laws_are_those_of_jax(name: str) -> None:
    """A large draw of JAX's own has our std to five standard errors, and our bound."""
    import jax

    shape = (128, 2048)
    values = getattr(jax.nn.initializers, name)()(jax.random.key(0), shape)
    law = getattr(ui, name)().resolve(shape, layout="IO")
    assert float(values.std()) == pytest.approx(law.std, rel=5 / math.sqrt(2 * 128 * 2048))
    assert 0.99 * law.high < float(abs(values).max()) <= law.high * (1 + 1e-6)
