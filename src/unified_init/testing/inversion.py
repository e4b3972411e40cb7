"""Distributions of sums, by inverting their characteristic functions: p-values without a normal limit.

R. B. Davies, "Numerical inversion of a characteristic function", 1973: for a sum S with characteristic
function f, P(S < s) is 1/2 - sum over k of Im(f(w) exp(-i w s)) / (pi (k + 1/2)) at w = (k + 1/2) 2 pi / T,
up to the probability that S lies farther than T from s. What is left is rounding: about 1e-15.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEAST", "Inverted", "anderson_darling_limit", "mean_of"]

LEAST = 1e-15  # no smaller p-value is resolved
BLOCK = 64  # frequencies at a time
BLOCKS = 256
REACH = 14.0  # standard deviations


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Inverted:
    """A distribution as its characteristic function at the half-odd multiples of a frequency."""

    reach: float
    frequencies: NDArray[np.float64]
    values: NDArray[np.complex128]

    def below(self, s: float) -> float:
        """Return P(S < s)."""
        if abs(s) > self.reach:
            return 0.0 if s < 0.0 else 1.0
        k_and_half = np.arange(self.frequencies.size) + 0.5
        terms = (self.values * np.exp(-1j * self.frequencies * s)).imag / (math.pi * k_and_half)
        return min(max(0.5 - math.fsum(terms), 0.0), 1.0)

    def two_sided(self, s: float) -> float:
        """Return the two-sided p-value of s: twice the smaller tail."""
        below = self.below(s)
        return max(min(2.0 * min(below, 1.0 - below), 1.0), LEAST)

    def above(self, s: float) -> float:
        """Return the p-value of a value as large as s."""
        return max(1.0 - self.below(s), LEAST)


def mean_of(n: int, values: NDArray[np.float64], weights: NDArray[np.float64]) -> Inverted:
    """Return the distribution of the standardised mean of n independent draws.

    Args:
        n: number of draws.
        values: what one draw can be, standardised: mean 0, variance 1 under the weights.
        weights: the probability of each.
    """
    reach = REACH + float(np.abs(values).max()) / math.sqrt(n)
    step = math.pi / reach  # T = 2 reach
    found: list[NDArray[np.complex128]] = []
    for block in range(BLOCKS):
        frequencies = (np.arange(block * BLOCK, (block + 1) * BLOCK) + 0.5) * step
        angles = np.multiply.outer(frequencies / math.sqrt(n), values)
        # f - 1, whose parts vanish with the angle: f itself would lose n times the rounding of 1.
        real = (-2.0 * np.sin(angles / 2) ** 2) @ weights
        imaginary = (np.sin(angles) - angles) @ weights
        # NumPy's complex log1p rounds 1 + real, so n times that of 1 would be lost after all.
        square = np.maximum(2.0 * real + real * real + imaginary * imaginary, LEAST - 1.0)
        found.append(np.exp(n * (0.5 * np.log1p(square) + 1j * np.arctan2(imaginary, 1.0 + real))))
        if np.abs(found[-1]).max() < LEAST / 10:
            break
    values_found = np.concatenate(found)
    return Inverted(reach, np.asarray((np.arange(values_found.size) + 0.5) * step), values_found)


@functools.cache
def anderson_darling_limit() -> Inverted:
    """Return the limit of the Anderson-Darling statistic: the sum of Z_j^2 / (j (j + 1)) over j >= 1.

    T. W. Anderson and D. A. Darling, "Asymptotic theory of certain 'goodness of fit' criteria", 1952.
    """
    reach, terms = 40.0, 400  # it exceeds x with a probability below 2 exp(-x)
    frequencies = np.asarray((np.arange(8192) + 0.5) * (math.pi / reach))
    j = np.arange(1, terms + 1)
    logs = np.zeros(frequencies.size, dtype=complex)
    for weight in 1.0 / (j * (j + 1.0)):
        logs += np.log1p(-2j * frequencies * weight)
    # The terms left out have mean 1 / (terms + 1) and next to no variance.
    values = np.exp(-0.5 * logs + 1j * frequencies / (terms + 1))
    return Inverted(reach, frequencies, values)
