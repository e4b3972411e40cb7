"""JSON of specs, recipes and inventories: what is no JSON, and what JSON would take without a word."""

from __future__ import annotations

import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.core import json_text

READERS = {
    "spec": ui.from_json,
    "recipe": ui.recipe_from_json,
    "inventory": ui.inventory_from_json,
}


@pytest.mark.parametrize("what", READERS)
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting property name"),
        ("[" * 100_000, "maximum recursion depth exceeded"),
        ("1" * 5000, "Exceeds the limit"),
        ('{"schema": 1, "schema": 1}', "the field 'schema' is given twice"),
        ('{"a": {"kind": "x", "b": 0, "kind": "y"}}', "the field 'kind' is given twice"),
    ],
    ids=["broken", "deep", "long", "twice", "twice inside"],
)
def test_every_reader_refuses_it(what: str, text: str, reason: str) -> None:
    """By the name of what was read, and with the reason."""
    with refused(ui.ArgumentValueError, hidden=f"(?<={reason}).*"):  # Python's words, which change
        READERS[what](text)


def test_only_text_is_read() -> None:
    """Bytes are no text; one value of each kind comes back as it is."""
    with refused(ui.ArgumentTypeError):
        json_text.parse(b"{}", "spec")
    assert json_text.parse('{"a": [1, 2.5, null, {"b": "c"}]}', "spec") == {"a": [1, 2.5, None, {"b": "c"}]}
