"""Values as text: the repr of the frozen value objects, and whatever a message says that it got.

The repr is a short call that evaluates back to an equal object. A message shows values of any kind, of which
some have no repr, or one that is as long as they are.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any

from unified_init.core.peers import is_freed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["call_repr", "limit", "literal", "shown"]

LONGEST_INT = 1 << 252  # Python refuses to print integers of more than 4,300 digits, and nobody reads 77
LONGEST = 1000  # letters of a repr in a message
MOST = 50  # entries of a container
DEEPEST = 8  # levels of containers
BRACKETS = {"tuple": ("(", ")"), "list": ("[", "]"), "dict": ("{", "}")}


def shown(value: object, depth: int = 0) -> str:
    """Return any value as the text that a message shows: its repr, cut where it is long.

    Example:
        >>> shown("OI"), shown((10**5000, 3)), shown(range(2))
        ("'OI'", '(an integer of 16610 bits, 3)', 'range(0, 2)')
    """
    kind = type(value)
    if isinstance(value, int) and kind is int and abs(value) >= LONGEST_INT:
        return f"an integer of {value.bit_length()} bits"
    try:
        if kind in {tuple, list, dict}:
            return _shown_entries(value, depth)
        if isinstance(value, slice):
            ends = (shown(end, depth + 1) for end in (value.start, value.stop, value.step))
            return f"slice({', '.join(ends)})"
        # Its repr would end the process.
        text = _shown_tensor(value) if is_freed(value) else repr(value)
    except Exception:  # noqa: BLE001  # the code of whoever made its class
        return f"a {kind.__name__} that has no repr"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} letters)"


def _shown_tensor(value: Any) -> str:  # noqa: ANN401  # of torch
    return f"a {type(value).__name__} of shape {tuple(value.shape)} and type {value.dtype}"


def _shown_entries(value: Any, depth: int) -> str:  # noqa: ANN401  # a tuple, a list or a dict
    """Return the text of a container, in which one entry without a repr is not the end of all."""
    opening, closing = BRACKETS[type(value).__name__]
    if depth == DEEPEST:
        return f"{opening}...{closing}"
    if isinstance(value, dict):
        pairs = itertools.islice(value.items(), MOST)
        texts = [f"{shown(key, depth + 1)}: {shown(entry, depth + 1)}" for key, entry in pairs]
    else:
        texts = [shown(entry, depth + 1) for entry in value[:MOST]]
    if len(value) > MOST:
        texts.append(f"... ({len(value)} entries)")
    inner = ", ".join(texts)
    return f"({inner},)" if isinstance(value, tuple) and len(value) == 1 else f"{opening}{inner}{closing}"


def literal(value: object) -> str:
    """Source text of a value; infinities, which have no literal, are spelled ``float('inf')``."""
    if isinstance(value, float) and math.isinf(value):
        return f"float({str(value)!r})"
    if isinstance(value, tuple):
        inner = ", ".join(literal(entry) for entry in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def limit(value: float) -> str:
    """Text of a number that a message gives as a limit: a small power of two is written as one."""
    mantissa, exponent = math.frexp(value)
    is_tiny_power = mantissa == 0.5 and exponent < -9  # noqa: PLR2004
    return f"2**{exponent - 1}" if is_tiny_power else repr(value)


def call_repr(instance: DataclassInstance) -> str:
    """Constructor call of a dataclass, without the fields that have their default values."""
    parts: list[str] = []
    named = False  # after a field that is left out, the others need their names
    for field in dataclasses.fields(instance):
        value: Any = getattr(instance, field.name)
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        if default is not dataclasses.MISSING and value == default:
            named = True
            continue
        parts.append(f"{field.name}={literal(value)}" if named else literal(value))
    return f"{type(instance).__name__}({', '.join(parts)})"
