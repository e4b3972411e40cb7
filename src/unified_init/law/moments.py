"""Constants and moments of laws to the last digit, without libm: the same on every platform.

As in ``unit_normal``, they enter the tables or the numbers of a law, and ``decimal`` is specified to the
digit.
"""

from __future__ import annotations

import decimal
import functools
import math
from decimal import Decimal
from fractions import Fraction

from unified_init.core.traced import constant_in_traces
from unified_init.law.unit_normal import exact_context, pi

__all__ = [
    "STD_LAPLACE", "STD_LOGISTIC", "cauchy_moments", "cauchy_turns", "cell_ends", "exp", "lognormal_moments",
    "student_peak",
]  # fmt: skip

DIGITS = 60


@constant_in_traces  # Dynamo cannot trace decimal
@functools.lru_cache(maxsize=256)
def exp(x: float) -> float:
    """Return the exponential function, correctly rounded."""
    with decimal.localcontext(exact_context(DIGITS)):
        return float(Decimal(x).exp())


@constant_in_traces
@functools.lru_cache(maxsize=256)
def lognormal_moments(mu: float, sigma: float) -> tuple[float, float]:
    """Return mean and standard deviation of exp(mu + sigma z), z a unit normal."""
    with decimal.localcontext(exact_context(DIGITS)):
        square = Decimal(sigma) ** 2
        mean = (Decimal(mu) + square / 2).exp()
        return float(mean), float(mean * (square.exp() - 1).sqrt())


@constant_in_traces
@functools.lru_cache(maxsize=256)
def cauchy_moments(lower: float, upper: float) -> tuple[float, float]:
    """Return mean and standard deviation of a unit Cauchy variable between two finite bounds."""
    with decimal.localcontext(exact_context(DIGITS)):
        a, b = Decimal(lower), Decimal(upper)
        mass = _arctan(b) - _arctan(a)
        mean = ((1 + b * b) / (1 + a * a)).ln() / (2 * mass)
        second = (b - a) / mass - 1
        return float(mean), float((second - mean * mean).sqrt())


@constant_in_traces
@functools.lru_cache(maxsize=256)
def cauchy_turns(lower: float, upper: float) -> tuple[float, float, float]:
    """Return the probabilities of a unit Cauchy variable below, above and between two bounds."""
    with decimal.localcontext(exact_context(DIGITS)):
        half_turn = pi(DIGITS)
        a, b = _arctan(Decimal(lower)) / half_turn, _arctan(Decimal(upper)) / half_turn
        half = Decimal("0.5")
        return float(half + a), float(half - b), float(b - a)


@constant_in_traces
@functools.lru_cache(maxsize=256)
def cell_ends(probabilities: tuple[float, ...]) -> tuple[int, ...]:
    """Return where each of several cells of the 2**32 words ends, whose shares are the probabilities."""
    total = sum(map(Fraction, probabilities))
    ends, below = [], Fraction(0)
    for probability in probabilities:
        below += Fraction(probability) / total
        ends.append(round(below * (1 << 32)))
    return tuple(ends)


@functools.lru_cache(maxsize=256)
def student_peak(df: float) -> float:
    """Return the density of Student's t at 0: Gamma(a + 1/2) / (Gamma(a) sqrt(2 pi a)), a half of ``df``.

    The ratio of the Gammas is that of their asymptotic series far out, brought back by Gamma's recurrence.
    """
    with decimal.localcontext(exact_context(DIGITS)):
        near = Decimal(df) / 2
        far, product = near, Decimal(1)
        while far < 400:  # noqa: PLR2004  # there the series has an error below 1e-18
            product *= far / (far + Decimal("0.5"))
            far += 1
        ratio = far.sqrt() * sum(
            (Decimal(top) / Decimal(bottom) / far**power for power, (top, bottom) in enumerate(GAMMA_RATIO)),
            Decimal(0),
        )
        return float(ratio * product / (2 * pi(DIGITS) * near).sqrt())


# Gamma(a + 1/2) / Gamma(a) = sqrt(a) (1 - 1 / 8a + 1 / 128a^2 + ...): Graham, Knuth, Patashnik, "Concrete
# Mathematics", 1994, exercise 9.60.
GAMMA_RATIO = ((1, 1), (-1, 8), (1, 128), (5, 1024), (-21, 32768), (-399, 262144), (869, 4194304))


def _arctan(x: Decimal) -> Decimal:
    """Return the arcus tangent: halved until it is small, then its series."""
    halvings = 0
    while abs(x) > Decimal("0.01"):
        x /= 1 + (1 + x * x).sqrt()
        halvings += 1
    term = total = x
    square, odd = x * x, 1
    while abs(term) > abs(total).scaleb(-DIGITS):
        term *= -square
        odd += 2
        total += term / odd
    return total * (1 << halvings)


# Standard deviations, as literals because no libm may touch what enters a table.
STD_LAPLACE = math.sqrt(2.0)  # correctly rounded everywhere
STD_LOGISTIC = 1.8137993642342178506
