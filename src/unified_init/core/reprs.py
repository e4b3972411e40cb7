"""The repr of the frozen value objects: a short call that evaluates back to an equal object."""

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
