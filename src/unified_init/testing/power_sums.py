"""Power sums: size, ends and moments of an array of any size, in one pass over it."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.testing.compiled import compiled, in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from unified_init.testing.c_survey import Kernels

__all__ = ["PowerSums", "blocks_of", "power_sums_of"]

BLOCK = 1 << 15  # values at a time: they stay in the processor's cache from one power to the next
PIECE = 1 << 19  # values at a time of a thread
LARGEST = 3e38  # of a float32
NARROW = 4  # bytes below which a type has no arithmetic of its own


@dataclasses.dataclass(frozen=True)  # no slots: its moments are computed once
class PowerSums:
    """The size and the ends of an array, and the sums of its values' powers, standardized.

    Args:
        size: the number of values.
        low: the smallest; NaN if any value is NaN.
        high: the largest.
        center: what was subtracted from the values: about their mean.
        unit: what they were then divided by: about their std.
        sums: of the first to the fourth power; None where a value is not finite.
    """

    size: int
    low: float
    high: float
    center: float
    unit: float
    sums: tuple[float, float, float, float] | None

    def about(self, center: float, unit: float) -> tuple[float, float, float, float]:
        """Return the means of the first to the fourth power of ``(values - center) / unit``."""
        assert self.sums is not None  # noqa: S101  # the caller has seen that all are finite
        shift, scale = (self.center - center) / unit, self.unit / unit
        first, second, third, fourth = (
            total / self.size * scale**power for power, total in enumerate(self.sums, 1)
        )
        return (
            first + shift,
            second + 2.0 * shift * first + shift**2,
            third + 3.0 * shift * second + 3.0 * shift**2 * first + shift**3,
            fourth + 4.0 * shift * third + 6.0 * shift**2 * second + 4.0 * shift**3 * first + shift**4,
        )

    @functools.cached_property
    def moments(self) -> tuple[float, float, float]:
        """Mean, std and fourth standardized moment; NaN where a value is not finite, or none differs."""
        if self.sums is None:
            return math.nan, math.nan, math.nan
        mean = self.center + self.unit * self.sums[0] / self.size
        _, second, _, fourth = self.about(mean, self.unit)
        variance = max(second, 0.0)
        kurtosis = fourth / variance**2 if variance**2 > 0.0 else math.nan
        return mean, self.unit * math.sqrt(variance), kurtosis

    @property
    def mean(self) -> float:
        """The mean of the values; NaN where one is not finite."""
        return self.moments[0]

    @property
    def std(self) -> float:
        """The standard deviation of the values."""
        return self.moments[1]

    @property
    def kurtosis(self) -> float:
        """The fourth standardized moment; NaN where the values do not vary."""
        return self.moments[2]


def blocks_of(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the values in blocks, of float32 where their type is narrower."""
    flat = values.reshape(-1)  # of a strided array a copy
    is_integer = flat.dtype.kind in "biu"
    wide = np.float64 if is_integer else np.float32 if flat.dtype.itemsize < NARROW else flat.dtype
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK].astype(wide, copy=False)


@np.errstate(all="ignore")  # of values of nearly no spread something overflows, which is looked at
def power_sums_of(values: NDArray[Any]) -> PowerSums:
    """Return the power sums of a real array that is not empty.

    float32 blocks are summed in float32, whose error is far below the standard error of a mean of as many
    values, and the blocks in float64.
    """
    kernels = compiled()
    if kernels is not None and kernels.takes(values):
        compiled_sums = _compiled_sums(kernels, np.ascontiguousarray(values).reshape(-1))
        if compiled_sums is not None:
            return compiled_sums
    ends = [(block.min(), block.max()) for block in blocks_of(values)]  # NaN goes through both
    low = float(np.minimum.reduce([low for low, _ in ends]))
    high = float(np.maximum.reduce([high for _, high in ends]))
    if not (math.isfinite(low) and math.isfinite(high)):
        return PowerSums(values.size, low, high, 0.0, 1.0, None)
    if low == high:
        return PowerSums(values.size, low, high, low, 1.0, (0.0, 0.0, 0.0, 0.0))
    head = next(blocks_of(values))
    mean, std = _mean_and_std(head)
    middle, inverse = head.dtype.type(mean), head.dtype.type(1.0 / (std or high - low))
    if not np.isfinite(inverse):  # the type has no reciprocal of the spread
        if head.dtype == np.float64:
            return PowerSums(values.size, low, high, low, 1.0, (0.0, 0.0, 0.0, 0.0))
        return power_sums_of(values.astype(np.float64))
    first = second = third = fourth = 0.0
    for block in blocks_of(values):
        standard = (block - middle) * inverse
        squares = standard * standard
        first += float(np.add.reduce(standard))
        second += float(np.add.reduce(squares))
        third += float(np.dot(squares, standard))
        fourth += float(np.dot(squares, squares))
    sums = (first, second, third, fourth)
    return PowerSums(values.size, low, high, float(middle), 1.0 / float(inverse), sums)


def _compiled_sums(kernels: Kernels, flat: NDArray[Any]) -> PowerSums | None:
    """Return the power sums in one pass; None of values that are not finite, or whose powers are not.

    So also of those that begin with a constant, of which the first block does not tell the std.
    """
    mean, std = kernels.head(flat[:BLOCK])
    middle, inverse = float(np.float32(mean)), float(1.0 / (std or 1.0))
    if inverse < LARGEST:
        inverse = float(np.float32(inverse))
    if not abs(middle * inverse) < LARGEST or not inverse < LARGEST:
        return None
    if flat.size <= PIECE:
        low, high, *sums = kernels.moments(flat, middle, inverse)
    else:
        pieces = [flat[start : start + PIECE] for start in range(0, flat.size, PIECE)]
        results = in_threads([functools.partial(kernels.moments, part, middle, inverse) for part in pieces])
        lows, highs, *powers = zip(*results, strict=True)
        low, high, sums = min(lows), max(highs), [math.fsum(power) for power in powers]
    first, second, third, fourth = sums
    if not math.isfinite(fourth + second):
        return None
    if low == high:
        return PowerSums(flat.size, low, high, low, 1.0, (0.0, 0.0, 0.0, 0.0))
    if not std:
        return None
    return PowerSums(flat.size, low, high, middle, 1.0 / inverse, (first, second, third, fourth))


def _mean_and_std(block: NDArray[Any]) -> tuple[float, float]:
    """Return the mean and std of a block in float64, as its methods do in three times as long."""
    mean = np.add.reduce(block, dtype=np.float64) / block.size
    deviations = np.subtract(block, mean, dtype=np.float64)
    return float(mean), math.sqrt(np.add.reduce(deviations * deviations) / block.size)
