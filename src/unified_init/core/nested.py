"""Arrays of numbers as nested tuples, which are frozen and hash."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from unified_init.core import checks
from unified_init.core.peers import attribute
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

__all__ = ["Nested", "leaves", "nested", "shape_of"]

MOST_ENTRIES = 1 << 31
Nested = float | tuple[Any, ...]


def nested(name: str, value: object) -> Nested:
    """Return nested sequences or an array of numbers as nested tuples of floats; errors name the argument."""
    try:
        result = _nested(value, name)
        _rectangular(result, name)
    except RecursionError:  # it may hold itself
        msg = f"`{name}` is nested too deeply to be an array."
        raise ArgumentValueError(msg) from None
    return result


def leaves(value: Nested) -> list[float]:
    """Return the numbers of an array, row by row."""
    if not isinstance(value, tuple):
        return [value]
    return [number for entry in value for number in leaves(entry)]


def shape_of(value: Nested) -> tuple[int, ...]:
    """Return the shape of an array."""
    shape = []
    while isinstance(value, tuple):
        shape.append(len(value))
        value = value[0] if value else 0.0
    return tuple(shape)


def _nested(value: object, name: str) -> Nested:
    """Return a number as a float; an array, or sequences inside each other, as nested tuples of floats."""
    if type(value) in {int, float}:  # first, and without `_listed`, which torch.compile does not follow
        return checks.finite(name, value)
    listed = value if type(value) in {tuple, list} else _listed(value, name)
    if isinstance(listed, (tuple, list)):
        return tuple(_nested(entry, name) for entry in listed)
    if not isinstance(listed, numbers.Real) or isinstance(listed, bool):
        msg = f"`{name}` must be a real number or an array of real numbers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return checks.finite(name, listed)


def _listed(value: object, name: str) -> object:
    """Return the entries of an array or a sequence as a list; a single value as it is."""
    tolist = None if isinstance(value, memoryview) else attribute(value, "tolist")
    try:
        entries = tolist() if callable(tolist) and not checks.is_no_number(value) else value
        if not isinstance(entries, Sequence) or isinstance(entries, (str, bytes, bytearray, memoryview)):
            return entries
        if len(entries) <= MOST_ENTRIES:
            return list(entries)
    except RecursionError:
        raise
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
