"""The assertions. Each raises ``AssertionError`` with the numbers, or returns None."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.core import checks
from unified_init.core.rates import ALPHA
from unified_init.core.reprs import shown
from unified_init.drawing.digests import as_bits, values_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.law.layout import bind
from unified_init.stream.arrange import to_logical
from unified_init.testing.dependence import correlation
from unified_init.testing.findings import verdict
from unified_init.testing.one_sample import examine, real_values
from unified_init.testing.two_sample import compare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.law.law import Law
    from unified_init.testing.findings import Finding

__all__ = ["assert_follows", "assert_identical", "assert_independent", "assert_same_law"]

FEW = 100


def assert_follows(sample: Any, law: Law, *, alpha: float = ALPHA) -> None:  # noqa: ANN401
    """Assert that a sample follows a law of independent draws.

    Args:
        sample: as for ``examine``.
        law: as for ``examine``.
        alpha: the family-wise false-alarm rate: how often a sample that follows the law may fail, in
            (0, 1). At the default, a normal sample of 500,000 values or more whose std is 1 % off
            fails in all except one of a thousand cases.

    Raises:
        AssertionError: some finding is too unlikely; the message has them all, with n.
        ArgumentTypeError: as for ``examine``.
        ArgumentValueError: as for ``examine``, or a rate outside (0, 1).

    Example:
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> sample = ui.draw(ui.he_uniform(), (300, 100), layout="OI", seed=0, name="fc")
        >>> testing.assert_follows(sample, ui.he_uniform().resolve((300, 100), layout="OI"))
    """
    rate = _rate(alpha)
    findings = examine(sample, law)
    _report(f"the sample does not follow the law {_short(law)}", findings, rate, _size(sample))


def assert_same_law(sample_a: Any, sample_b: Any, *, alpha: float = ALPHA) -> None:  # noqa: ANN401
    """Assert that two samples have the same law, whatever it is.

    Args:
        sample_a: as for ``compare``.
        sample_b: as for ``compare``.
        alpha: the family-wise false-alarm rate, in (0, 1).

    Raises:
        AssertionError: some finding is too unlikely; the message has them all, with both n.
        ArgumentTypeError: as for ``compare``.
        ArgumentValueError: as for ``compare``, or a rate outside (0, 1).

    Example:
        >>> import numpy as np
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> ours = ui.draw(ui.uniform(-1, 1), (5000,), seed=0, name="w")
        >>> testing.assert_same_law(ours, np.random.default_rng(0).uniform(-1, 1, 5000))
    """
    rate = _rate(alpha)
    findings = compare(sample_a, sample_b)
    _report("the samples do not have the same law", findings, rate, _size(sample_a), _size(sample_b))


def assert_identical(  # one line documents each pair of arguments
    a: Any,  # noqa: ANN401  # arrays of any framework
    b: Any,  # noqa: ANN401
    layout_a: str | None = None,
    layout_b: str | None = None,
    *,
    sizes_a: Mapping[str, int] | None = None,
    sizes_b: Mapping[str, int] | None = None,
) -> None:
    """Assert that two tensors hold the same bits at the same logical indices.

    Args:
        a: an array of any framework.
        b: another.
        layout_a: the layout of ``a``, such as "OIHW"; None keeps the storage order.
        layout_b: the layout of ``b``, such as "HWIO".
        sizes_a: how merged axes of ``a`` split.
        sizes_b: how merged axes of ``b`` split.

    Raises:
        AssertionError: types, logical shapes or bits differ; the message says how many, and where first.
        UnifiedInitError: no arrays, or layouts that do not fit.

    Example:
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> w = ui.draw(ui.he_normal(), (64, 3, 7, 7), layout="OIHW", seed=0)
        >>> v = ui.draw(ui.he_normal(), (7, 7, 3, 64), layout="HWIO", seed=0)
        >>> testing.assert_identical(w, v, "OIHW", "HWIO")
    """
    first, second = _logical("a", a, layout_a, sizes_a), _logical("b", b, layout_b, sizes_b)
    if first.dtype != second.dtype:
        msg = f"the tensors have different types: {first.dtype.name} and {second.dtype.name}"
        raise AssertionError(msg)
    if first.shape != second.shape:
        msg = f"the tensors have different logical shapes: {first.shape} and {second.shape}"
        raise AssertionError(msg)
    unequal = as_bits(first) != as_bits(second)
    different = np.flatnonzero(unequal.any(axis=1))
    if different.size == 0:
        return
    index = tuple(int(i) for i in np.unravel_index(different[0], first.shape)) if first.ndim else ()
    value_a, value_b = first.reshape(-1)[different[0]], second.reshape(-1)[different[0]]
    msg = (
        f"{different.size} of {first.size} values differ, first at logical index {index}: {value_a!s} and "
        f"{value_b!s} ({first.dtype.name}, in bytes {value_a.tobytes().hex()} and {value_b.tobytes().hex()})"
    )
    raise AssertionError(msg)


def assert_independent(*samples: Any, alpha: float = ALPHA) -> None:  # noqa: ANN401
    """Assert that no two samples share draws at equal positions, as two layers on one stream do.

    For each pair, the rank correlation (Spearman's) of the values at equal positions, as many as the
    smaller sample has, in the order of storage and in that of the reversed axes.

    Args:
        *samples: two arrays or more, of any framework, with 100 to 2**26 values each.
        alpha: the family-wise false-alarm rate over all pairs, in (0, 1).

    Raises:
        AssertionError: a pair is correlated; the message has the worst one.
        ArgumentTypeError: no arrays.
        ArgumentValueError: too few samples or values, some that are not finite, or a rate outside (0, 1).

    Example:
        >>> import unified_init as ui
        >>> from unified_init import testing
        >>> w = [ui.draw(ui.normal(0, 1), (50, 50), seed=0, name=f"layer{i}") for i in range(3)]
        >>> testing.assert_independent(*w)
    """
    rate = _rate(alpha)
    if len(samples) < 2:  # noqa: PLR2004  # a pair
        msg = f"`samples` must be two or more, got {len(samples)}."
        raise ArgumentValueError(msg)
    arrays = [real_values(f"samples[{i}]", sample, None)[0] for i, sample in enumerate(samples)]
    pairs = list(itertools.combinations(range(len(arrays)), 2))
    worst = max(
        ((*_correlation(arrays[i], arrays[j]), i, j) for i, j in pairs), key=lambda pair: abs(pair[0])
    )
    z, n, i, j = worst
    p = math.erfc(abs(z) / math.sqrt(2.0))
    tests = 4 * len(pairs)
    if p < rate / tests:
        msg = (
            f"samples {i} and {j} are not independent: rank correlation {z / math.sqrt(n):+.4f}, expected 0, "
            f"z {z:+.2f}, p {p:.2g}, n {n}; {tests} comparisons, false-alarm rate {rate:g}"
        )
        raise AssertionError(msg)


def _rate(alpha: object) -> float:
    rate = checks.number("alpha", alpha)
    if not 0.0 < rate < 1.0:
        msg = f"`alpha` must be between 0 and 1, got {shown(rate)}."
        raise ArgumentValueError(msg)
    return rate


def _size(sample: Any) -> int:  # noqa: ANN401  # as above
    return int(math.prod(sample.shape))


def _short(law: Law) -> str:
    ends = "" if math.isinf(law.low) and math.isinf(law.high) else f", in [{law.low:g}, {law.high:g}]"
    return f"({law.kind}, mean {law.mean:g}, std {law.std:g}{ends})"


def _report(headline: str, findings: Sequence[Finding], alpha: float, *sizes: int) -> None:
    failed = verdict(findings, alpha)
    if not failed:
        return
    counts = " and ".join(map(str, sizes))
    passed = [finding for finding in findings if finding not in failed]
    lines = [*(f"  FAILED {finding}" for finding in failed), *(f"  passed {finding}" for finding in passed)]
    msg = f"{headline}: n {counts}, false-alarm rate {alpha:g}\n" + "\n".join(lines)
    raise AssertionError(msg)


def _logical(
    argument: str,
    tensor: Any,  # noqa: ANN401
    layout: str | None,
    sizes: Mapping[str, int] | None,
) -> NDArray[Any]:
    values = values_of(tensor, argument)
    if values.dtype.kind in "OSU":
        msg = f"`{argument}` must hold numbers, got {values.dtype.name}."
        raise ArgumentTypeError(msg)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    try:
        geometry = bind(tuple(values.shape), layout, sizes)
    except UnifiedInitError as error:
        msg = f"`layout_{argument}` and `sizes_{argument}` must fit `{argument}`: {error}"
        raise type(error)(msg) from None
    logical: NDArray[Any] = to_logical(np, values, geometry)
    return logical


def _correlation(a: NDArray[Any], b: NDArray[Any]) -> tuple[float, int]:
    """Return the largest rank correlation over the orders of axes, in standard errors, and n."""
    n = min(a.size, b.size)
    scores = [
        correlation(_ranked(order_a.reshape(-1)[:n]), _ranked(order_b.reshape(-1)[:n]))
        for order_a, order_b in itertools.product((a, a.T), (b, b.T))
    ]
    return max(scores, key=abs), n


def _ranked(values: NDArray[Any]) -> NDArray[np.float64]:
    """Return standardized ranks; equal values have one rank."""
    from scipy.stats import rankdata  # the extra `testing`

    ranks = rankdata(values.astype(np.float64))
    centred: NDArray[np.float64] = ranks - ranks.mean()
    spread = float(centred.std())
    return centred / spread if spread > 0.0 else centred
