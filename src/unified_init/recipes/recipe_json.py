"""Recipes as JSON or YAML: a closed vocabulary, and errors that name the bad field."""

from __future__ import annotations

import dataclasses
from typing import Any

from unified_init.core import checks, json_text
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError, UnifiedInitError
from unified_init.interop.getting import get
from unified_init.interop.serialise import needed_parts, schema_of, to_parts
from unified_init.law.law import STREAM
from unified_init.recipes.layer_json import layer_from_tree, layer_tree
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.recipe_schema import SCHEMAS
from unified_init.recipes.rule import Rule

__all__ = ["recipe_from_json", "recipe_from_yaml", "recipe_to_json"]

# ruff: noqa: ANN401  # what JSON holds has no type that we could name

FIELDS = ("schema", "stream", "name", "source", "rules", "layers", "places", "blocks")
SPEC_FIELDS = ("distribution", "scale", "factor", "upscale")
WRITTEN = tuple(field for field in dataclasses.fields(Rule) if field.name != "predicate")


def recipe_to_json(recipe: Recipe, *, indent: int | None = 2) -> str:
    """Return a recipe as JSON text that ``recipe_schema`` describes.

    Args:
        recipe: the rules.
        indent: spaces per indentation level; None writes one line.

    Returns:
        JSON, the same for equal recipes, in the oldest schema that can say them; fields of rules that have
        their default values are left out.

    Raises:
        ArgumentTypeError: ``recipe`` is not a recipe.
        ArgumentValueError: a rule with a predicate, which is code.

    Example:
        >>> import unified_init as ui
        >>> recipe = ui.Recipe("mine", (ui.Rule(spec=ui.zeros(), role="bias"), ui.Rule(spec=ui.he_normal())))
        >>> ui.recipe_from_json(ui.recipe_to_json(recipe)) == recipe
        True
    """
    if not isinstance(recipe, Recipe):
        msg = f"`recipe` must be a Recipe, got {shown(recipe)}."
        raise ArgumentTypeError(msg)
    rules = [_rule_tree(rule, index) for index, rule in enumerate(recipe.rules)]
    tree: dict[str, Any] = {
        "schema": _schema_of(recipe), "stream": STREAM, "name": recipe.name, "source": recipe.source,
        "rules": rules,
    }  # fmt: skip
    if recipe.layers:
        tree["layers"] = {key: layer_tree(layer) for key, layer in dict(recipe.layers).items()}
    if recipe.places:
        tree["places"] = dict(recipe.places)
    if recipe.blocks:
        tree["blocks"] = dict(recipe.blocks)
    return json_text.written(tree, indent)


def recipe_from_json(text: str) -> Recipe:
    """Return the recipe that JSON text describes.

    Args:
        text: what ``recipe_to_json`` returned, or written by hand. In a rule, ``kind``, ``role``,
            ``place``, ``name`` and ``path`` are a word or a list of words; ``spec`` is null, the name of a
            preset, an object with that name and arguments, or has the fields of ``ui.to_json``, of which
            ``factor`` and ``upscale`` may be left out, and ``scale`` of sums and products, whose terms may be
            presets too; ``index`` is a list of [start, stop]. ``layers`` has
            the fields of ``ui.Layer`` by class name or glob.

    Returns:
        An equal recipe.

    Raises:
        ArgumentValueError: not JSON, a missing or unknown field, or a value that its field forbids; the
            message has the path of the field.

    Example:
        >>> import unified_init as ui
        >>> ui.recipe_from_json('{"schema": 1, "stream": "threefry-1", "nmae": "x", "rules": []}')
        Traceback (most recent call last):
        ...
        unified_init.ArgumentValueError: recipe.nmae: unknown field; did you mean 'name'?
    """
    return _recipe(json_text.parse(text, "recipe"))


def recipe_from_yaml(text: str) -> Recipe:
    """Return the recipe that YAML text describes: the same fields as in JSON.

    Args:
        text: YAML; tags that would make objects are refused. Needs PyYAML, of the extra ``cli``.

    Returns:
        The recipe.

    Raises:
        ArgumentValueError: as for ``recipe_from_json``.
        BackendError: PyYAML is not installed.

    Example:
        >>> import unified_init as ui
        >>> recipe = ui.recipe_from_yaml('''
        ... schema: 1
        ... stream: threefry-1
        ... name: zero biases
        ... rules:
        ...   - {role: bias, spec: zeros}
        ...   - {kind: embedding, spec: {name: normal, mean: 0, std: 0.02}}
        ... ''')
        >>> recipe.rules[1] == ui.Rule(spec=ui.normal(0, 0.02), kind="embedding")
        True
    """
    text = checks.text("text", text)
    try:
        import yaml  # noqa: PLC0415  # the extra `cli`
    except ImportError as error:
        msg = 'recipe_from_yaml() needs PyYAML: pip install "unified-init[cli]", or write the recipe as JSON.'
        raise BackendError(msg) from error
    try:
        _check_fields(yaml.compose(text, Loader=yaml.SafeLoader))
        tree = yaml.safe_load(text)
        if isinstance(tree, str):  # the path of a file is a word of YAML
            msg = f"recipe: `text` must be the text of a recipe, got {shown(tree)}: read the file first."
            raise ArgumentValueError(msg)
        return _recipe(tree)
    except UnifiedInitError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none, anchors that loop
        msg = f"recipe: not YAML ({' '.join(str(error).split())})."
        raise ArgumentValueError(msg) from None


