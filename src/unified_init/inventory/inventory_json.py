"""Reads inventories from JSON, on any machine and without a framework."""

from __future__ import annotations

import dataclasses
from typing import Any

from unified_init.core import checks, json_text
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.inventory import SCHEMA, Inventory
from unified_init.inventory.parts import Part
from unified_init.inventory.records import Record

__all__ = ["inventory_from_json"]

# ruff: noqa: ANN401  # what JSON holds has no type that we could name

FIELDS = ("schema", "framework", "records", "left")


def inventory_from_json(text: str) -> Inventory:
    """Return the inventory that JSON text describes.

    Args:
        text: what ``inventory_to_json`` returned.

    Returns:
        An equal inventory.

    Raises:
        ArgumentValueError: not JSON, an unknown field or version, or a value that its field forbids;
            the message has the path of the field.

    Example:
        >>> import unified_init as ui
        >>> ui.inventory_from_json('{"schema": 2, "framework": "torch", "records": [], "left": []}')
        Traceback (most recent call last):
        ...
        unified_init.ArgumentValueError: inventory.schema: must be 1, the schema of this release, got 2.
    """
    tree = json_text.parse(text, "inventory")
    if not isinstance(tree, dict) or sorted(tree) != sorted(FIELDS):
        received = sorted(tree) if isinstance(tree, dict) else type(tree).__name__
        msg = f"inventory: must be an object with the fields {', '.join(FIELDS)}, got {received}."
        raise ArgumentValueError(msg)
    if tree["schema"] is True or tree["schema"] != SCHEMA:
        msg = f"inventory.schema: must be {SCHEMA}, the schema of this release, got {shown(tree['schema'])}."
        raise ArgumentValueError(msg)
    entries, unwritten = (_list(tree[field], f"inventory.{field}") for field in ("records", "left"))
    records = tuple(_record(entry, f"inventory.records[{i}]") for i, entry in enumerate(entries))
    try:
        return Inventory(tree["framework"], records, tuple(checks.text("left", path) for path in unwritten))
    except UnifiedInitError as error:
        msg = f"inventory: {error}"
        raise ArgumentValueError(msg) from None


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        msg = f"{path}: must be a list, got {shown(value)}."
        raise ArgumentValueError(msg)
    return value


def _record(tree: Any, path: str) -> Record:
    if isinstance(tree, dict) and "parts" in tree:
        entries = _list(tree["parts"], f"{path}.parts")
        parts = tuple(_build(Part, entry, f"{path}.parts[{i}]") for i, entry in enumerate(entries))
        tree = tree | {"parts": parts}
    record: Record = _build(Record, tree, path)
    return record


def _build(cls: type[Any], tree: Any, path: str) -> Any:
    fields_by_name = {field.name: field for field in dataclasses.fields(cls)}
    if not isinstance(tree, dict):
        msg = f"{path}: must be an object, got {shown(tree)}."
        raise ArgumentValueError(msg)
    unknown = [key for key in tree if key not in fields_by_name]
    if unknown:
        msg = f"{path}.{unknown[0]}: unknown field; the fields are {', '.join(fields_by_name)}."
        raise ArgumentValueError(msg)
    missing = [
        key
        for key, field in fields_by_name.items()
        if field.default is dataclasses.MISSING and key not in tree
    ]
    if missing:
        msg = f"{path}: missing fields {', '.join(missing)}."
        raise ArgumentValueError(msg)
    try:
        return cls(**{key: _tuples(value) for key, value in tree.items()})
    except (UnifiedInitError, TypeError, ValueError) as error:
        msg = f"{path}: {error}"
        raise ArgumentValueError(msg) from None


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, (list, tuple)) else value
