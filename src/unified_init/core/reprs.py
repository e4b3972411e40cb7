"""Values as text: the repr of the frozen value objects, and whatever a message says that it got.

The repr is a short call that evaluates back to an equal object. A message shows values of any kind, of which
some have no repr, or one that is as long as they are.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["call_repr", "literal", "shown"]

LONGEST_INT = 1 << 252  # Python refuses to print integers of more than 4,300 digits, and nobody reads 77
LONGEST = 1000  # letters of a repr in a message


def shown(value: object) -> str:
    """Return any value as the text that a message shows: its repr, cut where it is long.

    Example:
        >>> shown("OI"), shown(10**5000), shown([10**5000])
        ("'OI'", 'an integer of 16610 bits', 'a list that has no repr')
    """
    if type(value) is int:
        return repr(value) if abs(value) < LONGEST_INT else f"an integer of {value.bit_length()} bits"
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  # the code of whoever made its class; an integer inside that is too long
        return f"a {type(value).__name__} that has no repr"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} letters)"


def literal(value: object) -> str:
    """Source text of a value; infinities, which have no literal, are spelled ``float('inf')``."""
    if isinstance(value, float) and math.isinf(value):
        return f"float({str(value)!r})"
    if isinstance(value, tuple):
        inner = ", ".join(literal(entry) for entry in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


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
