"""What a spec is said to be, and the frameworks' calls that are said to equal it."""

from __future__ import annotations

import ast
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.contained import contained

import unified_init as ui
from unified_init.interop.native_calls import NAMED, NO_EQUIVALENT, native_calls
from unified_init.law.layout import bind

FRAMEWORKS = ("torch", "keras", "jax", "numpy")
# Spec, shape, layout: laws that scale with fans, in layouts that each framework agrees with or not.
SCALED = [
    ui.glorot_uniform(),
    ui.glorot_normal(),
    ui.he_uniform(),
    ui.he_normal(),
    ui.lecun_uniform(),
    ui.lecun_normal(),
    ui.xavier_uniform(1.5),
    ui.xavier_normal(),
    ui.kaiming_uniform(math.sqrt(5)),
    ui.kaiming_normal(),
    ui.kaiming_normal(mode="fan_out"),
    ui.kaiming_normal(nonlinearity="linear"),
    ui.kaiming_normal(nonlinearity="tanh"),
    ui.variance_scaling(0.7, "fan_geo_avg", "untruncated_normal"),
    ui.variance_scaling(3.0, "fan_out", "truncated_normal"),
    ui.he_normal() * 0.5,
    ui.siren(),
    ui.siren(first=True),
    ui.Initializer(ui.TruncatedNormal(-3, 3), ui.VarianceScaling(1.0, "fan_in")),
]
PLACES: list[tuple[tuple[int, ...], str]] = [
    ((300, 100), "OI"),
    ((300, 100), "IO"),
    ((60, 20, 3, 5), "OIHW"),
    ((60, 20, 3, 5), "IOHW"),
    ((5, 3, 20, 60), "HWIO"),
    ((4, 150, 60), "BIO"),
    ((100, 6, 60), "IOO"),
]
FIXED = [
    ui.normal(0.0, 0.02),
    ui.normal(1.0, 0.02),
    ui.uniform(-0.5, 2.0),
    ui.uniform(0.0, 2.0),
    ui.truncated_normal(0.0, 0.02),
    ui.truncated_normal(1.0, 0.02, -1.0, 3.0),
    ui.trunc_normal(0.0, 1.0, -0.5, math.inf),
    ui.constant(0.25),
    ui.zeros(),
    ui.ones(),
]
CASES = [(spec, *place) for spec in SCALED for place in PLACES] + [(spec, (200, 150), None) for spec in FIXED]
EACH_CASE = pytest.mark.parametrize(("spec", "shape", "layout"), CASES)


def calls(spec: ui.Initializer, shape: tuple[int, ...], layout: str | None = None) -> dict[str, str]:
    """Return the calls of a spec on a shape."""
    geometry = bind(shape, layout)
    return native_calls(spec, geometry, spec.law(geometry))


def test_the_text_of_he_normal() -> None:
    """Fans, gain, moments, bound and calls, each on its line."""
    std, bound = 0.1326045542677961, 0.2652091085355922
    assert ui.he_normal().explain((64, 3, 7, 7), layout="OIHW").splitlines() == [
        "he_normal on (64, 3, 7, 7), layout 'OIHW'",
        "fan_in    147",
        "fan_out   3136",
        "gain      1.41421356 (std * sqrt(fan_in))",
        "mean      0",
        "std       0.116642369",
        "bound     0.265209109 (values in [-0.265209109, 0.265209109])",
        f"torch     torch.nn.init.trunc_normal_(w, mean=0.0, std={std}, a={-bound}, b={bound})",
        f"keras     keras.initializers.TruncatedNormal(mean=0.0, stddev={std})",
        "jax       jax.nn.initializers.he_normal(in_axis=1, out_axis=0)",
        "numpy     no equivalent: numpy.random.Generator has no truncated normal",
    ]


