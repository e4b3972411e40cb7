"""Elementary functions made from ``+ - * / sqrt frexp ldexp`` only, so that every platform agrees.

The ``log`` or ``erf`` of two libms may differ by an ulp, and then an integer of a table differs. NumPy's
arithmetic is correctly rounded everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["cos_turns", "exp", "log", "log_of_rest", "normal_quantile", "sin_turns"]

LN2_HIGH = 0.693147180369123816490  # its low bits are zero: exact times an exponent
LN2_LOW = 1.90821492927058770002e-10
SQRT_HALF = 0.70710678118654752440

# Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988): rational approximations of the
# normal quantile, relative error about 1e-16. Coefficients from the highest power down.
CENTRAL = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
MIDDLE = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
     4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
     2.05319162663775882187, 1.0),
)  # fmt: skip
TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
     5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip


def _horner(coefficients: Sequence[float], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a polynomial's values; coefficients from the highest power down."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result *= x
        result += coefficient
    return result


def _rational(parts: tuple[Sequence[float], Sequence[float]], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return _horner(parts[0], x) / _horner(parts[1], x)


def log(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of positive numbers: exponent, then the series of 2 atanh(s)."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < SQRT_HALF
    mantissa = np.where(small, mantissa * 2.0, mantissa)
    power = (exponent - small).astype(np.float64)
    s = (mantissa - 1.0) / (mantissa + 1.0)
    series = _horner([2.0 / (2 * k + 1) for k in range(12, 0, -1)], s * s)
    return power * LN2_HIGH + (2.0 * s + (s * (s * s) * series + power * LN2_LOW))


def log_of_rest(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithm of 1 - x for x from 0 to 1/2, without the loss of digits in 1 - x."""
    s = x / (2.0 - x)  # at most 1/3
    return -2.0 * s * _horner([1.0 / (2 * k + 1) for k in range(16, -1, -1)], s * s)


def exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exponential function of numbers of moderate size: a power of two times the Taylor series."""
    power = np.floor(x / (LN2_HIGH + LN2_LOW) + 0.5)
    rest = (x - power * LN2_HIGH) - power * LN2_LOW
    coefficients = [1.0]
    for k in range(1, 16):
        coefficients.append(coefficients[-1] / k)
    return np.ldexp(_horner(coefficients[::-1], rest), power.astype(np.int64))


def normal_quantile(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quantile of the unit normal for probabilities in (0, 1/2]: values <= 0."""
    q = p - 0.5
    central = np.abs(q) <= 0.425  # noqa: PLR2004  # the three ranges of AS 241
    r = np.sqrt(-log(np.where(central, 0.25, p)))
    middle = _rational(MIDDLE, np.minimum(r, 5.0) - 1.6)
    tail = _rational(TAIL, r - 5.0)
    inner = q * _rational(CENTRAL, 0.180625 - q * q)
    return np.where(central, inner, -np.where(r <= 5.0, middle, tail))  # noqa: PLR2004


TWO_PI = 6.283185307179586


def cos_turns(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cos(2 pi turns)."""
    return sin_turns(turns + 0.25)


def sin_turns(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sin(2 pi turns): folded to a quarter turn, then the Taylor series."""
    t = turns - np.floor(turns + 0.5)
    folded = np.where(np.abs(t) > 0.25, np.copysign(0.5, t) - t, t)  # noqa: PLR2004
    x = folded * TWO_PI
    coefficients = [1.0]
    for k in range(1, 12):
        coefficients.append(coefficients[-1] / -(2 * k * (2 * k + 1)))
    return x * _horner(coefficients[::-1], x * x)
