"""Values of named functions: formulas of the position against independent ones, quantiles against exact ones."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import integrate, stats
from tests.helpers.messages import refused

import unified_init as ui
from unified_init import testing
from unified_init.law.named_values import FORMULAS, MATRICES, TRANSFORMS, UnitTransform, transform_ends
from unified_init.stream.elementary import exp, log
from unified_init.stream.formulas import ROWS
from unified_init.stream.transforms import transform_quantiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def drawn(spec: ui.Initializer, shape: tuple[int, ...], **options: Any) -> NDArray[Any]:
    """Draw with one seed and name."""
    defaults: dict[str, Any] = {"seed": 3, "name": "w", "dtype": "float64"}
    values: NDArray[Any] = ui.draw(spec, shape, **(defaults | options))
    return values


# --- formulas -------------------------------------------------------------------------------------


def legs(size: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return A and B of HiPPO-LegS as the paper derives it: a triangle with a diagonal, between two diagonals."""
    n = np.arange(size)
    inner = np.tril(np.broadcast_to(2.0 * n + 1.0, (size, size)), -1) + np.diag(n + 1.0)
    root = np.diag(np.sqrt(2.0 * n + 1.0))
    return -root @ inner @ np.linalg.inv(root), np.sqrt(2.0 * n + 1.0)


def legt(size: int) -> NDArray[Any]:
    """Return A of HiPPO-LegT: the derivative of the coefficients of a function in a sliding window of length 1.

    c_n is the integral of f g_n over the window, with normalized polynomials g_n on [0, 1]. The derivative of
    g_n gives -(g_n', g_k), the forgotten end -g_n(0) g_k(0), where f is what the coefficients say it was.
    """
    polynomials = [np.polynomial.Legendre.basis(k, domain=[0, 1]) * math.sqrt(2 * k + 1) for k in range(size)]
    matrix = np.empty((size, size))
    for n, first in enumerate(polynomials):
        for k, second in enumerate(polynomials):
            product = (first.deriv() * second).integ()
            matrix[n, k] = -(product(1.0) - product(0.0)) - first(0.0) * second(0.0)
    return matrix


