"""Every statistic of two samples that should have one law, whatever it is.

All are of ranks, so that their p-values hold for every law; the findings show the plain moments beside them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.testing.findings import Finding, finding, weighed
from unified_init.testing.goodness import MEDIAN, two_anderson_darling, two_kolmogorov_smirnov
from unified_init.testing.one_sample import real_values

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = ["compare"]


def compare(sample_a: Any, sample_b: Any) -> tuple[Finding, ...]:  # noqa: ANN401  # arrays of any framework
    """Return every statistic of two samples with its p-value if both have one law.

    Kolmogorov-Smirnov and Anderson-Darling; mean, variance and kurtosis by linear rank statistics with the
    scores of the first, second and fourth Legendre polynomial (Wilcoxon's, Mood's and theirs); and the
    values of one sample beyond all of the other, at both ends.

    Args:
        sample_a: an array of any framework, of a floating type, with 100 to 2**26 values.
        sample_b: the same; shape, type and framework may differ.

    Returns:
        The findings: ``observed`` is of the first sample, ``expected`` of the second.

    Raises:
        ArgumentTypeError: no array.
        ArgumentValueError: too few or too many values, or some that are not finite.

    Example:
        >>> import numpy as np
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> ours = ui.draw(ui.normal(0, 1), (5000,), seed=0, name="w")
        >>> findings = testing.compare(ours, np.random.default_rng(0).standard_normal(4000))
        >>> testing.family_p(findings) > 0.001
        True
    """
    with np.errstate(all="ignore"):  # the NumPy error settings of the process do not apply to a test
        return _findings(sample_a, sample_b)


def _findings(sample_a: Any, sample_b: Any) -> tuple[Finding, ...]:  # noqa: ANN401  # as above
    a, b = (_flat(name, sample) for name, sample in (("sample_a", sample_a), ("sample_b", sample_b)))
    n, m = a.size, b.size
    a.sort()
    b.sort()
    values = np.unique(np.concatenate([a, b]))
    counts_a = np.searchsorted(a, values, side="right").astype(np.float64)
    counts_b = np.searchsorted(b, values, side="right").astype(np.float64)
    ks, ks_p = two_kolmogorov_smirnov(counts_a, counts_b, n, m)
    ad, ad_p = two_anderson_darling(counts_a, counts_b, n, m)
    exact = [
        *_ranks(a, b, counts_a, counts_b),
        finding("Kolmogorov-Smirnov", ks, MEDIAN * math.sqrt((n + m) / (n * m)), ks_p),
        finding("Anderson-Darling", ad, 1.0, ad_p),
    ]
    return weighed(exact, _beyond(a, b))


def _flat(argument: str, sample: Any) -> Array:  # noqa: ANN401  # as above
    values, _ = real_values(argument, sample, None)
    return np.asarray(values.astype(np.float64).reshape(-1))


def _ranks(a: Array, b: Array, counts_a: Array, counts_b: Array) -> list[Finding]:
    """Linear rank statistics with Legendre scores of the middle ranks."""
    n, m = a.size, b.size
    total = n + m
    pooled = counts_a + counts_b
    counts = np.diff(pooled, prepend=0.0)
    in_a = np.diff(counts_a, prepend=0.0)
    x = 2.0 * (pooled - counts / 2.0) / total - 1.0  # the middle rank, in [-1, 1]
    scores = (
        ("mean", x, (a.mean(), b.mean())),
        ("variance", 1.5 * x**2 - 0.5, (a.var(), b.var())),
        ("kurtosis", (35.0 * x**4 - 30.0 * x**2 + 3.0) / 8.0, (_kurtosis(a), _kurtosis(b))),
    )
    findings = []
    for name, score, (observed, expected) in scores:
        mean = float(counts @ score) / total
        spread = float(counts @ (score - mean) ** 2) * n * m / (total * (total - 1.0))
        z = float(in_a @ (score - mean)) / math.sqrt(spread) if spread > 0.0 else 0.0
        p = math.erfc(abs(z) / math.sqrt(2.0))
        findings.append(Finding(name, float(observed), float(expected), z, p))
    return findings


def _kurtosis(values: Array) -> float:
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**4)) / variance**2 if variance > 0.0 else math.nan


def _beyond(a: Array, b: Array) -> list[Finding]:
    """Values of one sample beyond the other's end: k of them have a probability below (n / (n + m))**k."""
    findings = []
    for name, sample_a, sample_b, ends in (
        ("smallest value", -a[::-1], -b[::-1], (a[0], b[0])),
        ("largest value", a, b, (a[-1], b[-1])),
    ):
        chances = [
            _chance(
                sample.size - int(np.searchsorted(sample, counterpart[-1], side="right")),
                sample.size,
                counterpart.size,
            )
            for sample, counterpart in ((sample_a, sample_b), (sample_b, sample_a))
        ]
        sign = math.copysign(1.0, ends[0] - ends[1])
        findings.append(finding(name, ends[0], ends[1], min(1.0, 2.0 * min(chances)), sign=sign))
    return findings


def _chance(k: int, n: int, m: int) -> float:
    """Probability that the k outermost of n + m values are all of the n."""
    from scipy.special import gammaln  # the extra `testing`

    return math.exp(float(gammaln(n + 1) - gammaln(n - k + 1) + gammaln(n + m - k + 1) - gammaln(n + m + 1)))
