"""A spec on a shape as calls of the frameworks' own initializers: executable text."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, assert_never

from unified_init.core.reprs import literal
from unified_init.interop.native_fans import jax_axes, jax_fans, keras_fans, torch_fans
from unified_init.law.combination import Combination
from unified_init.law.unit_values import NORM_NAMES, UnitTruncatedNormal
from unified_init.spec.distributions import (
    AT_2_SIGMA,
    Constant,
    DeltaOrthogonal,
    Dirac,
    Distribution,
    Formula,
    Identity,
    Laplace,
    Listed,
    Logistic,
    Normal,
    Normed,
    Orthogonal,
    Sparse,
    Stft,
    Transform,
    TruncatedNormal,
    Uniform,
)
from unified_init.spec.labels import LABELS
from unified_init.spec.scales import VarianceScaling, fan

if TYPE_CHECKING:
    from unified_init.interop.native_fans import KnownFans
    from unified_init.law.law import Law
    from unified_init.law.layout import Geometry
    from unified_init.spec.initializer import Initializer

__all__ = ["NO_EQUIVALENT", "native_calls"]

NO_EQUIVALENT = "no equivalent"
# The fan-scaled presets that Keras and JAX have under our names. Presets of an untruncated normal are left
# out: their names are PyTorch's, and JAX gives those names to truncated laws.
NAMED: dict[tuple[float, str, Distribution], str] = {
    (rule.scale, rule.mode, dist): label
    for (dist, rule), label in LABELS.items()
    if isinstance(rule, VarianceScaling) and isinstance(dist, TruncatedNormal | Uniform)
}
# The distributions that Keras and JAX scale with a fan, in the words of each.
KERAS_WORDS: dict[Distribution, str] = {
    AT_2_SIGMA: "truncated_normal",
    Normal(): "untruncated_normal",
    Uniform(): "uniform",
}
JAX_WORDS = KERAS_WORDS | {Normal(): "normal"}
RANDOM = Normal | TruncatedNormal | Uniform
_JAX = "jax.nn.initializers."
TORCH_KERNELS = {"OIW", "OIHW", "OIDHW"}
JAX_KERNELS = {"WIO", "HWIO", "DHWIO"}


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """A spec on a shape, from which the calls are made."""

    spec: Initializer
    geometry: Geometry
    law: Law

    @property
    def distribution(self) -> Distribution:
        """The spec's distribution."""
        return self.spec.distribution

    @property
    def gain(self) -> float:
        """The multiplier of the natural size of a structured distribution."""
        return self.law.scale

    @property
    def plain(self) -> bool:
        """Whether the tensor is one matrix, without merged axes."""
        return len(self.geometry.shape) == len(self.geometry.digits) == 2 and not self.geometry.has("B")  # noqa: PLR2004  # a matrix

    def scaling(self, fans: KnownFans | None) -> tuple[float, str] | None:
        """Variance scale and mode, if the framework's own fans give the law's std with them."""
        rule = self.spec.scale
        if fans is None or not isinstance(rule, VarianceScaling) or 0 in self.geometry.shape:
            return None
        framework_fan, law_fan = fan(rule.mode, *fans), fan(rule.mode, self.law.fan_in, self.law.fan_out)
        return (rule.scale * self.spec.factor**2, rule.mode) if framework_fan == law_fan else None


def native_calls(spec: Initializer, geometry: Geometry, law: Law) -> dict[str, str]:
    """Return the call of each framework that draws the same law, or "no equivalent" and why.

    In the texts ``w`` is the tensor to fill, ``key`` a JAX key, ``rng`` a NumPy generator and
    ``shape`` the stored shape. The text of a Keras or JAX initializer evaluates to the initializer.

    Args:
        spec: the spec.
        geometry: the shape and its layout.
        law: the spec's law on that geometry.

    Returns:
        The texts by framework: torch, keras, jax, numpy.
    """
    case = Case(spec, geometry, law)
    if isinstance(law.unit, Combination):
        return dict.fromkeys(
            ("torch", "keras", "jax", "numpy"), _none("none adds or multiplies initializers")
        )
    if law.repeat > 1:
        return dict.fromkeys(
            ("torch", "keras", "jax", "numpy"), _none("none repeats draws for a pixel shuffle")
        )
    return {"torch": _torch(case), "keras": _keras(case), "jax": _jax(case), "numpy": _numpy(case)}


def _none(reason: str) -> str:
    return f"{NO_EQUIVALENT}: {reason}"


def _call(name: str, **arguments: object) -> str:
    listing = ", ".join(f"{key}={literal(value)}" for key, value in arguments.items())
    return f"{name}({listing})"


# --- PyTorch --------------------------------------------------------------------------------------


