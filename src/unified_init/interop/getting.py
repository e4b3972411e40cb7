"""Specs by name and by configuration: what a YAML file, a command line or a Hydra config can say."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.interop.serialise import KINDS, ONE_SPEC, from_dict, from_parts, to_parts
from unified_init.spec import presets
from unified_init.spec.initializer import Initializer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["get", "preset_of"]

# Which argument of a preset is another initializer, or several.
INSIDE = {"icnr": "base", "with_norm": "base", "sparse_of": "values", "mixture": "components"}


def get(source: Initializer | str | Mapping[str, Any]) -> Initializer:
    """Return the spec that a name or a configuration stands for.

    Args:
        source: the name of a preset, such as "he_normal"; a mapping with that name under "name" and the
            preset's arguments beside it; the mapping of ``to_dict``, in which the terms of a sum may be
            presets too, and which may lack the schema and the stream; or a spec, which is returned as it is.

    Returns:
        The spec.

    Raises:
        ArgumentValueError: a name that no preset has, an argument that it does not take or that is missing.
        ArgumentTypeError: another kind of object.

    Example:
        >>> import unified_init as ui
        >>> ui.get("he_normal") == ui.he_normal()
        True
        >>> ui.get({"name": "normal", "mean": 0.0, "std": 0.02}) == ui.normal(0.0, 0.02)
        True
        >>> ui.get({"name": "icnr", "base": "he_normal", "factor": 2}) == ui.icnr(ui.he_normal(), 2)
        True

    Differs from:
        ``keras.initializers.get``: a name has no argument that nobody gave, such as the std of "normal"; and
        the names are those of this library (``from_native`` reads those of others).
    """
    if isinstance(source, Initializer):
        return source
    word = checks.plain(source)
    if word is not None:
        return preset_of("source", word, {})
    entries = checks.items(source)
    if entries is None:
        msg = (
            "`source` must be the name of a preset, such as 'he_normal', a mapping with a name and "
            f"arguments, or an Initializer, got {shown(source)}."
        )
        raise ArgumentTypeError(msg)
    fields = {checks.plain(key) or shown(key): value for key, value in entries}
    if "name" not in fields and "distribution" in fields:
        tree = {**fields, "distribution": _with_presets(fields["distribution"])}
        has_version = "schema" in fields or "stream" in fields
        return from_dict(tree) if has_version else from_parts(tree, "spec")
    name = checks.plain(fields.pop("name", None))
    if name is None:
        msg = (
            "`source` must have the entry 'name', the name of a preset, or be what to_dict() returns, "
            f"got {shown(source)}."
        )
        raise ArgumentValueError(msg)
    return preset_of("source", name, fields)


def _with_presets(distribution: Any) -> Any:  # noqa: ANN401  # a mapping, or what is refused
    """Return the mapping of a distribution with the presets inside of it written out."""
    entries = checks.items(distribution)
    if entries is None:
        return distribution
    fields = dict(entries)
    inside = getattr(KINDS["distribution"].get(checks.plain(fields.get("kind")) or ""), "inside", "")
    if inside not in fields:
        return fields
    part = fields[inside]
    if inside in ONE_SPEC:
        fields[inside] = _written(part)
    elif isinstance(part, (list, tuple)):
        fields[inside] = [_written(term) for term in part]
    return fields


def _written(term: Any) -> Any:  # noqa: ANN401  # as above
    """Return a term as ``to_dict`` writes it, if it is a preset or a spec."""
    entries = checks.items(term)
    if entries is None or any(checks.plain(key) == "name" for key, _ in entries):
        return to_parts(get(term))
    fields = dict(entries)
    if "distribution" in fields:
        fields["distribution"] = _with_presets(fields["distribution"])
    return fields


def _named(part: Any) -> str | None:  # noqa: ANN401  # of a configuration
    """Return the name that a mapping has."""
    names = [checks.plain(value) for key, value in checks.items(part) or () if checks.plain(key) == "name"]
    return names[0] if names else None


def preset_of(source: str, name: str, arguments: Mapping[str, Any]) -> Initializer:
    """Return what a preset gives for its arguments; ``source`` is what messages call them.

    Raises:
        ArgumentValueError: a name that no preset has, an argument that it does not take or that is missing.
    """
    if name not in presets.__all__:
        hint = checks.nearest(name, presets.__all__) or "dir(unified_init) lists the presets."
        dotted = " from_native() reads names of other libraries." if "." in name else ""
        msg = f"`{source}` {name!r} is not the name of a preset: {hint}{dotted}"
        raise ArgumentValueError(msg)
    preset = getattr(presets, name)
    parameters = inspect.signature(preset).parameters
    for argument in arguments:
        if argument not in parameters:
            listing = (
                checks.nearest(argument, tuple(parameters)) or f"it takes {', '.join(parameters) or 'none'}."
            )
            msg = f"`{source}`: {name} has no argument {argument!r}; {listing}"
            raise ArgumentValueError(msg)
    needed = [word for word, parameter in parameters.items() if parameter.default is parameter.empty]
    missing = [word for word in needed if word not in arguments]
    if missing:
        call = ", ".join(f"{word}=..." for word in needed)
        mapping = ", ".join(f"{word!r}: ..." for word in needed)
        msg = (
            f"`{source}`: {name} needs {', '.join(missing)}: write {name}({call}), or a mapping such as "
            f"{{'name': {name!r}, {mapping}}}."
        )
        raise ArgumentValueError(msg)
    texts = [argument for argument, value in arguments.items() if _is_number(value)]
    if texts:
        msg = (
            f"`source`: {texts[0]} of {name} must be a number, got the text {shown(arguments[texts[0]])}: "
            "YAML reads 2e-2 as one, and 0.02 as a number."
        )
        raise ArgumentTypeError(msg)
    inside = INSIDE.get(name, "")
    given = arguments.get(inside)
    parts = (given,) if inside != "components" else checks.entries(given) or ()
    if any(_named(part) == name for part in parts):
        msg = f"`{source}`: the {inside} of {name} must be another initializer, got {shown(given)}."
        raise ArgumentValueError(msg)
    try:
        if inside in arguments:
            specs = tuple(map(get, parts))
            arguments = {**arguments, inside: specs if inside == "components" else specs[0]}
        spec: Initializer = preset(**arguments)
    except UnifiedInitError as error:
        msg = f"`{source}`: {name}: {error}"
        raise type(error)(msg) from None
    return spec


def _is_number(value: Any) -> bool:  # noqa: ANN401  # of a configuration
    """Whether a value is a text that means a number."""
    word = checks.plain(value)
    try:
        return word is not None and bool(float(word) or True)
    except ValueError:
        return False
