"""Proves a name map by running: both models get the same values, and their outputs are compared."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.drawing.seeds import check_seed, is_traced, key_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.models.applying import apply, inspect
from unified_init.models.match_layers import layers_of
from unified_init.models.name_map import as_read, records_of
from unified_init.models.planning import streams_of
from unified_init.models.run_outputs import compared_outputs, growth_of, judged
from unified_init.models.telling_recipe import stream_of, telling
from unified_init.models.verification import LayerDifference, Verification
from unified_init.recipes.recipe import Recipe
from unified_init.spec import presets
from unified_init.walkers.registry import runner_of, walker_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from unified_init.walkers.runs import Run

__all__ = ["Side", "called", "check_models", "pair_of", "run_both", "side_of", "verified", "verify_match"]

# ruff: noqa: ANN401  # models and inputs of any framework

TOLERANCE = 1e-3
# Factors of the telling kernels, from one to the next while values are above LARGEST. Where residual sums
# double in each block, gates of squeeze-and-excitation become steps, which amplify rounding errors.
GAINS = (1.0, 0.8, 0.6, 0.4)
LARGEST = 30.0
HELD = frozenset({"embedding", "position", "parameter", "scale"})  # what a model may hold by itself


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One of two models that are compared, how its tensors are read, and its inputs."""

    model: Any
    inventory: Inventory
    inputs: Any
    word: str


def side_of(model: Any, inventory: Inventory, inputs: Any, word: str) -> Side:
    """Return a model as one of two to run; refuse an inventory.

    Args:
        model: any model.
        inventory: its tensors, as they are read.
        inputs: its inputs, as for ``verify_match``.
        word: "first" or "second", for messages.
    """
    if isinstance(model, Inventory):
        msg = "an inventory cannot be run: pass the model itself, or leave the inputs out."
        raise ArgumentTypeError(msg)
    return Side(model, inventory, inputs, word)


def pair_of(inputs: Any) -> tuple[Any, Any]:
    """Return the inputs of two models; refuse what is no pair."""
    pair = checks.entries(inputs) or ()
    if len(pair) != 2:  # noqa: PLR2004  # a pair
        msg = (
            f"`inputs` must be a pair, the inputs of the first model and of the second, got {shown(inputs)}."
        )
        raise ArgumentTypeError(msg)
    return pair[0], pair[1]


