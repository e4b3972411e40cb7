"""The biases of state-space layers: a law made from its quantile function, with the same table everywhere."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from unified_init.interop.quantiles import from_quantile
from unified_init.stream.elementary import exp, log

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.spec.initializer import Initializer

__all__ = ["step_biases"]

TERMS = 20  # of the series of (e^dt - 1) / dt, for dt up to 1


@functools.cache
def step_biases(shortest: float, longest: float) -> Initializer:
    """Return the law of softplus^-1(dt), with dt log-uniform between two numbers of at most 1.

    softplus^-1(dt) = log(e^dt - 1) = log dt + log((e^dt - 1) / dt), where log dt is uniform. The functions
    here agree on every platform: the last bits of a libm would change the table.
    """
    low, high = (float(end) for end in log(np.array([shortest, longest])))

    def quantile(probability: NDArray[np.float64]) -> NDArray[np.float64]:
        return _inverse_softplus(low + (high - low) * probability)

    def upper(probability: NDArray[np.float64]) -> NDArray[np.float64]:
        return _inverse_softplus(high - (high - low) * probability)

    ends = _inverse_softplus(np.array([low, high]))
    return from_quantile(quantile, upper, low=float(ends[0]), high=float(ends[1]))


def _inverse_softplus(logarithm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return softplus^-1(dt) for the logarithm of dt."""
    step = exp(logarithm)
    series = np.ones_like(step)
    for term in range(TERMS, 1, -1):
        series = 1.0 + step / term * series
    return logarithm + log(series)
