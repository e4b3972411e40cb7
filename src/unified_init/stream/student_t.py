"""The quantile of Student's t for any degrees of freedom, from ``+ - * / sqrt`` and our own logarithm.

The tail of t is half an incomplete beta function. Near the median the distribution function is a series of
positive terms; further out the tail is a continued fraction. Newton's method inverts both from the side on
which it cannot overshoot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unified_init.law.moments import student_peak
from unified_init.stream.elementary import exp, log, normal_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["student_quantile"]

CENTRAL = 0.25  # tail probability from which the series at the median is used: there t**2 is at most df
STEPS = 40  # of Newton's method, at most
CLOSE = 1e-9  # a relative step after which the next would be its square
CONVERGED = 1e-15
TINY = 1e-300
TERMS = 400


def student_quantile(p: Array, df: float) -> Array:
    """Return the quantile at probabilities in (0, 1/2]: values <= 0."""
    result = np.empty_like(p)
    central = p > CENTRAL
    result[central] = -_central(0.5 - p[central], df)
    result[~central] = -_tail(p[~central], df)
    return result


def _density(t: Array, df: float) -> Array:
    """Return the density at t."""
    return student_peak(df) * exp(-0.5 * (df + 1.0) * _log_of_one_plus(t * t / df))


def _log_of_one_plus(x: Array) -> Array:
    """Return log(1 + x) of numbers that are not negative, to the last digits where they are small too."""
    s = x / (2.0 + x)
    square = s * s
    series = np.full_like(x, 2.0 / 33.0)
    for k in range(15, -1, -1):
        series *= square
        series += 2.0 / (2 * k + 1)
    return np.where(x < 0.3, s * series, log(1.0 + x))  # noqa: PLR2004  # there the series has converged


def _central(q: Array, df: float) -> Array:
    """Return t where the probability between 0 and t is q.

    That probability is concave in t, so Newton's steps from 0 approach from below.
    """
    t = np.zeros_like(q)
    for _ in range(STEPS):
        step = (q - _from_median(t, df)) / _density(t, df)
        t += step
        if (np.abs(step) <= CLOSE * t).all():
            break
    return t


def _from_median(t: Array, df: float) -> Array:
    """Return the probability between 0 and t: t f(t) (1 + ...), a hypergeometric series of positive terms."""
    y = t * t / (df + t * t)
    term = np.ones_like(t)
    total = np.ones_like(t)
    a = 0.5 * df
    for n in range(TERMS):
        term = term * (y * ((a + 0.5 + n) / (1.5 + n)))
        total += term
        if not (term > 1e-17 * total).any():  # no digit changes any more
            break
    # x**(a + 1/2) of the series is the density's power, and sqrt(df + t**2) / sqrt(df) of y makes it t f(t).
    return t * _density(t, df) * total


def _tail(p: Array, df: float) -> Array:
    """Return t where the tail beyond t is p, at most ``CENTRAL``.

    The logarithm of the tail is concave in the logarithm s of t, so Newton's steps approach from above.
    """
    target = log(p)
    z = normal_quantile(p)
    # Wallace, "Bounds on normal approximations to Student's and the chi-square distributions", Annals of
    # Mathematical Statistics 30 (1959): the start.
    s = 0.5 * log(df * (exp(np.minimum(z * z / df, 80.0)) - 1.0))
    for _ in range(STEPS):
        t = exp(s)
        tail = _tail_beyond(t, df)
        step = (target - log(tail)) * tail / (t * _density(t, df))
        s = s - np.minimum(np.maximum(step, -2.0), 2.0)
        if (np.abs(step) <= CLOSE).all():
            break
    return exp(s)


def _tail_beyond(t: Array, df: float) -> Array:
    """Return the tail beyond t: a factor times the continued fraction of the incomplete beta function.

    Lentz's algorithm as modified by Thompson and Barnett, Journal of Computational Physics 64 (1986).
    """
    a, b = 0.5 * df, 0.5
    x = df / (df + t * t)
    c = np.ones_like(x)
    d = 1.0 / _nonzero(1.0 - (a + b) / (a + 1.0) * x)
    fraction = d.copy()
    for m in range(1, TERMS):
        for numerator in (
            m * (b - m) / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1.0 / _nonzero(1.0 + numerator * x * d)
            c = _nonzero(1.0 + numerator * x / c)
            change = c * d
            fraction = fraction * change
        if (np.abs(change - 1.0) <= CONVERGED).all():
            break
    # x**a (1 - x)**b / (2 a B(a, b)), in terms of the density: t f(t) (1 + t**2 / df) x / df = t f(t) / df.
    return t * _density(t, df) / df * fraction


def _nonzero(x: Array) -> Array:
    """Return numbers of which none is too small to be divided by."""
    return np.where(np.abs(x) < TINY, TINY, x)
