"""Plans: which rule of a recipe gives which law to which parameter, before anything is written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError
from unified_init.inventory.records import Inventory, Part, Record
from unified_init.law.layout import bind
from unified_init.models.plan_checks import check_labels, check_lost, check_rules, check_streams
from unified_init.models.plan_text import table, tree
from unified_init.recipes.near_misses import miss
from unified_init.recipes.rule import Recipe, matches
from unified_init.spec.fans import fans_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from unified_init.law.law import Fans, Law
    from unified_init.recipes.rule import Rule
    from unified_init.spec.initializer import Initializer

__all__ = ["Assignment", "Piece", "Plan", "plan_inventory", "texts"]

# The order of parts in a tensor that is drawn whole, whatever order a framework stores them in.
CANONICAL = ("q", "k", "v", "i", "f", "g", "o", "r", "z", "n")


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """One tensor to draw: a record, one part of it, or all its parts as one.

    ``parts`` are those that it holds, in the order in which they lie in it; () is an unfused record.
    ``fans`` are given to the draw where they are not those of the layout.
    """

    name: str
    shape: tuple[int, ...]
    spec: Initializer
    fans: Fans | None
    law: Law
    parts: tuple[Part, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """A record, the rule that decides it, by its index, and what is drawn; nothing if it is left alone."""

    record: Record
    rule: int
    pieces: tuple[Piece, ...]
    zero_row: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a recipe does to a model, and what it leaves.

    Args:
        recipe: the recipe.
        inventory: the records, under the stream names that are used.
        assignments: one a record that is written or left by a rule, in the model's order.
        skipped: paths that ``only`` and ``skip`` leave out.

    Example:
        >>> import unified_init as ui
        >>> record = ui.Record(name="fc.weight", path="fc.weight", shape=(10, 20), layout="OI",
        ...                    kind="linear", role="kernel", inputs=20, outputs=10)
        >>> print(ui.plan(ui.Inventory("torch", (record,)), ui.Recipe("none", (ui.Rule(spec=ui.zeros()),))))
        recipe 'none': 1 of 1 parameters, 200 values
        path       shape     kind    role    rule  law    fan_in  fan_out  mean  std  low  high
        fc.weight  (10, 20)  linear  kernel  0     zeros  20      10       0     0    0    0
    """

    recipe: Recipe
    inventory: Inventory
    assignments: tuple[Assignment, ...]
    skipped: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Assignment]:
        """Go through the assignments in the model's order."""
        return iter(self.assignments)

    def __getitem__(self, path: str) -> Assignment:
        """Return the assignment of a native path, or of one that is tied to it."""
        for assignment in self.assignments:
            if path == assignment.record.path or path in assignment.record.ties:
                return assignment
        msg = f"the model has no parameter {path!r}"
        raise KeyError(msg)

    def __str__(self) -> str:
        """Return the plan as a table."""
        written = [one for one in self.assignments if one.pieces]
        values = sum(one.record.size for one in written)
        count = f"{len(written)} of {len(self.inventory)} parameters"
        head = f"recipe {self.recipe.name!r}: {count}, {values:,} values"
        return "\n".join([head, *table(self.assignments)])

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the plan as JSON: the path, stream names, rule, specs and laws of each parameter."""
        whole = {
            "recipe": self.recipe.name,
            "inventory": self.inventory.digest,
            "assignments": [tree(one) for one in self],
            "skipped": list(self.skipped),
        }
        return json.dumps(whole, indent=indent, allow_nan=False)


def plan_inventory(
    inventory: Inventory,
    recipe: Recipe,
    *,
    names: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    skip: Sequence[str] | str | None = None,
) -> Plan:
    """Return the plan of a recipe for an inventory; ``ui.plan`` documents the arguments."""
    if not isinstance(recipe, Recipe):
        msg = (
            f"`recipe` must be a Recipe, such as unified_init.recipes.torch_default(), got {recipe!r}"
            f"{': call it' if callable(recipe) else ''}."
        )
        raise ArgumentTypeError(msg)
    chosen = _chosen(inventory, only, skip)
    renamed = _renamed(inventory, names)
    decided = [
        next((i for i, rule in enumerate(recipe.rules) if rule.matches(record)), None)
        for record in renamed.records
    ]
    check_rules(recipe, renamed, decided)
    check_labels(recipe, renamed, decided)
    assignments = []
    for record, index in zip(renamed.records, decided, strict=True):
        if record.path not in chosen:
            continue
        if index is None:
            continue  # reported together, below
        assignments.append(_assignment(record, index, recipe, names or {}))
    lost = [
        record
        for record, index in zip(renamed.records, decided, strict=True)
        if index is None and record.path in chosen
    ]
    check_lost(recipe, lost, len(renamed))
    check_streams(assignments)
    skipped = tuple(record.path for record in renamed.records if record.path not in chosen)
    return Plan(recipe, renamed, tuple(assignments), skipped)


def _chosen(
    inventory: Inventory, only: Sequence[str] | str | None, skip: Sequence[str] | str | None
) -> set[str]:
    """Return the paths that ``only`` and ``skip`` leave."""
    paths = {record.path for record in inventory}
    kept = paths if only is None else _selected("only", only, inventory)
    return kept - (set() if skip is None else _selected("skip", skip, inventory))


def _selected(argument: str, patterns: Sequence[str] | str, inventory: Inventory) -> set[str]:
    found: set[str] = set()
    for pattern in texts(argument, patterns):
        hits = {
            record.path
            for record in inventory
            if any(matches(pattern, path) for path in (record.path, *record.ties))
        }
        if not hits:
            msg = f"`{argument}`: {miss(pattern, [record.path for record in inventory])}"
            raise ArgumentValueError(msg)
        found |= hits
    return found


def texts(argument: str, patterns: object) -> tuple[str, ...]:
    """Return one pattern or several as a tuple."""
    several = (patterns,) if isinstance(patterns, str) else patterns
    if not isinstance(several, (tuple, list, set, frozenset)):
        msg = f"`{argument}` must be a pattern or several, got {patterns!r}."
        raise ArgumentTypeError(msg)
    return tuple(checks.text(argument, pattern) for pattern in several)


def _renamed(inventory: Inventory, names: Mapping[str, str] | None) -> Inventory:
    """Return the inventory under the stream names of a map; every key must name something."""
    if names is None:
        return inventory
    if not isinstance(names, Mapping):
        msg = f"`names` must be a mapping of native paths to stream names, got {names!r}."
        raise ArgumentTypeError(msg)
    known: set[str] = set()
    records = []
    for record in inventory:
        known |= {record.path, *(f"{record.path}/{part.label}" for part in record.parts)}
        given = {names[path] for path in (record.path, *record.ties) if path in names}
        if len(given) > 1:
            msg = f"`names` gives {record.path!r}, which is tied, several streams: {sorted(map(str, given))}."
            raise ArgumentValueError(msg)
        new = given.pop() if given else record.name
        records.append(dataclasses.replace(record, name=checks.text("names", new)))
        known |= set(record.ties)
    for path in names:
        if path not in known:
            msg = f"`names`: {miss(path, sorted(known))}"
            raise ArgumentValueError(msg)
    return Inventory(inventory.framework, tuple(records), inventory.left)


def _assignment(record: Record, index: int, recipe: Recipe, names: Mapping[str, str]) -> Assignment:
    rule = recipe.rules[index]
    if rule.spec is None or record.size == 0:
        return Assignment(record, index, ())
    try:
        pieces = tuple(_pieces(record, rule, names))
    except UnifiedInitError as error:
        msg = f"{record.path!r}, by rule {index} of recipe {recipe.name!r} ({rule}): {error}"
        raise ArgumentValueError(msg) from None
    return Assignment(record, index, pieces, record.padding if rule.padding == "zero" else None)


def _pieces(record: Record, rule: Rule, names: Mapping[str, str]) -> Iterator[Piece]:
    assert rule.spec is not None  # noqa: S101  # asked by the caller
    spec = rule.spec
    if rule.by_block:
        if record.block is None:
            msg = "`by_block` needs a record inside a block; this one lies in none."
            raise ArgumentValueError(msg)
        spec = spec.scaled((record.block + 1) ** rule.by_block)
    fans = rule.fans_of(record)
    if not record.parts:
        yield _piece(record, record.name, record.shape, spec, fans, ())
    elif rule.unit == "whole":
        order = sorted(record.parts, key=_canonical)
        yield _piece(record, record.name, record.shape, spec, fans, tuple(order))
    else:
        own = dict(rule.parts)
        for part in record.parts:
            default = f"{record.name}/{part.label}" if part.label else record.name
            name = names.get(f"{record.path}/{part.label}", default)
            yield _piece(record, name, record.part_shape(part), own.get(part.label, spec), fans, (part,))


def _canonical(part: Part) -> tuple[int, str]:
    known = part.label in CANONICAL
    return (CANONICAL.index(part.label) if known else len(CANONICAL), part.label)


def _piece(
    record: Record,
    name: str,
    shape: tuple[int, ...],
    spec: Initializer,
    fans: Fans,
    parts: tuple[Part, ...],
) -> Piece:
    geometry = bind(shape, record.layout, dict(record.sizes) or None)
    from_layout = fans_on(geometry, None, needs=(), label="")
    # Given only where they say something else: draws with the layout's fans are planned once a shape.
    given = fans if spec.needs and fans not in {from_layout, (None, None)} else None
    return Piece(name, shape, spec, given, spec.law(geometry, given), parts)
