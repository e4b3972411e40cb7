"""Makes plans: the rule and the law of each parameter, before anything is written."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from unified_init.core import checks, json_text
from unified_init.core.patterns import matches, miss
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned, as_html
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.models.name_map import as_read, records_of
from unified_init.models.names import texts
from unified_init.models.plan_checks import check_labels, check_rules, check_streams, check_unmatched
from unified_init.models.plan_notes import notes_of
from unified_init.models.plan_text import rows_of, tree
from unified_init.models.shared_streams import stream_of_other
from unified_init.recipes.assignment import assign_by, deciding_rule
from unified_init.recipes.block_counts import block_notes
from unified_init.recipes.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from unified_init.recipes.assignment import Assignment

__all__ = ["Plan", "check_recipe", "plan_inventory", "renamed", "streams_of"]


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What a recipe does to a model, and what it leaves.

    Args:
        recipe: the recipe.
        inventory: the records, with the stream names that are used.
        assignments: one per record that a rule decides, in the model's order.
        skipped: paths that ``only`` and ``skip`` leave out.
        frozen: paths of frozen tables that no rule names, which are left as they are.
        packed: paths of weights that their layers keep quantized and that no recipe writes; only a plan of a
            model knows them.

    Example:
        >>> import unified_init as ui
        >>> record = ui.Record(name="fc.weight", path="fc.weight", shape=(10, 20), layout="OI",
        ...                    kind="linear", role="kernel", inputs=20, outputs=10)
        >>> print(ui.plan(ui.Inventory("torch", (record,)), ui.Recipe("none", (ui.Rule(spec=ui.zeros()),))))
        recipe 'none': 1 of 1 parameters, 200 values
        path       shape     kind    role    place  rule  law    fan_in  fan_out  mean  std  low  high
        fc.weight  (10, 20)  linear  kernel         0     zeros  20      10       0     0    0    0
    """

    recipe: Recipe
    inventory: Inventory
    assignments: tuple[Assignment, ...]
    skipped: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    packed: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Assignment]:
        """Go through the assignments in the model's order."""
        return iter(self.assignments)

    def __getitem__(self, path: str) -> Assignment:
        """Return the assignment of a native path, or of a path that is tied to it."""
        word = checks.plain(path)
        for assignment in self.assignments:
            if word == assignment.record.path or word in assignment.record.ties:
                return assignment
        msg = f"the model has no parameter {shown(path)}"
        raise KeyError(msg)

    def __str__(self) -> str:
        """Return the plan as a table, and warnings below it."""
        table = aligned(rows_of(self.assignments, self.inventory.framework))
        return "\n".join([self._head(), *table, *(f"! {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return as_html(self._head(), rows_of(self.assignments, self.inventory.framework), self.notes)

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings: another number of blocks, half recognized blocks, unknown parts, what is left."""
        foot = [f"left, because they are frozen and no rule names them: {', '.join(self.frozen)}"]
        packed = [f"left, because their layers keep them quantized: {', '.join(self.packed)}"]
        return (
            *block_notes(self.recipe, self.inventory),
            *notes_of(self.inventory, self.assignments),
            *(foot if self.frozen else []),
            *(packed if self.packed else []),
        )

    def _head(self) -> str:
        written = [assignment for assignment in self.assignments if assignment.pieces]
        values = sum(assignment.record.size for assignment in written)
        count = f"{len(written)} of {len(self.inventory)} parameters"
        return f"recipe {self.recipe.name!r}: {count}, {values:,} values"

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the plan as JSON: the path, stream names, rule, specs and laws of each parameter."""
        data = {
            "recipe": self.recipe.name,
            "inventory": self.inventory.digest,
            "assignments": [tree(assignment) for assignment in self],
            "skipped": list(self.skipped),
            "frozen": list(self.frozen),
        }
        return json_text.written(data, indent)


def plan_inventory(
    inventory: Inventory,
    recipe: Recipe,
    *,
    names: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    skip: Sequence[str] | str | None = None,
) -> Plan:
    """Return the plan of a recipe for an inventory; ``ui.plan`` documents the arguments."""
    check_recipe(recipe)
    streams = streams_of(names)
    inventory = as_read(inventory, records_of(names)[1], streams)
    chosen_paths = _chosen_paths(inventory, only, skip)
    named_inventory = renamed(inventory, streams)
    # Rules are checked against the whole model before any law is made: a pattern that matches nothing is the
    # more likely mistake, and its message is plainer.
    frozen = named_inventory.frozen
    rule_indices = [deciding_rule(record, recipe, frozen=record.path in frozen) for record in named_inventory]
    check_rules(recipe, named_inventory, rule_indices)
    check_labels(recipe, named_inventory, rule_indices)
    pairs = [
        (record, index)
        for record, index in zip(named_inventory, rule_indices, strict=True)
        if record.path in chosen_paths
    ]
    assignments = tuple(
        assign_by(index, record, recipe, streams, stream_of_other(record, recipe, index, named_inventory))
        for record, index in pairs
        if index is not None
    )
    undecided = [record for record, index in pairs if index is None]
    unmatched = [record for record in undecided if record.path not in frozen]
    check_unmatched(recipe, unmatched, len(named_inventory))
    check_streams(assignments, recipe)
    skipped = tuple(record.path for record in named_inventory if record.path not in chosen_paths)
    left_frozen = tuple(record.path for record in undecided if record.path in frozen)
    return Plan(recipe, named_inventory, assignments, skipped, left_frozen)


def check_recipe(recipe: object) -> None:
    """Refuse what is no recipe."""
    if not isinstance(recipe, Recipe):
        msg = (
            f"`recipe` must be a Recipe, such as unified_init.recipes.torch_default(), got {shown(recipe)}"
            f"{': call it' if callable(recipe) else ''}."
        )
        raise ArgumentTypeError(msg)


def _chosen_paths(
    inventory: Inventory, only: Sequence[str] | str | None, skip: Sequence[str] | str | None
) -> set[str]:
    """Return the paths that ``only`` and ``skip`` do not leave out."""
    paths = {record.path for record in inventory}
    selected = paths if only is None else _selected("only", only, inventory)
    return selected - (set() if skip is None else _selected("skip", skip, inventory))


def _selected(argument: str, patterns: Sequence[str] | str, inventory: Inventory) -> set[str]:
    selected: set[str] = set()
    for pattern in texts(argument, patterns):
        matched = {
            record.path
            for record in inventory
            if any(matches(pattern, path) for path in (record.path, *record.ties))
        }
        if not matched:
            msg = f"`{argument}`: {miss(pattern, [record.path for record in inventory])}"
            raise ArgumentValueError(msg)
        selected |= matched
    return selected


def streams_of(names: object) -> dict[str, str]:
    """Return a map of native paths to stream names as plain words."""
    pairs = () if names is None else checks.items(names)
    if pairs is None:
        msg = f"`names` must be a mapping of native paths to stream names, got {shown(names)}."
        raise ArgumentTypeError(msg)
    return {checks.text("names", path): checks.text("names", name) for path, name in pairs}


def renamed(inventory: Inventory, streams: Mapping[str, str]) -> Inventory:
    """Return the inventory with the stream names of a map; every key must be a path of the model."""
    if not streams:
        return inventory
    known_paths: set[str] = set()
    records = []
    for record in inventory:
        known_paths |= {record.path, *(f"{record.path}/{part.label}" for part in record.parts)}
        stream_names = {streams[path] for path in (record.path, *record.ties) if path in streams}
        if len(stream_names) > 1:
            msg = f"`names` gives {record.path!r}, which is tied, several streams: {sorted(stream_names)}."
            raise ArgumentValueError(msg)
        name = stream_names.pop() if stream_names else record.name
        records.append(dataclasses.replace(record, name=name))
        known_paths |= set(record.ties)
    for path in streams:
        if path not in known_paths:
            msg = f"`names`: {miss(path, sorted(known_paths))}"
            raise ArgumentValueError(msg)
    return Inventory(inventory.framework, tuple(records), inventory.left)
