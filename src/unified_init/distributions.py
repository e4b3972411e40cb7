"""Distributions: the shape of the values before scaling. Frozen values, no arrays.

The random ones are unit variables: ``Normal`` and ``TruncatedNormal`` have a parent normal of mean
0 and standard deviation 1, ``Uniform`` is on (-1, 1). The structured ones (orthogonal, identity and
so on) have their natural size. A scale rule does the rest.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
import numbers
from collections.abc import Sequence
from typing import ClassVar

from unified_init import checks
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.unit_normal import density, tail
from unified_init.values import call_repr

__all__ = [
    "AT_2_SIGMA",
    "BilinearUpsampling",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "Distribution",
    "Hadamard",
    "Identity",
    "Normal",
    "Orthogonal",
    "Quantile",
    "Sparse",
    "Stft",
    "TruncatedNormal",
    "Uniform",
]

# Standard deviation of a unit normal truncated at two sigmas, sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)).
# A literal, because it enters the integer tables, which no libm may touch.
STD_TRUNCATED_AT_2 = 0.87962566103423978
# Beyond this many sigmas a float64 does not hold the mass of a tail.
FARTHEST = 37.0
# 1 / sqrt(3), the standard deviation of a uniform variable on (-1, 1).
STD_UNIT_UNIFORM = 0.57735026918962576


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Normal:
    """The normal distribution, never truncated.

    Made by ``ui.normal(mean, std)``, which has the formula, and by the presets that scale it with a fan.
    """

    unit_std: ClassVar[float] = 1.0
    __repr__ = call_repr


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class TruncatedNormal:
    """A normal distribution conditioned on lying between two bounds, given in sigmas of the parent.

    Made by ``ui.truncated_normal(mean, std, lower, upper)``, which has the formula.

    Args:
        lower: lower bound, below ``upper`` and at most 37; may be ``-inf``.
        upper: upper bound, at least -37; may be ``inf``.

    Raises:
        ArgumentTypeError: a bound that is not a number.
        ArgumentValueError: NaN, ``lower >= upper``, an interval too narrow (below 1e-5 of the mass
            of the side it lies on) or too far out (beyond 37 sigmas) to be computed exactly.

    Example:
        >>> import unified_init as ui
        >>> round(ui.TruncatedNormal(-2, 2).unit_std, 4)
        0.8796
    """

    lower: float
    upper: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the bounds."""
        lower = checks.number("lower", self.lower)
        upper = checks.number("upper", self.upper)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        if lower >= upper:
            msg = f"`lower` must be less than `upper`, got {lower!r} and {upper!r}."
            raise ArgumentValueError(msg)
        nearest = max(lower, -upper, 0.0)
        if nearest > FARTHEST:
            msg = (
                "`lower` and `upper` must leave some mass of the normal within 37 sigmas of its "
                f"mean, got {lower!r} and {upper!r}."
            )
            raise ArgumentValueError(msg)
        if self.mass < 1e-5 * tail(nearest):
            msg = (
                "`lower` and `upper` must enclose at least 1e-5 of the mass beyond the nearer one, "
                f"got {lower!r} and {upper!r}: between such bounds use uniform(low, high)."
            )
            raise ArgumentValueError(msg)

    @property
    def mass(self) -> float:
        """Probability that the parent normal lies between the bounds."""
        if self.lower >= 0:
            return tail(self.lower) - tail(self.upper)
        if self.upper <= 0:
            return tail(-self.upper) - tail(-self.lower)
        return 1.0 - tail(-self.lower) - tail(self.upper)

    @property
    def unit_mean(self) -> float:
        """Mean of the truncated unit normal."""
        return (density(self.lower) - density(self.upper)) / self.mass

    @property
    def unit_std(self) -> float:
        """Standard deviation of the truncated unit normal."""
        if (self.lower, self.upper) == (-2.0, 2.0):
            return STD_TRUNCATED_AT_2
        # Moments about the bound nearer to the mode, so that far tails do not cancel.
        edge = self.lower if self.lower > 0 else self.upper if self.upper < 0 else 0.0
        mean = self.unit_mean - edge
        second = 1.0 + edge * edge - edge * self.unit_mean
        for bound, sign in ((self.lower, 1.0), (self.upper, -1.0)):
            if not math.isinf(bound):
                second += sign * (bound - edge) * density(bound) / self.mass
        return math.sqrt(max(second - mean * mean, 0.0))


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Uniform:
    """The uniform distribution on (-1, 1).

    Made by ``ui.uniform(low, high)``, which has the formula, and by the presets that scale it with a fan.
    """

    unit_std: ClassVar[float] = STD_UNIT_UNIFORM
    __repr__ = call_repr


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Quantile:
    """A one-dimensional distribution given by its quantile table; made by ``from_quantile``.

    Args:
        knots: base64 of little-endian int32: the quantile at the stream's knots, lower half, then
            the upper half unless the law is symmetric about zero. In units of ``2**exponent``.
        exponent: the binary exponent of the unit, from -200 to 200.
        mean: mean of the table's values, finite.
        std: standard deviation of the table's values, positive.
        low: lower end of the support, below ``high``; ``-inf`` where there is none.
        high: upper end of the support, ``inf`` where there is none.

    Raises:
        ArgumentTypeError: ``knots`` is not text, or another field not a number.
        ArgumentValueError: ``knots`` does not hold a table, or a number outside its range.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.from_quantile(lambda p: p - 0.5, lambda p: 0.5 - p, low=-0.5, high=0.5)
        >>> spec.distribution.low, spec.distribution.high, spec.distribution.exponent
        (-0.5, 0.5, -32)
    """

    knots: str
    exponent: int
    mean: float
    std: float
    low: float
    high: float
    __repr__ = call_repr

    # 31 octaves of at most 1024 knots, the two ends: see stream/table.py, which reads them.
    LARGEST_EXPONENT: ClassVar[int] = 200
    KNOTS: ClassVar[int] = 1023 + 21 * 1024 + 2

    def __post_init__(self) -> None:
        """Check the table."""
        checks.text("knots", self.knots)
        try:
            size = len(base64.b64decode(self.knots, validate=True))
        except (binascii.Error, ValueError):
            size = -1
        if size not in {4 * self.KNOTS, 8 * self.KNOTS}:
            msg = (
                f"`knots` must be base64 of {self.KNOTS} or {2 * self.KNOTS} int32 numbers, "
                f"got {len(self.knots)} characters that are not: make it with from_quantile()."
            )
            raise ArgumentValueError(msg)
        object.__setattr__(self, "exponent", checks.count("exponent", self.exponent, least=-125))
        if self.exponent > self.LARGEST_EXPONENT:
            msg = f"`exponent` must be at most {self.LARGEST_EXPONENT}, got {self.exponent}."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "mean", checks.finite("mean", self.mean))
        object.__setattr__(self, "std", checks.positive("std", self.std))
        object.__setattr__(self, "low", checks.number("low", self.low))
        object.__setattr__(self, "high", checks.number("high", self.high))
        if self.low >= self.high:
            msg = f"`low` must be less than `high`, got {self.low!r} and {self.high!r}."
            raise ArgumentValueError(msg)

    @property
    def unit_std(self) -> float:
        """Standard deviation of the table's values."""
        return self.std


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Constant:
    """One value everywhere, or an array of values (nested sequences) broadcast to the shape.

    Made by ``ui.constant(value)``.

    Args:
        value: a finite number, or a rectangular array or nested sequence of finite numbers, which is
            kept as nested tuples.

    Raises:
        ArgumentTypeError: something other than real numbers.
        ArgumentValueError: a number that is not finite, or ragged sequences.

    Example:
        >>> import unified_init as ui
        >>> ui.Constant([[1, 2], [3, 4]])
        Constant(((1.0, 2.0), (3.0, 4.0)))
    """

    value: float | tuple[object, ...]
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Normalise nested sequences and arrays to nested tuples of floats."""
        try:
            object.__setattr__(self, "value", _nested(self.value))
            _rectangular(self.value)
        except RecursionError:
            msg = "`value` is nested too deeply to be an array."
            raise ArgumentValueError(msg) from None


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Orthogonal:
    """Haar-distributed matrices with orthonormal rows or columns, whichever are fewer.

    Made by ``ui.orthogonal()``, which has the formula and the source.
    """

    __repr__ = call_repr


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class DeltaOrthogonal:
    """A convolution kernel that is zero but for an orthogonal matrix at its centre tap.

    Made by ``ui.delta_orthogonal()``, which has the formula and the source.
    """

    __repr__ = call_repr


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """The matrix with ones on its main diagonal.

    Made by ``ui.identity()``, which has the formula and the source.
    """

    __repr__ = call_repr


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Dirac:
    """A convolution kernel that copies its inputs to its outputs, in each of ``groups``.

    Made by ``ui.dirac(groups)``, which has the formula and the source.

    Args:
        groups: number of groups, at least 1, the default. A shape must have a multiple of it as outputs.

    Raises:
        ArgumentTypeError: ``groups`` is not an integer.
        ArgumentValueError: ``groups`` below 1.

    Example:
        >>> import unified_init as ui
        >>> ui.Dirac(2) == ui.dirac(2).distribution
        True
    """

    groups: int = 1
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the number of groups."""
        object.__setattr__(self, "groups", checks.count("groups", self.groups))


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Sparse:
    """A unit normal of which a fraction, the same in every column, is set to zero.

    Made by ``ui.sparse(sparsity, std)``, which has the formula and the source.

    Args:
        sparsity: the fraction of zeros, from 0 to 1.

    Raises:
        ArgumentTypeError: ``sparsity`` is not a number.
        ArgumentValueError: ``sparsity`` outside [0, 1].

    Example:
        >>> import unified_init as ui
        >>> ui.Sparse(0.75) == ui.sparse(0.75).distribution
        True
    """

    sparsity: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the fraction."""
        object.__setattr__(self, "sparsity", checks.finite("sparsity", self.sparsity))
        if not 0.0 <= self.sparsity <= 1.0:
            msg = f"`sparsity` must be a fraction between 0 and 1, got {self.sparsity!r}."
            raise ArgumentValueError(msg)


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Hadamard:
    """ZerO: a partial identity, or a slice of a normalised Hadamard matrix where outputs are more.

    Made by ``ui.hadamard()``, which has the formula and the source.
    """

    __repr__ = call_repr


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class BilinearUpsampling:
    """The kernel of a transposed convolution that interpolates each channel linearly.

    Made by ``ui.bilinear_upsampling()``, which has the formula and the source.
    """

    __repr__ = call_repr


@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Stft:
    """Windowed Fourier kernels of shape (window length, 1, frequencies).

    Made by ``ui.stft()``, which has the formula.

    Args:
        side: "real" (the default) or "imag".
        window: "hann" (the default), "hamming", "blackman" or "boxcar"; None for no window.
        scaling: "density" (the default) or "spectrum"; None for no normalisation.
        periodic: whether the window is periodic; symmetric by default.

    Raises:
        ArgumentTypeError: ``periodic`` is not a bool.
        ArgumentValueError: a choice that is not listed.

    Example:
        >>> import unified_init as ui
        >>> ui.Stft("imag", window=None) == ui.stft("imag", None).distribution
        True
    """

    side: str = "real"
    window: str | None = "hann"
    scaling: str | None = "density"
    periodic: bool = False
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the choices."""
        checks.choice("side", self.side, ("real", "imag"))
        if self.window is not None:
            checks.choice("window", self.window, ("hann", "hamming", "blackman", "boxcar"))
        if self.scaling is not None:
            checks.choice("scaling", self.scaling, ("density", "spectrum"))
        if not isinstance(self.periodic, bool):
            msg = f"`periodic` must be True or False, got {self.periodic!r}."
            raise ArgumentTypeError(msg)


Distribution = (
    Normal
    | TruncatedNormal
    | Uniform
    | Quantile
    | Constant
    | Orthogonal
    | DeltaOrthogonal
    | Identity
    | Dirac
    | Sparse
    | Hadamard
    | BilinearUpsampling
    | Stft
)
# What Keras, TensorFlow and JAX mean by a truncated normal.
AT_2_SIGMA = TruncatedNormal(-2.0, 2.0)


def _nested(value: object) -> float | tuple[object, ...]:
    if callable(getattr(value, "tolist", None)):
        try:
            value = value.tolist()  # type: ignore[attr-defined]
        except Exception as error:
            msg = f"`value` must be an array whose values are known, got {value!r}."
            raise ArgumentTypeError(msg) from error
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(_nested(entry) for entry in value)
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        msg = f"`value` must be a real number or an array of real numbers, got {value!r}."
        raise ArgumentTypeError(msg)
    return checks.finite("value", value)


def _rectangular(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        return ()
    shapes = {_rectangular(entry) for entry in value}
    if len(shapes) > 1:
        msg = "`value` must be rectangular: its nested sequences have different lengths."
        raise ArgumentValueError(msg)
    return (len(value), *(shapes.pop() if shapes else ()))
