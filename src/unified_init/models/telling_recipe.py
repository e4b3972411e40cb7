"""Weights that tell layers apart: random in every tensor, where defaults are often all ones or zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.models.match_units import units_of
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.rule import Rule
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record
    from unified_init.inventory.vocabulary import Role
    from unified_init.models.match_units import Unit

__all__ = ["stream_of", "telling"]

ABOUT_ONE: tuple[Role, ...] = ("scale", "variance", "layer_scale")
ABOUT_ZERO: tuple[Role, ...] = ("bias", "recurrent_bias", "offset", "mean")


def telling(a: Inventory, b: Inventory, names: Mapping[str, str], gain: float = 1.0) -> tuple[Recipe, Recipe]:
    """Return a recipe for each model: random values, and neutral ones where the other has no counterpart.

    ``gain`` multiplies the kernels.
    """
    streams_a = {unit.stream for unit in units_of(a)}
    streams_b = {stream_of(unit, names) for unit in units_of(b)}
    lone_a = [unit for unit in units_of(a) if unit.stream not in streams_b] if b.records else []
    lone_b = [unit for unit in units_of(b) if stream_of(unit, names) not in streams_a]
    return Recipe("telling", tuple(_rules(lone_a, gain))), Recipe("telling", tuple(_rules(lone_b, gain)))


def stream_of(unit: Unit, names: Mapping[str, str]) -> str:
    """Return the stream name of a tensor under a map."""
    base = names.get(unit.record.path, unit.record.name)
    return base if unit.part is None else names.get(unit.path, f"{base}/{unit.part.label}")


def _rules(lone: Collection[Unit], gain: float) -> Iterator[Rule]:
    for unit in lone:
        if unit.record.role in (*ABOUT_ZERO, "scale", "variance"):
            yield _neutral(unit, [other for other in lone if other.record is unit.record])
    near_zero = presets.uniform(-0.3, 0.3)
    yield Rule(spec=presets.uniform(0.5, 1.5), role=ABOUT_ONE, optional=True)
    yield Rule(spec=near_zero, role=ABOUT_ZERO, optional=True)
    yield Rule(spec=presets.uniform(0.1, 0.4), role="slope", optional=True)
    yield Rule(spec=presets.zeros(), role=("count", "buffer"), optional=True)
    yield Rule(spec=presets.normal(0.0, 1.0), role=("embedding", "position", "token"), optional=True)
    yield Rule(spec=presets.kaiming_normal().scaled(gain), predicate=_has_inputs, optional=True)
    yield Rule(spec=near_zero, optional=True)


def _has_inputs(record: Record) -> bool:
    return record.layout is not None and "I" in record.layout


def _neutral(unit: Unit, lone_parts: Collection[Unit]) -> Rule:
    """Return the rule that makes a tensor without a counterpart, or these parts of it, do nothing."""
    record = unit.record
    path = record.path
    spec = presets.ones() if record.role in {"scale", "variance"} else presets.zeros()
    only = lambda candidate: candidate.path == path  # noqa: E731  # a predicate
    if unit.part is None or len(lone_parts) == len(record.parts):
        return Rule(spec=spec, predicate=only, optional=True)
    labels = [other.part.label for other in lone_parts if other.part is not None]
    return Rule(
        spec=presets.uniform(-0.3, 0.3),
        predicate=only,
        parts=tuple((label, spec) for label in labels),
        optional=True,
    )
