"""Shows the matrix: lines of text, a table, and a tree for JSON.

The table needs the extra ``cli`` (rich), which is imported when it is made.
"""

from __future__ import annotations

import importlib.metadata
import math
import platform
import sys
from typing import TYPE_CHECKING, Any

import unified_init as ui
from unified_init.backends import registry
from unified_init.parity.matrix import measure
from unified_init.parity.options import absent, remedy
from unified_init.parity.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from unified_init.parity.matrix import Cell, Entry, Matrix, Row

__all__ = [
    "WIDTH",
    "heading",
    "laws_line",
    "legend",
    "lines",
    "measured",
    "missing_line",
    "signs",
    "table",
    "tree",
    "verdict",
    "versions",
    "versions_line",
]

WIDTH = 100  # of the table where no terminal says
NAMED = 3  # rows that are wrong are named, up to so many
SHORT = {"tensorflow": "tf", "function": "func"}  # so that thirteen columns fit
SIGNS = {"equal": "=", "close": "≈", "different": "≠", "not installed": "-"}
ASCII = {"equal": "=", "close": "~", "different": "!=", "not installed": "-"}


def measured(
    entries: Sequence[Entry],
    chosen: Sequence[Variant],
    *,
    missing: Sequence[Variant],
    seed: int,
    alpha: float,
) -> Matrix:
    """Measure the matrix behind a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    # Imported before the bar starts, because frameworks write to standard error when they are imported.
    for backend in dict.fromkeys(variant.backend for variant in chosen):
        registry.get(backend)
    bars = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    names = ("reference", *(variant.value for variant in chosen))
    with Progress(*bars, console=Console(stderr=True), transient=True) as progress:
        tasks = {name: progress.add_task(name, total=len(entries), start=False) for name in names}

        def advance(name: str) -> None:
            progress.start_task(tasks[name])
            progress.advance(tasks[name])

        return measure(entries, chosen, missing=missing, seed=seed, alpha=alpha, advance=advance)


def versions() -> dict[str, str | None]:
    """Return the versions of Python, this package and the libraries that draw; None if not installed."""
    names = ("numpy", "torch", "tensorflow", "jax", "scipy")
    return {
        "python": platform.python_version(),
        "unified_init": ui.__version__,
        **{name: _version(name) for name in names},
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # tensorflow-cpu is another name of the same module
        return getattr(sys.modules.get(name), "__version__", None)


def signs(encoding: str) -> dict[str, str]:
    """Return the sign of each state, in ASCII where an encoding has no other."""
    try:
        "".join(SIGNS.values()).encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return SIGNS


def legend(encoding: str) -> str:
    """Return the line that explains the table's signs."""
    sign = signs(encoding)
    return (
        f"{sign['equal']} equal bits   {sign['close']} within 1e-5 (orthogonal, in a program)   "
        f"{sign['different']} n values differ   {sign['not installed']} not installed"
    )


def heading(matrix: Matrix) -> str:
    """Return the line above the table."""
    return f"unified_init {ui.__version__}, {ui.STREAM}, seed {matrix.seed}"


def table(matrix: Matrix, encoding: str) -> Table:
    """Return one row per entry and one column per variant, measured or missing."""
    from rich import box
    from rich.table import Table

    result = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    result.add_column("preset", no_wrap=True)
    columns = [variant for variant in Variant if variant in matrix.variants + matrix.missing]
    for variant in columns:
        words = [SHORT.get(word, word) for word in variant.value.split(":")]
        result.add_column("\n".join(words), justify="center")
    result.add_column("least\np", justify="right")
    sign = signs(encoding)
    for row in matrix.rows:
        cells = {cell.variant: _text(cell, sign) for cell in row.cells}
        p = "" if row.p is None else f"{row.p:.2g}"
        result.add_row(row.entry.name, *(cells.get(variant, sign["not installed"]) for variant in columns), p)
    return result


