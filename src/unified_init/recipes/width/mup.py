"""muP: how the initial weights, the learning rates and the output of a model depend on its width.

Greg Yang and others, "Tensor Programs V", 2022; in the form of the package ``mup``: the output layer
keeps its std and its inputs are divided by the width multiplier.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.recipes.assignment import assign
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.width.growth import check_alike, growth_of, literally
from unified_init.recipes.width.table import MuRow, MuTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.inventory.records import Record
    from unified_init.law.law import Law
    from unified_init.recipes.assignment import Assignment
    from unified_init.recipes.rule import Rule
    from unified_init.recipes.width.growth import Growth
    from unified_init.spec.initializer import Initializer

__all__ = ["MuP", "mup"]


@dataclasses.dataclass(frozen=True, slots=True)
class MuP:
    """A recipe at one width, and how it changes with the width. Made by ``ui.recipes.mup``.

    Args:
        recipe: the recipe of the base model.
        base: inventory of the base model, at whose width nothing changes.
        delta: inventory of the same model at another width: the axes that differ are those that grow.

    Raises:
        ArgumentTypeError: no recipe or no inventory.
        ArgumentValueError: two inventories of different parameters, or of different ranks.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> def mlp(width):
        ...     sizes = [(8, width), (width, width), (width, 4)]
        ...     return torch.nn.Sequential(*(torch.nn.Linear(*size) for size in sizes))
        >>> scaled = ui.recipes.mup(
        ...     ui.recipes.torch_default(), base=ui.inspect(mlp(64)), delta=ui.inspect(mlp(128)))
        >>> row = scaled.table(ui.inspect(mlp(256)))["1.weight"]
        >>> row.kind, row.width, row.adam, round(row.base_std / row.std, 12)
        ('hidden', 4.0, 0.25, 2.0)
    """

    recipe: Recipe
    base: Inventory
    delta: Inventory

    def __post_init__(self) -> None:
        """Check that both inventories are of one model."""
        if not isinstance(self.recipe, Recipe):
            msg = f"`recipe` must be a Recipe, such as recipes.torch_default(), got {shown(self.recipe)}."
            raise ArgumentTypeError(msg)
        for field in ("base", "delta"):
            if not isinstance(getattr(self, field), Inventory):
                value = shown(getattr(self, field))
                msg = f"`{field}` must be an Inventory: inspect(model) makes one; got {value}."
                raise ArgumentTypeError(msg)
        check_alike("delta", self.base, self.delta)
        if all(base.shape == delta.shape for base, delta in self._pairs(self.delta)):
            msg = "`delta` must have another width than `base`, got equal shapes everywhere."
            raise ArgumentValueError(msg)

    def table(self, inventory: Inventory) -> MuTable:
        """Return standard deviations, learning-rate and output multipliers of a model.

        Args:
            inventory: of the same model at any width.

        Returns:
            The table.

        Raises:
            ArgumentTypeError: no inventory.
            ArgumentValueError: other parameters than the base's, or an axis that differs from the base
                where base and delta do not differ from each other.

        Example:
            >>> import torch
            >>> import unified_init as ui
            >>> base, delta, wide = (ui.inspect(torch.nn.Linear(width, 4)) for width in (16, 32, 64))
            >>> print(ui.recipes.mup(ui.recipes.torch_default(), base=base, delta=delta).table(wide))
            path    shape    kind    width  base_std  std      adam  sgd  multiplier
            weight  (4, 64)  output  4      0.14434   0.14434  1     4    0.25
            bias    (4,)     fixed   1      0.14434   0.14434  1     1    1
        """
        rows = []
        for base_record, record in self._pairs(inventory):
            growth = self._growth(base_record, record)
            law = next((piece.law for piece in self._assigned(base_record).pieces), None)
            base_std = math.nan if law is None else law.std
            std = base_std * growth.hidden_factor if law is not None and law.random else base_std
            rows.append(
                MuRow(
                    record.path, record.shape, growth.kind, growth.width, base_std,
                    std, *growth.rates, growth.multiplier(record),
                )
            )  # fmt: skip
        return MuTable(tuple(rows))

    def recipe_for(self, inventory: Inventory) -> Recipe:
        """Return the recipe that gives a model of any width its initial weights.

        std = base std for parameters with one growing side or none, base std / sqrt(width multiplier) for
        hidden matrices, where the base std is that of the base's shape.

        Args:
            inventory: of the same model at any width.

        Returns:
            A recipe of one rule per parameter; constants and matrices given by a formula are not scaled.

        Raises:
            ArgumentTypeError: no inventory.
            ArgumentValueError: as for ``table``.

        Example:
            >>> import torch
            >>> import unified_init as ui
            >>> base, delta, wide = (ui.inspect(torch.nn.Linear(width, 4)) for width in (16, 32, 64))
            >>> recipe = ui.recipes.mup(ui.recipes.torch_default(), base=base, delta=delta).recipe_for(wide)
            >>> law = ui.plan(wide, recipe)["weight"].pieces[0].law
            >>> law.high == 16**-0.5
            True
        """
        rules = [self._scaled_rule(base_record, record) for base_record, record in self._pairs(inventory)]
        return dataclasses.replace(self.recipe, name=f"mup({self.recipe.name})", rules=tuple(rules))

    def _pairs(self, inventory: Inventory) -> Iterator[tuple[Record, Record]]:
        """Yield the record of each parameter at the base's width and at this inventory's."""
        if not isinstance(inventory, Inventory):
            msg = f"`inventory` must be an Inventory: inspect(model) makes one; got {shown(inventory)}."
            raise ArgumentTypeError(msg)
        check_alike("inventory", self.base, inventory)
        bases = {record.name: record for record in self.base}
        yield from ((bases[record.name], record) for record in inventory)

    def _growth(self, base_record: Record, record: Record) -> Growth:
        delta_record = next(candidate for candidate in self.delta if candidate.name == record.name)
        return growth_of(base_record, delta_record, record)

    def _assigned(self, record: Record) -> Assignment:
        assignment = assign(record, self.recipe)
        if assignment is None:
            msg = (
                f"no rule of recipe {self.recipe.name!r} matches {record.path!r}, a {record.role}: "
                "add a rule, or one with spec=None to leave it as it is."
            )
            raise ArgumentValueError(msg)
        return assignment

    def _scaled_rule(self, base_record: Record, record: Record) -> Rule:
        """Return the rule of one parameter: the recipe's, with its values scaled."""
        assignment = self._assigned(record)
        rule = self.recipe.rules[assignment.rule]
        conditions = ("kind", "role", "place", "name", "block", "shape", "depthwise", "fused", "predicate")
        exact: dict[str, Any] = {**dict.fromkeys(conditions), "path": (literally(record.path),)}
        if rule.spec is None or not assignment.pieces:
            return dataclasses.replace(rule, **exact)
        growth = self._growth(base_record, record)
        base_laws = {piece.label: piece.law for piece in self._assigned(base_record).pieces}
        factors = {
            piece.label: _factor(base_laws[piece.label], piece.law, growth, record.path)
            for piece in assignment.pieces
        }
        specs = {piece.label: _scaled(piece.spec, factors[piece.label]) for piece in assignment.pieces}
        if len(set(specs.values())) > 1:  # parts with specs of their own, which `by_block` no longer scales
            return dataclasses.replace(rule, **exact, parts=tuple(specs.items()))
        label, factor = next(iter(factors.items()))
        spec = dict(rule.parts).get(label, rule.spec)
        return dataclasses.replace(rule, **exact, spec=_scaled(spec, factor), parts=())


