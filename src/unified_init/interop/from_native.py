"""Read an initializer of another framework, by object, configuration or name, as a spec.

No framework is imported: the module and the name of an object say what it is.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping
from typing import Any, Final

from unified_init.core import checks
from unified_init.core.peers import attribute, public
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.interop.catalogue import EXCLUDED, FRAMEWORKS
from unified_init.interop.catalogue_entry import DROPPED, Entry
from unified_init.interop.serialise import from_dict, from_json
from unified_init.spec.initializer import Initializer

__all__ = ["from_native"]

BY_NAME: Final[dict[str, Entry]] = {
    name: entry for _, entries in FRAMEWORKS for entry in entries for name in entry.names
}
# Short names under which people import a framework.
NICKNAMES = {"tensorflow": "tf", "hk": "haiku", "mx": "mxnet"}
# Where initializers are defined, by the public part of the path, and the dotted name under which the
# catalogue has them. ``isinstance`` would not do: most are functions, and a class derived from one may be
# another law.
MODULES = (
    ("torch.nn.init", "torch.nn.init.{}"),
    ("keras", "keras.initializers.{}"),
    ("jax", "jax.nn.initializers.{}"),
    ("flax", "flax.linen.initializers.{}"),
    ("haiku", "haiku.initializers.{}"),
    ("paddle", "paddle.nn.initializer.{}"),
    ("mxnet", "mxnet.init.{}"),
)
EXAMPLE = "'keras.initializers.he_normal'"


def from_native(source: object, /, *args: object, **kwargs: object) -> Initializer:
    """Return the spec that is the law of another framework's initializer.

    Args:
        source: a Keras initializer or its configuration (a dict with ``class_name``); a Haiku or
            TensorFlow initializer object; an initializer function or class of PyTorch, JAX, Flax,
            Haiku, Keras, TensorFlow, Paddle or MXNet; or the dotted name of one.
        *args: what the function or class is called with, without the tensor, key or shape.
        **kwargs: the same, by name. Those left out have the framework's own defaults. Seeds, dtypes
            and generators are dropped; axes are refused, as a layout says them.

    Returns:
        The spec.

    Raises:
        ArgumentValueError: a name that is not known, or an argument whose value cannot be kept.
        ArgumentTypeError: an object that is not an initializer, or arguments that do not fit it.

    Example:
        >>> import unified_init as ui
        >>> ui.from_native("torch.nn.init.kaiming_normal_", mode="fan_out")
        Initializer(Normal(), VarianceScaling(2.0, 'fan_out'))
        >>> ui.from_native("jax.nn.initializers.variance_scaling", 2.0, "fan_in", "normal")
        Initializer(Normal(), VarianceScaling(2.0, 'fan_in'))
        >>> ui.from_native({"class_name": "HeNormal", "config": {"seed": 7}}) == ui.he_normal()
        True

    Differs from:
        PyTorch, Keras and JAX: only Keras can read an initializer back, and only its own.
    """
    if isinstance(source, Initializer):
        _check_bare(source, args, kwargs)
        return source
    word = checks.plain(source)
    if word is not None:
        return _entry(_full_name(word)).spec(args, kwargs)
    if isinstance(source, Mapping):
        _check_bare(source, args, kwargs)
        return _from_config(source)
    if isinstance(source, functools.partial):
        return from_native(source.func, *source.args, *args, **{**source.keywords, **kwargs})
    if attribute(source, "__name__") is not None and callable(source):
        return _from_callable(source).spec(args, kwargs)
    _check_bare(source, args, kwargs)
    return _from_object(source)


# --- by name --------------------------------------------------------------------------------------


def _full_name(name: str) -> str:
    first, _, rest = name.partition(".")
    if not rest:
        raise ArgumentValueError(_ambiguous(name))
    if first == "keras" and "." not in rest:
        rest = f"initializers.{rest}"
    return f"{NICKNAMES.get(first, first)}.{rest}"


def _ambiguous(name: str) -> str:
    full_names = [full for full in BY_NAME if full.rpartition(".")[2] == name]
    if not full_names:
        return (
            f"`source` {name!r} is not a name that is known: give the dotted name of a framework's "
            f"initializer, such as {EXAMPLE}."
        )
    return f"`source` {name!r} does not say whose it is: write {' or '.join(map(repr, full_names))}."


def _entry(name: str) -> Entry:
    entry = BY_NAME.get(name)
    if entry is not None:
        return entry
    if name in EXCLUDED:
        msg = f"`source` {name!r} has no law: {EXCLUDED[name]}."
        raise ArgumentValueError(msg)
    matches = difflib.get_close_matches(name, BY_NAME, n=1)
    hint = f" Did you mean {matches[0]!r}?" if matches else f" A name looks like {EXAMPLE}."
    msg = f"`source` {name!r} is not the name of an initializer that is known.{hint}"
    raise ArgumentValueError(msg)


# --- by object ------------------------------------------------------------------------------------


def _dotted_name(kind: object) -> str | None:
    """Return the dotted name of a function or class, from the module that defines it."""
    module = checks.plain(attribute(kind, "__module__")) or ""
    word = checks.plain(attribute(kind, "__name__")) or ""
    if module.startswith("tensorflow."):
        return _public_name(kind)
    if module.startswith("flax.nnx"):
        return f"flax.nnx.initializers.{word}"
    for start, pattern in MODULES:
        if module == start or module.startswith(f"{start}."):
            return pattern.format(word)
    return None


def _public_name(kind: object) -> str | None:
    """Return the public dotted name of a function or class of TensorFlow, whose modules are private."""
    names = (name for name in BY_NAME if name.startswith("tf."))
    return next((name for name in names if public(name.replace("tf", "tensorflow", 1)) is kind), None)


def _from_callable(source: Any) -> Entry:
    dotted_name = _dotted_name(source)
    factory_name, is_local, _ = (checks.plain(attribute(source, "__qualname__")) or "").partition(
        ".<locals>."
    )
    if dotted_name is not None and dotted_name not in BY_NAME and is_local:
        factory = dotted_name.rpartition(".")[0] + f".{factory_name}"
        msg = (
            f"`source` is what {factory} returned, whose arguments cannot be read back: pass the "
            f"function and its arguments, as in from_native({factory!r}, ...)."
        )
        raise ArgumentTypeError(msg)
    if dotted_name is None:
        raise ArgumentTypeError(_unknown(source))
    return _entry(dotted_name)


def _from_object(source: Any) -> Initializer:
    kind = type(source)
    get_config = attribute(source, "get_config")
    if kind.__name__ == "UnifiedInitializer" and get_config is not None:
        return _from_spec(get_config())
    dotted_name = _dotted_name(kind)
    if dotted_name is None or (get_config is None and not dotted_name.startswith("haiku.")):
        raise ArgumentTypeError(_unknown(source))
    entry = _entry(dotted_name)
    config = {} if get_config is None else dict(get_config())
    # Haiku has no configurations, and the configuration of Keras' Identity lacks its gain.
    for name in (parameter.name for parameter in entry.parameters):
        if name not in config and hasattr(source, name):
            config[name] = getattr(source, name)
    return entry.spec((), _plain(config))


def _unknown(source: object) -> str:
    return (
        "`source` must be a dotted name, a Keras initializer or configuration, or an initializer "
        f"function or class of a known framework, got {shown(source)}."
    )


# --- by configuration -----------------------------------------------------------------------------


def _from_config(config: Mapping[Any, Any]) -> Initializer:
    entries = dict(checks.items(config) or ())
    given = entries.get("config")
    word, arguments = checks.plain(entries.get("class_name")), () if given is None else checks.items(given)
    if word is None or arguments is None or any(checks.plain(name) is None for name, _ in arguments):
        msg = (
            "`source` must be a Keras configuration, a dict with the entries 'class_name' and 'config', "
            f"got {shown(entries)}."
        )
        raise ArgumentTypeError(msg)
    if word.rpartition(">")[2] == "UnifiedInitializer":
        return _from_spec(dict(arguments))
    return _entry(f"keras.initializers.{word}").spec((), _plain(dict(arguments)))


def _from_spec(config: Mapping[str, Any]) -> Initializer:
    spec = config.get("spec")
    return from_json(spec) if isinstance(spec, str) else from_dict(spec)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a configuration, without the dtype and seed that old releases wrote."""
    return {key: _value(value) for key, value in config.items() if key not in DROPPED}


def _value(value: Any) -> Any:
    """Return the values of an array from the form in which Keras serializes it."""
    entries = dict(checks.items(value) or ())
    if checks.plain(entries.get("class_name")) not in {"__numpy__", "__tensor__"}:
        return value
    config = dict(checks.items(entries.get("config")) or ())
    if "value" not in config:
        msg = f"`source` must have the values of its array in 'config', under 'value', got {shown(value)}."
        raise ArgumentTypeError(msg)
    return config["value"]


def _check_bare(source: object, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
    if args or kwargs:
        msg = f"`source` {shown(source)} has its arguments already, and takes no more."
        raise ArgumentTypeError(msg)
