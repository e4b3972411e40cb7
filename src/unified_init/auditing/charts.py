"""What the charts share: a figure, its colors and its file. Matplotlib is imported when one is drawn."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError, BackendError

__all__ = ["GOOD", "INK", "TEXT", "WRONG", "figure_of", "save"]

# ruff: noqa: ANN401  # matplotlib is imported on demand

GOOD, WRONG, INK, GRID = "#2a7f9e", "#c8553d", "#22303c", "#d9dee3"
DPI = 150
TEXT = 7.5  # size of the names of layers and parameters


def figure_of(panels: int, *, width: float, shared: bool = False) -> tuple[Any, list[Any]]:
    """Return a figure and its panels side by side, each with a grid and no frame."""
    try:
        # Not pyplot, which would change the process's backend.
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        msg = "a chart needs matplotlib: pip install matplotlib."
        raise BackendError(msg) from error
    figure = figures.Figure(figsize=(width, 4.2), dpi=DPI, layout="constrained")
    panel_axes = list(figure.subplots(1, panels, squeeze=False, sharey=shared)[0])
    for axes in panel_axes:
        axes.grid(color=GRID, linewidth=0.7, zorder=0)
        axes.tick_params(colors=INK, labelsize=8, length=0, which="both")
        for side in axes.spines.values():
            side.set_visible(False)
    return figure, panel_axes


def save(figure: Any, path: str | Path) -> None:
    """Write a figure as a PNG, the same bytes each time."""
    try:
        word = checks.plain(path)
        file = Path(path if word is None else word)
        figure.savefig(file, dpi=DPI, format="png", metadata={"Software": None})
    except (OSError, TypeError, ValueError) as error:
        msg = f"`path` must be a file that can be written, got {shown(path)}: {error}."
        raise ArgumentValueError(msg) from error
