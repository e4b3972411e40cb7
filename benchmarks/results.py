"""What was found: a record a case, as JSON and as a table."""

from __future__ import annotations

import dataclasses
import json
import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.timing import Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.cases import Case

__all__ = ["COLUMNS", "Result", "row", "table", "timed"]

COLUMNS = ("case", "framework", "ours", "native", "ratio [quartiles]", "target", "met", "against")
RATIO, OURS = "ratio", "ours"


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """One row: what was compared, and every pair of figures, in seconds or MiB."""

    group: str
    framework: str
    law: str
    way: str
    shape: tuple[int, ...]
    dtype: str
    against: str
    unit: str
    ours: tuple[float, ...]
    native: tuple[float, ...]
    target: float | None = None
    bound: str = RATIO  # what the target limits: the ratio, or our own figure

    def label(self) -> str:
        """Return the name of the row."""
        size = " x ".join(map(str, self.shape))
        return f"{self.law} {size} {self.dtype}, {self.way}"

    def series(self) -> Series:
        """Return the pairs, for their ratios."""
        return Series(self.ours, self.native)

    def met(self) -> bool | None:
        """Say whether the target is reached; None if there is none."""
        if self.target is None:
            return None
        reached = self.series().ratio() if self.bound == RATIO else statistics.median(self.ours)
        return reached <= self.target

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Read what ``to_json`` wrote."""
        tree: dict[str, Any] = json.loads(text)
        sequences = {name: tuple(tree[name]) for name in ("shape", "ours", "native")}
        return cls(**(tree | sequences))


def timed(case: Case, against: str, series: Series) -> Result:
    """Return the result of a case whose calls were timed."""
    return Result(
        case.group, case.framework, case.law, case.way, case.shape, case.dtype, against, "s",
        series.ours, series.native, case.target,
    )  # fmt: skip


def row(result: Result) -> tuple[str, ...]:
    """Return the cells of one row, in the order of COLUMNS."""
    ours, native = statistics.median(result.ours), statistics.median(result.native)
    if result.bound == RATIO:
        low, high = result.series().quartiles()
        ratio = f"{_figure(result.series().ratio())} [{_figure(low)}, {_figure(high)}]"
        target = "" if result.target is None else f"<= {result.target:g}"
    else:
        ratio = "-"
        target = "" if result.target is None else f"<= {result.target:g} {result.unit}"
    met = {None: "", True: "yes", False: "NO"}[result.met()]
    return (
        result.label(), result.framework, amount(ours, result.unit), amount(native, result.unit),
        ratio, target, met, result.against,
    )  # fmt: skip


def table(results: Sequence[Result]) -> str:
    """Return the rows under their heading, in columns as wide as they need."""
    rows = [COLUMNS, *map(row, results)]
    widths = [max(len(cells[i]) for cells in rows) for i in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) for cells in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def amount(value: float, unit: str) -> str:
    """Return a figure with three digits and a unit that fits it."""
    if unit != "s":
        return f"{value:.1f} {unit}"
    for factor, name in ((1.0, "s"), (1e3, "ms")):
        if value * factor >= 1.0:
            return f"{value * factor:.3g} {name}"
    return f"{value * 1e6:.3g} us"


def _figure(ratio: float) -> str:
    return f"{ratio:.3f}" if ratio < 1.0 else f"{ratio:.3g}"
