"""The distribution that another initializer has once its matrices are scaled to a norm."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

if TYPE_CHECKING:
    from unified_init.spec.initializer import Initializer

__all__ = ["NORMS", "Normed"]

NORMS = ("frobenius", "spectral", "spectral_radius")


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Normed:
    """What an initializer draws, each matrix divided by its own norm.

    Made by ``ui.with_norm(spec, norm, value)``, which has the formula.

    Args:
        base: the initializer that is drawn first. Its size cancels, the ratio of its mean and std does not.
        norm: "frobenius" (the root of the sum of squares), "spectral" (the largest singular value) or
            "spectral_radius" (the largest modulus of an eigenvalue).

    Raises:
        ArgumentTypeError: ``base`` is not an Initializer.
        ArgumentValueError: a norm that is not listed, or a base that is not random or is scaled to a norm
            itself.

    Example:
        >>> import unified_init as ui
        >>> ui.Normed(ui.he_normal(), "spectral") == ui.with_norm(ui.he_normal(), "spectral").distribution
        True
    """

    inside: ClassVar[str] = "base"
    base: Initializer
    norm: str
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check both."""
        from unified_init.spec.initializer import Initializer  # noqa: PLC0415  # it imports this module

        if not isinstance(self.base, Initializer):
            msg = f"`base` must be an Initializer, such as normal(0.0, 1.0), got {shown(self.base)}."
            raise ArgumentTypeError(msg)
        if not self.base.is_random:
            msg = f"`base` must be random, got {shown(self.base)}: scale what a formula gives by a factor."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "norm", checks.choice("norm", self.norm, NORMS))
        if isinstance(self.base.distribution, Normed):
            msg = f"`base` must not be scaled to a norm itself, got {shown(self.base)}."
            raise ArgumentValueError(msg)

    @property
    def components(self) -> tuple[Initializer, ...]:
        """The initializer that is scaled."""
        return (self.base,)
