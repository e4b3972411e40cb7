"""Any one-dimensional law as a distribution: its quantile function, compiled to a table."""

from __future__ import annotations

import base64
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.core import checks
from unified_init.core.peers import attribute
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.spec.distributions import Quantile
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain
from unified_init.stream.knots import FORMAT32, compact_knots, knots, probabilities

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["from_quantile"]

# The fixed point of a table must resolve this fraction of a standard deviation.
RESOLUTION = 2e-7
# The quantile functions of a distribution, of the lower and of the upper tail: frozen ones of SciPy have the
# first names, and its distribution objects (``scipy.stats.Normal``, ``make_distribution``) the others.
PAIRS = (("ppf", "isf"), ("icdf", "iccdf"))


def from_quantile(
    quantile: Any,  # noqa: ANN401  # a callable or a frozen SciPy distribution
    upper: Callable[[NDArray[np.float64]], Any] | None = None,
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> Initializer:
    """Return the initializer whose values follow any continuous law: Q(u) for uniform u.

    The quantile function is evaluated once, at some 45,000 probabilities, and only the resulting
    table of integers is kept: the spec is serialized, and draws, without it.

    Args:
        quantile: the quantile function of probabilities in (0, 1/2] (an array in, an array out);
            or a distribution: a frozen one with ``ppf`` and ``isf``, such as ``scipy.stats.gumbel_r()``, or
            one with ``icdf`` and ``iccdf``, as ``scipy.stats.Normal()`` and ``make_distribution`` make them.
        upper: the quantile as a function of the upper tail probability, ``Q(1 - p)`` for p in
            (0, 1/2], which keeps its precision in the tail. None evaluates ``quantile(1 - p)``.
        low: lower end of the support, taken from the distribution where it has one.
        high: upper end of the support.

    Returns:
        An initializer of float32 and narrower types. Its resolution is absolute, about 2e-7 std: mass
        closer to an end than that falls on one value. ``law.mean`` and ``law.std`` are those of the
        table, whose tails end at a probability of 2**-33.

    Raises:
        ArgumentTypeError: no quantile function.
        ArgumentValueError: it decreases, is not finite inside (0, 1), leaves [low, high], or has
            tails too heavy for 32-bit fixed point (a table could not resolve 2e-7 std).

    Example:
        >>> import unified_init as ui
        >>> triangular = ui.from_quantile(lambda p: (2 * p) ** 0.5 - 1, lambda p: 1 - (2 * p) ** 0.5,
        ...                               low=-1.0, high=1.0)
        >>> round(triangular.resolve((10,)).std, 4)
        0.4082

    Reference:
        Inverse transform sampling; L. Devroye, "Non-Uniform Random Variate Generation", 1986.

    Differs from:
        SciPy's ``rvs``: the same bits in every framework, by piecewise linear interpolation. No
        framework has an initializer of an arbitrary law.
    """
    lower_function, upper_function, low, high = _functions(quantile, upper, low, high)
    probability = probabilities(FORMAT32)[compact_knots(), 0]
    halves = [_evaluate(lower_function, probability), _evaluate(upper_function, probability)]
    _check(halves, low, high)
    if np.array_equal(halves[0], -halves[1]):
        del halves[1]
    largest = max(float(np.abs(half).max()) for half in halves)
    exponent = math.frexp(largest)[1] - 31
    stored = [np.clip(np.rint(np.ldexp(half, -exponent)), -(2.0**31) + 1, 2.0**31 - 1) for half in halves]
    mean, std = _moments(stored, exponent)
    if std == 0.0:
        msg = f"`quantile` must vary, got {shown(largest)} everywhere: use constant(value)."
        raise ArgumentValueError(msg)
    if not std * RESOLUTION > 2.0 ** (exponent - 1):
        msg = (
            f"`quantile` has tails too heavy for 32-bit fixed point, or is too far from 0: it reaches "
            f"{largest!r}, {largest / std:.3g} standard deviations; truncate it, or center it."
        )
        raise ArgumentValueError(msg)
    encoded = base64.b64encode(np.concatenate(stored).astype("<i4").tobytes()).decode("ascii")
    return Initializer(Quantile(encoded, exponent, mean, std, low, high), Gain())


def _functions(
    quantile: Any,  # noqa: ANN401  # as above
    upper: Callable[[NDArray[np.float64]], Any] | None,
    low: float,
    high: float,
) -> tuple[Callable[..., Any], Callable[..., Any], float, float]:
    low, high = checks.number("low", low), checks.number("high", high)
    if attribute(attribute(quantile, "dist"), "pmf") is not None or _is_discrete(quantile):
        msg = f"`quantile` must be of a continuous law, got the discrete {shown(quantile)}."
        raise ArgumentValueError(msg)
    named = [names for names in PAIRS if all(attribute(quantile, name) is not None for name in names)]
    if named:
        if attribute(quantile, "support") is not None:
            ends = _support(quantile)
            if any(end.shape for end in ends):
                msg = f"`quantile` must be one distribution, got a batch of shape {ends[0].shape}."
                raise ArgumentValueError(msg)
            low, high = max(low, float(ends[0])), min(high, float(ends[1]))
        lower_name, upper_name = named[0]
        return getattr(quantile, lower_name), getattr(quantile, upper_name), low, high
    if not callable(quantile) or not (upper is None or callable(upper)):
        msg = (
            "`quantile` must be a function of probabilities or a distribution with ppf and isf, or icdf and "
            f"iccdf, got {shown(quantile)}."
        )
        raise ArgumentTypeError(msg)
    return quantile, upper or (lambda p: quantile(1.0 - p)), low, high


def _is_discrete(distribution: object) -> bool:
    """Whether an object is one of SciPy's discrete distributions, of those that are no frozen ones."""
    return any(base.__name__ == "DiscreteDistribution" for base in type(distribution).__mro__)


def _support(distribution: Any) -> list[NDArray[np.float64]]:  # noqa: ANN401  # as SciPy's
    """Return the ends of a distribution."""
    try:
        low, high = distribution.support()
        return [np.asarray(end, dtype=np.float64) for end in (low, high)]
    except Exception as error:  # of the distribution
        msg = f"`quantile` must have a support of two numbers, but: {type(error).__name__}: {error}"
        raise ArgumentTypeError(msg) from error


def _evaluate(function: Callable[..., Any], probability: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        # Copies: a function may work in place, or return a view of what it was given.
        values = np.array(function(probability.copy()), dtype=np.float64)
    except Exception as error:  # of the function, and of the class of what it returns
        msg = f"`quantile` must take an array of probabilities and return numbers, but: {error}"
        raise ArgumentTypeError(msg) from error
    if values.shape != probability.shape:
        msg = (
            f"`quantile` must return one value a probability, got shape {values.shape} "
            f"for {probability.shape}."
        )
        raise ArgumentValueError(msg)
    return values


def _check(halves: list[NDArray[np.float64]], low: float, high: float) -> None:
    lower, upper = halves
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        msg = "`quantile` must be finite for every probability inside (0, 1)."
        raise ArgumentValueError(msg)
    # At the median the two halves may differ by rounding.
    slack = 1e-12 * float(upper[0] - lower[0])
    if (np.diff(lower) < 0).any() or (np.diff(upper) > 0).any() or lower[-1] > upper[-1] + slack:
        msg = "`quantile` must not decrease."
        raise ArgumentValueError(msg)
    if lower[0] < low or upper[0] > high:
        msg = (
            f"`quantile` must stay between low and high, got values from {shown(float(lower[0]))} to "
            f"{float(upper[0])!r} for the interval {low!r} to {high!r}."
        )
        raise ArgumentValueError(msg)


def _moments(stored: list[NDArray[np.float64]], exponent: int) -> tuple[float, float]:
    """Return mean and standard deviation of the piecewise linear quantile; sums are exactly rounded."""
    probability = np.minimum(np.ldexp(knots(FORMAT32)[compact_knots(), 0], -32), 0.5)
    width = np.diff(probability)
    halves = [stored[0], stored[1] if len(stored) > 1 else -stored[0]]
    first, second = 0.0, 0.0
    for half in halves:
        a, b = half[:-1] * 2.0**-31, half[1:] * 2.0**-31
        first += math.fsum(width * (a + b) / 2)
        second += math.fsum(width * (a * a + a * b + b * b) / 3)
    if len(stored) == 1:
        first = 0.0
    scale = 2.0 ** (exponent + 31)
    return first * scale, math.sqrt(max(second - first * first, 0.0)) * scale
