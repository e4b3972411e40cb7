"""The ratios as a bar chart: ``python -m benchmarks.chart FIGURES.json CHART.png``."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import FRAMEWORKS, IMPORTED
from benchmarks.results import RATIO, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bar", "bars", "write"]

TITLE = "unified_init against each framework's own initializers"
PANELS = {"numpy": "NumPy", "torch": "PyTorch", "tensorflow": "TensorFlow (Keras)", "jax": "JAX"}
MODELS = {"gpt2_small": "GPT-2 small", "resnet50": "ResNet-50"}
TIMES = "\N{MULTIPLICATION SIGN}"
SHOWN = ("bulk", "latency", "first", "models")
ALIKE = ("glorot_uniform", "kaiming_normal")  # cost what uniform and normal cost
ABOUT = 1.03  # nearer to 1 than this is the same
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)
FASTER, SLOWER, INK, GRID = "#2a7f9e", "#c8553d", "#22303c", "#d9dee3"
WIDTH, DPI = 9.0, 200  # inches, dots: 1800 dots across, sharp when shown 900 wide
ROW, HEAD, TOP, FOOT = 0.172, 0.3, 0.36, 0.68  # inches: a bar, a panel's title, above and below all
LEFT, RIGHT = 0.335, 0.985  # of the width: where the panels begin and end


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One line of the chart."""

    text: str
    ratio: float
    low: float
    high: float


def bars(results: Sequence[Result], framework: str) -> list[Bar]:
    """Return what one framework's panel shows: what differs, not every row of the tables.

    No floor; of bfloat16 and of 64 x 64 the normal alone; no law that costs what another one shown does.
    """
    shown = [one for one in results if one.framework == framework and one.group in SHOWN and _tells(one)]
    return [Bar(_text(one), one.series().ratio(), *one.series().quartiles()) for one in shown]


def _tells(result: Result) -> bool:
    if result.bound != RATIO or result.way.endswith("plain fill") or result.way == IMPORTED:
        return False
    if result.group == "latency" or result.dtype == "bfloat16":
        return result.law == "normal"
    # torch has an in-place form of every law; the returned one is the same and an allocation.
    twice = (
        result.framework == "torch" and result.way == "returned" and result.law not in {"uniform", "normal"}
    )
    return result.law not in ALIKE and not twice


def _text(result: Result) -> str:
    law, size = result.law.replace("_", " "), f" {TIMES} ".join(map(str, result.shape))
    if result.group == "models":
        return f"{MODELS[result.law]}, process start to weights"
    if result.group == "first":
        return f"{law} {size}, new shape, {result.way}"
    kind = " bfloat16" if result.dtype == "bfloat16" else ""
    return f"{law} {size}{kind}, {result.way}"


def write(results: Sequence[Result], path: Path, *, note: str = "") -> None:
    """Draw the panels of all frameworks that have results into one PNG file; without any, do nothing.

    Args:
        results: of a run.
        path: where to.
        note: a line below, such as the processor's name.
    """
    panels = [(name, found) for name in FRAMEWORKS if (found := bars(results, name))]
    if not panels:
        return
    matplotlib: Any = importlib.import_module("matplotlib")  # by name: only charts need it
    matplotlib.use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    total = TOP + sum(HEAD + ROW * len(found) for _, found in panels) + FOOT
    limits = _limits([bar for _, found in panels for bar in found])
    figure = pyplot.figure(figsize=(WIDTH, total), dpi=DPI)
    below = total - TOP
    for name, found in panels:
        below -= HEAD + ROW * len(found)
        axes = figure.add_axes((LEFT, below / total, RIGHT - LEFT, ROW * len(found) / total))
        _panel(axes, PANELS[name], found, limits)
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("time, ours / native: bars to the left of 1 are faster", color=INK, fontsize=8.5)
    words = {"color": INK, "x": 0.012, "ha": "left"}
    figure.text(y=1 - 0.1 / total, va="top", fontsize=12, fontweight="bold", s=TITLE, **words)
    footnote = f"Median and quartiles of interleaved pairs. {note}"
    figure.text(y=0.07 / total, va="bottom", fontsize=7.5, s=footnote, **words)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    pyplot.close(figure)


def _panel(axes: Any, title: str, found: Sequence[Bar], limits: tuple[float, float]) -> None:  # noqa: ANN401
    """Draw one framework's bars: from 1 to the ratio, with a line from quartile to quartile."""
    for place, bar in enumerate(found):
        color = FASTER if bar.ratio <= 1.0 else SLOWER
        axes.barh(place, bar.ratio - 1.0, left=1.0, height=0.66, color=color, zorder=2)
        axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.0, zorder=3)
        axes.annotate(
            _beside(bar.ratio), (max(bar.high, 1.0), place), xytext=(4, -0.5), textcoords="offset points",
            fontsize=7.5, va="center", color=INK, zorder=4,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    ticks = [tick for tick in TICKS if limits[0] <= tick <= limits[1]]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
    axes.minorticks_off()
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_yticks(range(len(found)), [bar.text for bar in found], fontsize=7.8)
    axes.text(-0.008, 1.0, title, transform=axes.transAxes, ha="right", va="bottom", fontsize=9,
              fontweight="bold", color=INK)  # fmt: skip
    axes.axvline(1.0, color=INK, linewidth=1.0, zorder=3)
    axes.grid(axis="x", color=GRID, linewidth=0.7, zorder=0)
    axes.tick_params(length=0, colors=INK, labelbottom=False)
    for side in axes.spines.values():
        side.set_visible(False)


def _limits(found: Sequence[Bar]) -> tuple[float, float]:
    """Return the ends of the axis, with room at the right for the text beside the longest bar."""
    low, high = min(bar.low for bar in found), max(1.0, *(bar.high for bar in found))
    left = min(low / 1.2, 0.1)
    return left, float(high * (high / left) ** 0.17)


def _beside(ratio: float) -> str:
    """Return the ratio in words."""
    if ABOUT * ratio >= 1.0 and ratio <= ABOUT:
        return "the same"
    return f"{1 / ratio:.1f}{TIMES} faster" if ratio < 1.0 else f"{ratio:.1f}{TIMES} the time"


if __name__ == "__main__":
    from benchmarks.command import read

    write(read(Path(sys.argv[1])), Path(sys.argv[2]))
