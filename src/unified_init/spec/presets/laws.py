"""Presets of named laws beside the normal and the uniform: heavier tails, skewed ones, few values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.spec.distributions import Cauchy, Discrete, Laplace, Logistic, LogNormal, StudentT
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bernoulli", "cauchy", "discrete", "laplace", "logistic", "lognormal", "rademacher", "student_t"]


def laplace(loc: float, scale: float) -> Initializer:
    """Draw from a Laplace (double exponential) distribution.

    p(w) = exp(-|w - loc| / scale) / (2 scale)

    Args:
        loc: mean and median, finite.
        scale: the mean distance from ``loc``, positive. The std is sqrt(2) times that: for a std of s write
            ``laplace(loc, s / 2**0.5)``. Neither has a default.

    Returns:
        The spec; it needs no layout. ``Initializer(Laplace(0, 1), VarianceScaling(2, "fan_in"))`` takes its
        std from a fan.

    Raises:
        ArgumentValueError: ``scale`` is not positive, or a number is not finite.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> round(ui.laplace(0.0, 0.01).resolve((300, 100)).std, 6)
        0.014142

    Reference:
        S. Kotz, T. J. Kozubowski, K. Podgorski, "The Laplace Distribution and Generalizations", 2001.

    Differs from:
        SciPy ``laplace(loc, scale)``, NumPy ``laplace(loc, scale)``, ``torch.distributions.Laplace(loc,
        scale)``: equal. No framework has such an initializer. Magnitudes end where the tail is 2**-33 in
        float32, at 22 scales, and at 44 in float64.
    """
    return Initializer(Laplace(loc, scale), Gain())


def logistic(loc: float, scale: float) -> Initializer:
    """Draw from a logistic distribution.

    P(w < x) = 1 / (1 + exp(-(x - loc) / scale))

    Args:
        loc: mean and median, finite.
        scale: positive. The std is pi / sqrt(3) = 1.8138 times that. Neither has a default.

    Returns:
        The spec; it needs no layout.

    Raises:
        ArgumentValueError: ``scale`` is not positive, or a number is not finite.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> round(ui.logistic(0.0, 0.01).resolve((300, 100)).std, 6)
        0.018138

    Reference:
        N. Balakrishnan, "Handbook of the Logistic Distribution", 1991.

    Differs from:
        SciPy ``logistic(loc, scale)`` and NumPy ``logistic(loc, scale)``: equal. No framework has such an
        initializer.
    """
    return Initializer(Logistic(loc, scale), Gain())


def student_t(df: float, loc: float, scale: float) -> Initializer:
    """Draw from Student's t distribution.

    p(w) ~ (1 + ((w - loc) / scale)^2 / df)^(-(df + 1) / 2)

    Args:
        df: degrees of freedom, from 1 to 1000, not necessarily an integer. The fewer, the heavier the tails.
        loc: the median, finite; the mean where df > 1.
        scale: positive. The std is sqrt(df / (df - 2)) times that, and infinite where df <= 2: with a scale
            rule such as ``VarianceScaling`` use more.

    Returns:
        The spec; it needs no layout.

    Raises:
        ArgumentValueError: ``df`` is outside its range, ``scale`` is not positive, or ``loc`` is not finite.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.student_t(4, 0.0, 0.01).resolve((300, 100))
        >>> law.kind, round(law.std, 6)
        ('student_t(4)', 0.014142)

    Reference:
        Student, "The Probable Error of a Mean", 1908; as a prior of weights: V. Fortuin et al., "Bayesian
        Neural Network Priors Revisited", 2022.

    Differs from:
        SciPy ``t(df, loc, scale)`` and ``torch.distributions.StudentT(df, loc, scale)``: equal. No framework
        has such an initializer. No value is beyond the quantile of 2**-33 (float32), or 2**-65 (float64);
        with 3 degrees of freedom the std that is lost there is 0.05 %, and it is more with fewer.
    """
    return Initializer(StudentT(df, loc, scale), Gain())


def lognormal(mu: float, sigma: float) -> Initializer:
    """Draw the exponential of a normal variable: positive values whose sizes vary.

    log(w) ~ N(mu, sigma^2)

    Args:
        mu: mean of the logarithm, from -60 to 60; the median is exp(mu).
        sigma: standard deviation of the logarithm, positive, at most 2. That of w is ``law.std``.

    Returns:
        The spec; it needs no layout.

    Raises:
        ArgumentValueError: ``mu`` or ``sigma`` is outside its range.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> law = ui.lognormal(0.0, 1.0).resolve((300,))
        >>> round(law.mean, 6), round(law.std, 6), law.low
        (1.648721, 2.161197, 0.0)

    Reference:
        G. Buzsaki, K. Mizuseki, "The log-dynamic brain: how skewed distributions affect network operations",
        2014.

    Differs from:
        NumPy ``lognormal(mean, sigma)`` and ``torch.distributions.LogNormal(loc, scale)``: equal, with ``mu``
        the first argument. SciPy ``lognorm(s, scale=exp(mu))``: ``s`` is ``sigma``. The quantile of 2**-33,
        where float32 ends, cuts off 0.2 % of the std at sigma 1.85, and 0.5 % at 2.
    """
    return Initializer(LogNormal(mu, sigma), Gain())


def cauchy(loc: float, scale: float, low: float, high: float) -> Initializer:
    """Draw from a Cauchy (Lorentz) distribution truncated at absolute bounds.

    p(w) ~ 1 / (1 + ((w - loc) / scale)^2) for low <= w <= high

    Args:
        loc: median of the untruncated distribution, finite.
        scale: half of its interquartile range, positive.
        low: lower bound, finite.
        high: upper bound, finite, at most 10,000 scales above ``low``. Without bounds there is no std; that
            is ``student_t(1, loc, scale)``.

    Returns:
        The spec; it needs no layout. ``law.mean`` and ``law.std`` are those between the bounds.

    Raises:
        ArgumentValueError: bounds that are not in order, or too far away; ``scale`` is not positive.
        ArgumentTypeError: something other than numbers.

    Example:
        >>> import unified_init as ui
        >>> round(ui.cauchy(0.0, 1.0, -10.0, 10.0).resolve((3,)).std, 6)
        2.407801

    Reference:
        N. L. Johnson, S. Kotz, N. Balakrishnan, "Continuous Univariate Distributions" 1, 1994, chapter 16.

    Differs from:
        PyTorch ``Tensor.cauchy_(median, sigma)`` and SciPy ``cauchy(loc, scale)``: not truncated.
    """
    return Initializer(Cauchy(loc, scale, low, high), Gain())


def discrete(values: Sequence[float], probabilities: Sequence[float]) -> Initializer:
    """Draw from a few values, each with its probability.

    P(w = values[k]) = probabilities[k]

    Args:
        values: 2 to 256 finite numbers in increasing order.
        probabilities: one for each value, positive; they sum to 1. Each is met to within 2**-32.

    Returns:
        The spec; it needs no layout. All element types draw the same choices.

    Raises:
        ArgumentValueError: values that are not increasing, or probabilities that are no distribution on them.
        ArgumentTypeError: not two sequences of numbers.

    Example:
        >>> import unified_init as ui
        >>> ternary = ui.discrete([-1.0, 0.0, 1.0], [0.25, 0.5, 0.25])
        >>> sorted(set(ui.draw(ternary, 100, seed=0).tolist()))
        [-1.0, 0.0, 1.0]

    Reference:
        Inverse transform sampling; L. Devroye, "Non-Uniform Random Variate Generation", 1986.

    Differs from:
        NumPy ``Generator.choice(values, p=probabilities)``: the same law.
    """
    return Initializer(Discrete(values, probabilities), Gain())  # type: ignore[arg-type]  # any sequence


def rademacher() -> Initializer:
    """Draw signs: -1 or 1 with probability 1/2 each, by the top bit of each word.

    P(w = 1) = P(w = -1) = 1/2

    Returns:
        The spec; it needs no layout. ``rademacher() * std`` has a std.

    Example:
        >>> import unified_init as ui
        >>> law = ui.rademacher().resolve((3,))
        >>> law.mean, law.std
        (0.0, 1.0)

    Reference:
        S. Ramanujan et al., "What's Hidden in a Randomly Weighted Neural Network?", 2020: signed constants.

    Differs from:
        JAX ``jax.random.rademacher``: the same law in floating-point types. No framework has such an
        initializer.
    """
    return Initializer(Discrete((-1.0, 1.0), (0.5, 0.5)), Gain())


def bernoulli(p: float) -> Initializer:
    """Draw a mask of ones, with a given probability, and zeros.

    P(w = 1) = p

    Args:
        p: probability of a one, between 0 and 1, both excluded; met to within 2**-32.

    Returns:
        The spec; it needs no layout. All element types draw the same mask.

    Raises:
        ArgumentValueError: ``p`` is not inside (0, 1), or closer than 2**-32 to an end.
        ArgumentTypeError: ``p`` is not a number.

    Example:
        >>> import unified_init as ui
        >>> law = ui.bernoulli(0.2).resolve((3,))
        >>> law.mean, round(law.std, 6)
        (0.2, 0.4)

    Reference:
        Inverse transform sampling; L. Devroye, "Non-Uniform Random Variate Generation", 1986.

    Differs from:
        PyTorch ``Tensor.bernoulli_(p)`` and JAX ``jax.random.bernoulli(p=0.5)``: the same law; these may draw
        integers or booleans, and take p = 0 and 1.
    """
    probability = checks.number("p", p)
    if not 2.0**-32 <= probability <= 1.0 - 2.0**-32:
        msg = f"`p` must be inside (0, 1), 2**-32 or more from either end, got {shown(p)}."
        raise ArgumentValueError(msg)
    return Initializer(Discrete((0.0, 1.0), (1.0 - probability, probability)), Gain())