def test_hippo_is_its_definition() -> None:
    """LegS by the paper's product of matrices, LegT by integrals of Legendre polynomials; transposed too."""
    state, inputs = legs(12)
    np.testing.assert_allclose(drawn(ui.hippo_legs(), (12, 12)), state, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(drawn(ui.hippo_b(), (12,)), inputs, rtol=1e-15)
    np.testing.assert_allclose(drawn(ui.hippo_legt(), (9, 9)), legt(9), rtol=1e-11)
    np.testing.assert_array_equal(
        drawn(ui.hippo_legs(), (9, 12), layout="IO").T, drawn(ui.hippo_legs(), (12, 9), layout="OI")
    )


def rwkv(layer: int, n_layer: int, size: int) -> dict[str, list[float]]:
    """Return the tables of a layer of RWKV-4, a number at a time, as its paper's appendix has them."""
    depth, rest = layer / (n_layer - 1), 1.0 - layer / n_layer
    return {
        "decay": [-5.0 + 8.0 * (h / (size - 1)) ** (0.7 + 1.3 * depth) for h in range(size)],
        "first": [math.log(0.3) + 0.5 * ((h + 1) % 3 - 1) for h in range(size)],
        "key": [(i / size) ** rest for i in range(size)],
        "value": [(i / size) ** rest + 0.3 * depth for i in range(size)],
        "receptance": [(i / size) ** (0.5 * rest) for i in range(size)],
    }


@pytest.mark.parametrize("layer", [0, 3, 6])
def test_tables_of_rwkv_are_its_formulas(layer: int) -> None:
    """Decay, bonus and the shares of the current token, in the first, a middle and the last layer."""
    tables = rwkv(layer, 7, 50)
    specs = {"decay": ui.rwkv_time_decay(layer, 7), "first": ui.rwkv_time_first()}
    specs |= {word: ui.rwkv_time_mix(layer, 7, word) for word in ("key", "value", "receptance")}
    for word, spec in specs.items():
        np.testing.assert_allclose(drawn(spec, (1, 1, 50))[0, 0], tables[word], rtol=2e-15, atol=2e-15)
    assert ui.rwkv_time_mix(layer, 7, "channel_receptance") == ui.rwkv_time_mix(layer, 7)


def test_a_model_of_one_layer_has_tables() -> None:
    """The only layer is the first: RWKV's own code divides by L - 1."""
    assert ui.rwkv_time_decay(0, 1) == ui.rwkv_time_decay(0, 9)
    assert drawn(ui.rwkv_time_decay(0, 1), (1,)).tolist() == [-5.0]


def test_states_of_s4d_are_its_formulas() -> None:
    """S4D-Lin and S4D-Inv (Gu et al. 2022, equations 9 and 10) with N = 2 n states, S4D-Real as logarithms."""
    n = np.arange(32)
    np.testing.assert_allclose(drawn(ui.s4d_lin(), (3, 32)), np.tile(np.pi * n, (3, 1)), rtol=1e-15)
    np.testing.assert_allclose(drawn(ui.s4d_inv(), (32,)), 64 / np.pi * (64 / (2 * n + 1) - 1), rtol=1e-15)
    np.testing.assert_allclose(drawn(ui.s4d_real(), (32,)), np.log(n + 1), rtol=1e-15)


def test_a_power_of_zero_is_one_everywhere() -> None:
    """0 ** 0 is 1, as everywhere in Python; other powers of 0 are 0."""
    assert drawn(ui.Initializer(ui.Formula("power_ramp", (1.0, 2.0, 0.0, 0.0))), (3,)).tolist() == [3.0] * 3
    assert drawn(ui.Initializer(ui.Formula("power_ramp", (1.0, 2.0, 0.5, 0.0))), (3,))[0] == 1.0


@pytest.mark.parametrize("name", FORMULAS)
def test_slices_layouts_and_ends_of_a_formula(name: str) -> None:
    """A slice is the slice of the whole, a transposed tensor is transposed, no value is outside of the ends."""
    spec = ui.Initializer(ui.Formula(name, (0.25, -0.5, 1.7, 1.0)[: len(FORMULAS[name])]), ui.Gain(0.7))
    whole = drawn(spec, (3, 70, 40), layout="BOI")
    np.testing.assert_array_equal(drawn(spec, (40, 3, 70), layout="IBO"), whole.transpose(2, 0, 1))
    index = (slice(1, 3), 5, [slice(0, 7), slice(30, 40)])
    np.testing.assert_array_equal(
        drawn(spec, (3, 70, 40), layout="BOI", index=index), whole[1:3, 5][:, [*range(7), *range(30, 40)]]
    )
    law = spec.resolve((3, 70, 40), layout="BOI")
    assert law.low - 1e-15 <= whole.min() <= whole.max() <= law.high + 1e-15
    assert law.kind == spec.label == name
    assert not law.random
    assert drawn(spec, (0, 4)).shape == (0, 4)
    assert drawn(spec, (4, 0)).shape == (4, 0)


def test_every_formula_has_its_values() -> None:
    """The names that a spec may have are those that the stream computes."""
    assert set(FORMULAS) == {*ROWS, *MATRICES}


# --- functions of a uniform variable --------------------------------------------------------------

CASES = (
    ("log_of_uniform", (0.0, 6.28)),
    ("log_of_uniform", (1.0, 16.0)),
    ("inverse_softplus_of_log_uniform", (0.001, 0.1)),
    ("inverse_softplus_of_log_uniform", (0.3, 40.0)),
    ("lru_nu_log", (0.0, 1.0)),
    ("lru_nu_log", (0.9, 0.999)),
    ("lru_nu_log", (0.0, 0.5)),
)
EACH = pytest.mark.parametrize(("name", "arguments"), CASES)
# The same functions of the uniform variable, with SciPy's.
EXACT: dict[str, Callable[..., Any]] = {
    "log_of_uniform": lambda u, low, high: np.log(low + (high - low) * u),
    "inverse_softplus_of_log_uniform": lambda u, low, high: np.log(
        np.expm1(np.exp(np.log(low) + (np.log(high) - np.log(low)) * u))
    ),
    "lru_nu_log": lambda u, low, high: np.log(-0.5 * np.log(high**2 - (high**2 - low**2) * u)),
}


@EACH
def test_quantiles_are_the_function_of_the_probability(name: str, arguments: tuple[float, float]) -> None:
    """From below and from above, to the last digits where the plain formula has them."""
    p = np.linspace(0.001, 0.5, 500)
    below, above = transform_quantiles(UnitTransform(name, arguments), p)
    np.testing.assert_allclose(below, EXACT[name](p, *arguments), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(above, EXACT[name](1.0 - p, *arguments), rtol=1e-11, atol=1e-13)
    assert (np.diff(below) > 0).all()
    assert below[-1] == pytest.approx(above[-1], abs=1e-14)


@EACH
def test_moments_and_ends_are_those_of_integrals(name: str, arguments: tuple[float, float]) -> None:
    """Mean and std by SciPy's quadrature of the function, ends by its limits."""

    def moment(power: int) -> float:
        value, _ = integrate.quad(
            lambda u: EXACT[name](u, *arguments) ** power, 0.0, 1.0, limit=500, epsabs=1e-12, epsrel=1e-12
        )
        return float(value)

    law = ui.Initializer(ui.Transform(name, arguments)).resolve((7,))
    assert law.mean == pytest.approx(moment(1), rel=1e-9)
    assert law.std == pytest.approx(math.sqrt(moment(2) - moment(1) ** 2), rel=1e-7)
    low, high = transform_ends(UnitTransform(name, arguments))
    with np.errstate(divide="ignore"):
        assert (low, high) == pytest.approx((EXACT[name](0.0, *arguments), EXACT[name](1.0, *arguments)))


def test_moments_with_a_closed_form() -> None:
    """Log U(0, 1) is minus an exponential variable; log(-log U / 2) is minus a Gumbel one, less log 2."""
    law = ui.lru_theta_log(1.0).resolve((3,))
    assert (law.mean, law.std) == (-1.0, 1.0)
    law = ui.lru_nu_log().resolve((3,))
    assert law.mean == pytest.approx(-np.euler_gamma - math.log(2.0), rel=1e-15)
    assert law.std == pytest.approx(math.pi / math.sqrt(6.0), rel=1e-15)


@pytest.mark.parametrize(("name", "arguments"), [CASES[1], CASES[2], CASES[4]])
def test_draws_follow_their_law(name: str, arguments: tuple[float, float]) -> None:
    """A draw of a million values passes; one that is 1 % wider fails."""
    spec = ui.Initializer(ui.Transform(name, arguments))
    law = spec.resolve((1 << 20,))
    sample = drawn(spec, (1 << 20,), dtype="float32")
    testing.assert_follows(sample, law)
    wide = (sample.astype(np.float64) - law.mean) * 1.01 + law.mean
    with pytest.raises(AssertionError):
        testing.assert_follows(wide.astype(np.float32), law)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
@EACH
def test_other_types_follow_the_law(name: str, arguments: tuple[float, float], dtype: str) -> None:
    """The same law in wide and narrow types."""
    spec = ui.Initializer(ui.Transform(name, arguments))
    testing.assert_follows(drawn(spec, (1 << 14,), dtype=dtype), spec.resolve((1 << 14,)))


@EACH
def test_tables_are_the_exact_quantiles(name: str, arguments: tuple[float, float]) -> None:
    """A Kolmogorov-Smirnov test with SciPy's function of the draws: the uniform variable comes back."""
    values = drawn(ui.Initializer(ui.Transform(name, arguments)), (1 << 16,))
    first, last = arguments
    uniform = {
        "log_of_uniform": lambda: (np.exp(values) - first) / (last - first),
        "inverse_softplus_of_log_uniform": lambda: (
            np.log(np.log1p(np.exp(values)) / first) / np.log(last / first)
        ),
        "lru_nu_log": lambda: (last**2 - np.exp(-2.0 * np.exp(values))) / (last**2 - first**2),
    }[name]()
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4


def test_every_transform_is_tested() -> None:
    """The cases have each name."""
    assert {name for name, _ in CASES} == set(TRANSFORMS)


def test_steps_of_mamba_are_log_uniform() -> None:
    """Softplus of the biases is between the two steps, and its logarithm is uniform."""
    steps = np.logaddexp(0.0, drawn(ui.mamba_dt_bias(), (1 << 16,)))
    assert steps.min() >= 0.001
    assert steps.max() <= 0.1
    share = (np.log(steps) - math.log(0.001)) / (math.log(0.1) - math.log(0.001))
    assert stats.kstest(share, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("radii", [(0.0, 1.0), (0.9, 0.999), (0.0, 0.5)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gamma_under_the_name_of_nu_belongs_to_it(radii: tuple[float, float], dtype: str) -> None:
    """Gamma = sqrt(1 - abs(lambda)^2) of the same states: one word decides both, and both increase with it."""
    nu = drawn(ui.lru_nu_log(*radii), (4096,), dtype=dtype).astype(np.float64)
    gamma = drawn(ui.lru_gamma_log(*radii), (4096,), dtype=dtype).astype(np.float64)
    expected = 0.5 * np.log(-np.expm1(-2.0 * np.exp(nu)))
    tolerance = 2e-6 if dtype == "float32" else 2e-11
    np.testing.assert_allclose(gamma, expected, rtol=tolerance, atol=tolerance)
    assert ui.lru_gamma_log(*radii).resolve((3,)).std > 0.0


def test_exp_and_log_have_the_precision_of_float64() -> None:
    """Against Python's decimal arithmetic, to a relative error of some units in the last place."""
    x = np.linspace(-9.0, 3.0, 241)
    with localcontext() as context:
        context.prec = 40
        powers = [Decimal(float(value)).exp() for value in x]
        logs = [Decimal(float(value)).ln() for value in exp(x)]
    for ours, exact in zip(exp(x), powers, strict=True):
        assert abs(Decimal(float(ours)) - exact) <= Decimal(2) ** -51 * exact
    for ours, exact in zip(log(exp(x)), logs, strict=True):
        assert abs(Decimal(float(ours)) - exact) <= Decimal(2) ** -51 * max(abs(exact), Decimal(1) / 8)


FAULTS: dict[str, Callable[[], object]] = {
    "no name": lambda: ui.Formula("hippo"),
    "a number for a name": lambda: ui.Transform(1, (0.0, 1.0)),  # type: ignore[arg-type]
    "too few numbers": lambda: ui.Formula("zigzag", (1.0,)),
    "numbers where there are none": lambda: ui.Formula("hippo_b", (1.0,)),
    "no tuple": lambda: ui.Formula("zigzag", 1.0),  # type: ignore[arg-type]
    "infinite": lambda: ui.Formula("zigzag", (0.0, math.inf)),
    "a negative exponent": lambda: ui.Formula("power_ramp", (0.0, 1.0, -1.0, 0.0)),
    "two positions fewer": lambda: ui.Formula("power_ramp", (0.0, 1.0, 1.0, 2.0)),
    "numbers that do not increase": lambda: ui.Transform("log_of_uniform", (2.0, 1.0)),
    "a radius above 1": lambda: ui.lru_nu_log(0.5, 1.5),
    "radii that do not increase": lambda: ui.lru_gamma_log(0.5, 0.5),
    "a step of 0": lambda: ui.mamba_dt_bias(0.0, 0.1),
    "no phase": lambda: ui.lru_theta_log(0.0),
    "a layer too many": lambda: ui.rwkv_time_decay(12, 12),
    "a table that there is not": lambda: ui.rwkv_time_mix(0, 12, "gate"),
    "a vector for a matrix": lambda: ui.hippo_legs().resolve((3,)),
    "a kernel for a matrix": lambda: ui.hippo_legt().resolve((3, 3, 5), layout="OIW"),
    "a law past the largest number": lambda: ui.draw(ui.s4d_real() * 1e38, (99,)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_names_and_numbers_are_checked(fault: str) -> None:
    """Each fault is refused when the spec is made, or when it meets a shape that it does not fit."""
    with refused(ui.UnifiedInitError):
        FAULTS[fault]()


def test_specs_of_named_functions_are_values() -> None:
    """Equal, hashable, JSON and back; the repr is a call that gives it."""
    for spec in (
        ui.rwkv_time_decay(1, 4),
        ui.lru_nu_log(0.5, 0.9) * 2.0,
        ui.hippo_legs(),
        ui.mamba_dt_bias(),
    ):
        assert ui.from_json(ui.to_json(spec)) == spec == eval(repr(spec), vars(ui))  # noqa: S307  # our own repr
        assert hash(ui.from_json(ui.to_json(spec))) == hash(spec)
    assert ui.to_dict(ui.rwkv_time_first())["distribution"] == {
        "kind": "Formula", "name": "zigzag", "arguments": [math.log(0.3), 0.5],
    }  # fmt: skip
    assert ui.mamba_dt_bias().label == "mamba_dt_bias"
    assert ui.rwkv_time_first().label == "rwkv_time_first"
    assert "jax.nn.initializers has no zigzag" in ui.rwkv_time_first().explain((9,))