def test_the_head_names_all_that_was_given() -> None:
    """Sizes, fans, a factor and an upscaling are part of the first line."""
    sizes = {"B": 4}
    text = (ui.he_normal() * 0.5).explain((64, 2, 3), layout="(BO)IW", sizes=sizes)
    assert text.startswith("he_normal * 0.5 on (64, 2, 3), layout '(BO)IW', sizes {'B': 4}\n")
    text = ui.he_normal().explain((64,), fans=(9, None))
    assert text.startswith("he_normal on (64,), fans (9, None)\nfan_in    9\ngain ")
    text = ui.icnr(ui.he_normal(), 2).explain((64, 3, 7, 7), layout="OIHW")
    assert text.startswith("icnr(he_normal, 2) on (64, 3, 7, 7), layout 'OIHW'\n")
    assert text.count("no equivalent: none repeats draws for a pixel shuffle") == len(FRAMEWORKS)


def test_keras_and_jax_have_six_presets_by_name() -> None:
    """The truncated and the uniform ones of Glorot, He and LeCun; PyTorch's two are called by their rule."""
    assert set(NAMED.values()) == {
        f"{who}_{kind}" for who in ("glorot", "he", "lecun") for kind in ("normal", "uniform")
    }
    assert calls(ui.kaiming_normal(), (300, 100), "IO")["keras"] == (
        "keras.initializers.VarianceScaling(scale=2.0, mode='fan_in', distribution='untruncated_normal')"
    )


def test_lines_that_would_say_nothing_are_left_out() -> None:
    """No fans where there are none, no moments where one number would not do, no interval of a constant."""
    assert [line.split()[0] for line in ui.zeros().explain(3).splitlines()[1:]] == [
        "mean",
        "std",
        *FRAMEWORKS,
    ]
    rows = [line.split()[0] for line in ui.stft().explain((8, 1, 5)).splitlines()[1:]]
    assert rows == ["interval", *FRAMEWORKS]
    assert "interval  -inf to inf\n" in ui.normal(0.0, 1.0).explain(3)
    assert "interval  -1 to 2\n" in ui.uniform(-1.0, 2.0).explain(3)


@pytest.mark.parametrize(
    ("spec", "shape", "layout", "ends"),
    [
        (ui.hadamard(), (8, 4), None, "-1 to 1"),
        (ui.stft() * 2.0, (8, 1, 5), None, "-2 to 2"),
        (ui.bilinear_upsampling(), (3, 3, 4, 4), "IOHW", "0 to 1"),
        (ui.constant([-3.0, 3.0]), (2,), None, "-3 to 3"),
        (ui.with_norm(ui.normal(0.0, 1.0), "spectral", 2.0), (3, 4), None, "-2 to 2"),
    ],
)
def test_values_by_formula_have_an_interval_and_no_bound(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None, ends: str
) -> None:
    """A bound is half a width; where no std is known, the text says only that no value is outside."""
    text = spec.explain(shape, layout=layout)
    assert f"interval  {ends} (no value is outside)\n" in text
    assert "\nbound" not in text


def test_a_spectral_radius_says_nothing_of_an_entry() -> None:
    """Neither a std nor an end is known; the frameworks' lines say what they lack."""
    lines = ui.with_norm(ui.normal(0.0, 1.0), "spectral_radius").explain((3, 3)).splitlines()
    assert lines[0] == "normal by spectral radius on (3, 3)"
    assert [line.split()[0] for line in lines[1:]] == list(FRAMEWORKS)
    assert lines[1].endswith("no equivalent: torch.nn.init has no matrix of a given spectral radius")


def test_the_gain_of_a_law_that_falls_with_the_fan_is_over_the_fan_itself() -> None:
    """SIREN's first layer has the gain std * fan_in."""
    assert "gain      0.577350269 (std * fan_in)\n" in ui.siren(first=True).explain((256, 2), layout="OI")


