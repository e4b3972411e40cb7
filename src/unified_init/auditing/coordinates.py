"""Coordinate checks: whether activations keep their size with the width, as muP says they do in training."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.auditing import charts
from unified_init.core import checks, json_text
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.applying import apply, inspect
from unified_init.recipes.recipe import Recipe
from unified_init.recipes.width.mup import MuP

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["CoordCheck", "Curve", "coord_check"]

# ruff: noqa: ANN401  # models and batches of any kind

STABLE, GROWS = 0.1, 0.3
OPTIMIZERS = ("adam", "sgd")
FEWEST = 2
MOST = 1000  # widths or seeds
LISTED = 24  # the most layers in a legend


@dataclasses.dataclass(frozen=True, slots=True)
class Curve:
    """How large one layer's activations are after some steps, at every width.

    Args:
        name: the layer's path; "" is the model.
        step: steps of training before.
        sizes: mean absolute values, one per width; the geometric mean over the seeds.
        slope: d log(size) / d log(width), by least squares; NaN where a size is 0.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> Curve("fc", 1, (1.0, 2.0), 1.0).slope
        1.0
    """

    name: str
    step: int
    sizes: tuple[float, ...]
    slope: float


@public
@dataclasses.dataclass(frozen=True, slots=True)
class CoordCheck:
    """The sizes of all layers' activations over width and training, and a verdict.

    Args:
        widths: increasing.
        steps: of training.
        curves: one per layer and step, from step 0.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> import unified_init as ui
        >>> from unified_init.auditing.coordinates import Curve
        >>> ui.CoordCheck((64, 128), 1, (Curve("fc", 1, (1.0, 2.0), 1.0),)).verdict
        'grows'
    """

    widths: tuple[int, ...]
    steps: int
    curves: tuple[Curve, ...]

    @property
    def worst(self) -> Curve | None:
        """The steepest curve of a trained model; None if there is none."""
        trained = [curve for curve in self.curves if curve.step > 0 and not math.isnan(curve.slope)]
        return max(trained, key=lambda curve: curve.slope, default=None)

    @property
    def verdict(self) -> str:
        """The verdict by the steepest slope: "stable" below 0.1, "grows" above 0.3, "unclear" between."""
        slope = math.nan if self.worst is None else self.worst.slope
        if slope < STABLE:
            return "stable"
        return "grows" if slope > GROWS else "unclear"

    def __str__(self) -> str:
        """Return the slopes, one row per layer and one column per step."""
        names = list(dict.fromkeys(curve.name for curve in self.curves))
        slopes = {(curve.name, curve.step): f"{curve.slope:+.3f}" for curve in self.curves}
        head = ["slope of log|x| by log width", *(f"step {step}" for step in range(self.steps + 1))]
        rows = [
            [name or "(model)", *(slopes.get((name, step), "") for step in range(self.steps + 1))]
            for name in names
        ]
        worst = (
            ""
            if self.worst is None
            else f": steepest {self.worst.slope:+.3f}, {self.worst.name or '(model)'!r}"
        )
        verdict = f"{self.verdict}{worst}; widths {', '.join(map(str, self.widths))}"
        return "\n".join([*aligned([head, *rows]), verdict])

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the curves and the verdict as JSON; a slope that is NaN is null."""
        curves = [
            dataclasses.asdict(curve) | {"slope": None if math.isnan(curve.slope) else curve.slope}
            for curve in self.curves
        ]
        tree = {"verdict": self.verdict, "widths": self.widths, "steps": self.steps, "curves": curves}
        return json_text.written(tree, indent)

    def chart(self, path: str | Path) -> None:
        """Draw the sizes over the width, one panel per step, into a PNG; needs matplotlib."""
        _coord_chart(self, path)


