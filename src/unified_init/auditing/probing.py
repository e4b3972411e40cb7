"""Probes: the activations of a model on a batch, layer by layer."""

from __future__ import annotations

import dataclasses
import importlib
import math
from typing import TYPE_CHECKING, Any

from unified_init.auditing import charts
from unified_init.core import checks, json_text
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned
from unified_init.errors import ArgumentTypeError
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Probe", "ProbedLayer", "probe"]

# ruff: noqa: ANN401  # models and batches of any framework

PROBES = {"torch.walker": "torch.probe", "keras.walker": "keras.probe"}


@dataclasses.dataclass(frozen=True, slots=True)
class ProbedLayer:
    """The output of one layer, in numbers.

    Args:
        name: its path; "" is the model itself. A layer that is called again has "(call 2)" behind it.
        kind: its class.
        shape: of its output.
        mean: of the output's values.
        variance: of the output's values, about their mean.
        gradient_mean: of the loss's gradient by these values; None without a loss, or where none flows.
        gradient_variance: the same of the variance.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> ProbedLayer("fc", "Linear", (8, 4), 0.0, 1.0).gradient_variance is None
        True
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    mean: float
    variance: float
    gradient_mean: float | None = None
    gradient_variance: float | None = None


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Probe:
    """Activations, and gradients if there was a loss, of every layer in the order of their calls.

    Args:
        layers: one per call.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> print(ui.probe(torch.nn.ReLU(), torch.tensor([-1.0, 1.0])))
        layer    kind  shape  mean  std  gradient mean  gradient std
        (model)  ReLU  (2,)   0.5   0.5
    """

    layers: tuple[ProbedLayer, ...]

    def __iter__(self) -> Iterator[ProbedLayer]:
        """Go through the layers in the order of their calls."""
        return iter(self.layers)

    def __getitem__(self, name: str) -> ProbedLayer:
        """Return the layer of a name."""
        word = checks.plain(name)
        for layer in self.layers:
            if layer.name == word:
                return layer
        msg = f"the probe has no layer {shown(name)}"
        raise KeyError(msg)

    def __str__(self) -> str:
        """Return aligned columns."""
        head = ("layer", "kind", "shape", "mean", "std", "gradient mean", "gradient std")
        return "\n".join(aligned([head, *map(_cells, self)]))

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the layers as JSON; numbers that are not finite become strings."""
        rows = [
            {
                key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in dataclasses.asdict(layer).items()
            }
            for layer in self
        ]
        return json_text.written({"layers": rows}, indent)

    def chart(self, path: str | Path) -> None:
        """Draw the stds along the depth into a PNG; needs matplotlib."""
        _probe_chart(self, path)


def probe(model: Any, batch: Any, loss: Callable[[Any], Any] | None = None) -> Probe:
    """Return mean and variance of every layer's activations on a batch, and of their gradients.

    mean and variance over all values of a layer's output; of the gradient, over all values of
    d loss / d output. The model runs once, in the mode it is in. Running statistics, gradients, random
    state and mode are as before when it returns.

    Args:
        model: a ``torch.nn.Module``, or a functional or sequential ``keras.Model``.
        batch: the model's argument; a tuple of several, or a dict of named ones.
        loss: a function of the model's output that returns one value; without it no gradients. Only
            for PyTorch.

    Returns:
        The probe.

    Raises:
        ArgumentTypeError: a model that cannot be probed, or a loss that returns something else.
        ArgumentValueError: a loss without parameters that require gradients.
        BackendError: the model or the loss raised an error, which is its cause.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> model = torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU())
        >>> recipe = ui.Recipe("he", (ui.Rule(spec=ui.zeros(), role="bias"), ui.Rule(spec=ui.he_normal())))
        >>> model, _ = ui.apply(model, recipe, seed=0)
        >>> batch = torch.ones(4, 512)
        >>> 1.5 < ui.probe(model, batch)["0"].variance < 2.5
        True
    """
    if loss is not None and not callable(loss):
        msg = f"`loss` must be a function of the model's output or None, got {shown(loss)}."
        raise ArgumentTypeError(msg)
    walker = walker_of(model)
    name = PROBES.get(walker.__name__.removeprefix("unified_init.walkers."))  # type: ignore[attr-defined]  # a module
    if name is None:
        msg = f"`model` of probe() must be a torch.nn.Module or a keras.Model, got {type(model).__name__}."
        raise ArgumentTypeError(msg)
    module = importlib.import_module(f"unified_init.walkers.{name}")
    return Probe(tuple(ProbedLayer(**row) for row in module.probe(model, batch, loss)))


def _cells(layer: ProbedLayer) -> tuple[str, ...]:
    gradient = (layer.gradient_mean, _root(layer.gradient_variance))
    numbers = (layer.mean, _root(layer.variance), *gradient)
    texts = ("" if value is None else f"{value:.4g}" for value in numbers)
    return (layer.name or "(model)", layer.kind, str(layer.shape), *texts)


def _root(variance: float | None) -> float | None:
    return variance if variance is None or not variance >= 0.0 else math.sqrt(variance)


def _probe_chart(probe: Probe, path: str | Path) -> None:
    """Draw the std of every layer's activations, and of the gradients there, along the depth."""
    figure, (axes,) = charts.figure_of(1, width=max(6.0, 0.22 * len(probe.layers) + 2.0))
    series = [("activations", charts.GOOD, [layer.variance for layer in probe])]
    if any(layer.gradient_variance is not None for layer in probe):
        series.append(("gradients", charts.WRONG, [layer.gradient_variance or math.nan for layer in probe]))
    for label, color, variances in series:
        stds = [math.sqrt(value) if value > 0.0 else math.nan for value in variances]
        axes.plot(range(len(stds)), stds, marker="o", markersize=3.5, color=color, label=label, linewidth=1.2)
    axes.set_yscale("log")
    names = [layer.name or "(model)" for layer in probe]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=charts.TEXT)
    axes.set_ylabel("standard deviation", fontsize=9, color=charts.INK)
    axes.set_title("activations and gradients by layer", fontsize=10, color=charts.INK, loc="left")
    axes.legend(fontsize=8, frameon=False)
    charts.save(figure, path)