def _schema_of(recipe: Recipe) -> int:
    """Return the oldest schema that can say all specs of a recipe."""
    specs = [spec for rule in recipe.rules for spec in (rule.spec, *(spec for _, spec in rule.parts))]
    return max([1, *(schema_of(spec) for spec in specs if spec is not None)])


def _check_fields(node: Any) -> None:
    """Refuse a mapping of YAML that has one field twice, of which the last would be kept without a word."""
    if node is None or isinstance(node.value, str):
        return
    names: set[str] = set()
    for entry in node.value:
        key, value = entry if isinstance(entry, tuple) else (None, entry)
        if key is not None and key.value in names:
            msg = f"the field {key.value!r} is given twice"
            raise ValueError(msg)
        names |= set() if key is None else {str(key.value)}
        _check_fields(value)


def _rule_tree(rule: Rule, index: int) -> dict[str, Any]:
    if rule.predicate is not None:
        msg = f"rule {index} ({rule}) has a predicate, which is code: say it with kind, role, name or path."
        raise ArgumentValueError(msg)
    tree: dict[str, Any] = {"spec": None if rule.spec is None else _spec_tree(rule.spec)}
    for field in WRITTEN:
        value = getattr(rule, field.name)
        if field.name == "parts" and value:
            tree["parts"] = {label: _spec_tree(spec) for label, spec in value}
        elif field.name == "sizes" and value:
            tree["sizes"] = dict(value)
        elif field.name == "index" and value:
            tree["index"] = [list(ends) for ends in value]
        elif field.name != "spec" and value != field.default:
            tree[field.name] = list(value) if isinstance(value, tuple) else value
    return tree


def _spec_tree(spec: Any) -> dict[str, Any]:
    return to_parts(spec)


def _recipe(tree: Any) -> Recipe:
    _expect(tree, FIELDS, ("schema", "stream", "name", "rules"), "recipe")
    if tree["schema"] is True or tree["schema"] not in SCHEMAS:
        msg = f"recipe.schema: must be 1 or 2, the schemas of this release, got {shown(tree['schema'])}."
        raise ArgumentValueError(msg)
    if tree["stream"] != STREAM:
        msg = f"recipe.stream: must be {STREAM!r}, got {shown(tree['stream'])}."
        raise ArgumentValueError(msg)
    if not isinstance(tree["rules"], list):
        msg = f"recipe.rules: must be a list, got {shown(tree['rules'])}."
        raise ArgumentValueError(msg)
    rules = tuple(_rule(entry, f"recipe.rules[{index}]") for index, entry in enumerate(tree["rules"]))
    layers, places, blocks = (tree.get(field, {}) for field in ("layers", "places", "blocks"))
    if not isinstance(layers, dict) or not isinstance(places, dict):
        msg = f"recipe: `layers` and `places` must be objects, got {shown(layers)} and {shown(places)}."
        raise ArgumentValueError(msg)
    layers = {key: layer_from_tree(entry, f"recipe.layers.{key}") for key, entry in layers.items()}
    try:
        return Recipe(tree["name"], rules, tree.get("source", ""), layers, places, blocks)
    except UnifiedInitError as error:
        msg = f"recipe: {error}"
        raise ArgumentValueError(msg) from None


def _rule(tree: Any, path: str) -> Rule:
    _expect(tree, tuple(field.name for field in WRITTEN), ("spec",), path)
    fields = {key: _tuples(value) for key, value in tree.items() if key not in {"spec", "parts"}}
    spec = None if tree["spec"] is None else _spec(tree["spec"], f"{path}.spec")
    part_specs = tree.get("parts", {})
    if not isinstance(part_specs, dict):
        msg = f"{path}.parts: must be an object of labels and specs, got {shown(part_specs)}."
        raise ArgumentValueError(msg)
    parts = tuple((label, _spec(entry, f"{path}.parts.{label}")) for label, entry in part_specs.items())
    try:
        return Rule(spec=spec, parts=parts, **fields)
    except (UnifiedInitError, TypeError) as error:
        msg = f"{path}: {error}"
        raise ArgumentValueError(msg) from None


def _spec(tree: Any, path: str) -> Any:
    is_preset = isinstance(tree, str) or (isinstance(tree, dict) and "name" in tree)
    if not is_preset:
        _expect(tree, SPEC_FIELDS, needed_parts(tree), path)
    try:
        return get(tree)
    except UnifiedInitError as error:
        msg = f"{path}: {error}"
        raise ArgumentValueError(msg) from None


def _expect(tree: Any, fields: tuple[str, ...], required: tuple[str, ...], path: str) -> None:
    if not isinstance(tree, dict):
        msg = f"{path}: must be an object, got {shown(tree)}."
        raise ArgumentValueError(msg)
    for key in tree:
        if key not in fields:
            hint = checks.nearest(str(key), fields)
            msg = f"{path}.{key}: unknown field; {hint or 'the fields are ' + ', '.join(fields) + '.'}"
            raise ArgumentValueError(msg)
    missing = [field for field in required if field not in tree]
    if missing:
        msg = f"{path}: missing fields {', '.join(missing)}."
        raise ArgumentValueError(msg)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(entry) for entry in value) if isinstance(value, list) else value
