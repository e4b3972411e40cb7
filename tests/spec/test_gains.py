"""Gains and the depth factor, against PyTorch's table and against quadrature."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.spec.gains import GAINS, squared_gain

CONVOLUTIONS = [f"conv{dims}d" for dims in (1, 2, 3)] + [f"conv_transpose{dims}d" for dims in (1, 2, 3)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", 1.0),
        ("sigmoid", 1.0),
        ("tanh", 5 / 3),
        ("relu", math.sqrt(2)),
        ("leaky_relu", math.sqrt(2 / (1 + 0.01**2))),
        ("selu", 3 / 4),
        *((name, 1.0) for name in CONVOLUTIONS),
    ],
)
def test_the_table_is_that_of_the_papers(name: str, expected: float) -> None:
    """Every gain of PyTorch's table has the stated closed form, to the bit."""
    assert ui.calculate_gain(name) == expected


@pytest.mark.parametrize("name", ["gelu", "silu", "swish", "elu", "mish"])
def test_literals_are_the_integrals_they_claim_to_be(name: str) -> None:
    """1 / sqrt(E[f(z)^2]) by quadrature equals the literal to 1e-14."""

    def value(z: float) -> float:
        match name:
            case "gelu":
                return z * 0.5 * math.erfc(-z / math.sqrt(2))
            case "elu":
                return z if z > 0 else math.expm1(z)
            case "mish":
                return z * math.tanh(math.log1p(math.exp(z)))
            case _:
                return z / (1 + math.exp(-z))

    def weighted(z: float) -> float:
        return value(z) ** 2 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)

    edges = [-14, -8, -4, -2, 0, 2, 4, 8, 14]
    second = math.fsum(
        integrate.quad(weighted, low, high, epsabs=1e-12, epsrel=1e-12)[0]
        for low, high in itertools.pairwise(edges)
    )
    assert ui.calculate_gain(name) == pytest.approx(1 / math.sqrt(second), rel=1e-14)


@given(st.floats(-100, 100))
def test_a_slope_sets_the_gain_of_leaky_relu_alone(slope: float) -> None:
    """The parameter is leaky_relu's slope, and no other name reads it."""
    assert ui.calculate_gain("leaky_relu", slope) == math.sqrt(2 / (1 + slope * slope))
    assert ui.calculate_gain("tanh", slope) == ui.calculate_gain("tanh")


@pytest.mark.parametrize("name", sorted(GAINS))
def test_squares_lose_nothing(name: str) -> None:
    """The square that a scale rule takes is the gain's, and exactly 2 for relu."""
    assert squared_gain(name, 0.01) == pytest.approx(ui.calculate_gain(name) ** 2, rel=5e-16)
    assert squared_gain("relu", 7.0) == squared_gain("leaky_relu", 0.0) == 2.0


@pytest.mark.needs("torch")
@pytest.mark.parametrize("name", sorted(GAINS))
def test_gains_equal_those_of_torch(name: str) -> None:
    """Where PyTorch has a gain it is ours, to the bit."""
    from torch.nn.init import calculate_gain

    try:
        expected = calculate_gain(name)  # type: ignore[arg-type, unused-ignore]
    except ValueError:
        assert name in {"gelu", "silu", "swish", "elu", "mish"}
        return
    assert ui.calculate_gain(name) == expected


@pytest.mark.parametrize(
    "name",
    ["relu6", "softplus_or_so", 3, ["relu"]],
)
def test_an_unknown_nonlinearity_is_never_one(name: object) -> None:
    """A name without a gain is an error that suggests the nearest one."""
    with refused(ui.ArgumentValueError):
        ui.calculate_gain(name)  # type: ignore[arg-type]


def test_a_slope_must_be_a_finite_number() -> None:
    """A bool or an infinity is no slope."""
    with refused(ui.ArgumentTypeError):
        ui.calculate_gain("leaky_relu", param=True)
    with refused(ui.ArgumentValueError):
        ui.calculate_gain("leaky_relu", math.inf)


@given(st.integers(1, 10**6), st.integers(1, 10))
def test_the_depth_factor_is_one_over_the_root_of_the_branches(n_layer: int, per_layer: int) -> None:
    """depth_factor is 1 / sqrt(per_layer n_layer), two branches a layer by default."""
    assert ui.depth_factor(n_layer, per_layer) == 1 / math.sqrt(per_layer * n_layer)
    assert ui.depth_factor(n_layer) == 1 / math.sqrt(2 * n_layer)


def test_depth_is_counted() -> None:
    """No layers, or half of one, is an error."""
    with refused(ui.ArgumentValueError):
        ui.depth_factor(0)
    with refused(ui.ArgumentTypeError):
        ui.depth_factor(12, per_layer=0.5)  # type: ignore[arg-type]
