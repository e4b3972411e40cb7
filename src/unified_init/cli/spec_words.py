"""A spec as it is typed: ``he_normal``, ``normal(0, 0.02)``, ``torch.nn.init.kaiming_normal_`` or JSON."""

from __future__ import annotations

import ast
from typing import Any

import unified_init as ui
from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.spec import presets

__all__ = ["shape_of", "sizes_of", "spec_of"]

FORMS = "he_normal, normal(0, 0.02), torch.nn.init.kaiming_normal_, or a spec's JSON"


def spec_of(text: str) -> ui.Initializer:
    """Return the spec that a text names: a preset, another library's initializer, or JSON.

    Arguments are literals. A dotted name is read as ``ui.from_native`` reads it.

    Raises:
        ArgumentValueError: the text has another form, or names nothing that is known.
        ArgumentTypeError: arguments that the initializer does not take.

    Example:
        >>> spec_of("normal(0, std=0.02)") == ui.normal(0, 0.02)
        True
    """
    if text.lstrip().startswith("{"):
        return ui.from_json(text)
    name, args, kwargs = _call(text)
    if "." in name:
        return ui.from_native(name, *args, **kwargs)
    make = getattr(ui, checks.choice("SPEC", name, presets.__all__))
    try:
        spec: ui.Initializer = make(*args, **kwargs)
    except ui.UnifiedInitError:
        raise
    except TypeError as error:
        msg = f"`SPEC` {text!r}: {error}."
        raise ArgumentValueError(msg) from error
    return spec


def _call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return a dotted name and the literal arguments it is called with, if any."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        function, args, keywords = (
            (node.func, node.args, node.keywords) if isinstance(node, ast.Call) else (node, [], [])
        )
        values = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in keywords if keyword.arg}
        return _dotted(function), [ast.literal_eval(arg) for arg in args], values
    except (SyntaxError, ValueError, RecursionError) as error:
        msg = f"`SPEC` must be such as {FORMS}; got {text!r}."
        raise ArgumentValueError(msg) from error


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{_dotted(value)}.{name}"
    raise ValueError


def shape_of(text: str) -> tuple[int, ...]:
    """Return the shape of "64,3,7,7"; "" and "()" are that of a scalar.

    Raises:
        ArgumentValueError: no integers with commas between them.
    """
    words = text.strip().removeprefix("(").removesuffix(")").split(",")
    try:
        return tuple(int(word) for word in words if word.strip())
    except ValueError as error:
        msg = f"`SHAPE` must be integers with commas between them, such as 64,3,7,7; got {text!r}."
        raise ArgumentValueError(msg) from error


def sizes_of(pairs: list[str]) -> dict[str, int] | None:
    """Return the sizes of "B=2" and the like; None if there are none.

    Raises:
        ArgumentValueError: another form.
    """
    try:
        return {axis: int(size) for axis, _, size in (pair.partition("=") for pair in pairs)} or None
    except ValueError as error:
        msg = f"`--sizes` must be such as B=2, got {', '.join(pairs)}."
        raise ArgumentValueError(msg) from error