def coord_check(
    make_model: Callable[[int], Any],
    widths: Sequence[int],
    batch: Any,
    *,
    recipe: Recipe | MuP | None = None,
    loss: Callable[[Any], Any] | None = None,
    optimizer: str | Callable[[Any], Any] = "adam",
    lr: float = 1e-3,
    steps: int = 4,
    seeds: Sequence[int] = (0,),
) -> CoordCheck:
    """Train a PyTorch model for a few steps at several widths and return how its activations grow.

    slope = d log mean|x| / d log width, for every layer after every step. Under muP none grows: slopes are
    below 0.1. In the standard parametrization with Adam some are above 0.3.

    Args:
        make_model: a function of the width that returns a ``torch.nn.Module``; it is trained.
        widths: two or more, such as (64, 128, 256, 512).
        batch: the model's argument, the same at every step; a tuple of several, or a dict of named ones.
        recipe: initializes the models: a ``Recipe`` (standard parametrization) or a ``MuP``, whose
            learning rates and output multipliers are used too; None leaves the models as they are made.
        loss: a function of the model's output; None is the mean squared distance from 1.
        optimizer: "adam" or "sgd", or a function of the model that returns an optimizer.
        lr: the learning rate at the base's width; not used if ``optimizer`` is a function.
        steps: of training.
        seeds: of the recipe, and of PyTorch's generator while models are made and run, which is as
            before when it returns; sizes are averaged over them.

    Returns:
        The check: ``verdict``, ``curves``, ``chart(path)``.

    Raises:
        ArgumentTypeError: something else than a recipe, a function or integers, or a model that is no
            ``torch.nn.Module``.
        ArgumentValueError: fewer than two widths, no seed, or models with different layers.
        BackendError: a model or one of the functions raised an error, which is its cause.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> def mlp(width):
        ...     sizes = [(8, width), (width, width), (width, 4)]
        ...     return torch.nn.Sequential(*(torch.nn.Linear(*size) for size in sizes))
        >>> scaled = ui.recipes.mup(
        ...     ui.recipes.torch_default(), base=ui.inspect(mlp(64)), delta=ui.inspect(mlp(128)))
        >>> ui.coord_check(mlp, (64, 128, 256), torch.ones(4, 8), recipe=scaled).verdict
        'stable'

    Differs from:
        ``mup.coord_check``, whose curves are judged by eye: this one has a verdict.
    """
    if not callable(make_model):
        msg = f"`make_model` must be a function of the width that returns a model, got {shown(make_model)}."
        raise ArgumentTypeError(msg)
    if loss is not None and not callable(loss):
        msg = f"`loss` must be a function of the model's output or None, got {shown(loss)}."
        raise ArgumentTypeError(msg)
    sizes = _counts("widths", widths, least=1)
    if len(set(sizes)) < FEWEST:
        msg = f"`widths` must be two different ones or more, got {sizes}."
        raise ArgumentValueError(msg)
    if recipe is not None and not isinstance(recipe, (Recipe, MuP)):
        msg = f"`recipe` must be a Recipe, a MuP or None, got {shown(recipe)}."
        raise ArgumentTypeError(msg)
    if not callable(optimizer):
        checks.choice("optimizer", optimizer, OPTIMIZERS)
    seed_numbers = _counts("seeds", seeds, least=0)
    if not seed_numbers:
        msg = "`seeds` must have one seed or more."
        raise ArgumentValueError(msg)
    steps, lr = checks.count("steps", steps), checks.positive("lr", lr)
    trained: Any = importlib.import_module("unified_init.walkers.torch.coordinates").trained
    run = functools.partial(trained, prepare=functools.partial(_prepare, recipe), loss=loss)
    runs = {
        width: [
            run(make_model, width, batch, optimizer=optimizer, lr=lr, steps=steps, seed=seed)
            for seed in seed_numbers
        ]
        for width in sorted(set(sizes))
    }
    return CoordCheck(tuple(runs), steps, tuple(_curves(runs)))


