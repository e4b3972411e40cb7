"""Applies a recipe to a model: every check first, then every value, then the report."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, TypeVar

from unified_init.core.reprs import shown
from unified_init.drawing.seeds import check_seed, is_traced, key_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.models.names import all_paths, loaded_records, texts, without_prefixes
from unified_init.models.packed import check_not_quantized, packed_left
from unified_init.models.planning import Plan, check_recipe, plan_inventory
from unified_init.models.preparing import check_types, writes_of
from unified_init.models.reading import described, edited
from unified_init.models.report import Report, report_of
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_init.inventory.layer import Layer
    from unified_init.recipes.assignment import Assignment
    from unified_init.recipes.recipe import Recipe
    from unified_init.walkers.protocol import Walker

Model = TypeVar("Model")

__all__ = ["apply", "inspect", "plan"]

# ruff: noqa: ANN401  # models and seeds of any framework


def inspect(
    model: Any,
    *,
    layers: Mapping[Any, Layer] | None = None,
    places: Mapping[str, str] | None = None,
    strip: Sequence[str] | str | None = None,
) -> Inventory:
    """Return a model's parameters as framework-neutral records.

    Args:
        model: a ``torch.nn.Module``, ``keras.Model``, Flax NNX or Equinox module; for Linen and Haiku
            ``ui.linen(module, variables)`` and ``ui.haiku(transformed, params)``. Nothing is written.
        layers: a ``ui.Layer`` for each class, or glob of paths, that the library does not know or knows
            wrongly; one that is about nothing is refused.
        places: the place in the architecture, such as "attention.out", of layers or tensors, by glob.
        strip: prefixes that a wrapper adds, such as "net" for ``self.net = model`` or "module" for
            ``AveragedModel``. Stream names are without them, so that the wrapped model gets the values of
            the bare one; native paths stay. Each must begin some name.

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
    inventory = model if isinstance(model, Inventory) else walker_of(model).inspect(model)
    return without_prefixes(described([inventory], layers, places)[0], strip)


def plan(
    model: Any,
    recipe: Recipe,
    *,
    names: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    skip: Sequence[str] | str | None = None,
    layers: Mapping[Any, Layer] | None = None,
    places: Mapping[str, str] | None = None,
    strip: Sequence[str] | str | None = None,
) -> Plan:
    """Return which rule gives which law to which parameter; nothing is written.

    It refuses what ``apply`` would refuse, in the same words. Of an inventory it cannot check what only a
    model shows: memory that overlaps, tensors on ``meta`` or without values, weights that their layer
    computes. So ``plan(inspect(model), recipe)`` plans a model that is still on ``meta``.

    Args:
        model: as for ``inspect``, or an inventory.
        recipe: the rules.
        names: stream names by native path, such as ``ui.match`` makes; a part's is "path/label". A path
            that is not there is drawn under itself.
        only: globs of native paths, or "re:" and a regular expression; None is all.
        skip: the same, of paths to leave.
        layers: as for ``inspect``; they come after those of the recipe.
        places: as for ``inspect``, in the same way.
        strip: as for ``inspect``.

    Returns:
        The plan; ``print`` shows the table.

    Raises:
        ArgumentValueError: a rule that decides nothing, a parameter that no rule matches, a pattern that
            matches nothing, a law that does not fit; the message has the nearest miss. A parameter that
            cannot be written.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> law = ui.plan(torch.nn.Linear(100, 50), ui.recipes.keras_default())["weight"].pieces[0].law
        >>> law.kind, round(law.high * (150 / 6) ** 0.5, 12)
        ('uniform', 1.0)
    """
    check_recipe(recipe)
    inventory = model if isinstance(model, Inventory) else walker_of(model).inspect(model)
    inventory = without_prefixes(described([inventory], layers, places, recipe)[0], strip)
    result = plan_inventory(inventory, recipe, names=names, only=only, skip=skip)
    written = [assignment for assignment in result if assignment.pieces]
    check_not_quantized(inventory, _stored(written))
    if isinstance(model, Inventory):
        check_types(result.assignments)
        return result
    walker = walker_of(model)
    _check_writable(walker, model, written)
    writes_of(functools.partial(walker.shape_and_dtype, model), written)
    packed = tuple(path for path, _ in packed_left(walker, model, inventory))
    return dataclasses.replace(result, packed=packed)


