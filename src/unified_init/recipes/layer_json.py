"""Descriptions of layers as plain data, as recipes in files have them."""

from __future__ import annotations

from typing import Any

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.layer import Layer, Split
from unified_init.inventory.vocabulary import KINDS, ROLES

__all__ = ["layer_from_tree", "layer_schema", "layer_tree"]

# ruff: noqa: ANN401  # what JSON holds has no type that we could name

FIELDS = ("kind", "tensors", "centred", "fans", "sizes", "parts")


def layer_tree(layer: Layer) -> dict[str, Any]:
    """Return a description as plain data; fields that say nothing are left out."""
    tree: dict[str, Any] = {
        "kind": layer.kind,
        "tensors": {name: list(entry) for name, entry in dict(layer.tensors).items()},
        "centred": layer.centred,
        "fans": layer.fans and list(layer.fans),
        "sizes": dict(layer.sizes),
        "parts": {
            name: {"labels": list(split.labels), "lengths": list(split.lengths), "blocks": split.blocks}
            for name, split in dict(layer.parts).items()
        },
    }
    return {field: value for field, value in tree.items() if value is not None and value != {}}


def layer_from_tree(tree: Any, path: str) -> Layer:
    """Return the description that plain data gives; ``path`` is where it is, for messages."""
    if not isinstance(tree, dict) or not tree.keys() <= set(FIELDS):
        msg = f"{path}: must be an object with fields of {', '.join(FIELDS)}, got {shown(tree)}."
        raise ArgumentValueError(msg)
    try:
        parts = {
            name: Split(**entry) if isinstance(entry, dict) else entry
            for name, entry in dict(tree.get("parts", {})).items()
        }
        return Layer(**tree | {"parts": parts})
    except (UnifiedInitError, TypeError, ValueError) as error:
        msg = f"{path}: {error}"
        raise ArgumentValueError(msg) from None


def layer_schema() -> dict[str, Any]:
    """Return the JSON Schema of one description."""
    count = {"type": "integer", "minimum": 1}
    text = {"type": "string"}
    role = {"enum": list(ROLES)}
    labels = {"type": "array", "items": text, "minItems": 1}
    split = {
        "type": "object",
        "properties": {"labels": labels, "lengths": {"type": "array", "items": count}, "blocks": count},
        "required": ["labels"],
        "additionalProperties": False,
    }
    entry = {
        "type": "array",
        "prefixItems": [role, {"anyOf": [text, {"type": "null"}]}],
        "minItems": 1,
        "maxItems": 2,
    }
    fields = {
        "kind": {"enum": list(KINDS)},
        "tensors": {"type": "object", "additionalProperties": {"anyOf": [role, entry]}},
        "centred": {"type": "boolean"},
        "fans": {"type": "array", "items": count, "minItems": 2, "maxItems": 2},
        "sizes": {"type": "object", "additionalProperties": count},
        "parts": {"type": "object", "additionalProperties": {"anyOf": [split, labels]}},
    }
    return {"type": "object", "properties": fields, "additionalProperties": False}
