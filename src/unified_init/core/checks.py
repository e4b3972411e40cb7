"""Argument checks, written once so that every message reads alike."""

from __future__ import annotations

import difflib
import math
import numbers
import operator
from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from unified_init.errors import ArgumentTypeError, ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "choice",
    "count",
    "finite",
    "integer",
    "nearest",
    "number",
    "positive",
    "scalar",
    "shape_of",
    "shown",
    "text",
]

# A standard deviation or bound below this would need subnormal float32 numbers, which some
# frameworks flush to zero, so equal bits could not be kept.
SMALLEST_SIZE = 2.0**-90
# Arguments that set the size of the values: a caller who passes 0 wants values that do not vary.
SIZES = frozenset({"std", "scale", "gain", "high - low"})
# Logical indices are int64: no number of elements may reach this.
LIMIT = 1 << 63


def number(name: str, value: object) -> float:
    """Return ``value`` as a float; NaN and everything that is not a real number is refused."""
    entry = scalar(value)
    if isinstance(entry, bool) or not isinstance(entry, numbers.Real):
        msg = f"`{name}` must be a real number, got {value!r}."
        raise ArgumentTypeError(msg)
    try:
        result = float.fromhex(float(entry).hex())  # a symbol of torch.compile becomes its value
    except OverflowError:
        msg = f"`{name}` must fit a float64, got a number beyond its range."
        raise ArgumentValueError(msg) from None
    if math.isnan(result):
        msg = f"`{name}` must be a number, got nan."
        raise ArgumentValueError(msg)
    return result + 0.0  # one zero: -0.0 would be equal and print otherwise


def finite(name: str, value: object) -> float:
    """Return ``value`` as a finite float."""
    result = number(name, value)
    if math.isinf(result):
        msg = f"`{name}` must be finite, got {result!r}."
        raise ArgumentValueError(msg)
    return result


def positive(name: str, value: object) -> float:
    """Return ``value`` as a finite float above zero, large enough to be drawn in float32."""
    result = finite(name, value)
    if result < SMALLEST_SIZE:
        hint = ": use zeros() or constant(value) for values that do not vary" if name in SIZES else ""
        msg = f"`{name}` must be positive and at least 2**-90, got {result!r}{hint}."
        raise ArgumentValueError(msg)
    return result


def count(name: str, value: object, *, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``."""
    result = integer(value)
    if result is None:
        msg = f"`{name}` must be an integer, got {value!r}."
        raise ArgumentTypeError(msg)
    if result < least:
        msg = f"`{name}` must be at least {least}, got {shown(result)}."
        raise ArgumentValueError(msg)
    if result >= LIMIT:
        msg = f"`{name}` must be below 2**63, got {shown(result)}."
        raise ArgumentValueError(msg)
    return result


def integer(value: object) -> int | None:
    """Return ``value`` as an int, or None if it is no integer; True and False are not integers here."""
    if type(value) is int:  # nearly always; the check below costs a microsecond
        return value
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return None
    if "bool" in str(getattr(value, "dtype", "")):  # an array of any framework: it would pass for 0 or 1
        return None
    try:
        return operator.index(value)
    except TypeError:  # an array, whose type has the method though only its scalars can answer
        return None


def scalar(value: object) -> object:
    """Return the entry of a NumPy array of no axes, which ``torch.compile`` makes of NumPy's scalars."""
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def shown(value: int) -> str:
    """Return an int as text; Python refuses to print the longest ones."""
    return str(value) if abs(value) < LIMIT**4 else f"an integer of {value.bit_length()} bits"


def choice(name: str, value: object, options: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``options``; suggest the nearest one if it is not."""
    if isinstance(value, str) and value in options:
        return options[options.index(value)]  # a plain str, whatever subclass was given
    listing = ", ".join(repr(option) for option in options[:-1]) + f" or {options[-1]!r}"
    matches = difflib.get_close_matches(str(value), options, n=1)
    hint = f" Did you mean {matches[0]!r}?" if matches else ""
    msg = f"`{name}` must be {listing}, got {value!r}.{hint}"
    raise ArgumentValueError(msg)


def nearest(word: str, options: Sequence[str]) -> str:
    """Return a question that suggests the nearest of some words, or "" if none is near."""
    matches = difflib.get_close_matches(word, options, n=1)
    return f"did you mean {matches[0]!r}?" if matches else ""


def text(name: str, value: object) -> str:
    """Return ``value`` if it is a string that UTF-8 can encode."""
    if not isinstance(value, str):
        msg = f"`{name}` must be a string, got {value!r}."
        raise ArgumentTypeError(msg)
    try:
        value.encode()
    except UnicodeEncodeError:
        msg = f"`{name}` must be valid Unicode, got {value!r}, which UTF-8 cannot encode."
        raise ArgumentValueError(msg) from None
    return str.__str__(value)  # a plain str, whatever subclass was given


def _shape_text(shape: Sequence[int]) -> str:
    return f"({', '.join(map(shown, shape))}{',' * (len(shape) == 1)})"


def _plain(shape: tuple[object, ...]) -> bool:
    """Whether a tuple needs no conversion: Python ints above 0 with a product in range. Nearly all shapes."""
    size = 1
    for length in shape:
        if type(length) is not int or length <= 0:
            return False
        size *= length
    return size < LIMIT


def shape_of(value: object) -> tuple[int, ...]:
    """Return ``value`` as a shape: a tuple of non-negative ints (one int is a vector's length)."""
    if type(value) is tuple and _plain(value):
        return value
    single = integer(value)
    if single is not None:
        value = (single,)
    try:
        entries = list(value)  # type: ignore[call-overload]
    except (TypeError, ValueError):  # ValueError: a shape of unknown rank
        entries = None
    if entries is None or isinstance(value, (str, bytes, set, frozenset, dict)):
        msg = f"`shape` must be a tuple of integers, got {value!r}."
        raise ArgumentTypeError(msg)
    shape: list[int] = []
    for entry in entries:
        length = integer(entry)
        if length is None:
            msg = f"`shape` must hold integers only, got {entry!r} in {value!r}."
            raise ArgumentTypeError(msg)
        shape.append(length)
    if any(length < 0 for length in shape):
        msg = f"`shape` must not have negative entries, got {_shape_text(shape)}."
        raise ArgumentValueError(msg)
    if math.prod(max(length, 1) for length in shape) >= LIMIT:
        msg = f"`shape` must have fewer than 2**63 elements, got {_shape_text(shape)}."
        raise ArgumentValueError(msg)
    return tuple(shape)