def _text(cell: Cell, sign: dict[str, str]) -> str:
    count = f" {cell.differing}" if cell.state == "different" else ""
    return f"{sign[cell.state]}{count}"


def missing_line(missing: Sequence[Variant]) -> str | None:
    """Say which variants are not installed and how to add them, or None if all are."""
    if not missing:
        return None
    names = ", ".join(variant.value for variant in missing)
    return f"Not installed: {names}. To add: {remedy([*filter(None, map(absent, missing))])}"


def versions_line() -> str:
    """Return the installed libraries with their versions; this package's version is in the heading."""
    installed = {name: version for name, version in versions().items() if version and name != "unified_init"}
    return ", ".join(f"{name} {version}" for name, version in installed.items())


def laws_line(matrix: Matrix) -> str | None:
    """Say how likely the samples are under their laws, or None where no law was tested."""
    if matrix.smallest_p is None:
        return None
    plural = "s" * (matrix.samples != 1)
    return (
        f"Laws: smallest p {matrix.smallest_p:.2g} of {matrix.samples} sample{plural}, "
        f"{matrix.family_p:.2g} family-wise; alpha {matrix.alpha:g}"
    )


def verdict(matrix: Matrix) -> list[str]:
    """Return the closing lines: one if all is well, else one for each promise that is broken."""
    count = len(matrix.rows)
    specs = f"{count} spec{'s' * (count != 1)}"
    lines = []
    if different := matrix.different:
        names = [f"{row.entry.name} ({', '.join(_different(row))})" for row in different]
        lines.append(f"DISAGREE: {len(different)} of {specs} differ from the reference: {_few(names)}")
    if unlikely := matrix.unlikely:
        names = [f"{row.entry.name} (p {row.p:.2g})" for row in unlikely]
        lines.append(f"WRONG LAW: {len(unlikely)} of {specs} do not follow their laws: {_few(names)}")
    if lines:
        return lines
    values = sum(row.entry.size for row in matrix.rows)
    modes = f"{len(matrix.variants)} variant{'s' * (len(matrix.variants) != 1)}"
    close = sum(any(cell.state == "close" for cell in row.cells) for row in matrix.rows)
    exception = f" ({close} to 1e-5 in programs)" if close else ""
    return [f"All agree, bit for bit: {specs}, {values:,} values, the same in {modes}{exception}"]


def _different(row: Row) -> list[str]:
    return [cell.variant.value for cell in row.cells if cell.state == "different"]


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def lines(matrix: Matrix, encoding: str) -> list[str]:
    """Return the lines below the table, the verdict last."""
    optional = (laws_line(matrix), missing_line(matrix.missing))
    return [legend(encoding), versions_line(), *filter(None, optional), *verdict(matrix)]


def tree(matrix: Matrix) -> dict[str, Any]:
    """Return the matrix as JSON has it; a number that JSON lacks is null."""
    return {
        "stream": ui.STREAM,
        "seed": matrix.seed,
        "alpha": matrix.alpha,
        "platform": platform.platform(),
        "versions": versions(),
        "variants": [variant.value for variant in matrix.variants],
        "not_installed": [variant.value for variant in matrix.missing],
        "rows": [_row(row) for row in matrix.rows],
        "verdict": {
            "passed": matrix.passed,
            "different": [row.entry.name for row in matrix.different],
            "unlikely": [row.entry.name for row in matrix.unlikely],
            "samples": matrix.samples,
            "smallest_p": matrix.smallest_p,
            "family_p": matrix.family_p,
            "lines": verdict(matrix),
        },
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.entry.name,
        "preset": row.entry.preset,
        "shape": list(row.entry.case.shape),
        "layout": row.entry.case.layout,
        "digest": row.digest,
        "p": row.p,
        "variants": {
            cell.variant.value: {
                "state": cell.state,
                "differing": cell.differing,
                "gap": cell.gap if math.isfinite(cell.gap) else None,
                "digest": cell.digest,
                "p": cell.p,
            }
            for cell in row.cells
        },
    }
