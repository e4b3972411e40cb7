"""A distribution on a few values, each with its probability."""

from __future__ import annotations

import dataclasses
import itertools
import math

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.moments import cell_ends
from unified_init.law.unit_laws import UnitSteps

__all__ = ["Discrete", "check_probabilities"]

WORDS = 1 << 32
MOST = 256


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Discrete:
    """A few values, each with its probability to within 2**-32.

    Made by ``ui.discrete(values, probabilities)``, which has the formula.

    Args:
        values: 2 to 256 finite numbers in increasing order.
        probabilities: one for each value, positive; they sum to 1 (but for rounding) and are at least 2**-32.

    Raises:
        ArgumentTypeError: not two sequences of numbers.
        ArgumentValueError: values that are not increasing, or probabilities that are no distribution on them.

    Example:
        >>> import unified_init as ui
        >>> ui.Initializer(ui.Discrete((-1.0, 0.0, 1.0), (0.25, 0.5, 0.25))).resolve(1).std ** 2
        0.5000000000000001
    """

    values: tuple[float, ...]
    probabilities: tuple[float, ...]
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        values, probabilities = (_numbers(name, getattr(self, name)) for name in ("values", "probabilities"))
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "probabilities", probabilities)
        if not 2 <= len(values) <= MOST or len(values) != len(probabilities):  # noqa: PLR2004  # one is a constant
            msg = (
                f"`values` and `probabilities` must have one length, from 2 to {MOST}, "
                f"got {len(values)} and {len(probabilities)}."
            )
            raise ArgumentValueError(msg)
        if any(value >= following for value, following in itertools.pairwise(values)):
            msg = f"`values` must be increasing, got {shown(values)}."
            raise ArgumentValueError(msg)
        check_probabilities("probabilities", probabilities)

    @property
    def name(self) -> str:
        """The law in a word: "rademacher" and "bernoulli(p)" where it is one of these."""
        if self == RADEMACHER:
            return "rademacher"
        return f"bernoulli({self.probabilities[1]:.9g})" if self.values == (0.0, 1.0) else "discrete"

    @property
    def loc(self) -> float:
        """What is added to the values."""
        return 0.0

    @property
    def scale(self) -> float:
        """What multiplies the values."""
        return 1.0

    @property
    def unit(self) -> UnitSteps:
        """The values, and the cells of words that each has: probabilities rounded to multiples of 2**-32."""
        return UnitSteps(self.values, cell_ends(self.probabilities))

    @property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation."""
        total = math.fsum(self.probabilities)
        pairs = [(value, p / total) for value, p in zip(self.values, self.probabilities, strict=True)]
        mean = math.fsum(value * p for value, p in pairs)
        return mean, math.sqrt(math.fsum((value - mean) ** 2 * p for value, p in pairs))

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value."""
        return self.values[0], self.values[-1]


def check_probabilities(name: str, numbers: tuple[float, ...]) -> None:
    """Refuse numbers that are no probabilities of one word each at least."""
    if min(numbers) < 1 / WORDS or abs(math.fsum(numbers) - 1.0) > 1e-9:  # noqa: PLR2004  # rounding
        msg = f"`{name}` must sum to 1, each 2**-32 or more, got {shown(numbers)}."
        raise ArgumentValueError(msg)


def _numbers(name: str, value: object) -> tuple[float, ...]:
    entries = checks.entries(value)
    if entries is None:
        msg = f"`{name}` must be a sequence of numbers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return tuple(checks.finite(f"{name}[{position}]", entry) for position, entry in enumerate(entries))


RADEMACHER = Discrete((-1.0, 1.0), (0.5, 0.5))
