"""Argument checks, written once so that every message reads alike."""

from __future__ import annotations

import difflib
import itertools
import math
import numbers
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from unified_init.core.peers import attribute, is_a, is_freed
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

# One of some words, of the type that they have.
Word = TypeVar("Word", bound=str)

__all__ = [
    "choice",
    "count",
    "entries",
    "finite",
    "has_axes",
    "integer",
    "is_no_number",
    "is_plain_shape",
    "items",
    "nearest",
    "nonzero",
    "number",
    "pairs",
    "plain",
    "positive",
    "scalar",
    "shape_of",
    "shown",
    "switch",
    "text",
    "texts",
    "tuple_of",
]

# A standard deviation or bound below this would need subnormal float32 numbers, which some
# frameworks flush to zero, so equal bits could not be kept.
SMALLEST_SIZE = 2.0**-90
# Arguments that set the size of the values: a caller who passes 0 wants values that do not vary.
SIZES = frozenset({"std", "scale", "gain", "high - low"})
# Logical indices are int64: no number of elements may reach this.
LIMIT = 1 << 63
# In the names of element types whose values Python would take for ints: times, and records with fields.
NO_NUMBERS = ("bool", "time", "V", "[", "{", "(")
# NumPy has no more; every draw on the host is an array of NumPy first.
MOST_AXES = 64
# What can be iterated and is no sequence of lengths.
UNORDERED = (str, bytes, bytearray, memoryview, set, frozenset, dict)


def number(name: str, value: object) -> float:
    """Return ``value`` as a float; NaN and everything that is not a real number is refused."""
    entry = scalar(value)
    if type(entry) is not float and (
        isinstance(entry, bool)
        or not (isinstance(entry, numbers.Real) or _is_entry(entry))
        or is_no_number(entry)
    ):
        msg = f"`{name}` must be a real number, got {shown(value)}."
        raise ArgumentTypeError(msg)
    result = _converted(name, entry)
    if math.isnan(result):
        msg = f"`{name}` must be a number, got nan."
        raise ArgumentValueError(msg)
    return result + 0.0  # one zero: -0.0 would be equal and print otherwise


def _converted(name: str, value: object) -> float:
    """Return a number of any class as a float."""
    try:
        if is_a(value, "torch.Tensor"):  # which warns, once in a process, of the gradient that is lost
            value = value.detach()  # type: ignore[attr-defined]
        plain = float(value)  # type: ignore[arg-type]
        return float.fromhex(plain.hex())  # a symbol of torch.compile becomes its value
    except OverflowError:
        msg = f"`{name}` must fit a float64, got a number beyond its range."
        raise ArgumentValueError(msg) from None
    except Exception as error:  # of the class that the number is of
        msg = f"`{name}` must be a real number, got {shown(value)}, which float() cannot convert."
        raise ArgumentTypeError(msg) from error


def has_axes(value: object) -> bool:
    """Whether an object is an array that is known to have axes."""
    try:
        return len(attribute(value, "shape", ())) > 0
    except Exception:  # noqa: BLE001  # no shape, or one of unknown rank
        return False


def _is_entry(value: object) -> bool:
    """Whether an object is an array of a framework, without axes, which may be converted to a float."""
    shape = attribute(value, "shape")
    if shape is None or not hasattr(type(value), "__float__") or "complex" in str(attribute(value, "dtype")):
        return False
    try:
        return not len(shape)
    except Exception:  # noqa: BLE001  # a shape of unknown rank
        return False


def is_no_number(value: object) -> bool:
    """Whether an object has the methods of a number and is none: a bool, a time, a masked array."""
    try:
        dtype = str(getattr(value, "dtype", ""))
    except Exception:  # noqa: BLE001  # the code of whoever made its class
        return True
    return any(kind in dtype for kind in NO_NUMBERS) or is_a(value, "numpy.ma.MaskedArray") or is_freed(value)


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
        is_constant = name in SIZES and result >= 0.0
        hint = ": use zeros() or constant(value) for values that do not vary" if is_constant else ""
        msg = f"`{name}` must be positive and at least 2**-90, got {result!r}{hint}."
        raise ArgumentValueError(msg)
    return result


def nonzero(name: str, value: object) -> float:
    """Return ``value`` as a finite float of either sign, large enough to be drawn in float32."""
    result = finite(name, value)
    if abs(result) < SMALLEST_SIZE:
        msg = (
            f"`{name}` must not be 0, and 2**-90 or more in size, got {result!r}: use zeros() or "
            "constant(value) for values that do not vary."
        )
        raise ArgumentValueError(msg)
    return result


