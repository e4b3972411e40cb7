"""What the frozen value objects share: a short repr that evaluates back to an equal object."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["call_repr", "literal"]


def literal(value: object) -> str:
    """Source text of a value; infinities, which have no literal, are spelled ``float('inf')``."""
    if isinstance(value, float) and math.isinf(value):
        return f"float({str(value)!r})"
    if isinstance(value, tuple):
        inner = ", ".join(literal(entry) for entry in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def call_repr(obj: DataclassInstance) -> str:
    """Constructor call of a dataclass, fields at their defaults left out."""
    parts: list[str] = []
    named = False
    for field in dataclasses.fields(obj):
        value: Any = getattr(obj, field.name)
        make = field.default_factory
        default = field.default if make is dataclasses.MISSING else make()
        if default is not dataclasses.MISSING and value == default:
            named = True
            continue
        parts.append(f"{field.name}={literal(value)}" if named else literal(value))
    return f"{type(obj).__name__}({', '.join(parts)})"