def _counts(name: str, values: Sequence[int], *, least: int) -> tuple[int, ...]:
    try:
        entries = [] if isinstance(values, str) else list(itertools.islice(values, MOST + 1))
    except Exception:  # noqa: BLE001  # of the class of the sequence
        entries = []
    if not entries and checks.entries(values) is None:
        msg = f"`{name}` must be a sequence of integers, got {shown(values)}."
        raise ArgumentTypeError(msg)
    if len(entries) > MOST:
        msg = f"`{name}` must be at most {MOST}, got more."
        raise ArgumentValueError(msg)
    return tuple(checks.count(name, value, least=least) for value in entries)


def _prepare(
    recipe: Recipe | MuP | None, model: Any, seed: int
) -> tuple[dict[str, tuple[float, float]], dict[str, float]]:
    """Initialize a model; return the learning-rate multipliers and those of layers' inputs, by path."""
    if isinstance(recipe, Recipe):
        apply(model, recipe, seed=seed)
    if not isinstance(recipe, MuP):
        return {}, {}
    inventory = inspect(model)
    apply(model, recipe.recipe_for(inventory), seed=seed)
    table = recipe.table(inventory)
    multipliers: dict[str, float] = {}
    for row in table:
        record = inventory[row.path]
        if row.multiplier != 1.0:  # of an embedding that is tied to the head, the head's
            multipliers |= dict.fromkeys(
                record.ties if record.kind == "embedding" else (row.path,), row.multiplier
            )
    return {row.path: (row.adam, row.sgd) for row in table}, multipliers


def _curves(runs: dict[int, list[dict[tuple[str, int], float]]]) -> list[Curve]:
    """Return the curves of the sizes that were measured: by width, by seed, by layer and step."""
    every_run = [run for seeds in runs.values() for run in seeds]
    keys = list(every_run[0])
    for run in every_run:
        if list(run) != keys:
            names = sorted({name for name, _ in set(run) ^ set(keys)})
            msg = f"`make_model` must return the same layers at every width, got differences in {names[:3]}."
            raise ArgumentValueError(msg)
    curves = []
    for name, step in keys:
        sizes = [
            math.exp(sum(_log(run[name, step]) for run in seeds) / len(seeds)) for seeds in runs.values()
        ]
        curves.append(Curve(name, step, tuple(sizes), _slope(list(runs), sizes)))
    return curves


def _log(size: float) -> float:
    return math.log(size) if size > 0.0 else -math.inf


def _slope(widths: list[int], sizes: list[float]) -> float:
    if not all(size > 0.0 and math.isfinite(size) for size in sizes):
        return math.nan
    x, y = np.log(widths), np.log(sizes)
    x = x - x.mean()
    return float(x @ (y - y.mean()) / (x @ x))


def _coord_chart(check: CoordCheck, path: str | Path) -> None:
    """Draw the size of every layer's activations over the width, one panel per step."""
    figure, panels = charts.figure_of(check.steps + 1, width=2.5 * (check.steps + 1) + 2.0, shared=True)
    colors: Any = importlib.import_module("matplotlib").colormaps["viridis"]
    names = list(dict.fromkeys(curve.name for curve in check.curves))
    for step, axes in enumerate(panels):
        curves = [curve for curve in check.curves if curve.step == step]
        for curve in curves:
            shade = colors(0.9 * names.index(curve.name) / max(1, len(names) - 1))
            label = curve.name or "(model)"
            axes.plot(check.widths, curve.sizes, marker="o", markersize=3, color=shade, label=label)
        slopes = [curve.slope for curve in curves if not math.isnan(curve.slope)]
        steepest = f", steepest {max(slopes):+.2f}" if slopes else ""
        moment = f"step {step}" if step else "at the start"
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_title(f"{moment}{steepest}", fontsize=9, color=charts.INK, loc="left")
        axes.set_xlabel("width", fontsize=9, color=charts.INK)
    panels[0].set_ylabel("mean |activation|", fontsize=9, color=charts.INK)
    handles, labels = panels[-1].get_legend_handles_labels()
    selection = slice(None, None, max(1, -(-len(labels) // LISTED)))
    figure.legend(handles[selection], labels[selection], fontsize=7, frameon=False, loc="outside right upper")
    charts.save(figure, path)
