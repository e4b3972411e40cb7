"""Recipes: rules in order, of which the first that matches a record decides."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.layer import layer_items, place_items
from unified_init.recipes.rule import Rule, check_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unified_init.inventory.layer import Layer, Named
    from unified_init.inventory.records import Record

__all__ = ["Recipe"]


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """Ordered rules that give every parameter of a model its initializer.

    Args:
        name: such as "gpt2".
        rules: in order; the first that matches a record decides.
        source: where the rules are published, and the implementation that they were read from.
        layers: descriptions of layers that the library does not know, by class or glob; ``Layer`` has more.
        places: the place of layers or tensors in the architecture, by glob.
        blocks: the number of residual blocks that the factors of depth are for, by glob of native paths; the
            first glob that matches a path counts. A plan, a report and an audit say if a model has others.

    Raises:
        UnifiedInitError: no rules, or something else in their place.

    Example:
        >>> import unified_init as ui
        >>> mine = ui.Recipe("mine", (ui.Rule(spec=ui.zeros(), role="bias"), ui.Rule(spec=ui.he_normal())))
        >>> mine.rule_for(ui.Record(name="b", path="b", shape=(3,), kind="linear", role="bias")).spec
        Initializer(Constant(0.0))
    """

    name: str
    rules: tuple[Rule, ...]
    source: str = ""
    layers: Mapping[Any, Layer] | tuple[tuple[str, Layer], ...] = ()
    places: Named = ()
    blocks: Mapping[str, int] | tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        """Check the fields."""
        object.__setattr__(self, "name", checks.text("name", self.name))
        object.__setattr__(self, "source", checks.text("source", self.source))
        object.__setattr__(self, "layers", layer_items(self.layers))
        object.__setattr__(self, "places", place_items(self.places))
        object.__setattr__(self, "blocks", _block_items(self.blocks))
        rules = checks.entries(self.rules)
        if rules is None or not all(isinstance(rule, Rule) for rule in rules):
            msg = f"`rules` must be a tuple of Rules, got {shown(self.rules)}."
            raise ArgumentTypeError(msg)
        object.__setattr__(self, "rules", rules)
        if not rules:
            msg = f"`rules` of recipe {self.name!r} must not be empty."
            raise ArgumentValueError(msg)

    def rule_for(self, record: Record) -> Rule | None:
        """Return the first rule that matches a record, if any does."""
        check_record(record)
        return next((rule for rule in self.rules if rule.matches(record)), None)

    def before(self, *rules: Rule) -> Recipe:
        """Return the recipe with other rules before its own, which they override.

        Args:
            rules: in order.

        Returns:
            A new recipe; recipes never change.

        Example:
            >>> import unified_init as ui
            >>> zero_head = ui.Rule(spec=ui.zeros(), place="head", role="kernel")
            >>> ui.recipes.torch_default().before(zero_head).rules[0] == zero_head
            True
        """
        return dataclasses.replace(self, rules=(*rules, *self.rules))


def _block_items(blocks: Any) -> tuple[tuple[str, int], ...]:  # noqa: ANN401  # what users pass
    """Return checked numbers of blocks by glob."""
    pairs = checks.pairs(blocks)
    if pairs is None:
        msg = f"`blocks` must be a mapping of globs to numbers of blocks, got {shown(blocks)}."
        raise ArgumentTypeError(msg)
    return tuple((checks.text("blocks", glob), checks.count("blocks", count)) for glob, count in pairs)
