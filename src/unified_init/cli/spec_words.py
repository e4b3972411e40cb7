"""A spec as it is typed: ``he_normal``, ``normal(0, 0.02)``, ``torch.nn.init.kaiming_normal_`` or JSON."""

from __future__ import annotations

import ast
import collections
import inspect
from typing import TYPE_CHECKING, Any

import unified_init as ui
from unified_init.core import json_text
from unified_init.errors import ArgumentValueError
from unified_init.interop.getting import preset_of
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["globs_of", "pairs_of", "shape_of", "sizes_of", "spec_of"]

FORMS = "he_normal, normal(0, 0.02), torch.nn.init.kaiming_normal_, or a spec's JSON"


def spec_of(text: str) -> ui.Initializer:
    """Return the spec that a text names: a preset, another library's initializer, or JSON.

    Arguments are literals. A dotted name is read as ``ui.from_native`` reads it, all else as ``ui.get`` does.

    Raises:
        ArgumentValueError: the text has another form, or names nothing that is known.
        ArgumentTypeError: arguments that the initializer does not take.

    Example:
        >>> spec_of("normal(0, std=0.02)") == ui.normal(0, 0.02)
        True
    """
    if text.lstrip().startswith("{"):
        return ui.get(json_text.parse(text, "spec"))
    name, args, kwargs = _call(text)
    if "." in name:
        return ui.from_native(name, *args, **kwargs)
    if name in presets.__all__:
        names = tuple(inspect.signature(getattr(presets, name)).parameters)
        if len(args) > len(names):
            msg = f"`SPEC` {text!r} has {len(args)} positional arguments; {name} takes {len(names)}."
            raise ArgumentValueError(msg)
        _once("SPEC", text, [*names[: len(args)], *kwargs])
        kwargs |= dict(zip(names, args, strict=False))
    return preset_of("SPEC", name, kwargs)


def _once(argument: str, text: str, names: Sequence[str]) -> None:
    """Refuse a name that is given twice: the last would win, and nobody would see it."""
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        msg = f"`{argument}` must give {twice[0]} once; got {text!r}."
        raise ArgumentValueError(msg)


def _call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """Return a dotted name and the literal arguments it is called with, if any."""
    try:
        node = ast.parse(text.strip(), mode="eval").body
        function, args, keywords = (
            (node.func, node.args, node.keywords) if isinstance(node, ast.Call) else (node, [], [])
        )
        names = [_name_of(keyword) for keyword in keywords]
        values = [ast.literal_eval(keyword.value) for keyword in keywords]
        call = (
            _dotted(function),
            [ast.literal_eval(arg) for arg in args],
            dict(zip(names, values, strict=True)),
        )
    except (SyntaxError, ValueError, RecursionError) as error:
        msg = f"`SPEC` must be such as {FORMS}; got {text!r}."
        raise ArgumentValueError(msg) from error
    _once("SPEC", text, names)
    return call


def _name_of(keyword: ast.keyword) -> str:
    if keyword.arg is None:  # of **
        raise ValueError
    return keyword.arg


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
    words = text.strip().removeprefix("(").removesuffix(")").strip().removesuffix(",")
    try:
        return tuple(int(word) for word in words.split(",")) if words else ()
    except ValueError as error:
        msg = f"`SHAPE` must be integers with commas between them, such as 64,3,7,7; got {text!r}."
        raise ArgumentValueError(msg) from error


def sizes_of(pairs: list[str]) -> dict[str, int] | None:
    """Return the sizes of "B=2" and the like; None if there are none.

    Raises:
        ArgumentValueError: another form.
    """
    words = pairs_of("--sizes", pairs, "B=2")
    try:
        return {axis: int(size) for axis, size in words.items()} or None
    except ValueError as error:
        msg = f"`--sizes` must be such as B=2, got {', '.join(pairs)}."
        raise ArgumentValueError(msg) from error


def pairs_of(option: str, pairs: Sequence[str], example: str) -> dict[str, str]:
    """Return the values of a repeated option such as "B=2" by their names.

    Raises:
        ArgumentValueError: another form, or a name that is given twice.
    """
    return _paired(option, pairs, [pair.partition("=") for pair in pairs], example)


def globs_of(option: str, pairs: Sequence[str], example: str) -> dict[str, str]:
    """Return the words of a repeated option such as "*.proj=attention.out" by their globs.

    A glob, or a regular expression, may have an equals sign of its own; the last one ends it.

    Raises:
        ArgumentValueError: as for ``pairs_of``.
    """
    return _paired(option, pairs, [pair.rpartition("=") for pair in pairs], example)


def _paired(
    option: str, pairs: Sequence[str], words: Sequence[tuple[str, str, str]], example: str
) -> dict[str, str]:
    if not all(name and sign for name, sign, _ in words):
        msg = f"`{option}` must be such as {example}, got {', '.join(pairs)}."
        raise ArgumentValueError(msg)
    _once(option, ", ".join(pairs), [name for name, _, _ in words])
    return {name: value for name, _, value in words}
