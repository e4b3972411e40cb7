"""Arrays whose axes are named by the letters of a layout."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.nested import Nested, leaves, nested, shape_of
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentValueError
from unified_init.law.layout import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Along", "along"]

LARGEST = 2.0**90  # of an entry of an array: products in float32 stay far from its ends


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Along:
    """An array by named axes, which multiplies a spec, is added to one, or gives each output its fan.

    Made by ``ui.along(axes, values)``.

    Args:
        axes: letters of a layout, one for each axis of the array.
        values: the array: nested sequences of numbers, which are kept as nested tuples.

    Raises:
        ArgumentTypeError: something other than real numbers.
        ArgumentValueError: axes that are not letters of a layout or repeat one, an array of another rank,
            ragged sequences, or an entry other than 0 whose size is not between 2**-90 and 2**90.

    Example:
        >>> import unified_init as ui
        >>> ui.Along("O", [1, 2]) == ui.along("O", (1.0, 2.0))
        True
    """

    axes: str
    values: Nested
    __repr__ = call_repr
    __array_ufunc__ = None  # NumPy leaves the operators to specs

    def __post_init__(self) -> None:
        """Convert the array to nested tuples, and check that the axes fit."""
        axes = checks.text("axes", self.axes)
        if not axes or any(letter not in ROLES for letter in axes) or len(set(axes)) != len(axes):
            msg = (
                "`axes` must be different letters of a layout, O (outputs), I (inputs), B (independent "
                f"groups), D, H or W (spatial), got {shown(axes)}."
            )
            raise ArgumentValueError(msg)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "values", nested("values", self.values))
        if len(self.shape) != len(axes):
            msg = (
                f"`values` must have one axis for each letter of {axes!r}, "
                f"got an array of shape {self.shape}."
            )
            raise ArgumentValueError(msg)
        for entry in self.entries():
            if entry and not checks.SMALLEST_SIZE <= abs(entry) <= LARGEST:
                msg = f"`values` must hold 0 and sizes between 2**-90 and 2**90, got {entry!r}."
                raise ArgumentValueError(msg)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return shape_of(self.values)

    def entries(self) -> list[float]:
        """Return the entries, row by row."""
        return leaves(self.values)

    def __neg__(self) -> Along:
        """Return the array with the other sign."""
        return Along(self.axes, _each(self.values, lambda entry: 0.0 - entry))

    def inverse(self) -> Along:
        """Return the array of 1 / entry."""
        if not all(self.entries()):
            msg = f"`divisor` must not hold 0, got {shown(self)}."
            raise ArgumentValueError(msg)
        return Along(self.axes, _each(self.values, lambda entry: 1.0 / entry))


def along(axes: str, values: Any) -> Along:  # noqa: ANN401  # an array of any framework
    """Return an array whose axes are named by the letters of a layout.

    ``along("I", scales) * spec`` multiplies what each input draws, ``spec + along("O", offsets)`` adds a
    constant to each output. Since axes have names, the layout, a slice or a shard of the tensor change
    nothing.

    Args:
        axes: letters of a layout, one for each axis of the array: "O", or "OI" for a matrix. Where a layout
            repeats a letter, such as "IOO", the array counts through all axes of that letter in the logical
            order: 3 heads of 4 outputs are 12 entries of "O".
        values: the array, or nested sequences of numbers. An entry is 0, or between 2**-90 and 2**90 in size.

    Returns:
        A frozen, hashable value.

    Raises:
        ArgumentTypeError: something other than real numbers.
        ArgumentValueError: axes that are not letters of a layout or repeat one, an array of another rank, or
            an entry that is too small or too large.

    Example:
        >>> import unified_init as ui
        >>> spec = ui.along("I", [1.0, 0.5, 0.25]) * ui.normal(0.0, 1.0)
        >>> spec.resolve((2, 3), layout="OI").kind
        'normal along I'

    Differs from:
        Broadcasting by position, which all frameworks have: there a transposed kernel needs another array.
    """
    return Along(axes, values)


def _each(values: Nested, function: Callable[[float], float]) -> Nested:
    if not isinstance(values, tuple):
        return function(values)
    return tuple([_each(entry, function) for entry in values])
