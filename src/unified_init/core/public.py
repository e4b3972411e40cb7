"""Public classes name the package as their module: pickles and tracebacks outlive a move inside it."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["public"]

Class = TypeVar("Class", bound=type)


def public(cls: Class) -> Class:
    """Give a class that the package exports the package's name as its module.

    It goes above ``@dataclass``, which resolves annotations in the module where the class is written.
    """
    cls.__module__ = "unified_init"
    return cls
