"""Charts of audits, probes and coordinate checks, as PNG files; matplotlib is imported when one is drawn."""

from __future__ import annotations

import importlib
import math
import re
from typing import TYPE_CHECKING, Any

from unified_init.auditing.report import BAD
from unified_init.errors import BackendError

if TYPE_CHECKING:
    from pathlib import Path

    from unified_init.auditing.coordinates import CoordCheck
    from unified_init.auditing.probing import Probe
    from unified_init.auditing.report import Audit

__all__ = ["audit_chart", "coord_chart", "probe_chart"]

# ruff: noqa: ANN401  # matplotlib is imported on demand

GOOD, WRONG, INK, GRID = "#2a7f9e", "#c8553d", "#22303c", "#d9dee3"
DPI = 150
NAMED = 12  # the most parameters whose names are written beside their points
LISTED = 24  # the most layers in a legend
TEXT = 7.5


def audit_chart(audit: Audit, path: str | Path) -> None:
    """Draw observed over expected std, a point a random parameter, from the first layer to the last."""
    rows = sorted((row for row in audit if row.ratio > 0.0), key=lambda row: _natural(row.path))
    figure, (axes,) = _figure(1, width=min(14.0, 6.0 + 0.05 * len(rows)))
    for wrong, colour, label in ((False, GOOD, "as the law has it"), (True, WRONG, "differs or faulty")):
        points = [(at, row.ratio) for at, row in enumerate(rows) if (row.verdict in BAD) == wrong]
        if points:
            axes.scatter(*zip(*points, strict=True), s=18, color=colour, label=label, zorder=3)
    bad = [(at, row) for at, row in enumerate(rows) if row.verdict in BAD]
    for at, row in bad if len(bad) <= NAMED else ():
        text = f"{row.path}  \N{MULTIPLICATION SIGN}{row.ratio:.3g}"
        right = at > len(rows) / 2
        axes.annotate(
            text, (at, row.ratio), xytext=(-6 if right else 6, 5), textcoords="offset points",
            ha="right" if right else "left", fontsize=TEXT, color=INK,
        )  # fmt: skip
    axes.axhline(1.0, color=INK, linewidth=1.0, zorder=2)
    ratios = [row.ratio for row in rows] or [1.0]
    axes.set_yscale("log", base=2)
    axes.set_ylim(min(0.5, min(ratios) / 1.3), max(2.0, max(ratios) * 1.3))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("parameters with a random law, in order of depth", fontsize=9, color=INK)
    axes.set_ylabel("observed / expected std", fontsize=9, color=INK)
    axes.set_title(
        f"audit by recipe {audit.recipe!r} ({audit.framework})", fontsize=10, color=INK, loc="left"
    )
    if rows:
        axes.legend(fontsize=8, frameon=False, loc="best")
    _save(figure, path)


def probe_chart(probe: Probe, path: str | Path) -> None:
    """Draw the std of every layer's activations, and of the gradients there, along the depth."""
    figure, (axes,) = _figure(1, width=max(6.0, 0.22 * len(probe.layers) + 2.0))
    series = [("activations", GOOD, [layer.variance for layer in probe])]
    if any(layer.gradient_variance is not None for layer in probe):
        series.append(("gradients", WRONG, [layer.gradient_variance or math.nan for layer in probe]))
    for label, colour, variances in series:
        stds = [math.sqrt(value) if value > 0.0 else math.nan for value in variances]
        axes.plot(
            range(len(stds)), stds, marker="o", markersize=3.5, color=colour, label=label, linewidth=1.2
        )
    axes.set_yscale("log")
    names = [layer.name or "(model)" for layer in probe]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=TEXT)
    axes.set_ylabel("standard deviation", fontsize=9, color=INK)
    axes.set_title("activations and gradients by layer", fontsize=10, color=INK, loc="left")
    axes.legend(fontsize=8, frameon=False)
    _save(figure, path)


def coord_chart(check: CoordCheck, path: str | Path) -> None:
    """Draw the size of every layer's activations over the width: a panel a step, level where it is stable."""
    figure, panels = _figure(check.steps + 1, width=2.5 * (check.steps + 1) + 2.0, shared=True)
    colours: Any = importlib.import_module("matplotlib").colormaps["viridis"]
    names = list(dict.fromkeys(curve.name for curve in check.curves))
    for step, axes in enumerate(panels):
        curves = [curve for curve in check.curves if curve.step == step]
        for curve in curves:
            shade = colours(0.9 * names.index(curve.name) / max(1, len(names) - 1))
            label = curve.name or "(model)"
            axes.plot(check.widths, curve.sizes, marker="o", markersize=3, color=shade, label=label)
        slopes = [curve.slope for curve in curves if not math.isnan(curve.slope)]
        steepest = f", steepest {max(slopes):+.2f}" if slopes else ""
        when = f"step {step}" if step else "at the start"
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_title(f"{when}{steepest}", fontsize=9, color=INK, loc="left")
        axes.set_xlabel("width", fontsize=9, color=INK)
    panels[0].set_ylabel("mean |activation|", fontsize=9, color=INK)
    handles, labels = panels[-1].get_legend_handles_labels()
    few = slice(None, None, max(1, -(-len(labels) // LISTED)))
    figure.legend(handles[few], labels[few], fontsize=7, frameon=False, loc="outside right upper")
    _save(figure, path)


def _figure(panels: int, *, width: float, shared: bool = False) -> tuple[Any, list[Any]]:
    try:
        figures: Any = importlib.import_module(
            "matplotlib.figure"
        )  # pyplot would change the process's backend
    except ImportError as error:
        msg = "a chart needs matplotlib: pip install matplotlib."
        raise BackendError(msg) from error
    figure = figures.Figure(figsize=(width, 4.2), dpi=DPI, layout="constrained")
    axes = list(figure.subplots(1, panels, squeeze=False, sharey=shared)[0])
    for one in axes:
        one.grid(color=GRID, linewidth=0.7, zorder=0)
        one.tick_params(colors=INK, labelsize=8, length=0, which="both")
        for side in one.spines.values():
            side.set_visible(False)
    return figure, axes


def _save(figure: Any, path: str | Path) -> None:
    figure.savefig(path, dpi=DPI, format="png", metadata={"Software": None})


def _natural(path: str) -> list[tuple[int, str]]:
    """Return a key that sorts block 10 behind block 9."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", path)]
