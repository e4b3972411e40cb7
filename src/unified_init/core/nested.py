"""Arrays of numbers as nested tuples, which are frozen and hash."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.peers import attribute
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Nested", "leaves", "nested", "nested_numbers", "shape_of"]

MOST_ENTRIES = 1 << 31
Nested = float | tuple[Any, ...]
NestedNumbers = complex | tuple[Any, ...]


def nested(name: str, value: object) -> Nested:
    """Return nested sequences or an array of numbers as nested tuples of floats; errors name the argument."""
    result: Nested = _checked(name, value, _real)
    return result


def nested_numbers(name: str, value: object) -> NestedNumbers:
    """Return what ``nested`` does, or complex numbers where their imaginary part is not 0."""
    result: NestedNumbers = _checked(name, value, _complex)
    return result


def leaves(value: NestedNumbers) -> list[Any]:
    """Return the numbers of an array, row by row."""
    if not isinstance(value, tuple):
        return [value]
    return [number for entry in value for number in leaves(entry)]


def shape_of(value: NestedNumbers) -> tuple[int, ...]:
    """Return the shape of an array."""
    shape = []
    while isinstance(value, tuple):
        shape.append(len(value))
        value = value[0] if value else 0.0
    return tuple(shape)


def _checked(name: str, value: object, number: Callable[[str, object], complex]) -> Any:  # noqa: ANN401  # as the callers say
    result = _nested(value, name, number)
    _rectangular(result, name)
    return result


def _real(name: str, value: object) -> float:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        msg = f"`{name}` must be a real number or an array of real numbers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return checks.finite(name, value)


def _complex(name: str, value: object) -> complex:
    if isinstance(value, numbers.Complex) and not isinstance(value, numbers.Real):
        number = complex(value)
        parts = [checks.finite(name, part) for part in (number.real, number.imag)]
        return complex(*parts) if parts[1] else parts[0]
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        msg = f"`{name}` must be a number or an array of numbers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return checks.finite(name, value)


def _nested(
    value: object, name: str, number: Callable[[str, object], complex], depth: int = 0
) -> NestedNumbers:
    """Return a number as it is checked; an array, or sequences inside each other, as nested tuples."""
    if depth > checks.MOST_AXES:  # it may hold itself
        msg = f"`{name}` is nested too deeply to be an array."
        raise ArgumentValueError(msg)
    if type(value) in {int, float}:  # first, and without `_listed`, which torch.compile does not follow
        return checks.finite(name, value)
    listed = value if type(value) in {tuple, list} else _listed(value, name)
    if isinstance(listed, (tuple, list)):
        return tuple(_nested(entry, name, number, depth + 1) for entry in listed)
    return number(name, listed)


def _listed(value: object, name: str) -> object:
    """Return the entries of an array or a sequence as a list; a single value as it is."""
    tolist = None if isinstance(value, memoryview) else attribute(value, "tolist")
    try:
        entries = tolist() if callable(tolist) and not checks.is_no_number(value) else value
        if not isinstance(entries, Sequence) or isinstance(entries, (str, bytes, bytearray, memoryview)):
            return entries
        if len(entries) <= MOST_ENTRIES:
            return list(entries)
    except Exception as error:  # of the class of the array
        msg = f"`{name}` must be an array whose values are known, got {shown(value)}."
        raise ArgumentTypeError(msg) from error
    msg = f"`{name}` must have at most 2**31 entries along an axis, got {len(entries)}."
    raise ArgumentValueError(msg)


def _rectangular(value: object, name: str) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        return ()
    shapes = {_rectangular(entry, name) for entry in value}
    if len(shapes) > 1:
        msg = f"`{name}` must be rectangular: its nested sequences have different lengths."
        raise ArgumentValueError(msg)
    return (len(value), *(shapes.pop() if shapes else ()))
