"""Two calls measured in turns, in one process, so that both see the same machine."""

from __future__ import annotations

import dataclasses
import gc
import statistics
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["LONG", "QUICK", "Effort", "Pair", "Series", "measure"]


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """Two ways to the same tensor. Each call is told how many came before it, and returns when it is done."""

    ours: Callable[[int], Any]
    native: Callable[[int], Any]
    against: str  # the native call, as a person would write it


@dataclasses.dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure: pairs are repeated until the seconds are spent, within the limits."""

    seconds: float
    least: int
    most: int
    warm: int = 1


LONG = Effort(seconds=4.0, least=7, most=101, warm=2)
QUICK = Effort(seconds=0.05, least=2, most=5)


@dataclasses.dataclass(frozen=True, slots=True)
class Series:
    """What was measured, pair by pair: seconds of one call, or any other unit."""

    ours: tuple[float, ...]
    native: tuple[float, ...]

    def ratios(self) -> tuple[float, ...]:
        """Return ours / native of each pair: neighbors in time, which share what disturbs them."""
        return tuple(ours / native for ours, native in zip(self.ours, self.native, strict=True))

    def ratio(self) -> float:
        """Return the median of the ratios."""
        return statistics.median(self.ratios())

    def quartiles(self) -> tuple[float, float]:
        """Return the quartiles of the ratios, interpolated between the nearest pairs."""
        return quartiles(self.ratios())


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the first and third quartile; of one value, that value."""
    if len(values) == 1:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def measure(
    pair: Pair,
    effort: Effort,
    *,
    calls: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Series:
    """Call ours, native, ours, native, ... and return the seconds of each call.

    Args:
        pair: what to call.
        effort: how many times, or for how long. Warming up is not counted.
        calls: calls between two looks at the clock, for those that are too short for one.
        clock: the seconds now.

    Returns:
        As many times of ours as of the native; the returned tensors are freed while no clock runs.
    """
    done = 0
    for _ in range(effort.warm):
        _timed(pair.ours, done, calls, clock)
        _timed(pair.native, done, calls, clock)
        done += calls
    ours: list[float] = []
    native: list[float] = []
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        started = clock()
        while len(ours) < effort.most and (len(ours) < effort.least or clock() - started < effort.seconds):
            ours.append(_timed(pair.ours, done, calls, clock))
            native.append(_timed(pair.native, done, calls, clock))
            done += calls
    finally:
        if enabled:
            gc.enable()
    return Series(tuple(ours), tuple(native))


def _timed(call: Callable[[int], Any], first: int, calls: int, clock: Callable[[], float]) -> float:
    started = clock()
    kept = [call(i) for i in range(first, first + calls)]
    seconds = clock() - started
    kept.clear()  # after the clock: who frees a tensor is not who made it
    return seconds / calls
