"""Assignments: what one record gets by a recipe, wherever it is asked."""

from __future__ import annotations

from typing import Any

from tests.helpers.messages import refused

import unified_init as ui
from unified_init.recipes.assignment import assign, deciding_rule


def record(path: str = "w", **fields: Any) -> ui.Record:
    """Return a linear kernel, or what ``fields`` make of it."""
    kernel: dict[str, Any] = {
        "shape": (10, 20), "layout": "OI", "kind": "linear", "role": "kernel", "inputs": 20, "outputs": 10,
    }  # fmt: skip
    return ui.Record(name=path, path=path, **(kernel | fields))


def assigned(of: ui.Record, *rules: ui.Rule, names: dict[str, str] | None = None) -> Any:
    """Return the assignment of a record by some rules, one of which matches."""
    assignment = assign(of, ui.Recipe("mine", rules), names)
    assert assignment is not None
    return assignment


GATES = tuple(ui.Part(label=label, length=5, path="w", box=((0, 5), (0, 20))) for label in "gi")
ANY = ui.Rule(spec=ui.he_normal())


def test_a_record_that_no_rule_matches_has_no_assignment() -> None:
    """That is a value and no error: plans refuse it, audits report it."""
    recipe = ui.Recipe("mine", (ui.Rule(spec=ui.zeros(), role="bias"),))
    assert deciding_rule(record(), recipe) is None
    assert assign(record(), recipe) is None


def test_the_first_rule_that_matches_decides() -> None:
    """The assignment has its index, and the law of its spec on the record."""
    assignment = assigned(record(), ui.Rule(spec=ui.zeros(), role="bias"), ANY, ui.Rule(spec=ui.ones()))
    (piece,) = assignment.pieces
    assert (assignment.rule, piece.name, piece.spec, piece.label) == (1, "w", ui.he_normal(), "")
    assert piece.law == ui.he_normal().resolve((10, 20), layout="OI")


def test_nothing_is_drawn_without_a_spec_or_values() -> None:
    """The rule is said all the same."""
    assert assigned(record(), ui.Rule(spec=None)).pieces == ()
    empty = assigned(record(shape=(10, 0), inputs=0), ANY)
    assert (empty.rule, empty.pieces) == (0, ())


def test_a_name_map_gives_parts_their_streams() -> None:
    """By "path/label"; the others are drawn under the record's name and their label."""
    assignment = assigned(record(parts=GATES, axis=0), ANY, names={"w/i": "lstm/input"})
    assert [(piece.name, piece.label) for piece in assignment.pieces] == [("w/g", "g"), ("lstm/input", "i")]


def test_parts_as_one_have_no_label() -> None:
    """One tensor, in an order that is the same in all frameworks."""
    (piece,) = assigned(record(parts=GATES, axis=0), ui.Rule(spec=ui.orthogonal(), unit="whole")).pieces
    assert (piece.name, piece.label, [part.label for part in piece.parts]) == ("w", "", ["i", "g"])


def test_a_padding_row_is_part_of_the_assignment() -> None:
    """If the rule asks for it."""
    table = record(kind="embedding", role="embedding", layout="BO", padding=3)
    zero = ui.Rule(spec=ui.normal(0, 1), padding="zero")
    assert assigned(table, zero).zero_row == 3
    assert assigned(table, ui.Rule(spec=ui.normal(0, 1))).zero_row is None


def test_a_law_that_does_not_fit_names_record_and_rule() -> None:
    """The error is the plan's."""
    with refused(ui.ArgumentValueError):
        assign(record(layout=None, inputs=None, outputs=None), ui.Recipe("mine", (ANY,)))


def test_a_plan_holds_the_assignments_of_its_records() -> None:
    """One primitive decides both."""
    inventory = ui.Inventory("torch", (record(), record("b", role="bias"), record("v", parts=GATES, axis=0)))
    recipe = ui.Recipe("mine", (ui.Rule(spec=ui.zeros(), role="bias"), ANY))
    names = {"w": "twin", "v/g": "twin/g"}
    plan = ui.plan(inventory, recipe, names=names)
    assert plan.assignments == tuple(assign(of, recipe, names) for of in plan.inventory)
    assert [piece.name for assignment in plan for piece in assignment.pieces] == [
        "twin",
        "b",
        "twin/g",
        "v/i",
    ]
