"""One entry per foreign initializer: its names, its arguments, and the preset that is the same law."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from unified_init.spec.initializer import Initializer

__all__ = ["DROPPED", "Entry"]

# Arguments that say nothing about the law.
DROPPED = frozenset({"dtype", "generator", "name", "seed", "support_partition", "verify_shape"})
# Arguments that say which axis is which. Here a layout says that, where the shape is known.
AXES = frozenset(
    {"axis", "batch_axis", "column_axis", "fan_in_axes", "in_axis", "input_axes", "out_axis", "output_axes"}
)
FANS = frozenset({"fan_in", "fan_out"})


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """A foreign initializer and ours.

    Args:
        names: dotted names, the usual one first.
        signature: its parameters, as in a ``def``, without those of the call that draws.
        build: takes the parameters that matter to the law, in order; returns the spec.
        ours: the same as source text; None is a plain call of ``build`` with those parameters.
        differs: what a reader who expects equal defaults or meanings must know.
    """

    names: tuple[str, ...]
    signature: str
    build: Callable[..., Initializer]
    ours: str | None = None
    differs: str = ""

    @property
    def parameters(self) -> tuple[inspect.Parameter, ...]:
        """The parameters, parsed."""
        return parse_signature(self.signature)

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the parameters that matter to the law."""
        silent = DROPPED | AXES | FANS
        return tuple(parameter.name for parameter in self.parameters if parameter.name not in silent)

    @property
    def expression(self) -> str:
        """Our spec as source text, in the names of the parameters."""
        return self.ours or f"{self.build.__name__}({', '.join(self.kept)})"

    def spec(self, args: Sequence[object], kwargs: Mapping[str, Any]) -> Initializer:
        """Return our spec for a call of the foreign initializer."""
        name = self.names[0]
        try:
            bound = inspect.Signature(self.parameters).bind(*args, **kwargs)
        except TypeError as error:
            msg = f"{name} takes ({self.signature}): {error}."
            raise ArgumentTypeError(msg) from None
        for parameter in self.parameters:
            if parameter.name in bound.arguments:
                _check_silent(name, parameter, bound.arguments[parameter.name])
        bound.apply_defaults()
        return self.build(*(bound.arguments[parameter_name] for parameter_name in self.kept))


def parse_signature(signature: str) -> tuple[inspect.Parameter, ...]:
    """Parse parameters with literal defaults: ``"scale, dtype=None"``."""
    definition = ast.parse(f"def f({signature}): ...").body[0]
    arguments = definition.args  # type: ignore[attr-defined]
    required = len(arguments.args) - len(arguments.defaults)
    defaults = [inspect.Parameter.empty] * required + [ast.literal_eval(node) for node in arguments.defaults]
    return tuple(
        inspect.Parameter(argument.arg, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)
        for argument, default in zip(arguments.args, defaults, strict=True)
    )


def _is_default(value: object, default: object) -> bool:
    """Whether a value is the default, an int, None or a tuple of ints; a list is as good as a tuple."""
    if default is None or isinstance(default, int):
        return value is None if default is None else checks.integer(value) == default
    entries = checks.entries(value)
    return entries is not None and tuple(map(checks.integer, entries)) == default


def _check_silent(name: str, parameter: inspect.Parameter, value: object) -> None:
    if parameter.name in AXES and not _is_default(value, parameter.default):
        msg = (
            f"`{parameter.name}` of {name} says which axis is which, got {shown(value)}: leave it out, and "
            "pass layout= where the spec meets a shape."
        )
        raise ArgumentValueError(msg)
    if parameter.name in FANS and value is not None:
        msg = (
            f"`{parameter.name}` of {name} fixes a fan, got {shown(value)}: leave it out, and "
            "pass fans=(fan_in, fan_out) where the spec meets a shape."
        )
        raise ArgumentValueError(msg)
