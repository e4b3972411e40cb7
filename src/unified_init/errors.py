"""The errors of this library: one base class, so that one ``except`` catches them all.

A message says which argument is at fault, the rule, what was received and what to do. The classes name the
package as their module, as all public ones do (see ``core.public``).
"""

from __future__ import annotations

__all__ = [
    "ArgumentTypeError",
    "ArgumentValueError",
    "BackendError",
    "UnifiedInitError",
]


class UnifiedInitError(Exception):
    """Base class of every error that this library raises on purpose."""

    __module__ = "unified_init"
    __init__ = Exception.__init__  # AutoGraph raises an error of the same class again only if it finds this


class ArgumentValueError(UnifiedInitError, ValueError):
    """An argument has the right type and a value that its rule forbids."""

    __module__ = "unified_init"
    __init__ = Exception.__init__  # as above


class ArgumentTypeError(UnifiedInitError, TypeError):
    """An argument has a type that its rule forbids."""

    __module__ = "unified_init"
    __init__ = Exception.__init__  # as above


class BackendError(UnifiedInitError, RuntimeError):
    """A framework is missing, or cannot do what was asked of it."""

    __module__ = "unified_init"
    __init__ = Exception.__init__  # as above
