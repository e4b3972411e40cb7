"""Specs made of specs: sums, and products with an array by named axes.

``Initializer`` makes them from ``+``, ``-`` and ``*``. A factor of theirs is one of each term.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.along import Along

if TYPE_CHECKING:
    from unified_init.spec.initializer import Initializer

__all__ = ["Combination", "Scaled", "Sum", "check_spec"]


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Sum:
    """The sum of specs, each drawn under its own stream name: ``name/0``, ``name/1``, ...

    Made by ``spec + spec`` and ``spec - spec``. A term that is a sum itself is replaced by its terms.

    Args:
        terms: two or more specs.

    Raises:
        ArgumentTypeError: something other than a tuple of specs.
        ArgumentValueError: fewer than two.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.identity(-0.7) + ui.normal(0.0, 0.01)
        >>> spec == ui.Initializer(ui.Sum((ui.identity(-0.7), ui.normal(0.0, 0.01))))
        True
    """

    inside: ClassVar[str] = "terms"
    terms: tuple[Initializer, ...]
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Replace sums among the terms by their terms."""
        terms: list[Any] = []
        for term in checks.tuple_of("terms", self.terms):
            check_spec("terms", term)
            terms += term.distribution.terms if isinstance(term.distribution, Sum) else [term]
        if len(terms) < 2:  # noqa: PLR2004  # as the message says
            msg = f"`terms` must be two specs or more, got {len(terms)}."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "terms", tuple(terms))

    @property
    def components(self) -> tuple[Initializer, ...]:
        """The terms."""
        return self.terms

    def scaled(self, factor: float) -> Sum:
        """Return the sum of the terms, each times a factor."""
        return Sum(tuple([term * factor for term in self.terms]))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Scaled:
    """A spec times an array by named axes, drawn under the name of the spec.

    Made by ``ui.along(axes, values) * spec``.

    Args:
        base: the spec; no sum, whose terms are multiplied one by one.
        by: the array.

    Raises:
        ArgumentTypeError: no spec, or no array by named axes.
        ArgumentValueError: a sum.

    Example:
        >>> import unified_init as ui
        >>> array = ui.along("O", [1.0, 2.0])
        >>> array * ui.ones() == ui.Initializer(ui.Scaled(ui.ones(), array))
        True
    """

    inside: ClassVar[str] = "base"
    base: Initializer
    by: Along
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        check_spec("base", self.base)
        if not isinstance(self.by, Along):
            msg = f"`by` must be an array by named axes, ui.along(axes, values), got {shown(self.by)}."
            raise ArgumentTypeError(msg)
        if isinstance(self.base.distribution, Sum):
            msg = f"`base` must not be a sum: multiply it by ui.along(...), got {shown(self.base)}."
            raise ArgumentValueError(msg)

    @property
    def components(self) -> tuple[Initializer, ...]:
        """The spec that is multiplied."""
        return (self.base,)

    def scaled(self, factor: float) -> Scaled:
        """Return the product of the spec times a factor."""
        return Scaled(self.base * factor, self.by)


Combination = Sum | Scaled


def check_spec(name: str, value: object) -> None:
    """Refuse what is no spec."""
    from unified_init.spec.initializer import Initializer  # noqa: PLC0415  # it imports this module

    if not isinstance(value, Initializer):
        msg = f"`{name}` must be an Initializer, got {shown(value)}."
        raise ArgumentTypeError(msg)