def _torch(case: Case) -> str:  # noqa: C901, PLR0911  # one case per distribution
    law, gain = case.law, case.gain
    match case.distribution:
        case Normal() | Uniform() as dist:
            return _torch_scaled(case, dist) or _torch_fixed(law, dist)
        case TruncatedNormal():
            return _fill("trunc_normal_", mean=law.loc, std=law.scale, a=law.low, b=law.high)
        case Constant(float()):
            return _torch_constant(law.mean)
        case Orthogonal() if _is_matrix_of(case, axis=0):
            return _fill("orthogonal_", **_unless_one(gain=gain))
        case Orthogonal():
            return _none("orthogonal_ takes only axis 0 for the rows")
        case Identity() if case.plain and gain == 1.0:
            return _fill("eye_")
        case Identity():
            return _none("eye_ fills one matrix, without a gain")
        case Dirac(groups) if case.geometry.layout in TORCH_KERNELS and gain == 1.0:
            return _fill("dirac_", **({"groups": groups} if groups > 1 else {}))
        case Dirac():
            return _none("dirac_ fills kernels stored as OIW, OIHW or OIDHW, without a gain")
        case Sparse(sparsity) if case.plain and case.geometry.layout in {None, "OI"}:
            return _fill("sparse_", sparsity=sparsity, std=abs(gain))
        case Sparse():
            return _none("sparse_ takes axis 0 of a matrix for the rows")
        case other:
            return _none(f"torch.nn.init has no {_word(other)}")


def _torch_scaled(case: Case, dist: Normal | Uniform) -> str | None:
    scaling = case.scaling(torch_fans(case.geometry.shape))
    if scaling is None:
        return None
    scale, mode = scaling
    kind = "normal_" if isinstance(dist, Normal) else "uniform_"
    if mode == "fan_avg":
        return _fill(f"xavier_{kind}", **_unless_one(gain=math.sqrt(scale)))
    if mode not in {"fan_in", "fan_out"} or scale > 2.0:  # noqa: PLR2004  # the most a slope gives
        return None
    mode_argument = {} if mode == "fan_in" else {"mode": mode}
    if scale == 1.0:
        return _fill(f"kaiming_{kind}", **mode_argument, nonlinearity="linear")
    slope = {} if scale == 2.0 else {"a": math.sqrt(2.0 / scale - 1.0)}  # noqa: PLR2004  # the slope 0
    return _fill(f"kaiming_{kind}", **slope, **mode_argument)


def _torch_fixed(law: Law, dist: Normal | Uniform) -> str:
    if isinstance(dist, Normal):
        return _fill("normal_", mean=law.mean, std=law.std)
    return _fill("uniform_", a=law.low, b=law.high)


def _torch_constant(value: float) -> str:
    name = {0.0: "zeros_", 1.0: "ones_"}.get(value)
    return _fill(name) if name else _fill("constant_", val=value)


def _fill(name: str, **arguments: object) -> str:
    return _call(f"torch.nn.init.{name}", **arguments).replace("(", "(w, " if arguments else "(w", 1)


# --- Keras ----------------------------------------------------------------------------------------


def _keras(case: Case) -> str:  # noqa: PLR0911  # one case per distribution
    law, gain = case.law, case.gain
    match case.distribution:
        case Normal() | TruncatedNormal() | Uniform() as dist:
            return _keras_scaled(case, dist) or _keras_fixed(law, dist)
        case Constant(float()):
            name = {0.0: "Zeros", 1.0: "Ones"}.get(law.mean)
            return _class(name) if name else _class("Constant", value=law.mean)
        case Orthogonal() if _is_matrix_of(case, axis=len(case.geometry.shape) - 1):
            return _class("Orthogonal", **_unless_one(gain=gain))
        case Orthogonal():
            return _none("Orthogonal takes only the last axis for the outputs")
        case Identity() if case.plain:
            return _class("Identity", **_unless_one(gain=gain))
        case Identity():
            return _none("Identity fills one matrix")
        case Stft(side, window, scaling, periodic) if gain == 1.0:
            return _class("STFT", side=side, window=window, scaling=scaling, periodic=periodic)
        case other:
            return _none(f"keras.initializers has no {_word(other)}")


def _keras_scaled(case: Case, dist: RANDOM) -> str | None:
    scaling = case.scaling(keras_fans(case.geometry.shape))
    word = KERAS_WORDS.get(dist)
    if scaling is None or word is None or scaling[1] == "fan_geo_avg":
        return None
    scale, mode = scaling
    preset = NAMED.get((scale, mode, dist))
    if preset is not None:
        return _class("".join(part.capitalize() for part in preset.split("_")))
    return _class("VarianceScaling", scale=scale, mode=mode, distribution=word)


def _keras_fixed(law: Law, dist: RANDOM) -> str:
    match dist:
        case Normal():
            return _class("RandomNormal", mean=law.mean, stddev=law.std)
        case Uniform():
            return _class("RandomUniform", minval=law.low, maxval=law.high)
        case TruncatedNormal(-2.0, 2.0):
            return _class("TruncatedNormal", mean=law.loc, stddev=law.scale)
        case _:
            return _none("TruncatedNormal cuts at two sigmas and nowhere else")


def _class(name: str, **arguments: object) -> str:
    return _call(f"keras.initializers.{name}", **arguments)


# --- JAX ------------------------------------------------------------------------------------------