@pytest.mark.parametrize(
    ("spec", "shape", "layout", "framework", "text"),
    [
        (ui.orthogonal(2.0), (8, 3, 3, 3), "OIHW", "keras",
         "Orthogonal takes only the last axis for the outputs"),
        (ui.orthogonal(), (3, 3, 4, 8), "HWIO", "torch", "orthogonal_ takes only axis 0 for the rows"),
        (ui.orthogonal(), (3, 4, 8), "BIO", "jax", "orthogonal takes only one axis for the outputs"),
        (ui.orthogonal(), (4, 8), None, "numpy", "numpy.random.Generator has no orthogonal"),
        (ui.identity(2.0), (4, 8), None, "torch", "eye_ fills one matrix, without a gain"),
        (ui.identity(), (2, 4, 8), "BOI", "keras", "Identity fills one matrix"),
        (ui.identity(), (4, 8), None, "jax", "jax.nn.initializers has no identity"),
        (ui.dirac(), (3, 4, 4), "WIO", "torch",
         "dirac_ fills kernels stored as OIW, OIHW or OIDHW, without a gain"),
        (ui.sparse(0.5), (4, 8), "IO", "torch", "sparse_ takes axis 0 of a matrix for the rows"),
        (ui.sparse(0.5), (4, 8), None, "keras", "keras.initializers has no sparse"),
        (ui.delta_orthogonal(), (8, 4, 3, 3), "OIHW", "jax",
         "delta_orthogonal fills kernels stored as WIO, HWIO or DHWIO"),
        (ui.delta_orthogonal(), (8, 4, 3, 3), "OIHW", "torch", "torch.nn.init has no delta orthogonal"),
        (ui.truncated_normal(0, 1, -1, 1), (4,), None, "keras",
         "TruncatedNormal cuts at two sigmas and nowhere else"),
        (ui.constant([1, 2]), (2,), None, "keras",
         "keras.initializers has no array of constants that a short call could show"),
        (ui.stft(), (8, 1, 5), None, "torch", "torch.nn.init has no Fourier kernels"),
        (ui.hadamard(), (8, 4), None, "jax", "jax.nn.initializers has no hadamard"),
        (ui.icnr(ui.normal(0, 1), 2), (8, 4, 3), "OIW", "torch", "none repeats draws for a pixel shuffle"),
    ],
)  # fmt: skip
def test_where_there_is_no_equivalent_the_reason_is_given(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None, framework: str, text: str
) -> None:
    """A framework that cannot say a law is said to have no equivalent, and why."""
    assert calls(spec, shape, layout)[framework] == f"{NO_EQUIVALENT}: {text}"


@pytest.mark.parametrize(
    ("shape", "layout", "keras", "torch"),
    [
        ((300, 100), "IO", "keras.initializers.HeUniform()", None),
        ((300, 100), "OI", None, "torch.nn.init.kaiming_uniform_(w)"),
        ((5, 3, 20, 60), "HWIO", "keras.initializers.HeUniform()", None),
        ((60, 20, 3, 5), "OIHW", None, "torch.nn.init.kaiming_uniform_(w)"),
        ((60, 60), "OI", "keras.initializers.HeUniform()", "torch.nn.init.kaiming_uniform_(w)"),
        ((60, 20, 3, 5), "IOHW", None, None),
    ],
)
def test_a_named_initializer_is_given_only_where_its_fans_are_ours(
    shape: tuple[int, ...], layout: str, keras: str | None, torch: str | None
) -> None:
    """Where a framework reads other fans off the stored shape, the call states the numbers instead."""
    law = ui.he_uniform().resolve(shape, layout=layout)
    found = calls(ui.he_uniform(), shape, layout)
    bounds = f"minval={law.low!r}, maxval={law.high!r}"
    assert found["keras"] == (keras or f"keras.initializers.RandomUniform({bounds})")
    assert found["torch"] == (torch or f"torch.nn.init.uniform_(w, a={law.low!r}, b={law.high!r})")
    assert found["jax"].startswith("jax.nn.initializers.he_uniform(")


