"""Recipes and inventories as files: equal when read back, by a published schema, with errors that say where."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

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


def test_a_recipe_is_equal_when_read_back() -> None:
    """Every field of a rule survives, in JSON and in YAML, which JSON is a part of."""
    assert ui.recipe_from_json(ui.recipe_to_json(RECIPE)) == RECIPE
    assert ui.recipe_from_yaml(ui.recipe_to_json(RECIPE, indent=None)) == RECIPE


def test_the_schema_admits_what_is_written_and_refuses_what_is_not() -> None:
    """JSON Schema, checked by the jsonschema package."""
    import jsonschema

    schema = ui.recipe_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    tree = json.loads(ui.recipe_to_json(RECIPE))
    jsonschema.validate(tree, schema)
    spoils: list[dict[str, Any]] = [
        {"rules": []},
        {"schema": 2},
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
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.recipe_to_json(recipe)
    assert str(caught.value) == (
        "rule 0 (predicate bool) has a predicate, which is code: say it with kind, role, name or path."
    )


HEAD: dict[str, Any] = {"schema": 1, "stream": "threefry-1", "name": "x"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "recipe: not JSON (Expecting value: line 1 column 2 (char 1))."),
        ("[]", "recipe: must be an object, got []."),
        (json.dumps(HEAD), "recipe: missing fields rules."),
        (json.dumps(HEAD | {"rules": 3}), "recipe.rules: must be a list, got 3."),
        (json.dumps(HEAD | {"rules": []}), "recipe: `rules` of recipe 'x' must not be empty."),
        (
            json.dumps(HEAD | {"rules": [], "schema": 7}),
            "recipe.schema: must be 1, the schema of this release, got 7.",
        ),
        (json.dumps(HEAD | {"rules": [], "stream": "y"}), "recipe.stream: must be 'threefry-1', got 'y'."),
        (
            json.dumps(HEAD | {"rules": [], "stem": 1}),
            "recipe.stem: unknown field; did you mean 'stream'?",
        ),
        (
            json.dumps(HEAD | {"rules": [], "qqq": 1}),
            "recipe.qqq: unknown field; the fields are schema, stream, name, source, rules.",
        ),
        (json.dumps(HEAD | {"rules": [3]}), "recipe.rules[0]: must be an object, got 3."),
        (json.dumps(HEAD | {"rules": [{}]}), "recipe.rules[0]: missing fields spec."),
        (
            json.dumps(HEAD | {"rules": [{"spec": None, "kind": "lsmt"}]}),
            (
                "recipe.rules[0]: `kind` must be 'linear', 'conv', 'conv_transpose', 'bilinear', 'embedding', "
                "'batch_norm', 'layer_norm', 'group_norm', 'rms_norm', 'lstm', 'gru', 'rnn', 'attention', 'prelu', "
                "'lora' or 'parameter', got 'lsmt'. Did you mean 'lstm'?"
            ),
        ),
        (
            json.dumps(HEAD | {"rules": [{"spec": None, "name": "re:("}]}),
            "recipe.rules[0]: `re:(` is no regular expression: missing ), unterminated subpattern at position 0.",
        ),
        (
            json.dumps(HEAD | {"rules": [{"spec": None, "parts": 3}]}),
            "recipe.rules[0].parts: must be an object of labels and specs, got 3.",
        ),
        (
            json.dumps(HEAD | {"rules": [{"spec": {"distribution": {"kind": "Normal"}}}]}),
            "recipe.rules[0].spec: missing fields scale.",
        ),
    ],
)
def test_a_bad_recipe_is_refused_with_the_path_of_the_field(text: str, message: str) -> None:
    """The whole sentence."""
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.recipe_from_json(text)
    assert str(caught.value) == message


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
        with pytest.raises(ui.ArgumentValueError, match=r"^recipe: not YAML"):
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
    ("text", "message"),
    [
        ("x", "inventory: not JSON (Expecting value: line 1 column 1 (char 0))."),
        ("{}", "inventory: must be an object with the fields schema, framework, records, left, got []."),
        (
            '{"schema": 1, "framework": "torch", "records": 3, "left": []}',
            "inventory.records: must be a list, got 3.",
        ),
        (
            '{"schema": 1, "framework": "torch", "records": [{"nmae": 1}], "left": []}',
            (
                "inventory.records[0].nmae: unknown field; the fields are name, path, shape, kind, role, layout, sizes, "
                "place, block, dtype, inputs, outputs, space, groups, hidden, features, padding, axis, parts, ties, "
                "native."
            ),
        ),
        (
            '{"schema": 1, "framework": "torch", "records": [{"name": "a", "path": "a"}], "left": []}',
            "inventory.records[0]: missing fields shape, kind, role.",
        ),
        (
            (
                '{"schema": 1, "framework": "torch", "left": [], "records": '
                '[{"name": "a", "path": "a", "shape": [2], "kind": "linear", "role": "x"}]}'
            ),
            (
                "inventory.records[0]: `role` must be 'kernel', 'recurrent_kernel', 'projection', 'bias', "
                "'recurrent_bias', 'scale', 'offset', 'mean', 'variance', 'count', 'embedding', 'position', 'token', "
                "'layer_scale', 'slope', 'adapter_a', 'adapter_b', 'parameter' or 'buffer', got 'x'."
            ),
        ),
        (
            (
                '{"schema": 1, "framework": "torch", "left": [], "records": '
                '[{"name": "a", "path": "a", "shape": [2], "kind": "linear", "role": "bias", "axis": 0, "parts": '
                '[{"label": "q", "length": 3, "path": "a"}]}]}'
            ),
            "inventory.records[0]: `parts` of 'a' must fill axis 0 of (2,), got lengths [3].",
        ),
    ],
)
def test_a_bad_inventory_is_refused_with_the_path_of_the_field(text: str, message: str) -> None:
    """The whole sentence."""
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.inventory_from_json(text)
    assert str(caught.value) == message


def test_only_recipes_and_inventories_are_written() -> None:
    """The message says what makes one."""
    with pytest.raises(ui.ArgumentTypeError) as caught:
        ui.recipe_to_json(3)  # type: ignore[arg-type]  # wrong on purpose
    assert str(caught.value) == "`recipe` must be a Recipe, got 3."
    with pytest.raises(ui.ArgumentTypeError) as caught:
        ui.inventory_to_json(3)  # type: ignore[arg-type]  # wrong on purpose
    assert str(caught.value) == "`inventory` must be an Inventory, got int: inspect(model) makes one."


@pytest.mark.parametrize(
    ("records", "left", "message"),
    [
        ([3], [], "inventory.records[0]: must be an object, got 3."),
        ([], [3], "inventory: `left` must be a string, got 3."),
        ([{"name": "a", "path": "a", "shape": [2], "kind": "linear", "role": "bias", "parts": 3}], [],
         "inventory.records[0].parts: must be a list, got 3."),
    ],
)  # fmt: skip
def test_hostile_inventories_are_refused(records: Any, left: Any, message: str) -> None:
    """With the path of the field."""
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.inventory_from_json(
            json.dumps({"schema": 1, "framework": "torch", "records": records, "left": left})
        )
    assert str(caught.value) == message


def test_an_inventory_of_another_schema_is_refused() -> None:
    """True is no 1."""
    for schema in (2, True):
        with pytest.raises(ui.ArgumentValueError) as caught:
            ui.inventory_from_json(
                json.dumps({"schema": schema, "framework": "torch", "records": [], "left": []})
            )
        assert str(caught.value) == (
            f"inventory.schema: must be 1, the schema of this release, got {schema!r}."
        )


def test_a_bad_spec_in_a_recipe_has_its_path() -> None:
    """The error of the spec, behind the path of the rule."""
    bad = {"distribution": {"kind": "Normal"}, "scale": {"kind": "Fixed", "std": -1.0, "mean": 0.0}}
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.recipe_from_json(json.dumps(HEAD | {"rules": [{"spec": bad}]}))
    assert str(caught.value) == (
        "recipe.rules[0].spec: spec.scale: `std` must be positive and at least 2**-90, got -1.0: use zeros() or "
        "constant(value) for values that do not vary."
    )


def test_what_is_no_yaml_is_said_to_be_none() -> None:
    """With the reason that PyYAML gives."""
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.recipe_from_yaml("a: 2020-13-45")
    assert str(caught.value) == "recipe: not YAML (month must be in 1..12)."


def test_yaml_without_pyyaml_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install, or what to write instead."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ui.BackendError) as caught:
        ui.recipe_from_yaml("{}")
    assert str(caught.value) == (
        'recipe_from_yaml() needs PyYAML: pip install "unified-init[cli]", or write the recipe as JSON.'
    )


def test_yaml_that_is_no_recipe_has_the_path_of_the_field() -> None:
    """As JSON has."""
    with pytest.raises(ui.ArgumentValueError) as caught:
        ui.recipe_from_yaml("{}")
    assert str(caught.value) == "recipe: missing fields schema, stream, name, rules."
