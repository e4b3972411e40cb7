"""Distributions made of other initializers: mixtures, and sparse matrices with any values."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.spec.distributions.discrete import check_probabilities

if TYPE_CHECKING:
    from unified_init.spec.initializer import Initializer

__all__ = ["ALONG", "Mixture", "SparseOf"]

ALONG = ("column", "row", "all")
MOST = 16


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Mixture:
    """A mixture: each value is drawn from one of several initializers, chosen at random.

    Made by ``ui.mixture(weights, components)``, which has the formula.

    Args:
        weights: probabilities of the components, positive; they sum to 1 (but for rounding).
        components: 2 to 16 initializers of independent values.

    Raises:
        ArgumentTypeError: not a sequence of numbers and one of initializers.
        ArgumentValueError: weights that are no distribution on the components.

    Example:
        >>> import unified_init as ui
        >>> mixture = ui.Mixture((0.9, 0.1), (ui.normal(0.0, 0.01), ui.normal(0.0, 0.1)))
        >>> ui.Initializer(mixture) == ui.mixture(mixture.weights, mixture.components)
        True
    """

    inside: ClassVar[str] = "components"
    weights: tuple[float, ...]
    components: tuple[Initializer, ...]
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the weights; ``Initializer`` checks the components."""
        weights, components = checks.entries(self.weights), checks.entries(self.components)
        if weights is None or components is None:
            msg = (
                "`weights` and `components` must be sequences of numbers and of initializers, got "
                f"{shown(self.weights)} and {shown(self.components)}."
            )
            raise ArgumentTypeError(msg)
        numbers = tuple(
            checks.finite(f"weights[{position}]", weight) for position, weight in enumerate(weights)
        )
        object.__setattr__(self, "weights", numbers)
        object.__setattr__(self, "components", components)
        if not 2 <= len(weights) <= MOST or len(weights) != len(components):  # noqa: PLR2004  # one is no mixture
            msg = (
                f"`weights` and `components` must have one length, from 2 to {MOST}, "
                f"got {len(weights)} and {len(components)}."
            )
            raise ArgumentValueError(msg)
        check_probabilities("weights", numbers)


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class SparseOf:
    """A matrix of any initializer's values, of which a fraction is set to zero.

    Made by ``ui.sparse_of(values, sparsity)``, which has the formula.

    Args:
        values: an initializer of independent values.
        sparsity: the fraction of zeros, from 0 to 1.
        along: what has that fraction exactly: each "column", each "row", or "all" of a matrix.
        at_least_one: whether an entry of each column is kept, whatever the fraction ("row" and "all": of each
            row).

    Raises:
        ArgumentTypeError: an argument of another type.
        ArgumentValueError: ``sparsity`` outside [0, 1], or another word.

    Example:
        >>> import unified_init as ui
        >>> ui.SparseOf(ui.rademacher(), 0.9, "all") == ui.sparse_of(ui.rademacher(), 0.9, "all").distribution
        True
    """

    inside: ClassVar[str] = "values"
    values: Initializer
    sparsity: float
    along: str = "column"
    at_least_one: bool = False
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check all but the values, which ``Initializer`` checks."""
        object.__setattr__(self, "sparsity", checks.finite("sparsity", self.sparsity))
        object.__setattr__(self, "along", checks.choice("along", self.along, ALONG))
        object.__setattr__(self, "at_least_one", checks.switch("at_least_one", self.at_least_one))
        if not 0.0 <= self.sparsity <= 1.0:
            msg = f"`sparsity` must be a fraction between 0 and 1, got {shown(self.sparsity)}."
            raise ArgumentValueError(msg)

    @property
    def components(self) -> tuple[Initializer, ...]:
        """The initializer of the values, as a mixture has several."""
        return (self.values,)