def _check_writable(walker: Walker, model: Any, written: Sequence[Assignment]) -> None:
    walker.check(model, sorted(_stored(written)))


def _stored(written: Sequence[Assignment]) -> set[str]:
    """Return the native paths that assignments fill."""
    return {path for assignment in written for path, _ in assignment.record.stored}


def apply(
    model: Model,
    recipe: Recipe,
    *,
    seed: Any = None,
    names: Mapping[str, str] | None = None,
    only: Sequence[str] | str | None = None,
    skip: Sequence[str] | str | None = None,
    loaded: Sequence[str] | str | None = None,
    overwrite: bool = True,
    layers: Mapping[Any, Layer] | None = None,
    places: Mapping[str, str] | None = None,
    inventory: Inventory | None = None,
    strip: Sequence[str] | str | None = None,
) -> tuple[Model, Report]:
    """Give every parameter of a model the values of a recipe, and report it.

    All that can be refused is refused before the first value is written; what can still stop a PyTorch
    model's writing is the machine (memory, an interrupt), and then the exception says how far it came.
    Type, device, ``requires_grad``, sharding and ties stay as they are, and a tie is written once. A JAX
    array that spans several devices is drawn shard by shard on the host: nothing is compiled, and each
    process draws only what its devices hold. Keras variables are assigned.

    Args:
        model: as for ``inspect``.
        recipe: the rules.
        seed: as for ``draw``; a generator is advanced once, after all checks.
        names: as for ``plan``.
        only: as for ``plan``.
        skip: as for ``plan``.
        loaded: what holds values from elsewhere: the keys of a checkpoint, or globs of native paths; only
            with ``overwrite=False``. The keys of what a weight is computed from ("weight_g",
            "parametrizations.weight.original0") stand for the weight; those that name nothing in the model
            are in the report as ``unexpected``, and all of them naming nothing is an error.
        overwrite: False leaves those, and what the model itself marks as loaded (transformers does), as
            they are.
        layers: as for ``plan``.
        places: as for ``plan``.
        inventory: the model's records as you edited them, by ``dataclasses.replace`` or in JSON; they must
            have its paths and shapes. None is what ``inspect`` returns.
        strip: as for ``inspect``.

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
    check_recipe(recipe)
    own = walker.inspect(model)
    base = own if inventory is None else edited(inventory, own)
    inventory = without_prefixes(described([base], layers, places, recipe)[0], strip)
    model_plan = plan_inventory(inventory, recipe, names=names, only=only, skip=skip)
    kept: frozenset[str] = frozenset()
    unexpected: tuple[str, ...] = ()
    if not overwrite:
        kept, unexpected = loaded_records(inventory, () if loaded is None else texts("loaded", loaded))
        kept |= walker.loaded(model)
    written = [
        assignment
        for assignment in model_plan
        if assignment.pieces and not kept & all_paths(assignment.record)
    ]
    check_not_quantized(inventory, _stored(written))
    _check_writable(walker, model, written)
    random = [piece for assignment in written for piece in assignment.pieces if piece.law.random]
    for piece in random:
        check_seed(seed, piece.spec)
    prepared = writes_of(functools.partial(walker.shape_and_dtype, model), written)
    root = key_of(seed) if random else None
    if is_traced(root):
        msg = "`seed` of apply() must be known when it is called, got a key that is being traced."
        raise ArgumentTypeError(msg)
    writes = {path: dataclasses.replace(write, root=root) for path, write in prepared.items()}
    result = walker.commit(model, writes)
    report = report_of(model_plan, written, seed if random else None)
    return result, dataclasses.replace(report, unexpected=unexpected)
