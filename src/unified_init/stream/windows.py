"""The windows of short-time Fourier transforms that SciPy has under a name alone, without SciPy.

Each is a function of the number of points of the symmetric window. A periodic window is the symmetric one of
one more point, without its last. Cosines, sines and exponentials are those of ``elementary``, which are the
same on every platform.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from unified_init.stream import elementary

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Points = NDArray[np.float64]

__all__ = ["WINDOWS", "window_values"]


def window_values(name: str, length: int, *, periodic: bool) -> Points:
    """Return the values of a window.

    Args:
        name: one of ``WINDOWS``.
        length: how many values.
        periodic: whether the window is periodic; symmetric otherwise.
    """
    if length <= 1:
        return np.ones(length)
    total = length + periodic
    return WINDOWS[name](np.arange(length, dtype=np.float64), total)


def _cosines(*coefficients: float) -> Callable[[Points, int], Points]:
    """Return a window that is a cosine series: a0 - a1 cos(t) + a2 cos(2 t) - ..."""

    def window(n: Points, total: int) -> Points:
        turns = n / (total - 1)
        a0, a1, a2, *others = coefficients
        values = a0 - a1 * elementary.cos_turns(turns) + a2 * elementary.cos_turns(2.0 * turns)
        for order, coefficient in enumerate(others, 3):
            values += (-1) ** order * coefficient * elementary.cos_turns(order * turns)
        return values

    return window


def _barthann(n: Points, total: int) -> Points:
    distance = np.abs(n / (total - 1) - 0.5)
    return 0.62 - 0.48 * distance + 0.38 * elementary.cos_turns(distance)


def _bartlett(n: Points, total: int) -> Points:
    return 1.0 - np.abs(2.0 * n / (total - 1) - 1.0)


def _triang(n: Points, total: int) -> Points:
    rank = np.minimum(n, total - 1 - n) + 1.0  # from the nearer end
    return 2.0 * rank / (total + 1.0) if total % 2 else (2.0 * rank - 1.0) / total


def _bohman(n: Points, total: int) -> Points:
    distance = np.abs(2.0 * n / (total - 1) - 1.0)
    inner = (1.0 - distance) * elementary.cos_turns(distance / 2.0)
    values = inner + elementary.sin_turns(distance / 2.0) / math.pi
    return np.where((n == 0) | (n == total - 1), 0.0, values)


def _cosine(n: Points, total: int) -> Points:
    return elementary.sin_turns((n + 0.5) / (2.0 * total))


def _exponential(n: Points, total: int) -> Points:
    return elementary.exp(-np.abs(n - (total - 1) / 2.0))


def _lanczos(n: Points, total: int) -> Points:
    distance = np.abs(2.0 * n / (total - 1) - 1.0)
    is_middle = distance == 0.0
    divisor = np.where(is_middle, 1.0, math.pi * distance)
    return np.where(is_middle, 1.0, elementary.sin_turns(distance / 2.0) / divisor)


def _parzen(n: Points, total: int) -> Points:
    distance = np.abs(n - (total - 1) / 2.0)
    ratio = distance / (total / 2.0)
    inner = 1.0 - 6.0 * (ratio * ratio) + 6.0 * (ratio * ratio * ratio)
    rest = 1.0 - ratio
    return np.where(distance <= (total - 1) / 4.0, inner, 2.0 * (rest * rest * rest))


def _taylor(n: Points, total: int) -> Points:
    """Four nearly constant sidelobes at 30 dB, 1 at the middle: SciPy's defaults."""
    lobes = range(1, TAYLOR_LOBES)
    variance = TAYLOR_LOBES**2 / (TAYLOR_A**2 + (TAYLOR_LOBES - 0.5) ** 2)
    coefficients = []
    for m in lobes:
        top = math.prod(1.0 - m * m / variance / (TAYLOR_A**2 + (k - 0.5) ** 2) for k in lobes)
        bottom = 2.0 * math.prod(1.0 - m * m / (k * k) for k in lobes if k != m)
        coefficients.append((-1) ** (m + 1) * top / bottom)

    def at(position: Points) -> Points:
        values = np.ones_like(position)
        for m, coefficient in zip(lobes, coefficients, strict=True):
            values += 2.0 * coefficient * elementary.cos_turns(m * (position - total / 2.0 + 0.5) / total)
        return values

    return at(n) / at(np.array([(total - 1) / 2.0]))


def _tukey(n: Points, total: int) -> Points:
    """Half of it tapered by cosines: SciPy's default."""
    width = (total - 1) // 4
    from_end = np.minimum(n, total - 1 - n)
    taper = 0.5 * (1.0 + elementary.cos_turns(0.5 * (-1.0 + 4.0 * from_end / (total - 1))))
    return np.where(from_end <= width, taper, 1.0)


TAYLOR_LOBES = 4
TAYLOR_A = 1.3199593911421058  # acosh(10**(30 / 20)) / pi
WINDOWS: dict[str, Callable[[Points, int], Points]] = {
    "barthann": _barthann,
    "bartlett": _bartlett,
    "blackman": _cosines(0.42, 0.5, 0.08),
    "blackmanharris": _cosines(0.35875, 0.48829, 0.14128, 0.01168),
    "bohman": _bohman,
    "boxcar": _cosines(1.0, 0.0, 0.0),
    "cosine": _cosine,
    "exponential": _exponential,
    "flattop": _cosines(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
    "hamming": _cosines(0.54, 0.46, 0.0),
    "hann": _cosines(0.5, 0.5, 0.0),
    "lanczos": _lanczos,
    "nuttall": _cosines(0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "parzen": _parzen,
    "taylor": _taylor,
    "triang": _triang,
    "tukey": _tukey,
}
