"""Quantiles of the named functions of a uniform variable; operations are those of every platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unified_init.stream.elementary import exp, log

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.law.named_values import UnitTransform

    Floats = NDArray[np.float64]

__all__ = ["transform_quantiles"]

TERMS = 20  # of the series of (e^t - 1) / t, for t up to 1


def transform_quantiles(unit: UnitTransform, p: Floats) -> tuple[Floats, Floats]:
    """Return the quantiles at tail probabilities, from below and from above."""
    first, last = unit.arguments
    match unit.name:
        case "log_of_uniform":
            return log(first + (last - first) * p), log(last - (last - first) * p)
        case "inverse_softplus_of_log_uniform":
            low, high = (float(end) for end in log(np.array([first, last])))
            width = high - low
            return _inverse_softplus(low + width * p), _inverse_softplus(high - width * p)
        case _:
            # It decreases in the squared modulus, of which both the number and what is left to 1 are exact.
            width = (last - first) * (last + first)
            below = _nu_log(last * last - width * p, (1.0 - last) * (1.0 + last) + width * p)
            above = _nu_log(first * first + width * p, (1.0 - first) * (1.0 + first) - width * p)
            return below, above


def _inverse_softplus(logarithm: Floats) -> Floats:
    """Return log(e^t - 1) for the logarithm of t."""
    step = exp(logarithm)
    short = np.minimum(step, 1.0)
    series = np.ones_like(step)
    for term in range(TERMS, 1, -1):
        series = 1.0 + short / term * series
    return np.where(step <= 1.0, logarithm + log(series), step + log(1.0 - exp(-np.maximum(step, 1.0))))


def _nu_log(square: Floats, rest: Floats) -> Floats:
    """Return log(-log(square) / 2), where ``rest`` is 1 - square."""
    near = rest < 0.25  # noqa: PLR2004  # there the logarithm of 1 - rest would lose digits
    # log(1 - r) = -2 atanh(r / (2 - r))
    s = np.where(near, rest, 0.0) / (2.0 - np.where(near, rest, 0.0))
    series = np.zeros_like(s)
    for power in range(25, 0, -2):
        series = series * (s * s) + 2.0 / power
    return log(np.where(near, s * series, -log(np.where(near, 0.5, square))) / 2.0)
