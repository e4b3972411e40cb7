"""Names from outside: without the words of a wrapper, and as the keys of a checkpoint."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.patterns import matches
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.places import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record

__all__ = ["all_paths", "loaded_records", "texts", "without_prefixes"]

# What PyTorch calls the tensors from which it computes a weight: by parametrizations, and by the older hooks.
PARAMETRIZED = re.compile(r"\bparametrizations\.(\w+)\..*$")
PATTERN = re.compile(r"^re:|[*?\[]")


def texts(argument: str, patterns: object) -> tuple[str, ...]:
    """Return one pattern or several as a tuple."""
    alternatives = (patterns,) if isinstance(patterns, str) else checks.entries(patterns)
    if isinstance(patterns, (set, frozenset)):
        alternatives = tuple(patterns)
    if alternatives is None:
        msg = f"`{argument}` must be a pattern or several, got {shown(patterns)}."
        raise ArgumentTypeError(msg)
    return tuple(checks.text(argument, pattern) for pattern in alternatives)


def without_prefixes(inventory: Inventory, strip: Sequence[str] | str | None) -> Inventory:
    """Return the inventory with stream names without the words of a wrapper that they begin with.

    Args:
        inventory: its native paths stay.
        strip: such as "net", with or without the dot or slash behind it; the first that fits is removed.
    """
    if strip is None:
        return inventory
    words = [prefix.rstrip("./") for prefix in texts("strip", strip)]
    names = {record.path: _without(record.name, words) for record in inventory}
    for word in words:
        if not any(record.name.startswith((f"{word}.", f"{word}/")) for record in inventory):
            example = f", such as {inventory.records[0].name!r}" if inventory.records else ""
            msg = f"`strip`: no name of the model begins with {word!r} and a dot or a slash{example}."
            raise ArgumentValueError(msg)
    _check_distinct(names)
    records = [dataclasses.replace(record, name=names[record.path]) for record in inventory]
    return dataclasses.replace(inventory, records=tuple(records))


def _check_distinct(names: Mapping[str, str]) -> None:
    """Refuse one name for two tensors: they would draw the same values, or one would hide the other."""
    paths: dict[str, str] = {}
    for path, name in names.items():
        if name in paths:
            msg = (
                f"`strip` gives {paths[name]!r} and {path!r} the same name, {name!r}: strip no prefix that "
                "makes them equal, and name tensors one by one with names= of plan and apply."
            )
            raise ArgumentValueError(msg)
        paths[name] = path


def _without(name: str, words: Iterable[str]) -> str:
    for word in words:
        if name.startswith((f"{word}.", f"{word}/")):
            return name[len(word) + 1 :]
    return name


def loaded_records(inventory: Inventory, patterns: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the native paths that hold loaded values, and the keys that name no tensor of the model.

    Args:
        inventory: of the model.
        patterns: globs and regular expressions, each of which must match; and keys of a checkpoint, of which
            one must: the tensors from which a weight is computed stand for the weight, and the words that
            wrappers insert do not count.
    """
    by_word = {word: record for record in inventory for word in (record.name, *all_paths(record))}
    loaded: set[str] = set()
    unexpected: list[str] = []
    keys = frozenset(patterns)
    for pattern in patterns:
        if PATTERN.search(pattern):
            matched = {path for record in inventory for path in all_paths(record) if matches(pattern, path)}
            if not matched and not any(matches(pattern, path) for path in inventory.left):
                msg = f"`loaded`: {pattern!r} matches no parameter of the model."
                raise ArgumentValueError(msg)
            loaded |= matched
            continue
        record = next((by_word[key] for key in _spellings(pattern, keys) if key in by_word), None)
        if record is not None:
            loaded |= all_paths(record)
        elif pattern not in inventory.left:
            unexpected.append(pattern)
    if unexpected and not loaded:
        msg = (
            f"`loaded`: none of the {len(unexpected)} keys, such as {unexpected[0]!r}, names a parameter "
            "of the model: pass native paths or stream names; strip= removes a prefix of the names."
        )
        raise ArgumentValueError(msg)
    return frozenset(loaded), tuple(sorted(unexpected))


def all_paths(record: Record) -> set[str]:
    """Return the native paths of a record: its own, those of its ties, those of its parts."""
    return {record.path, *record.ties, *(path for path, _ in record.stored)}


def _spellings(key: str, keys: frozenset[str]) -> Iterable[str]:
    """Yield a key of a checkpoint as it may be called in the model, the most literal first."""
    plain = unwrapped(key)
    weight = key[:-2]
    is_pair = (
        key.endswith(("_g", "_v")) and {f"{weight}_g", f"{weight}_v"} <= keys
    )  # of the older weight_norm
    for spelling in dict.fromkeys((key, plain, plain.removeprefix("module."))):
        yield spelling
        yield PARAMETRIZED.sub(r"\1", spelling)
        yield spelling.removesuffix("_orig")
        if is_pair:
            yield spelling[:-2]
