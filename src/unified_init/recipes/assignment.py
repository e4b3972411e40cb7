"""Assignments: which rule of a recipe decides a record, and the tensors that are drawn for it.

Plans, audits and muP all call ``assign``. It is here and not in ``models/``, because muP, itself a recipe,
cannot import from there.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from typing import TYPE_CHECKING

from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.teaching import with_layout
from unified_init.law.layout import bind
from unified_init.spec.fans import fans_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from unified_init.inventory.parts import Box, Part
    from unified_init.inventory.records import Record
    from unified_init.law.law import Fans, Law
    from unified_init.recipes.recipe import Recipe
    from unified_init.recipes.rule import Rule
    from unified_init.spec.initializer import Initializer

__all__ = ["Assignment", "Piece", "assign", "assign_by", "deciding_rule", "law_with_fans"]

# The order of parts in a tensor that is drawn whole, whatever order a framework stores them in.
CANONICAL = ("q", "k", "v", "i", "f", "g", "o", "r", "z", "n")


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """One tensor to draw: a record, one part of it, or all its parts as one.

    ``parts`` are the parts in this tensor, in their order along the record's axis; () for an unfused record.
    ``fans`` are given to the draw where they differ from those of the layout.
    """

    name: str
    shape: tuple[int, ...]
    spec: Initializer
    fans: Fans | None
    law: Law
    parts: tuple[Part, ...] = ()

    @property
    def label(self) -> str:
        """The label of its only part; "" for a record as a whole."""
        return self.parts[0].label if len(self.parts) == 1 else ""


@dataclasses.dataclass(frozen=True, slots=True)
class Assignment:
    """A record, the index of the rule that decides it, and the pieces to draw: none if it is not written.

    ``box`` is the region of the native tensor that is written; None is all of it.
    """

    record: Record
    rule: int
    pieces: tuple[Piece, ...]
    zero_row: int | None = None
    box: Box | None = None


def deciding_rule(record: Record, recipe: Recipe, *, frozen: bool = False) -> int | None:
    """Return the index of the first rule that matches a record; None if none does.

    A frozen table is only given values by a rule that names it, by ``name`` or ``path``.
    """
    for index, rule in enumerate(recipe.rules):
        may_decide = not frozen or rule.name or rule.path or rule.spec is None
        if may_decide and rule.matches(record):
            return index
    return None


def assign(record: Record, recipe: Recipe, names: Mapping[str, str] | None = None) -> Assignment | None:
    """Return the assignment of a recipe to a record; None if no rule matches it.

    Args:
        record: with the stream name that is to be used.
        recipe: the rules.
        names: stream names of parts, by "path/label"; a part that is not there is drawn under "name/label".

    Returns:
        The assignment. It has no pieces if the rule has no spec, or the record no values.

    Raises:
        ArgumentValueError: the rule's law does not fit the record, or a predicate fails; the message names
            the record's path and the rule.
    """
    index = deciding_rule(record, recipe)
    return None if index is None else assign_by(index, record, recipe, names)


def assign_by(
    index: int,
    record: Record,
    recipe: Recipe,
    names: Mapping[str, str] | None = None,
    stream: str | None = None,
) -> Assignment:
    """Return the assignment of the rule that is known to decide a record; see ``assign``.

    ``stream`` replaces the stream name of the record, where its rule says that it is another parameter's.
    """
    rule = recipe.rules[index]
    if rule.spec is None or record.size == 0:
        return Assignment(record, index, ())
    # A layout settles what is not known of axes, and not what a norm adds to its scale.
    if record.doubt and (rule.layout is None or record.role == "scale"):
        msg = f"{record.path!r}: {record.doubt}."
        raise ArgumentValueError(msg)
    try:
        if rule.layout is not None:
            record = with_layout(record, rule.layout, dict(rule.sizes))
        box = _box(record, rule)
        drawn = record if stream is None else dataclasses.replace(record, name=stream)
        pieces = tuple(_pieces(drawn, rule, rule.spec, names or {}))
    except UnifiedInitError as error:
        msg = f"{record.path!r}, by rule {index} of recipe {recipe.name!r} ({rule}): {_of_a_rule(str(error))}"
        raise ArgumentValueError(msg) from None
    padding = record.padding if rule.padding == "zero" else None
    if padding is not None and box is not None and not box[0][0] <= padding < box[0][1]:
        padding = None
    return Assignment(record, index, pieces, padding, box)


def _of_a_rule(message: str) -> str:
    """Return the message of a draw, whose arguments are fields of a rule in a recipe."""
    return re.sub(r"\bpass (layout|fans|sizes)=", r"give its rule \1=", message)


def _box(record: Record, rule: Rule) -> Box | None:
    """Return the region that a rule draws; None for all."""
    if rule.index and any(part.label for part in record.parts):
        labels = ", ".join(part.label for part in record.parts)
        msg = f"`index` is for tensors without parts, and this one has the parts {labels}: leave `index` out."
        raise ArgumentValueError(msg)
    return rule.region(record.shape)


def _pieces(record: Record, rule: Rule, spec: Initializer, names: Mapping[str, str]) -> Iterator[Piece]:
    if rule.by_block:
        if record.block is None:
            msg = "`by_block` needs a record inside a block; this one is in none."
            raise ArgumentValueError(msg)
        spec = spec.scaled((record.block + 1) ** rule.by_block)
    if not record.parts:
        yield _piece(record, record.name, record.shape, spec, rule.fans_of(record), ())
    elif rule.unit == "whole":
        parts = tuple(sorted(record.parts, key=_canonical))
        yield _piece(record, record.name, record.shape, spec, rule.fans_of(record), parts)
    else:
        part_specs = dict(rule.parts)
        for part in record.parts:
            default = f"{record.name}/{part.label}" if part.label else record.name
            name = names.get(f"{record.path}/{part.label}", default)
            part_spec = part_specs.get(part.label, spec)
            fans = rule.fans_of(record.of_part(part))
            yield _piece(record, name, record.part_shape(part), part_spec, fans, (part,))


def _canonical(part: Part) -> tuple[int, str]:
    """Return a sort key: known labels in their canonical order, then others by the alphabet."""
    return (CANONICAL.index(part.label) if part.label in CANONICAL else len(CANONICAL), part.label)


def law_with_fans(record: Record, piece: Piece, spec: Initializer, fans: Fans) -> Law | None:
    """Return the law that a spec has on a piece with other fans; None if it needs one that is not known."""
    return _law_with_fans(piece.shape, record.layout, record.sizes, spec, fans)


@functools.lru_cache(maxsize=256)  # the layers of a model are few, again and again
def _law_with_fans(
    shape: tuple[int, ...],
    layout: str | None,
    sizes: tuple[tuple[str, int], ...],
    spec: Initializer,
    fans: Fans,
) -> Law | None:
    geometry = bind(shape, layout, dict(sizes) or None)
    try:
        return spec.law(geometry, fans)
    except UnifiedInitError:
        return None


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
    # Given only where they differ from the layout's: a draw without given fans is planned once per shape.
    explicit = fans if spec.needs and fans not in {from_layout, (None, None)} else None
    return Piece(name, shape, spec, explicit, spec.law(geometry, explicit), parts)
