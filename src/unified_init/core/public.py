"""Public classes name the package as their module: pickles and tracebacks outlive a move inside it."""

from __future__ import annotations

import sys
from typing import TypeVar

__all__ = ["public"]

Class = TypeVar("Class", bound=type)
PACKAGE = "unified_init"


def public(cls: Class) -> Class:
    """Give a class that the package exports the package's name as its module, and make it an attribute there.

    It goes above ``@dataclass``, which resolves annotations in the module where the class is written. The
    package imports its names on first use; whoever has an object has its class, and ``eval(repr(spec),
    vars(unified_init))`` looks for it without asking the package.
    """
    cls.__module__ = PACKAGE
    setattr(sys.modules[PACKAGE], cls.__name__, cls)
    return cls
