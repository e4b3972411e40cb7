"""The assertions of ``unified_init.testing``, for samples that are large enough for what a test claims."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from unified_init import testing
from unified_init.core import checks
from unified_init.core.rates import ALPHA
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.testing.populations import population_of

if TYPE_CHECKING:
    from unified_init.law.law import Law

__all__ = ["Statistics", "values_needed"]

# ruff: noqa: ANN401  # arrays of any framework

MISSED = 1e-4  # a tenth of what is stated: the variance of a sample is skew, and the formula is normal
STATISTICS = 16  # at most so many share the false-alarm rate


class Statistics:
    """The assertions that the fixture ``ui_statistics`` gives.

    Example:
        >>> import unified_init as ui
        >>> law = ui.he_normal().resolve((700, 560), layout="OI")
        >>> Statistics().follows(ui.draw(ui.he_normal(), (700, 560), layout="OI", seed=0), law)
    """

    def follows(self, sample: Any, law: Law, *, sees: float = 0.01, alpha: float = ALPHA) -> None:
        """Assert that a sample follows a law, and that a wrong std would have been seen.

        Args:
            sample: as for ``testing.assert_follows``.
            law: the same.
            sees: the relative error of the std that must be seen in 999 of 1,000 cases. A sample that is
                too small for that is refused: 0.01 takes some 360,000 values of a truncated normal.
            alpha: how often a right sample may fail.

        Raises:
            AssertionError: the sample does not follow the law.
            ArgumentValueError: the sample is too small for ``sees``.
        """
        needed = values_needed(law, sees=sees, alpha=alpha)
        size = math.prod(sample.shape)
        if size < needed:
            msg = (
                f"`sample` has {size:,} values; a std that is {sees:.2%} off is seen with {needed:,}: "
                "draw more, or state a larger `sees`."
            )
            raise ArgumentValueError(msg)
        testing.assert_follows(sample, law, alpha=alpha)

    def same_law(self, sample_a: Any, sample_b: Any, *, alpha: float = ALPHA) -> None:
        """Assert that two samples have the same law: ``testing.assert_same_law``."""
        testing.assert_same_law(sample_a, sample_b, alpha=alpha)

    def independent(self, *samples: Any, alpha: float = ALPHA) -> None:
        """Assert that no two samples share draws: ``testing.assert_independent``."""
        testing.assert_independent(*samples, alpha=alpha)

    def identical(self, a: Any, b: Any, layout_a: str | None = None, layout_b: str | None = None) -> None:
        """Assert that two tensors have the same bits in logical order: ``testing.assert_identical``."""
        testing.assert_identical(a, b, layout_a, layout_b)


def values_needed(law: Law, *, sees: float, alpha: float = ALPHA) -> int:
    """Return how many values show a std that is off, in 999 of 1,000 cases, by the variance alone.

    The variance of n values has the relative standard error sqrt((kurtosis - 1) / n). A variance that is
    (1 + sees)**2 or (1 - sees)**2 of the law's is seen if it is beyond the threshold of the false-alarm rate.

    Args:
        law: of independent draws.
        sees: the relative error of the std, such as 0.01.
        alpha: the false-alarm rate.

    Raises:
        ArgumentValueError: ``sees`` or ``alpha`` is outside (0, 1).

    Example:
        >>> import unified_init as ui
        >>> values_needed(ui.normal(0, 1).resolve((2, 2)), sees=0.01)
        528393
    """
    from scipy.special import ndtri  # the extra `testing`

    for name, value in (("sees", sees), ("alpha", alpha)):
        if not 0.0 < checks.number(name, value) < 1.0:
            msg = f"`{name}` must be between 0 and 1, got {shown(value)}."
            raise ArgumentValueError(msg)
    population = population_of(law, "float32")
    scores = (population.values - population.mean) / population.std
    kurtosis = population.expectation(scores**4)
    threshold, margin = -float(ndtri(alpha / STATISTICS / 2)), -float(ndtri(MISSED))
    errors = max(
        (threshold + margin * growth) / abs(growth - 1.0) for growth in ((1.0 + sees) ** 2, (1.0 - sees) ** 2)
    )
    return math.ceil((kurtosis - 1.0) * errors**2)