@given(
    st.sampled_from(SCALED),
    st.lists(st.integers(1, 9), min_size=2, max_size=4),
    st.tuples(st.floats(0.5, 100), st.floats(0.5, 100)),
)
def test_explicit_fans_are_never_left_to_a_framework_that_reads_others(
    spec: ui.Initializer, shape: list[int], fans: tuple[float, float]
) -> None:
    """With fans= given, a named call stands only if the framework finds the very same fan."""
    geometry = bind(tuple(shape))
    law = spec.law(geometry, fans)
    for framework, text in native_calls(spec, geometry, law).items():
        ast.parse(text if not text.startswith(NO_EQUIVALENT) else "0")
        if framework == "jax" or fans[0] + fans[1] > 10 * math.prod(shape):
            assert "fan_" not in text
            assert "he_" not in text


# --- executed -------------------------------------------------------------------------------------


def _run(framework: str, text: str, shape: tuple[int, ...]) -> Any:
    """Execute a call, and return the values as a NumPy array."""
    import jax
    import numpy as np
    import torch

    key = jax.random.key(0)
    scope: dict[str, Any] = {"shape": shape, "torch": torch, "jax": jax, "numpy": np, "key": key}
    scope |= {"w": torch.empty(shape), "rng": np.random.default_rng(0)}
    with contained():
        if framework == "keras":
            import keras

            scope["keras"] = keras
        torch.manual_seed(0)
        result = eval(text, scope)  # noqa: S307  # our own text
        if framework == "keras":
            config = result.get_config()
            if "seed" in config:  # the one it has is drawn from Python's random state
                result = type(result).from_config({**config, "seed": 0})
            result = result(shape)
        elif framework == "jax" and callable(result):
            result = result(key, shape)
    return np.asarray(result, dtype=np.float64)


@pytest.mark.needs("torch", "jax", "keras")
@EACH_CASE
def test_the_call_draws_the_law(spec: ui.Initializer, shape: tuple[int, ...], layout: str | None) -> None:
    """A large draw of every framework's call has our mean, std and bounds."""
    law = spec.resolve(shape, layout=layout)
    size = math.prod(shape)
    for framework, text in calls(spec, shape, layout).items():
        if text.startswith(NO_EQUIVALENT):
            continue
        values = _run(framework, text, shape)
        scale = max(law.std, abs(law.mean), 1e-30)
        assert abs(values.mean() - law.mean) <= 6 * law.std / math.sqrt(size) + 1e-6 * scale, text
        # The kurtosis of these laws is at most a normal's, so this is six standard errors.
        assert abs(values.std() - law.std) <= 6 * law.std / math.sqrt(2 * size) + 1e-6 * scale, text
        slack = 1e-6 * scale
        assert law.low - slack <= values.min(), text
        assert values.max() <= law.high + slack, text
        if math.isfinite(law.high) and law.kind == "uniform":
            assert values.max() > law.high - 20 * (law.high - law.low) / size, text


@pytest.mark.needs("torch", "jax", "keras")
@pytest.mark.parametrize(
    ("spec", "shape", "layout"),
    [
        (ui.orthogonal(2.0), (12, 8), "OI"),
        (ui.orthogonal(), (8, 12), None),
        (ui.orthogonal(2.0), (12, 2, 3), "OIW"),
        (ui.orthogonal(), (3, 2, 12), "WIO"),
        (ui.orthogonal(), (3, 12, 2), "WOI"),
    ],
)
def test_orthogonal_calls_are_orthogonal_the_same_way(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None
) -> None:
    """The matrix that we call orthogonal, outputs by the rest, is orthogonal in every call's result."""
    import numpy as np

    found = {name: text for name, text in calls(spec, shape, layout).items() if NO_EQUIVALENT not in text}
    assert "jax" in found
    gain = spec.resolve(shape, layout=layout).scale
    for framework, text in found.items():
        values = _run(framework, text, shape)
        outputs = 0 if layout is None else layout.index("O")
        matrix = np.moveaxis(values, outputs, 0).reshape(shape[outputs], -1)
        product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
        assert product == pytest.approx(gain**2 * np.eye(len(product)), abs=1e-5), text


