"""Complex values as independent real ones, so that the statistics of real samples test them.

The parts of normal values, and of uniform ones with given ends, are independent: they are tested as they are.
Where a modulus is bounded its parts depend on each other. There the modulus and the angle are independent,
and both have a known distribution function; its values, spread over (-1, 1), are uniform.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.complex_law import complex_law
from unified_init.law.law import Law
from unified_init.law.unit_values import Polar, UnitDisk, UnitUniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GRADES", "is_polar", "parts_of", "reals_of_law"]

# Of values of a distribution function, spread over the interval: uniform.
GRADES = Law(unit=UnitUniform(), mean=0.0, std=3.0**-0.5, low=-1.0, high=1.0)


def parts_of(values: NDArray[Any]) -> NDArray[Any]:
    """Return the parts of complex values along a new last axis."""
    return np.stack([values.real, values.imag], axis=-1)


def is_polar(law: Law, dtype: str) -> bool:
    """Whether complex values of a law have a modulus and an angle that are independent."""
    return isinstance(complex_law(law, dtype).unit, Polar)


def reals_of_law(argument: str, values: NDArray[Any], law: Law) -> tuple[NDArray[Any], Law]:
    """Return independent real values of complex ones along a new last axis, and their law.

    Args:
        argument: the name of the sample, for the message.
        values: complex.
        law: of independent draws, as ``Initializer.resolve`` returns it.

    Raises:
        ArgumentValueError: the law has no complex form.
    """
    try:
        complex_ = complex_law(law, values.dtype.name)
    except ArgumentValueError as error:
        msg = f"`{argument}` is complex, and its law has no complex form: {error}"
        raise ArgumentValueError(msg) from None
    if not isinstance(complex_.unit, Polar):
        return parts_of(values), complex_
    wide = values.astype(np.complex128)
    square = (wide.real**2 + wide.imag**2) / complex_.scale**2
    if isinstance(complex_.unit, UnitDisk):
        below = square
    else:
        below = np.expm1(-square) / np.expm1(-(complex_.unit.upper**2))
    grades = np.stack([2.0 * below - 1.0, np.arctan2(wide.imag, wide.real) / np.pi], axis=-1)
    return grades.astype(values.real.dtype), GRADES
