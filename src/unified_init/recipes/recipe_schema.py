"""The schema of recipes as JSON."""

from __future__ import annotations

from typing import Any

from unified_init.inventory.vocabulary import KINDS, PLACES, ROLES
from unified_init.law.law import STREAM
from unified_init.recipes.fan_conventions import CONVENTIONS
from unified_init.recipes.layer_json import layer_schema
from unified_init.recipes.rule import PADDINGS, UNITS
from unified_init.spec import presets

__all__ = ["SCHEMAS", "recipe_schema"]

SCHEMAS = (1, 2)  # of a recipe's JSON; the second is that of a recipe with specs of schema 2


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of recipes, for editors and other programs.

    Returns:
        A schema; a recipe that it admits may still be refused for values that no schema can check, such as
        truncation bounds in the wrong order.

    Example:
        >>> import unified_init as ui
        >>> sorted(ui.recipe_schema()["required"])
        ['name', 'rules', 'schema', 'stream']
    """
    words = {name: _words(options) for name, options in (("kind", KINDS), ("role", ROLES), ("place", PLACES))}
    text = {"type": "string"}
    texts = {"anyOf": [text, {"type": "array", "items": text}]}
    count = {"type": "integer", "minimum": 0}
    part = {
        "type": "object",
        "properties": {"kind": text},
        "required": ["kind"],
    }
    preset = {"enum": list(presets.__all__)}
    spec = {
        "anyOf": [
            preset,
            {"type": "object", "properties": {"name": preset}, "required": ["name"]},
            {
                "type": "object",
                "properties": {
                    "distribution": part,
                    "scale": part,
                    "factor": {"type": "number", "not": {"const": 0}},
                    "upscale": {"type": "integer", "minimum": 1},
                },
                "required": ["distribution", "scale"],
                "additionalProperties": False,
            },
        ]
    }
    end = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    fan = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]}
    rule = {
        "type": "object",
        "properties": {
            "spec": {"anyOf": [{"$ref": "#/$defs/spec"}, {"type": "null"}]},
            **words,
            "name": texts,
            "path": texts,
            "shape": {"type": "array", "items": count},
            "block": {"anyOf": [count, {"type": "array", "items": count}]},
            "depthwise": {"type": "boolean"},
            "fused": {"type": "boolean"},
            "fans": {
                "anyOf": [
                    {"enum": list(CONVENTIONS)},
                    {"type": "array", "items": fan, "minItems": 2, "maxItems": 2},
                ]
            },
            "unit": {"enum": list(UNITS)},
            "layout": text,
            "sizes": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
            "index": {
                "type": "array",
                "items": {"type": "array", "items": end, "minItems": 2, "maxItems": 2},
            },
            "stream": {"type": "array", "items": text, "minItems": 2, "maxItems": 2},
            "parts": {"type": "object", "additionalProperties": {"$ref": "#/$defs/spec"}},
            "padding": {"enum": list(PADDINGS)},
            "by_block": {"type": "number"},
            "optional": {"type": "boolean"},
            "note": text,
        },
        "required": ["spec"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "unified_init recipe",
        "type": "object",
        "properties": {
            "schema": {"enum": list(SCHEMAS)},
            "stream": {"const": STREAM},
            "name": text,
            "source": text,
            "rules": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "minItems": 1},
            "layers": {"type": "object", "additionalProperties": layer_schema()},
            "places": {"type": "object", "additionalProperties": {"enum": list(PLACES)}},
            "blocks": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 1}},
        },
        "required": ["schema", "stream", "name", "rules"],
        "additionalProperties": False,
        "$defs": {"spec": spec, "rule": rule},
    }


def _words(options: tuple[str, ...]) -> dict[str, Any]:
    word = {"enum": list(options)}
    return {"anyOf": [word, {"type": "array", "items": word}]}