def count(name: str, value: object, *, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``."""
    result = integer(value)
    if result is None:
        msg = f"`{name}` must be an integer, got {shown(value)}."
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
    if type(value) is int:  # nearly always; the checks below cost microseconds
        return value
    if isinstance(value, bool) or not hasattr(type(value), "__index__") or is_no_number(value):
        return None
    try:
        if len(getattr(value, "shape", ())):  # torch takes an array of one entry for its entry
            return None
        return int(operator.index(value))  # type: ignore[arg-type]  # int(): a subclass may print otherwise
    except Exception:  # noqa: BLE001  # most arrays have the method, and raise errors of their framework
        return None


def scalar(value: object) -> object:
    """Return the entry of a NumPy array of no axes, which ``torch.compile`` makes of NumPy's scalars."""
    cls = type(value)
    is_array = cls.__name__ == "ndarray" and cls.__module__ == "numpy"
    return value[()] if is_array and not value.ndim else value  # type: ignore[attr-defined,index]


def choice(name: str, value: object, options: Sequence[Word]) -> Word:
    """Return ``value`` if it is one of ``options``; suggest the nearest one if it is not."""
    word = plain(value)
    if word is not None and word in options:
        return options[options.index(cast("Word", word))]
    listing = ", ".join(repr(option) for option in options[:-1]) + f" or {options[-1]!r}"
    matches = difflib.get_close_matches(word or shown(value), options, n=1)
    hint = f" Did you mean {matches[0]!r}?" if matches else ""
    msg = f"`{name}` must be {listing}, got {shown(value)}.{hint}"
    raise ArgumentValueError(msg)


def nearest(word: str, options: Sequence[str]) -> str:
    """Return a question that suggests the nearest of some words, or "" if none is near."""
    matches = difflib.get_close_matches(word, options, n=1)
    return f"did you mean {matches[0]!r}?" if matches else ""


def entries(value: object) -> tuple[Any, ...] | None:
    """Return the entries of a tuple or a list as a tuple; None for anything else."""
    if type(value) is tuple:
        return value
    try:
        return tuple(value) if isinstance(value, (tuple, list)) else None
    except Exception:  # noqa: BLE001  # of the subclass
        return None


def items(value: object) -> tuple[tuple[Any, Any], ...] | None:
    """Return the keys and values of a mapping; None for anything else."""
    try:
        return tuple(value.items()) if isinstance(value, Mapping) else None
    except Exception:  # noqa: BLE001  # of the class of the mapping
        return None


def pairs(value: object) -> tuple[tuple[Any, Any], ...] | None:
    """Return the keys and values of a mapping, or of a tuple or list of pairs; None for anything else."""
    mapping = items(value)
    if mapping is not None:
        return mapping
    sequence = entries(value)
    if sequence is None:
        return None
    candidates = [entries(entry) or () for entry in sequence]
    if any(len(pair) != 2 for pair in candidates):  # noqa: PLR2004  # a pair
        return None
    return tuple((pair[0], pair[1]) for pair in candidates)


def switch(name: str, value: object) -> bool:
    """Return ``value`` if it is True or False."""
    if not isinstance(value, bool):
        msg = f"`{name}` must be True or False, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return value


def plain(value: object) -> str | None:
    """Return a string as a plain str, whatever a subclass makes of its methods; None if it is no string."""
    return str.__str__(value) if isinstance(value, str) else None


def text(name: str, value: object) -> str:
    """Return ``value`` as a plain str if it is a string that UTF-8 can encode."""
    word = plain(value)
    if word is None:
        msg = f"`{name}` must be a string, got {shown(value)}."
        raise ArgumentTypeError(msg)
    try:
        word.encode()
    except UnicodeEncodeError:
        msg = f"`{name}` must be valid Unicode, got {shown(word)}, which UTF-8 cannot encode."
        raise ArgumentValueError(msg) from None
    return word


def tuple_of(name: str, value: object) -> tuple[Any, ...]:
    """Return a tuple or a list as a tuple."""
    sequence = entries(value)
    if sequence is None:
        msg = f"`{name}` must be a tuple, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return sequence


def texts(name: str, value: object) -> tuple[str, ...]:
    """Return a tuple or a list of strings as a tuple of plain strs."""
    return tuple(text(name, entry) for entry in tuple_of(name, value))


def _shape_text(shape: Sequence[int]) -> str:
    return f"({', '.join(map(shown, shape))}{',' * (len(shape) == 1)})"


def is_plain_shape(shape: tuple[object, ...]) -> bool:
    """Whether a tuple needs no conversion: Python ints above 0 with a product in range. Nearly all shapes."""
    size = 1
    for length in shape:
        if type(length) is not int or length <= 0:
            return False
        size *= length
    return size < LIMIT


def _entries(value: object) -> list[object] | None:
    """Return the entries of a sequence, one more than there may be at most; None for anything else."""
    if isinstance(value, UNORDERED) or is_no_number(value):
        return None
    try:
        return list(itertools.islice(value, MOST_AXES + 1))  # type: ignore[call-overload]
    except Exception:  # noqa: BLE001  # an array without axes, a shape of unknown rank, a generator that fails
        return None


def shape_of(value: object) -> tuple[int, ...]:
    """Return ``value`` as a shape: a tuple of non-negative ints (one int is a vector's length)."""
    if type(value) is tuple and is_plain_shape(value):
        return value
    single = integer(value)
    entries = _entries(value) if single is None else [single]
    if entries is None:
        msg = f"`shape` must be a tuple of integers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    shape: list[int] = []
    for entry in entries:
        length = integer(entry)
        if length is None:
            msg = f"`shape` must hold integers only, got {shown(entry)} in {shown(value)}."
            raise ArgumentTypeError(msg)
        shape.append(length)
    if len(shape) > MOST_AXES:
        msg = f"`shape` must have at most {MOST_AXES} axes, got more."
        raise ArgumentValueError(msg)
    if any(length < 0 for length in shape):
        msg = f"`shape` must not have negative entries, got {_shape_text(shape)}."
        raise ArgumentValueError(msg)
    if math.prod(max(length, 1) for length in shape) >= LIMIT:
        msg = f"`shape` must have fewer than 2**63 elements, got {_shape_text(shape)}."
        raise ArgumentValueError(msg)
    return tuple(shape)
