"""Presets of independent values whose size is given, not derived from fans."""

from __future__ import annotations

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.spec.distributions import Normal, TruncatedNormal, Uniform
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Between, Fixed, Interval

__all__ = ["normal", "trunc_normal", "truncated_normal", "uniform"]


def uniform(low: float, high: float) -> Initializer:
    """Draw uniformly between two ends.

    w ~ U(low, high)

    Args:
        low: lower end, finite.
        high: upper end, finite, above ``low``. Neither has a default: the frameworks' defaults differ.

    Returns:
        The spec; it needs no layout.

    Raises:
        ArgumentValueError: ``low >= high``, or an end that is not finite.
        ArgumentTypeError: an end that is not a number.

    Example:
        >>> import unified_init as ui
        >>> law = ui.uniform(-0.05, 0.05).resolve((300, 100))
        >>> law.low, law.high, round(law.std, 4)
        (-0.05, 0.05, 0.0289)

    Differs from:
        PyTorch ``uniform_(a=0, b=1)``: equal except for the defaults.
        Keras ``RandomUniform(-0.05, 0.05)``: equal except for the defaults.
        JAX ``uniform(scale=0.01)`` is ``uniform(0, scale)``: its scale is the upper end.
        Both ends are open here; the frameworks include the lower one.
    """
    return Initializer(Uniform(), Interval(low, high))


def normal(mean: float, std: float) -> Initializer:
    """Draw from a normal distribution, never truncated.

    w ~ N(mean, std^2)

    Args:
        mean: finite.
        std: the standard deviation, positive. Neither has a default: the frameworks' defaults differ.

    Returns:
        The spec; it needs no layout.

    Raises:
        ArgumentValueError: ``std`` is not positive, or a number is not finite.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.normal(0.0, 0.02).resolve((50257, 768))
        >>> law.mean, law.std
        (0.0, 0.02)

    Differs from:
        PyTorch ``normal_(mean=0, std=1)``: equal except for the defaults.
        Keras ``RandomNormal(0, 0.05)``: equal except for the defaults.
        JAX ``normal(stddev=0.01)``: equal except for the default; it has no mean.
    """
    return Initializer(Normal(), Fixed(std, mean))


def truncated_normal(mean: float, std: float, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """Draw from a normal distribution truncated at bounds given in sigmas.

    w ~ N(mean, std^2) conditioned on mean + lower std <= w <= mean + upper std

    Args:
        mean: mean of the parent normal, finite.
        std: standard deviation of the parent normal, positive. The realized one is smaller: at the
            default bounds 0.8796 of it.
        lower: lower bound in sigmas from the mean; may be ``-inf``.
        upper: upper bound in sigmas from the mean; may be ``inf``.

    Returns:
        The spec; it needs no layout.

    Raises:
        ArgumentValueError: ``std`` is not positive, or the bounds enclose nothing.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.truncated_normal(0.0, 0.02).resolve((50257, 768))
        >>> round(law.std, 6), law.high
        (0.017593, 0.04)

    Differs from:
        PyTorch ``trunc_normal_`` has absolute bounds: that is ``trunc_normal``.
        Keras ``TruncatedNormal(mean, stddev)``: equal at the default bounds, the only ones it has.
        JAX ``truncated_normal(stddev, lower=-2, upper=2)``: equal; it has no mean.
    """
    return Initializer(TruncatedNormal(lower, upper), Fixed(std, mean))


def trunc_normal(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Initializer:
    """Draw from a normal distribution truncated at absolute bounds.

    w ~ N(mean, std^2) conditioned on a <= w <= b

    Args:
        mean: mean of the parent normal, finite; 0 by default.
        std: standard deviation of the parent normal, positive; 1 by default.
        a: lower bound, absolute; may be ``-inf``. With a small std the default, -2, truncates nothing.
        b: upper bound, absolute; may be ``inf``.

    Returns:
        The spec; it needs no layout.

    Raises:
        ArgumentValueError: ``std`` is not positive, ``a >= b``, or bounds that enclose next to nothing.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.trunc_normal(std=0.02, a=-0.04, b=0.04).resolve((50257, 768))
        >>> round(law.std, 6), law.high
        (0.017593, 0.04)
        >>> round(ui.trunc_normal(std=0.02).resolve((50257, 768)).std, 6)
        0.02

    Differs from:
        PyTorch ``trunc_normal_``: equal, order and defaults too.
        Keras ``TruncatedNormal`` and JAX ``truncated_normal`` have bounds in sigmas: that is
        ``truncated_normal``.
    """
    center, spread = checks.finite("mean", mean), checks.positive("std", std)
    low, high = checks.number("a", a), checks.number("b", b)
    if low >= high:
        msg = f"`a` must be less than `b`, both absolute bounds, got {shown(low)} and {high!r}."
        raise ArgumentValueError(msg)
    bounds = TruncatedNormal((low - center) / spread, (high - center) / spread)
    if (center + spread * bounds.lower, center + spread * bounds.upper) == (low, high):
        return Initializer(bounds, Fixed(spread, center))
    return Initializer(bounds, Between(spread, center, low, high))
