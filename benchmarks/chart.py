"""The ratios as a bar chart: ``python -m benchmarks.chart FIGURES.json CHART.png``."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import FRAMEWORKS
from benchmarks.results import RATIO, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bar", "bars", "write"]

TITLES = {"numpy": "NumPy", "torch": "PyTorch", "tensorflow": "TensorFlow (Keras)", "jax": "JAX"}
TIMES = "\N{MULTIPLICATION SIGN}"
SHOWN = ("bulk", "latency", "first", "models")
FASTER, SLOWER, INK, GRID = "#2a7f9e", "#c8553d", "#22303c", "#d9dee3"
WIDTH, DPI = 9.0, 200  # inches, dots: 1800 dots across, sharp when shown 900 wide
ROW, HEAD = 0.2, 0.34  # inches a bar, and beside each panel


@dataclasses.dataclass(frozen=True, slots=True)
class Bar:
    """One line of the chart."""

    text: str
    ratio: float
    low: float
    high: float


def bars(results: Sequence[Result], framework: str) -> list[Bar]:
    """Return what one framework's panel shows: no floor, and of bfloat16 the normal alone."""
    shown = [
        one
        for one in results
        if one.framework == framework
        and one.group in SHOWN
        and one.bound == RATIO
        and not one.way.endswith("plain fill")
        and (one.dtype != "bfloat16" or one.law == "normal")
    ]
    return [Bar(_text(one), one.series().ratio(), *one.series().quartiles()) for one in shown]


def _text(result: Result) -> str:
    size = f" {TIMES} ".join(map(str, result.shape))
    law = result.law.replace("_", " ")
    if result.group == "models":
        named = {"gpt2_small": "GPT-2 small", "resnet50": "ResNet-50"}[result.law]
        return f"{named}, process start to weights"
    if result.group == "first":
        return f"{law} {size}, new shape, {result.way}"
    kind = " bfloat16" if result.dtype == "bfloat16" else ""
    return f"{law} {size}{kind}, {result.way}"


def write(results: Sequence[Result], path: Path, *, note: str = "") -> None:
    """Draw the panels of all frameworks that have results into one PNG file.

    Args:
        results: of a run.
        path: where to.
        note: a line below, such as the processor's name.
    """
    panels = [(name, found) for name in FRAMEWORKS if (found := bars(results, name))]
    if not panels:
        return
    matplotlib: Any = importlib.import_module("matplotlib")  # by name: only charts need it, not the types
    matplotlib.use("Agg")
    pyplot: Any = importlib.import_module("matplotlib.pyplot")
    heights = [ROW * len(found) + HEAD for _, found in panels]
    total = sum(heights) + 1.15
    low = min(bar.low for _, found in panels for bar in found)
    high = max(bar.high for _, found in panels for bar in found)
    limits = min(low / 1.3, 0.1), max(high * 1.9, 2.0)
    figure, grid = pyplot.subplots(
        len(panels), 1, sharex=True, squeeze=False, figsize=(WIDTH, total), dpi=DPI,
        gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    for axes, (name, found) in zip(grid[:, 0], panels, strict=True):
        _panel(axes, TITLES[name], found, limits)
    bottom = grid[-1, 0]
    bottom.tick_params(labelbottom=True)
    bottom.set_xlabel("time, ours / native (1 = native; shorter towards the left is faster)", color=INK)
    figure.suptitle("unified_init against each framework's own initializers", x=0.02, ha="left",
                    fontsize=12, fontweight="bold", color=INK, y=1 - 0.12 / total, va="top")  # fmt: skip
    figure.text(
        0.02, 0.1 / total, f"median and quartiles of interleaved pairs. {note}", fontsize=7.5, color=INK
    )
    figure.subplots_adjust(left=0.38, right=0.975, top=1 - 0.62 / total, bottom=0.68 / total, hspace=0.22)
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    pyplot.close(figure)


def _panel(axes: Any, title: str, found: Sequence[Bar], limits: tuple[float, float]) -> None:  # noqa: ANN401
    """Draw one framework's bars: from 1 to the ratio, with a line from quartile to quartile."""
    for place, bar in enumerate(found):
        colour = FASTER if bar.ratio <= 1.0 else SLOWER
        axes.barh(place, bar.ratio - 1.0, left=1.0, height=0.68, color=colour, zorder=2)
        axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.0, zorder=3)
        times = (
            f"{1 / bar.ratio:.1f}{TIMES} faster" if bar.ratio <= 1.0 else f"{bar.ratio:.2f}{TIMES} the time"
        )
        axes.annotate(times, (1.0 if bar.ratio <= 1.0 else bar.high, place), xytext=(4, 0), fontsize=7.5,
                      textcoords="offset points", va="center", color=INK, zorder=4)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    ticks = [
        tick for tick in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if limits[0] <= tick <= limits[1]
    ]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize=8)
    axes.minorticks_off()
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_yticks(range(len(found)), [bar.text for bar in found], fontsize=7.8)
    axes.set_title(title, loc="left", fontsize=9.5, fontweight="bold", color=INK, pad=3)
    axes.axvline(1.0, color=INK, linewidth=1.0, zorder=3)
    axes.grid(axis="x", color=GRID, linewidth=0.7, zorder=0)
    axes.tick_params(length=0, colors=INK)
    for side in axes.spines.values():
        side.set_visible(False)


if __name__ == "__main__":
    from benchmarks.command import read

    write(read(Path(sys.argv[1])), Path(sys.argv[2]))
