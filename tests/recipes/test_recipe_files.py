"""Recipes and inventories as files: equal when read back, by a published schema, with errors that say where."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

import pytest
from tests.helpers.messages import refused

import unified_init as ui

RECIPE = ui.Recipe(
    "mine",
    (
        ui.Rule(spec=ui.zeros(), role=("bias", "offset"), note="all of them"),
        ui.Rule(spec=None, path=r"re:.*\.frozen\..*", optional=True),
        ui.Rule(spec=ui.orthogonal(), kind="lstm", role="recurrent_kernel", unit="whole"),
        ui.Rule(spec=ui.zeros(), kind="lstm", role="bias", parts=(("f", ui.ones()),), block=(0, 2)),
        ui.Rule(spec=ui.he_normal() * 0.5, shape=(3, 4), fans=(3.0, None), depthwise=True, by_block=-0.5),
        ui.Rule(spec=ui.truncated_normal(0.0, 0.02), fused=False, fans="keras", padding="zero", name="x*"),
    ),
    "nowhere",
)
NOISY = ui.Recipe(
    "identities with noise",
    (
        ui.Rule(spec=ui.identity(-0.7) + ui.normal(0.0, 0.01), kind="rnn", role="recurrent_kernel"),
        ui.Rule(spec=ui.along("OI", [[1, 2], [3, 0]]) * ui.he_normal(), parts=(("q", -ui.ones()),)),
    ),
)


def test_a_recipe_is_equal_when_read_back() -> None:
    """Every field of a rule survives, in JSON and in YAML, which JSON is a part of."""
    assert ui.recipe_from_json(ui.recipe_to_json(RECIPE)) == RECIPE
    assert ui.recipe_from_yaml(ui.recipe_to_json(RECIPE, indent=None)) == RECIPE
    assert ui.recipe_from_json(ui.recipe_to_json(NOISY)) == NOISY


def test_a_recipe_is_written_in_the_oldest_schema_that_can_say_it() -> None:
    """An older release reads what it knows, and refuses the rest by its number."""
    assert json.loads(ui.recipe_to_json(RECIPE))["schema"] == 1
    assert json.loads(ui.recipe_to_json(NOISY))["schema"] == 2


def test_the_schema_admits_what_is_written_and_refuses_what_is_not() -> None:
    """JSON Schema, checked by the jsonschema package."""
    import jsonschema

    schema = ui.recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    tree = json.loads(ui.recipe_to_json(RECIPE))
    jsonschema.validate(tree, schema)
    jsonschema.validate(json.loads(ui.recipe_to_json(NOISY)), schema)
    spoils: list[dict[str, Any]] = [
        {"rules": []},
        {"schema": 3},
        {"rules": [{"spec": None, "kinds": "lstm"}]},
        {"more": 1},
    ]
    for spoil in spoils:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tree | spoil, schema)


def test_the_schema_is_the_one_in_the_repository(request: pytest.FixtureRequest) -> None:
    """docs/recipe.schema.json is generated; editors may point at it."""
    path = request.config.rootpath / "docs" / "recipe.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == ui.recipe_schema()


def test_a_predicate_cannot_be_written() -> None:
    """It is code."""
    recipe = ui.Recipe("x", (ui.Rule(spec=ui.ones(), predicate=bool),))
    with refused(ui.ArgumentValueError):
        ui.recipe_to_json(recipe)


HEAD: dict[str, Any] = {"schema": 1, "stream": "threefry-1", "name": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[]",
        json.dumps(HEAD),
        json.dumps(HEAD | {"rules": 3}),
        json.dumps(HEAD | {"rules": []}),
        json.dumps(HEAD | {"rules": [], "schema": 7}),
        json.dumps(HEAD | {"rules": [], "stream": "y"}),
        json.dumps(HEAD | {"rules": [], "stem": 1}),
        json.dumps(HEAD | {"rules": [], "qqq": 1}),
        json.dumps(HEAD | {"rules": [3]}),
        json.dumps(HEAD | {"rules": [{}]}),
        json.dumps(HEAD | {"rules": [{"spec": None, "kind": "lsmt"}]}),
        json.dumps(HEAD | {"rules": [{"spec": None, "name": "re:("}]}),
        json.dumps(HEAD | {"rules": [{"spec": None, "parts": 3}]}),
        json.dumps(HEAD | {"rules": [{"spec": {"distribution": {"kind": "Normal"}}}]}),
    ],
    ids=itertools.count(),
)
def test_a_bad_recipe_is_refused_with_the_path_of_the_field(text: str) -> None:
    """The whole sentence."""
    with refused(ui.ArgumentValueError):
        ui.recipe_from_json(text)


LOOP = "{schema: 1, stream: threefry-1, name: x, rules: [{spec: null, shape: &a [*a]}]}"


def test_yaml_makes_no_objects() -> None:
    """Tags of Python's are refused, and so is what is no YAML."""
    for text in (
        "!!python/object/apply:os.getcwd []",
        "a: [",
        "{",
        "a: 2020-13-45",
        LOOP,
        "[" * 100_000,
    ):
        with refused(ui.ArgumentValueError, hidden=r"(?s)(?<=not YAML ).*"):
            ui.recipe_from_yaml(text)