def verify_match(
    model_a: Any,
    model_b: Any,
    names: Mapping[str, str],
    inputs: tuple[Any, Any],
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> Verification:
    """Give two models the same weights, run both, and compare their outputs.

    Copies are written and run, as at inference; the models stay as they are. Equal digests do not prove a
    map: two layers that look alike may be swapped. Equal outputs do, if the weights tell all layers apart.
    The first model also runs with other weights, for how far they move its outputs.

    Args:
        model_a: the first model of ``ui.match``.
        model_b: the second.
        names: the map, as ``ui.match`` returns it.
        inputs: what each model is called with, a pair as for ``ui.match``: the same data, in the form that
            each takes. One input, a tuple of several, a dict of named ones, or a function that runs the model
            it is given and returns the outputs. NumPy arrays are converted.
        recipe: the weights; None gives all tensors random values, norms and statistics too, and zeros (or
            ones for a scale) where the other model has no counterpart. Outputs that differ while values are
            very large are judged again with smaller kernels.
        seed: as for ``draw``.
        tolerance: the difference that is allowed, as a share of how far other weights move the outputs.

    Returns:
        The result: ``ok``, ``difference``, and in ``first`` the first layer whose outputs differ. Print it.

    Raises:
        ArgumentTypeError: arguments of the wrong type, an inventory in place of a model.
        ArgumentValueError: a model that does not run on its inputs, and all that ``apply`` refuses.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> a, b = (torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)) for _ in range(2))
        >>> x = torch.ones(1, 4)
        >>> ui.verify_match(a, b, {}, inputs=(x, x)).ok
        True
        >>> swapped = {"0.weight": "1.weight", "1.weight": "0.weight"}
        >>> ui.verify_match(a, b, swapped, inputs=(x, x)).first.first
        '0'

    Differs from:
        ``numpy.testing.assert_allclose`` on two outputs: no weights have to be copied, and the layer where
        the models part is named.
    """
    if checks.items(names) is None:
        listing = shown(names)
        msg = f"`names` must be a mapping of paths to stream names, such as ui.match returns, got {listing}."
        raise ArgumentTypeError(msg)
    streams = streams_of(names)
    if recipe is not None and not isinstance(recipe, Recipe):
        msg = f"`recipe` must be a Recipe or None, got {shown(recipe)}."
        raise ArgumentTypeError(msg)
    tolerance = checks.positive("tolerance", tolerance)
    pair = pair_of(inputs)
    number = None if seed is None else _number_of(seed)
    check_models(model_a, model_b)
    firsts, seconds = records_of(names)
    first = side_of(model_a, as_read(inspect(model_a), firsts, streams.values()), pair[0], "first")
    second = side_of(model_b, as_read(inspect(model_b), seconds, streams), pair[1], "second")
    return verified(first, second, streams, recipe=recipe, seed=number, tolerance=tolerance)


def verified(
    first: Side,
    second: Side,
    names: Mapping[str, str],
    *,
    recipe: Recipe | None = None,
    seed: int | None = 0,
    tolerance: float = TOLERANCE,
) -> Verification:
    """Return what running two models with the same weights shows; arguments as for ``verify_match``.

    Outputs that differ while values are very large are judged again with smaller kernels.
    """
    if recipe is not None:
        return _shown(first, second, names, (recipe, recipe), seed, tolerance)[0]
    results = []
    for gain in GAINS:
        recipes = telling(first.inventory, second.inventory, names, gain)
        result, growth = _shown(first, second, names, recipes, seed, tolerance)
        results.append(result)
        if result.ok or growth <= LARGEST:
            return result
    return results[0]  # it is not the kernels that make them large


def _shown(
    first: Side,
    second: Side,
    names: Mapping[str, str],
    recipes: tuple[Recipe, Recipe],
    seed: int | None,
    tolerance: float,
) -> tuple[Verification, float]:
    """Return what running two models shows with the values of a recipe each, and how large values become."""
    run_a = _drawn_run(first, recipes[0], None, seed)
    run_b = _drawn_run(second, recipes[1], names, seed)
    redrawn = run_a if seed is None else _drawn_run(first, recipes[0], None, seed ^ 1)
    outputs = compared_outputs(run_a, run_b, redrawn)
    partners = _partners(first.inventory, second.inventory, names)
    layers = [
        layer for layer in _layers(partners, run_a, run_b, redrawn) if outputs.shapes or not layer.shapes
    ]
    result = Verification(
        outputs.difference, outputs.scale, tolerance, tuple(layers), outputs.shapes, outputs.unmatched
    )
    return result, growth_of(run_a)


def _number_of(seed: Any) -> int:
    """Return a seed as the int of its key, from which two models are drawn: a generator is advanced once."""
    check_seed(seed, presets.normal(0.0, 1.0))
    key = key_of(seed)
    if is_traced(key):
        msg = "`seed` of verify_match() must be known when it is called, got a key that is being traced."
        raise ArgumentTypeError(msg)
    return int(key[0]) << 32 | int(key[1])


def run_both(first: Side, second: Side, names: Mapping[str, str]) -> tuple[Run, Run]:
    """Return what running both models with telling weights shows."""
    runs = []
    for gain in GAINS:
        recipes = telling(first.inventory, second.inventory, names, gain)
        runs.append((recipes[1], _drawn_run(first, recipes[0], None, 0)))
        if growth_of(runs[-1][1]) <= LARGEST:
            break
    else:
        runs = runs[:1]
    recipe, run_a = runs[-1]
    return run_a, _drawn_run(second, recipe, names, 0)


def called(side: Side) -> tuple[str, ...]:
    """Return the paths of a model's modules in the order in which their calls begin."""
    recipe, _ = telling(side.inventory, Inventory("", ()), {})
    return tuple(_drawn_run(side, recipe, None, 0).calls)


def check_models(model_a: Any, model_b: Any) -> None:
    """Refuse what is no model; the message says which of the two."""
    for argument, model in (("model_a", model_a), ("model_b", model_b)):
        if not isinstance(model, Inventory):
            walker_of(model, argument)


def _drawn_run(side: Side, recipe: Recipe, names: Mapping[str, str] | None, seed: int | None) -> Run:
    """Run a model with the values of a recipe, which it has as long as that takes."""
    runner = runner_of(side.model)
    with runner.scratch(side.model) as lent:
        drawn = lent
        for skip, only in _rounds(side.inventory, names or {}):
            drawn, _ = apply(
                drawn, recipe, seed=seed, names=names, skip=skip, only=only, inventory=side.inventory
            )
        try:
            return runner.run(drawn, side.inputs)
        except Exception as error:
            msg = f"the {side.word} model does not run on its inputs: {type(error).__name__}: {error}"
            raise ArgumentValueError(msg) from error


def _rounds(
    inventory: Inventory, names: Mapping[str, str]
) -> Iterator[tuple[list[str] | None, list[str] | None]]:
    """Yield what to leave out and what to draw, in turn: ``apply`` draws no two tensors from one stream.

    A head that is tied to a table in the first model, and apart in the second, has the table's stream.
    """
    streams: set[str] = set()
    again: list[str] = []
    for record in inventory:
        stream = names.get(record.path, record.name)
        if stream in streams:
            again.append(f"re:{re.escape(record.path)}")
        streams.add(stream)
    yield again or None, None
    yield from ((None, [pattern]) for pattern in again)


def _layers(partners: Mapping[str, str], run_a: Run, run_b: Run, redrawn: Run) -> Iterator[LayerDifference]:
    """Yield the pairs of modules that have outputs, in the order of the first model's calls."""
    for first, activation in run_a.calls.items():
        second = partners.get(first)
        others = [
            run.calls.get(path) for run, path in ((run_b, second), (redrawn, first)) if path is not None
        ]
        outputs = [None if other is None else other.outputs for other in (activation, *others)]
        arrays = [array for array in outputs if array is not None]
        if second is None or len(arrays) < 3:  # noqa: PLR2004  # of both models, and redrawn
            continue
        difference, scale, _ = judged(arrays[0], arrays[1], arrays[2], rectified=True)
        if difference is None:
            yield LayerDifference(first, second, math.inf, scale, (arrays[0].shape, arrays[1].shape))
        else:
            yield LayerDifference(first, second, difference, scale)


def _partners(a: Inventory, b: Inventory, names: Mapping[str, str]) -> dict[str, str]:
    """Return the module in the second model of each in the first: the one that holds most of its values."""
    modules_a = {unit.stream: layer.module for layer in layers_of(a) for unit in layer.units}
    seconds: dict[str, Counter[str]] = {}
    firsts: dict[str, Counter[str]] = {}
    for layer in layers_of(b):
        for unit in layer.units:
            first = modules_a.get(stream_of(unit, names))
            # A parameter of the whole model may be a layer in the other: their outputs are not the same.
            is_root = unit.record.role in HELD and "" in {first, layer.module} and first != layer.module
            if first is not None and not is_root:
                seconds.setdefault(first, Counter())[layer.module] += unit.record.size
                firsts.setdefault(layer.module, Counter())[first] += unit.record.size
    pairs = {first: _most(counts) for first, counts in seconds.items()}
    return {
        first: second
        for first, second in pairs.items()
        if second is not None and _most(firsts[second]) == first
    }


def _most(counts: Counter[str]) -> str | None:
    """Return what is counted more often than all else together; None if nothing is."""
    word, count = counts.most_common(1)[0]
    return word if 2 * count > counts.total() else None
