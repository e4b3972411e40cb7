"""Applies a recipe to a model: every check first, then every value, then the report."""

from __future__ import annotations

import dataclasses
import json
import numbers
from typing import TYPE_CHECKING, Any

from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.drawing.seeds import check_seed, is_traced, key_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.records import Inventory
from unified_init.law.law import STREAM
from unified_init.models.planning import Plan, plan_inventory, texts
from unified_init.models.preparing import writes_of
from unified_init.recipes.rule import matches
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_init.inventory.records import Record
    from unified_init.recipes.assignment import Assignment
    from unified_init.recipes.rule import Recipe
    from unified_init.walkers.protocol import Walker

__all__ = ["Report", "apply", "inspect", "plan"]

# ruff: noqa: ANN401  # models and seeds of any framework


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What ``apply`` did: enough to do it again.

    Args:
        recipe: name of the recipe.
        seed: the seed if it was an int, else the type of the object that gave it.
        stream: the stream's version.
        inventory: SHA-256 of the inventory.
        written: native paths that were written.
        kept: native paths that hold loaded values, and were left.
        skipped: native paths left out by ``only``, ``skip`` or a rule without a spec.
        left: native tensors that no recipe writes, such as rotary frequencies.
        ties: (path, other path) pairs that share memory, written once.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> model, report = ui.apply(torch.nn.Linear(3, 2), ui.recipes.torch_default(), seed=0)
        >>> report.written
        ('bias', 'weight')
    """

    recipe: str
    seed: int | str | None
    stream: str
    inventory: str
    written: tuple[str, ...]
    kept: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    ties: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> str:
        """Return the report as JSON."""
        return json.dumps(dataclasses.asdict(self))


def inspect(model: Any) -> Inventory:
    """Return a model's parameters as framework-neutral records.

    Args:
        model: a ``torch.nn.Module``, ``keras.Model``, Flax NNX or Equinox module; for Linen and Haiku
            ``ui.linen(module, variables)`` and ``ui.haiku(transformed, params)``. Nothing is written.

    Returns:
        The inventory; ``ui.inventory_to_json`` writes it down.

    Raises:
        ArgumentTypeError: no walker knows the model.
        ArgumentValueError: a parameter whose layer and shape contradict each other, such as an empty
            placeholder.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> record = ui.inspect(torch.nn.Conv2d(8, 16, 3, groups=2))["weight"]
        >>> record.kind, record.layout, record.sizes, record.fans
        ('conv', '(BO)IHW', (('B', 2),), (36, 72))

    Differs from:
        No framework has one; PyTorch's ``named_parameters`` says neither axes nor fans.
    """
    if isinstance(model, Inventory):
        return model
    return walker_of(model).inspect(model)


def plan(
    model: Any,
    recipe: Recipe,
    *,
    names: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    skip: Sequence[str] | str | None = None,
) -> Plan:
    """Return which rule gives which law to which parameter; nothing is written.

    Args:
        model: as for ``inspect``, or an inventory.
        recipe: the rules.
        names: stream names by native path, such as ``ui.match`` makes; a part's is "path/label". A path
            that is not there is drawn under itself.
        only: globs of native paths, or "re:" and a regular expression; None is all.
        skip: the same, of paths to leave.

    Returns:
        The plan; ``print`` shows the table.

    Raises:
        ArgumentValueError: a rule that decides nothing, a parameter that no rule matches, a pattern that
            matches nothing, a law that does not fit; the message has the nearest miss.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> law = ui.plan(torch.nn.Linear(100, 50), ui.recipes.keras_default())["weight"].pieces[0].law
        >>> law.kind, round(law.high * (150 / 6) ** 0.5, 12)
        ('uniform', 1.0)
    """
    return plan_inventory(inspect(model), recipe, names=names, only=only, skip=skip)


def apply(
    model: Any,
    recipe: Recipe,
    *,
    seed: Any = None,
    names: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    skip: Sequence[str] | str | None = None,
    loaded: Sequence[str] | str | None = None,
    overwrite: bool = True,
) -> tuple[Any, Report]:
    """Give every parameter of a model the values of a recipe, and report it.

    All that can be refused is refused before the first value is written; what can still stop a PyTorch
    model's writing is the machine (memory, an interrupt), and then the exception says how far it came.
    Type, device, ``requires_grad``, sharding and ties stay as they are, and a tie is written once.

    Args:
        model: as for ``inspect``.
        recipe: the rules.
        seed: as for ``draw``; a generator is advanced once, after all checks.
        names: as for ``plan``.
        only: as for ``plan``.
        skip: as for ``plan``.
        loaded: globs of native paths that hold values from elsewhere, such as the keys of a checkpoint;
            only with ``overwrite=False``.
        overwrite: False leaves those, and what the model itself marks as loaded (transformers does), as
            they are.

    Returns:
        The model and the report. PyTorch, Keras and Flax NNX models are written in place; trees and
        Equinox modules are new.

    Raises:
        UnifiedInitError: as for ``plan`` and ``draw``; or a parameter that is on ``meta``, is an empty
            placeholder, or cannot be written. The model is as it was.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> model, _ = ui.apply(torch.nn.Linear(300, 100), ui.recipes.keras_default(), seed=0)
        >>> bool(model.bias.any())
        False
        >>> w = ui.draw(ui.glorot_uniform(), (100, 300), layout="OI", seed=0, name="weight")
        >>> bool((model.weight.detach().numpy() == w).all())
        True

    Differs from:
        ``torch.nn.Module.apply`` and ``keras`` initializers: a rule that matches nothing and a parameter
        that nothing matches are errors, and the order of modules does not change a value.
    """
    if overwrite is not True and overwrite is not False:
        msg = f"`overwrite` must be True or False, got {shown(overwrite)}."
        raise ArgumentTypeError(msg)
    if loaded is not None and overwrite:
        msg = "`loaded` says which parameters to keep, and overwrite=True keeps none: pass overwrite=False."
        raise ArgumentValueError(msg)
    walker = walker_of(model)
    inventory = walker.inspect(model)
    model_plan = plan_inventory(inventory, recipe, names=names, only=only, skip=skip)
    kept = frozenset() if overwrite else _loaded_paths(walker, model, inventory, loaded)
    written = [
        assignment
        for assignment in model_plan
        if assignment.pieces and not kept & _all_paths(assignment.record)
    ]
    walker.check(model, sorted({path for assignment in written for path, _ in assignment.record.stored}))
    random = [piece for assignment in written for piece in assignment.pieces if piece.law.random]
    for piece in random:
        check_seed(seed, piece.spec)
    prepared = writes_of(walker, model, written)
    root = key_of(seed) if random else None
    if is_traced(root):
        msg = "`seed` of apply() must be known when it is called, got a key that is being traced."
        raise ArgumentTypeError(msg)
    writes = {path: dataclasses.replace(write, root=root) for path, write in prepared.items()}
    result = walker.commit(model, writes)
    return result, _report(model_plan, written, seed if random else None)


def _loaded_paths(
    walker: Walker, model: Any, inventory: Inventory, loaded: Sequence[str] | str | None
) -> frozenset[str]:
    """Return the native paths that hold loaded values."""
    loaded_paths = set(walker.loaded(model))
    paths = [path for record in inventory for path in _all_paths(record)]
    for pattern in () if loaded is None else texts("loaded", loaded):
        matched = {path for path in paths if matches(pattern, path)}
        if not matched and pattern not in inventory.left:
            msg = f"`loaded`: {pattern!r} matches no parameter of the model."
            raise ArgumentValueError(msg)
        loaded_paths |= matched
    return frozenset(loaded_paths)


def _all_paths(record: Record) -> set[str]:
    return {record.path, *record.ties, *(path for path, _ in record.stored)}


def _report(model_plan: Plan, written: Sequence[Assignment], seed: Any) -> Report:
    drawn = {assignment.record.path for assignment in model_plan if assignment.pieces}
    empty = {assignment.record.path for assignment in model_plan if not assignment.pieces}
    paths = {assignment.record.path for assignment in written}
    return Report(
        recipe=model_plan.recipe.name,
        seed=int(seed)
        if isinstance(seed, numbers.Integral)
        else None
        if seed is None
        else type(seed).__name__,
        stream=STREAM,
        inventory=model_plan.inventory.digest,
        written=tuple(sorted(paths)),
        kept=tuple(sorted(drawn - paths)),
        skipped=tuple(sorted({*model_plan.skipped, *empty})),
        left=model_plan.inventory.left,
        ties=tuple(
            (assignment.record.path, path) for assignment in written for path in assignment.record.ties
        ),
    )
