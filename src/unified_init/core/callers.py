"""The objects whose methods are running, for a function that a framework calls with less than it needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["callers"]


def callers(cls: type) -> list[Any]:  # objects of the class
    """Return the objects of a class whose methods have called the current function, the nearest first.

    Functions that a method makes count too, where they use its ``self``.

    Example:
        >>> class Layer:
        ...     def build(self):
        ...         return (lambda: callers(Layer) == [self])()
        >>> Layer().build()
        True
    """
    objects: list[Any] = []
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # CPython's, and documented
    while frame is not None:
        code = frame.f_code
        if "self" in code.co_varnames[:1] or "self" in code.co_freevars:
            value = frame.f_locals.get("self")
            if issubclass(type(value), cls) and not (objects and objects[-1] is value):
                objects.append(value)
        frame = frame.f_back
    return objects
