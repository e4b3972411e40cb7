"""What a module lacks of a protocol, by signature: type checkers see a module imported by name as Any."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["differences", "functions_of"]


def functions_of(protocol: type) -> dict[str, Callable[..., Any]]:
    """Return the functions that a protocol declares, those of the protocols it extends first."""
    return {
        name: member
        for cls in reversed(protocol.__mro__)
        for name, member in vars(cls).items()
        if inspect.isfunction(member) and not name.startswith("_")
    }


def differences(module: object, protocol: type) -> list[str]:
    """Return a sentence for each function that is missing, or takes other parameters than its declaration."""
    return list(_differences(module, protocol))


def _differences(module: object, protocol: type) -> Iterator[str]:
    for name, declared in functions_of(protocol).items():
        function = getattr(module, name, None)
        if not callable(function):
            yield f"{name} is missing"
            continue
        _, *wanted = _parameters(declared)  # the first is self, which a module's function has not
        given = _parameters(function)
        if given != wanted:
            yield f"{name} takes {_shown(given)}, declared is {_shown(wanted)}"


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return name, kind and default of each parameter, in order; annotations are left to type checkers."""
    parameters = inspect.signature(function).parameters.values()
    return [parameter.replace(annotation=inspect.Parameter.empty) for parameter in parameters]


def _shown(parameters: list[inspect.Parameter]) -> str:
    return str(inspect.Signature(parameters))