def _jax(case: Case) -> str:
    law, gain = case.law, case.gain
    match case.distribution:
        case Normal() | TruncatedNormal() | Uniform() as dist:
            return _jax_scaled(case, dist) or _jax_fixed(law, dist)
        case Constant(float()):
            name = {0.0: "zeros", 1.0: "ones"}.get(law.mean)
            return f"jax.nn.initializers.{name}" if name else f"{_JAX}constant({law.mean!r})"
        case Orthogonal():
            return _jax_orthogonal(case)
        case DeltaOrthogonal() if case.geometry.layout in JAX_KERNELS:
            return _call(f"{_JAX}delta_orthogonal", **_unless_one(scale=gain))
        case DeltaOrthogonal():
            return _none("delta_orthogonal fills kernels stored as WIO, HWIO or DHWIO")
        case other:
            return _none(f"jax.nn.initializers has no {_word(other)}")


def _jax_scaled(case: Case, dist: RANDOM) -> str | None:
    scaling = case.scaling(jax_fans(case.geometry))
    word = JAX_WORDS.get(dist)
    if scaling is None or word is None:
        return None
    scale, mode = scaling
    axes = jax_axes(case.geometry)
    preset = NAMED.get((scale, mode, dist))
    if preset is not None:
        return _call(f"{_JAX}{preset}", **axes)
    return _call(f"{_JAX}variance_scaling", scale=scale, mode=mode, distribution=word, **axes)


def _jax_fixed(law: Law, dist: RANDOM) -> str:
    """Return an initializer; for a mean or an interval, which none has, an expression that draws."""
    match dist:
        case Normal() if law.mean == 0.0:
            return _call(f"{_JAX}normal", stddev=law.std)
        case Normal():
            return f"{law.mean!r} + {law.std!r} * jax.random.normal(key, shape)"
        case Uniform() if law.low == 0.0:
            return _call(f"{_JAX}uniform", scale=law.high)
        case Uniform():
            return f"jax.random.uniform(key, shape, minval={law.low!r}, maxval={law.high!r})"
        case TruncatedNormal():
            return _jax_truncated(law)
        case _:
            assert_never(dist)


def _jax_truncated(law: Law) -> str:
    assert isinstance(law.unit, UnitTruncatedNormal)  # noqa: S101  # of a truncated normal
    lower, upper = law.unit.lower, law.unit.upper
    if law.loc == 0.0:
        bounds = {} if (lower, upper) == (-2.0, 2.0) else {"lower": lower, "upper": upper}
        return _call(f"{_JAX}truncated_normal", stddev=law.scale, **bounds)
    draw = f"jax.random.truncated_normal(key, {literal(lower)}, {literal(upper)}, shape)"
    return f"{law.loc!r} + {law.scale!r} * {draw}"


def _jax_orthogonal(case: Case) -> str:
    rank = len(case.geometry.shape)
    for axis in reversed(range(rank)):
        if _is_matrix_of(case, axis=axis):
            column_argument = {} if axis == rank - 1 else {"column_axis": axis}
            return _call(f"{_JAX}orthogonal", **_unless_one(scale=case.gain), **column_argument)
    return _none("orthogonal takes only one axis for the outputs")


# --- NumPy ----------------------------------------------------------------------------------------


def _numpy(case: Case) -> str:
    law = case.law
    match case.distribution:
        case Normal():
            return f"rng.normal({law.mean!r}, {law.std!r}, shape)"
        case Uniform():
            return f"rng.uniform({law.low!r}, {law.high!r}, shape)"
        case (Laplace() | Logistic()) as dist:
            return f"rng.{dist.name}({law.loc!r}, {law.scale!r}, shape)"
        case Constant(float()):
            return f"numpy.full(shape, {law.mean!r})"
        case Identity() if case.plain:
            factor = "" if case.gain == 1.0 else f"{case.gain!r} * "
            return f"{factor}numpy.eye(*shape)"
        case other:
            return _none(f"numpy.random.Generator has no {_word(other)}")


# --- shared ---------------------------------------------------------------------------------------


def _unless_one(**arguments: float) -> dict[str, float]:
    return {name: value for name, value in arguments.items() if value != 1.0}


def _is_matrix_of(case: Case, *, axis: int) -> bool:
    """Whether one axis has all outputs, or all inputs and kernel positions.

    Either will do, because an orthogonal matrix and its transpose have one law.
    """
    geometry = case.geometry
    if geometry.has("B") or len(geometry.shape) != len(geometry.digits) or len(geometry.shape) < 2:  # noqa: PLR2004  # a matrix at least
        return False
    if geometry.layout is None:  # a matrix, as the law has it
        return True
    outputs = {digit.axis for digit in geometry.digits if digit.role == "O"}
    return outputs == {axis} or outputs == set(range(len(geometry.shape))) - {axis}


def _word(dist: Distribution) -> str:
    match dist:
        case Constant() | Listed():
            return "array of constants that a short call could show"
        case Stft():
            return "Fourier kernels"
        case Formula() | Transform():
            return dist.name
        case Normed(_, norm):
            return f"matrix of a given {NORM_NAMES[norm]}"
        case _:
            return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(dist).__name__).lower()
