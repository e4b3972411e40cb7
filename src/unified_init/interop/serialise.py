"""Specs as JSON: a closed vocabulary with versions, and errors that name the bad field."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, get_args

from unified_init.core import checks, json_text
from unified_init.core.nested import leaves
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.law.along import Along
from unified_init.law.law import STREAM
from unified_init.spec import distributions, scales
from unified_init.spec.initializer import Initializer

__all__ = [
    "KINDS",
    "ONE_SPEC",
    "from_dict",
    "from_json",
    "from_parts",
    "needed_parts",
    "schema_of",
    "to_dict",
    "to_json",
    "to_parts",
]

# The newest schema. Schema 2 has sums, products with arrays by named axes, negative factors and gains, and
# all distributions that were added since. A spec is written in the oldest schema that can say it: older
# releases read what they know. Both schemas are read.
SCHEMA = 2
SCHEMAS = (1, 2)

KINDS: dict[str, dict[str, type[Any]]] = {
    "distribution": {cls.__name__: cls for cls in get_args(distributions.Distribution)},
    "scale": {cls.__name__: cls for cls in get_args(scales.Scale)},
}
COMBINATIONS = ("Sum", "Scaled")  # kinds whose terms have the scales
ONE_SPEC = ("base", "values")  # fields that hold one spec; others hold several
GAIN = {"kind": "Gain", "gain": 1.0}
PARTS = ("distribution", "scale", "factor", "upscale")
FIELDS = ("schema", "stream", *PARTS)
# What schema 1 has, which no later release changes.
FIRST_KINDS = frozenset({
    "Normal", "TruncatedNormal", "Uniform", "Quantile", "Constant", "Orthogonal", "DeltaOrthogonal",
    "Identity", "Dirac", "Sparse", "Hadamard", "BilinearUpsampling", "Stft", "Fixed", "Between", "Interval",
    "Gain", "VarianceScaling", "InverseFan",
})  # fmt: skip
FIRST_WINDOWS = (None, "hann", "hamming", "blackman", "boxcar")


def to_json(spec: Initializer) -> str:
    """Return a spec as JSON text: no code, a schema version and the stream's version.

    Args:
        spec: the initializer.

    Returns:
        One line of JSON, the same for equal specs, in the oldest schema that can say it: 1, or 2 for sums,
        products with arrays by named axes, negative factors, and newer distributions. Infinite bounds are
        the strings "inf" and "-inf", and complex constants strings as "(1+2j)", which JSON has no numbers
        for.

    Raises:
        ArgumentTypeError: ``spec`` is not a spec.

    Example:
        >>> import unified_init as ui
        >>> print(ui.to_json(ui.xavier_uniform()))
        {"schema": 1, "stream": "threefry-1", "distribution": {"kind": "Uniform"}, "scale": {"kind": "VarianceScaling", "scale": 1.0, "mode": "fan_avg"}, "factor": 1.0, "upscale": 1}
        >>> ui.from_json(ui.to_json(ui.he_normal())) == ui.he_normal()
        True
    """  # noqa: E501  # one line of JSON
    return json.dumps(to_dict(spec), allow_nan=False)


def to_dict(spec: Initializer) -> dict[str, Any]:
    """Return a spec as a mapping of plain values: those of its JSON text, for configurations and YAML.

    Args:
        spec: the initializer.

    Returns:
        A new dict of dicts, lists, strings and numbers; infinite bounds are the strings "inf" and "-inf".

    Raises:
        ArgumentTypeError: ``spec`` is not a spec.

    Example:
        >>> import unified_init as ui
        >>> ui.to_dict(ui.he_normal())["scale"]
        {'kind': 'VarianceScaling', 'scale': 2.0, 'mode': 'fan_in'}
    """
    if not isinstance(spec, Initializer):
        msg = f"`spec` must be an Initializer, got {shown(spec)}."
        raise ArgumentTypeError(msg)
    return {
        "schema": schema_of(spec),
        "stream": STREAM,
        **to_parts(spec),
    }


def schema_of(spec: Initializer) -> int:
    """Return the oldest schema that can say a spec."""
    kinds = {type(spec.distribution).__name__, type(spec.scale).__name__}
    is_negative = spec.factor < 0.0 or (isinstance(spec.scale, scales.Gain) and spec.scale.gain < 0.0)
    is_first = kinds <= FIRST_KINDS and not is_negative and not _is_newer(spec)
    return 1 if is_first else SCHEMA


def _is_newer(spec: Initializer) -> bool:
    """Whether the kinds of a spec are old and their values, or the way they are joined, are not."""
    match spec.distribution:
        case distributions.Constant(value) if any(isinstance(number, complex) for number in leaves(value)):
            return True
        case distributions.Stft(_, window) if window not in FIRST_WINDOWS:
            return True
        case distributions.Sparse():
            return not isinstance(spec.scale, scales.Fixed)
        case dist:
            return isinstance(dist, distributions.Structured) and not isinstance(spec.scale, scales.Gain)


def to_parts(spec: Initializer) -> dict[str, Any]:
    """Return a spec as plain values, without the schema and the stream."""
    return {
        "distribution": _fields(spec.distribution),
        "scale": _fields(spec.scale),
        "factor": spec.factor,
        "upscale": spec.upscale,
    }


def from_json(text: str) -> Initializer:
    """Return the spec that JSON text describes.

    Args:
        text: what ``to_json`` returned, of this or an earlier release.

    Returns:
        An equal spec.

    Raises:
        ArgumentValueError: not JSON, a missing or unknown field, an unknown version, or a value
            that its field forbids. The message has the path of the field.

    Example:
        >>> import unified_init as ui
        >>> ui.from_json('{"schema": 1}')
        Traceback (most recent call last):
        ...
        unified_init.ArgumentValueError: spec: missing fields stream, distribution, scale, factor, upscale.
    """  # the message is one line
    return from_dict(json_text.parse(text, "spec"))


def from_dict(data: Any) -> Initializer:
    """Return the spec that a mapping of plain values describes.

    Args:
        data: what ``to_dict`` returned, of this or an earlier release; ``get`` reads shorter ones.

    Returns:
        An equal spec.

    Raises:
        ArgumentValueError: as for ``from_json``.

    Example:
        >>> import unified_init as ui
        >>> ui.from_dict(ui.to_dict(ui.he_normal())) == ui.he_normal()
        True
    """
    data = _expect(data, FIELDS, "spec")
    if type(data["schema"]) not in {int, float} or data["schema"] not in SCHEMAS:
        msg = f"spec.schema: must be 1 or {SCHEMA}, the schemas of this release, got {shown(data['schema'])}."
        raise ArgumentValueError(msg)
    if checks.plain(data["stream"]) != STREAM:
        msg = f"spec.stream: must be {STREAM!r}, got {shown(data['stream'])}."
        raise ArgumentValueError(msg)
    return _spec(data, "spec")


def _spec(data: dict[str, Any], path: str) -> Initializer:
    parts = {name: _object(data[name], name, f"{path}.{name}") for name in ("distribution", "scale")}
    try:
        return Initializer(factor=data["factor"], upscale=data["upscale"], **parts)
    except UnifiedInitError as error:
        msg = f"{path}: {error}"
        raise ArgumentValueError(msg) from None


def _fields(part: Any) -> dict[str, Any]:
    values = {field.name: _plain(getattr(part, field.name)) for field in dataclasses.fields(part)}
    return {"kind": type(part).__name__, **values}


def _plain(value: Any) -> Any:
    if isinstance(value, Initializer):
        return to_parts(value)
    if isinstance(value, Along):
        return {"axes": value.axes, "values": _plain(value.values)}
    if (isinstance(value, float) and math.isinf(value)) or isinstance(value, complex):
        return str(value)
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


def _object(data: Any, name: str, path: str) -> Any:
    tree: dict[str, Any] = dict(checks.items(data) or ()) if isinstance(data, dict) else {}
    if "kind" not in tree:
        msg = f"{path}: must be an object with a kind, got {shown(data)}."
        raise ArgumentValueError(msg)
    kinds = KINDS[name]
    try:
        cls = kinds[checks.choice("kind", tree["kind"], tuple(kinds))]
    except UnifiedInitError as error:
        msg = f"{path}.kind: {error}"
        raise ArgumentValueError(msg) from None
    fields = tuple(field.name for field in dataclasses.fields(cls))
    tree = _expect(data, ("kind", *fields), path)
    values = {field: _value(tree[field], cls, field, f"{path}.{field}") for field in fields}
    try:
        return cls(**values)
    except UnifiedInitError as error:
        msg = f"{path}: {error}"
        raise ArgumentValueError(msg) from None


def _value(value: Any, cls: type[Any], field: str, path: str) -> Any:
    """Return the value of a field: a spec or several, an array by named axes, or plain."""
    if field == getattr(cls, "inside", None):
        if field in ONE_SPEC:
            return from_parts(value, path)
        entries = checks.entries(value)
        if entries is None:
            msg = f"{path}: must be a list of specs, got {shown(value)}."
            raise ArgumentValueError(msg)
        return tuple(from_parts(entry, f"{path}[{position}]") for position, entry in enumerate(entries))
    if cls is distributions.Scaled:
        return _array(value, path)
    if cls in {distributions.Constant, distributions.Listed}:
        return _with_complex(value)
    return _number(value, cls, field)


def from_parts(data: Any, path: str) -> Initializer:
    """Return the spec of what ``to_parts`` gives, of which fields with a default may be left out."""
    parts = _expect(data, PARTS, path, needed_parts(data))
    return _spec({"scale": GAIN, "factor": 1.0, "upscale": 1} | parts, path)


def needed_parts(data: Any) -> tuple[str, ...]:
    """Return the fields that a spec inside of a recipe, or of another spec, cannot leave out."""
    dist = data.get("distribution") if isinstance(data, dict) else None
    is_combination = isinstance(dist, dict) and dist.get("kind") in COMBINATIONS
    return ("distribution",) if is_combination else ("distribution", "scale")


def _with_complex(value: Any) -> Any:
    """Return the numbers of constants, with the complex ones that are written as strings."""
    if isinstance(value, (list, tuple)):
        return [_with_complex(entry) for entry in value]
    word = checks.plain(value)
    try:
        return value if word is None else complex(word)
    except ValueError:
        return value


def _array(data: Any, path: str) -> Any:
    tree = _expect(data, ("axes", "values"), path)
    try:
        return Along(tree["axes"], tree["values"])
    except UnifiedInitError as error:
        msg = f"{path}: {error}"
        raise ArgumentValueError(msg) from None


def _number(value: Any, cls: type[Any], field: str) -> Any:
    infinite = {"inf": math.inf, "-inf": -math.inf}
    bounded = (
        cls in {distributions.TruncatedNormal, distributions.Quantile, scales.Between} and field != "knots"
    )
    word = checks.plain(value)
    return infinite.get(word, value) if bounded and word is not None else value


def _expect(
    data: Any, fields: tuple[str, ...], path: str, required: tuple[str, ...] | None = None
) -> dict[str, Any]:
    """Return the fields of an object, which must be these; ``required`` are all unless they are given."""
    entries = checks.items(data) if isinstance(data, dict) else None
    if entries is None:
        msg = f"{path}: must be an object, got {shown(data)}."
        raise ArgumentValueError(msg)
    tree: dict[str, Any] = {}
    for key, value in entries:
        word = checks.plain(key) or ""
        if word not in fields:
            msg = f"{path}.{word or shown(key)}: unknown field; the fields are {', '.join(fields)}."
            raise ArgumentValueError(msg)
        tree[word] = value
    missing = [field for field in required or fields if field not in tree]
    if missing:
        msg = f"{path}: missing fields {', '.join(missing)}."
        raise ArgumentValueError(msg)
    return tree