@pytest.mark.needs("torch", "jax", "keras")
@pytest.mark.parametrize(
    ("spec", "shape", "layout", "names"),
    [
        (ui.identity(), (4, 6), "IO", {"torch", "keras", "numpy"}),
        (ui.identity(0.5), (4, 6), None, {"keras", "numpy"}),
        (ui.dirac(), (6, 4, 4), "OIW", {"torch"}),
        (ui.dirac(2), (6, 3, 3, 3), "OIHW", {"torch"}),
        (ui.constant(0.5), (2, 3), None, set(FRAMEWORKS)),
        (ui.stft("imag", "hamming", "spectrum"), (16, 1, 9), "WIO", {"keras"}),
        (ui.stft(), (16, 1, 9), None, {"keras"}),
    ],
)
def test_calls_without_chance_give_our_values(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None, names: set[str]
) -> None:
    """Where nothing is drawn, the call's values are ours."""
    found = {name: text for name, text in calls(spec, shape, layout).items() if NO_EQUIVALENT not in text}
    assert set(found) == names
    ours = ui.draw(spec, shape, layout=layout, seed=0, backend="numpy")
    for framework, text in found.items():
        assert _run(framework, text, shape) == pytest.approx(ours, abs=2e-6), text


@pytest.mark.needs("torch", "jax")
def test_sparse_and_delta_orthogonal_calls() -> None:
    """PyTorch's sparse has our zeros a column, JAX's delta-orthogonal our center tap."""
    spec = ui.sparse(0.3, std=2.0)
    values = _run("torch", calls(spec, (10, 400), "OI")["torch"], (10, 400))
    assert ((values == 0).sum(axis=0) == 3).all()
    law = spec.resolve((10, 400), layout="OI")
    assert values.std() == pytest.approx(law.std, rel=0.1)
    shape = (4, 3, 5, 8)
    theirs = _run("jax", calls(ui.delta_orthogonal(0.5), shape, "HWIO")["jax"], shape)
    ours = ui.draw(ui.delta_orthogonal(0.5), shape, layout="HWIO", seed=0, backend="numpy")
    assert ((theirs != 0) == (ours != 0)).all()


@pytest.mark.parametrize(("spec", "shape", "layout"), CASES)
def test_calls_read_back_as_the_same_law(
    spec: ui.Initializer, shape: tuple[int, ...], layout: str | None
) -> None:
    """from_native of a call's own name and arguments resolves to the law that it was made from."""
    law = spec.resolve(shape, layout=layout)
    for text in calls(spec, shape, layout).values():
        if not text.startswith(("torch.nn.init.", "keras.initializers.", "jax.nn.initializers.")):
            continue
        parsed = ast.parse(text, mode="eval").body
        call = parsed if isinstance(parsed, ast.Call) else ast.Call(parsed, [], [])
        axes = {"in_axis", "out_axis", "batch_axis"}  # a layout says these
        read = [node for node in call.args if not isinstance(node, ast.Name)]
        back = ui.from_native(
            ast.unparse(call.func),
            *(_number(node) for node in read),
            **{one.arg: _number(one.value) for one in call.keywords if one.arg and one.arg not in axes},
        )
        again = back.resolve(shape, layout=layout)
        for name in ("mean", "std", "low", "high"):
            assert getattr(again, name) == pytest.approx(getattr(law, name), rel=1e-12, abs=1e-12), text


def _number(node: ast.expr) -> Any:
    """Read a literal, or an infinity."""
    text = ast.unparse(node)
    return float(text.removeprefix("float('").removesuffix("')")) if "inf" in text else ast.literal_eval(node)


def test_an_empty_tensor_has_no_call_of_jax_by_its_fans() -> None:
    """``jax.nn.initializers`` divides by the length of each axis: the std stands in the call instead."""
    std = ui.he_normal().resolve((0, 3), layout="OI").scale
    text = str(ui.he_normal().explain((0, 3), layout="OI"))
    assert f"jax       jax.nn.initializers.truncated_normal(stddev={std!r})" in text.splitlines()
    assert "jax.nn.initializers.he_normal(" in str(ui.he_normal().explain((2, 3), layout="OI"))
