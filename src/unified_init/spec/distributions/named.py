"""Distributions that a named function gives, of the position or of a uniform variable: names and numbers."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, limit, shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.named_values import FORMULAS, TRANSFORMS, UnitTransform, transform_moments

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Formula", "Transform"]


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Formula:
    """Values that a named formula of the position gives: nothing is drawn.

    With n the index along the last axis of the logical tensor (whose axes are in the order B, O, I, D, H, W;
    without a layout as stored), N its size, and m the index along the axis before it:

    - ``hippo_legs_a``: -sqrt((2m+1)(2n+1)) where m > n, -(n+1) where m = n, else 0
    - ``hippo_legt_a``: -sqrt((2m+1)(2n+1)), times (-1)^(m-n) where m < n
    - ``hippo_b``: sqrt(2n+1)
    - ``s4d_lin_imag``: pi n
    - ``s4d_inv_imag``: 2N/pi (2N / (2n+1) - 1)
    - ``log_index``: log(n+1)
    - ``power_ramp``: start + span (n / (N - excluded))^exponent
    - ``zigzag``: middle + step ((n+1) mod 3 - 1)

    Args:
        name: the formula.
        arguments: its numbers, in this order; none by default.

    Raises:
        ArgumentTypeError: something other than a name and numbers.
        ArgumentValueError: an unknown name, another number of arguments, or one that is not finite.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.Initializer(ui.Formula("power_ramp", (-5.0, 8.0, 1.0, 1.0)))
        >>> ui.draw(spec, (5,)).tolist()
        [-5.0, -3.0, -1.0, 1.0, 3.0]
    """

    name: str
    arguments: tuple[float, ...] = ()
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the name and its numbers."""
        _check(self, FORMULAS)
        if self.name == "power_ramp" and (self.arguments[2] < 0.0 or self.arguments[3] not in {0.0, 1.0}):
            msg = (
                "`arguments` of power_ramp must be start, span, an exponent of at least 0, and 0 or 1 as "
                f"`excluded`, got {shown(self.arguments)}."
            )
            raise ArgumentValueError(msg)


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Transform:
    """The distribution of a named function of a uniform variable.

    - ``log_of_uniform``: log U(low, high), with 0 <= low < high
    - ``inverse_softplus_of_log_uniform``: log(e^t - 1), log t ~ U(log shortest, log longest)
    - ``lru_nu_log``: log(-log(U(r_min^2, r_max^2)) / 2), with 0 <= r_min < r_max <= 1

    Args:
        name: the function.
        arguments: its two numbers, in this order.

    Raises:
        ArgumentTypeError: something other than a name and numbers.
        ArgumentValueError: an unknown name, or numbers outside of their range.

    Example:
        >>> import unified_init as ui
        >>> round(ui.Transform("log_of_uniform", (0.0, 1.0)).unit_std, 12)
        1.0
    """

    name: str
    arguments: tuple[float, ...]
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the name and its numbers."""
        _check(self, TRANSFORMS)
        first, last = self.arguments
        least = 2.0**-90 if self.name == "inverse_softplus_of_log_uniform" else 0.0
        most = {"lru_nu_log": 1.0, "inverse_softplus_of_log_uniform": 700.0}.get(self.name, math.inf)
        if not least <= first < last <= most:
            msg = (
                f"`arguments` of {self.name} must be two numbers that increase, from {limit(least)} to "
                f"{most!r}, got {shown(self.arguments)}."
            )
            raise ArgumentValueError(msg)

    @property
    def unit_mean(self) -> float:
        """Mean of the function's values."""
        return transform_moments(UnitTransform(self.name, self.arguments))[0]

    @property
    def unit_std(self) -> float:
        """Standard deviation of the function's values."""
        return transform_moments(UnitTransform(self.name, self.arguments))[1]


def _check(part: Formula | Transform, names: Mapping[str, tuple[str, ...]]) -> None:
    """Check and convert the fields of a named function."""
    name = checks.choice("name", part.name, tuple(names))
    entries = checks.entries(part.arguments)
    if entries is None:
        msg = f"`arguments` must be a tuple of numbers, got {shown(part.arguments)}."
        raise ArgumentTypeError(msg)
    words = names[name]
    if len(entries) != len(words):
        listing = ", ".join(words) or "none"
        msg = f"`arguments` of {name} must be its numbers ({listing}), got {shown(part.arguments)}."
        raise ArgumentValueError(msg)
    object.__setattr__(part, "name", name)
    object.__setattr__(part, "arguments", tuple(checks.finite("arguments", entry) for entry in entries))
