"""Findings: the result of one statistic of a sample, and how several are judged together."""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Finding", "family_p", "finding", "least_p", "special", "verdict", "weighed"]

# Weights of the statistics in the false-alarm rate. A p-value that is an upper bound alarms far less
# often than it says: the rate would be wasted on it, and a small part of it costs no power.
EXACT = 1.0
BOUND = 0.02


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One statistic of a sample.

    Args:
        name: the statistic, such as "variance".
        observed: its value in the sample.
        expected: its value under the law; for an extreme value, the median, for the distance of
            Kolmogorov-Smirnov too.
        z: the distance in standard errors, or the quantile of a unit normal with this p-value.
        p: the probability of a value as far from the expected one, or farther, if the sample follows
            the law. 1e-15 stands for everything below, 0 for what the law excludes.
        share: this statistic's part of the false-alarm rate; the shares of a sample's findings sum to 1.

    Example:
        >>> import numpy as np
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> sample = ui.draw(ui.normal(0, 1), (64, 64), seed=0, name="w")
        >>> law = ui.normal(0, 1).resolve((64, 64))
        >>> [finding.name for finding in testing.examine(sample, law)][:3]
        ['mean', 'variance', 'kurtosis']
    """

    name: str
    observed: float
    expected: float
    z: float
    p: float
    share: float = EXACT

    def __str__(self) -> str:
        """Return one line of a report."""
        return (
            f"{self.name:<22} observed {self.observed:< 14.7g} expected {self.expected:< 14.7g} "
            f"z {self.z:+.2f}  p {self.p:.2g}"
        )


@functools.cache
def special() -> Any:  # noqa: ANN401  # a module without types
    """Return ``scipy.special``, of the extra `testing`; an import statement takes as long as a function."""
    import scipy.special

    return scipy.special


def finding(name: str, observed: float, expected: float, p: float, *, sign: float = 1.0) -> Finding:
    """Return a finding whose z-score is that of a unit normal with the same two-sided p-value."""
    z = math.inf if p <= 0.0 else 0.0 if p >= 1.0 else max(0.0, -float(special().ndtri(p / 2)))
    return Finding(name, float(observed), float(expected), math.copysign(z, sign), float(p))


def weighed(exact: Sequence[Finding], bounds: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return all findings with their shares: those with exact p-values first, then upper bounds."""
    total_weight = EXACT * len(exact) + BOUND * len(bounds)
    parts = [(EXACT / total_weight, exact), (BOUND / total_weight, bounds)]
    return tuple(
        [
            Finding(entry.name, entry.observed, entry.expected, entry.z, entry.p, share)  # replace() is slow
            for share, group in parts
            for entry in group
        ]
    )


def family_p(findings: Sequence[Finding]) -> float:
    """Return the p-value of all findings together: the smallest, each divided by its share.

    Args:
        findings: those of one sample, from ``examine`` or ``compare``.

    Returns:
        A probability: how often a sample that follows the law has any finding as unlikely as the
        least likely one here, or rather an upper bound of that (Bonferroni).

    Example:
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> sample = ui.draw(ui.normal(0, 1), (64, 64), seed=0, name="w")
        >>> p = testing.family_p(testing.examine(sample, ui.normal(0, 1).resolve((64, 64))))
        >>> 0.001 < p <= 1.0
        True
    """
    entries = checks.entries(findings)
    if entries is None or not all(isinstance(entry, Finding) for entry in entries):
        msg = f"`findings` must be Findings, as examine() and compare() return them, got {shown(findings)}."
        raise ArgumentTypeError(msg)
    return least_p(findings)


def least_p(findings: Sequence[Finding]) -> float:
    """Return ``family_p`` of findings that need no check."""
    return min([1.0, *[statistic.p / statistic.share for statistic in findings]])


def verdict(findings: Sequence[Finding], alpha: float) -> tuple[Finding, ...]:
    """Return the findings that are too unlikely at a family-wise false-alarm rate."""
    return tuple([statistic for statistic in findings if statistic.p < alpha * statistic.share])