def mup(recipe: Recipe, *, base: Inventory, delta: Inventory) -> MuP:
    """Return a recipe that follows muP, the maximal update parametrization, at any width.

    m = size here / size at the base, of the axes in which base and delta differ. Hidden matrices: std of
    the base / sqrt(m), Adam's rate / m, SGD's rate * m_out / m_in. Input layers, biases, scales,
    embeddings: the base's std, Adam's rate as it is, SGD's * m. Output layers: the base's std, Adam's
    rate as it is, SGD's * m, inputs divided by m in the forward pass. Attention scores are to be divided
    by the head size, not by its root; that and the output's division are the model's part.

    Args:
        recipe: what a model of the base's width gets.
        base: inventory of the model at the width where hyperparameters were found.
        delta: inventory at another width, which says what grows.

    Returns:
        A ``MuP``: ``recipe_for(inventory)`` and ``table(inventory)``.

    Raises:
        ArgumentTypeError: no recipe or no inventory.
        ArgumentValueError: two inventories of different parameters, or of equal shapes.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> base, delta, wide = (torch.nn.Linear(width, width) for width in (16, 32, 64))
        >>> scaled = ui.recipes.mup(
        ...     ui.recipes.torch_default(), base=ui.inspect(base), delta=ui.inspect(delta))
        >>> wide, _ = ui.apply(wide, scaled.recipe_for(ui.inspect(wide)), seed=0)

    Source:
        https://github.com/microsoft/mup, mup 1.0.0: init.py, layer.py, optim.py, shape.py.

    Differs from:
        The package ``mup``, whose numbers it has: fans and growing axes come from layouts, so that it
        serves all frameworks; an axis that changes without being declared to grow is an error.
    """
    return MuP(recipe, base, delta)


def _factor(base_law: Law, law: Law, growth: Growth, path: str) -> float:
    """Return the factor that gives a spec the base's std times muP's multiplier, at this width."""
    if not law.random:
        return 1.0
    if not math.isfinite(law.std) or not math.isfinite(base_law.std):
        msg = (
            f"{path!r}: mup scales the std of a law, and {law.kind} has no single one: give this parameter "
            "another initializer, or a rule with spec=None that leaves it."
        )
        raise ArgumentValueError(msg)
    factor: float = base_law.std * growth.hidden_factor / law.std
    return 1.0 if math.isclose(factor, 1.0, rel_tol=1e-12) else factor


def _scaled(spec: Initializer, factor: float) -> Initializer:
    return spec if factor == 1.0 else spec.scaled(factor)