RECORD = ui.Record(
    name="n", path="p", shape=(6, 4), layout="(BO)I", sizes=(("B", 2),), kind="conv", role="kernel", inputs=4,
    outputs=3, groups=2, ties=("q",), native="Conv",
)  # fmt: skip
FUSED = ui.Record(
    name="f", path="f", shape=(6,), layout="O", kind="lstm", role="bias", axis=0, hidden=3,
    parts=(
        ui.Part(label="i", length=3, path="f", box=((0, 3),)),
        ui.Part(label="f", length=3, path="f", box=((3, 6),), shift=1.0),
    ),
)  # fmt: skip


def test_an_inventory_is_equal_when_read_back() -> None:
    """Records, parts, boxes and shifts."""
    inventory = ui.Inventory("torch", (RECORD, FUSED), ("buffer",))
    again = ui.inventory_from_json(ui.inventory_to_json(inventory, indent=1))
    assert again == inventory
    assert again.digest == ui.Inventory("torch", (FUSED, RECORD), ("buffer",)).digest


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{}",
        '{"schema": 1, "framework": "torch", "records": 3, "left": []}',
        '{"schema": 1, "framework": "torch", "records": [{"nmae": 1}], "left": []}',
        '{"schema": 1, "framework": "torch", "records": [{"name": "a", "path": "a"}], "left": []}',
        (
            '{"schema": 1, "framework": "torch", "left": [], "records": '
            '[{"name": "a", "path": "a", "shape": [2], "kind": "linear", "role": "x"}]}'
        ),
        (
            '{"schema": 1, "framework": "torch", "left": [], "records": '
            '[{"name": "a", "path": "a", "shape": [2], "kind": "linear", "role": "bias", "axis": 0, "parts": '
            '[{"label": "q", "length": 3, "path": "a"}]}]}'
        ),
    ],
    ids=itertools.count(),
)
def test_a_bad_inventory_is_refused_with_the_path_of_the_field(text: str) -> None:
    """The whole sentence."""
    with refused(ui.ArgumentValueError):
        ui.inventory_from_json(text)


def test_only_recipes_and_inventories_are_written() -> None:
    """The message says what makes one."""
    with refused(ui.ArgumentTypeError):
        ui.recipe_to_json(3)  # type: ignore[arg-type]  # wrong on purpose
    with refused(ui.ArgumentTypeError):
        ui.inventory_to_json(3)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("records", "left"),
    [
        ([3], []),
        ([], [3]),
        ([{"name": "a", "path": "a", "shape": [2], "kind": "linear", "role": "bias", "parts": 3}], []),
    ],
)
def test_hostile_inventories_are_refused(records: Any, left: Any) -> None:
    """With the path of the field."""
    with refused(ui.ArgumentValueError):
        ui.inventory_from_json(
            json.dumps({"schema": 1, "framework": "torch", "records": records, "left": left})
        )


def test_an_inventory_of_another_schema_is_refused() -> None:
    """True is no 1."""
    for schema in (2, True):
        with refused(ui.ArgumentValueError):
            ui.inventory_from_json(
                json.dumps({"schema": schema, "framework": "torch", "records": [], "left": []})
            )


def test_a_bad_spec_in_a_recipe_has_its_path() -> None:
    """The error of the spec, behind the path of the rule."""
    bad = {"distribution": {"kind": "Normal"}, "scale": {"kind": "Fixed", "std": -1.0, "mean": 0.0}}
    with refused(ui.ArgumentValueError):
        ui.recipe_from_json(json.dumps(HEAD | {"rules": [{"spec": bad}]}))


def test_what_is_no_yaml_is_said_to_be_none() -> None:
    """With the reason that PyYAML gives."""
    with refused(ui.ArgumentValueError):
        ui.recipe_from_yaml("a: 2020-13-45")


def test_yaml_without_pyyaml_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install, or what to write instead."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with refused(ui.BackendError):
        ui.recipe_from_yaml("{}")


def test_yaml_that_is_no_recipe_has_the_path_of_the_field() -> None:
    """As JSON has."""
    with refused(ui.ArgumentValueError):
        ui.recipe_from_yaml("{}")


@pytest.mark.parametrize(
    "text",
    [
        "name: x\nname: y",
        "rules:\n  - role: bias\n    spec: null\n    role: kernel",
        "rules:\n  - spec: {distribution: {kind: Constant, value: 0.0, value: 1.0}}",
    ],
    ids=["recipe", "rule", "spec"],
)
def test_a_field_that_stands_twice_in_yaml_is_refused(text: str) -> None:
    """At any depth, as in JSON."""
    with refused(ui.ArgumentValueError):
        ui.recipe_from_yaml(text)
