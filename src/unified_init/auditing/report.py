"""The result of an audit: one row per parameter, as text, as a rich table, as JSON and as a chart."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from unified_init.auditing import charts
from unified_init.core import checks, json_text
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned, as_html
from unified_init.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BAD", "LIMIT", "VERDICTS", "Audit", "AuditRow"]

# ruff: noqa: ANN401  # rich is imported on demand, and JSON holds anything

VERDICTS = ("ok", "differs", "faulty", "no rule", "no law", "unread", "left", "unexamined")
BAD = frozenset({"differs", "faulty", "no rule", "no law", "unread", "unexamined"})
LIMIT = 1 << 18  # values of a tensor whose distribution is tested: 0.7 % of probability out of place is seen
HEADINGS = (
    "path", "shape", "type", "kind", "role", "law", "expected std", "std", "ratio", "z mean", "z std", "min",
    "max", "kurtosis", "distinct", "verdict",
)  # fmt: skip
COLORS = {"ok": "green", "left": "dim", "unexamined": "yellow", "no rule": "yellow"}
SHORT = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "float64": "f64"}
NAMED = 12  # up to so many bad parameters are named beside their points


@public
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One parameter, or one part of a fused one: its law and its values, in numbers.

    Args:
        path: native path, with the label of a part.
        shape: in the record's layout.
        kind: kind of layer.
        role: role in the layer.
        place: place in the architecture.
        block: index of the repeated block.
        dtype: element type.
        rule: index of the rule; None if none matches.
        law: name of the initializer, or of its distribution; "" without one.
        fan_in: the fan that the law used.
        fan_out: the same, of the outputs.
        expected_mean: the mean of the law.
        expected_std: the std of the law.
        size: number of values.
        examined: number of values whose distribution and dependence are tested: all, or a fixed sub-sample.
            The ends, the bounds and the moments are of all values.
        mean: observed, as are the following; of complex values, those of the real and imaginary parts.
        std: the standard deviation.
        low: the smallest value.
        high: the largest value.
        kurtosis: the fourth standardized moment: 3 for a normal.
        distinct: number of different values among those examined; of wider types than 16 bits, among the
            first 2**15 of them.
        z_mean: the mean's distance from the law's in standard errors; None where no statistics are made.
        z_std: the same for the variance.
        z_kurtosis: the same for the kurtosis.
        p: the probability of values that are as unlikely, if they follow the law.
        verdict: one of ``VERDICTS``.
        notes: what is wrong, and why; how a framework's fans differ from the true ones.
        ties: other paths of the same memory.
        duplicates: other parameters that hold the same values or multiples of them, or begin with them.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer, _ = ui.apply(torch.nn.Linear(64, 64), ui.recipes.torch_default(), seed=0)
        >>> row = ui.audit(layer, ui.recipes.torch_default())["weight"]
        >>> row.verdict, round(row.expected_std * 192**0.5, 12)
        ('ok', 1.0)
    """

    path: str
    shape: tuple[int, ...]
    kind: str
    role: str
    place: str = ""
    block: int | None = None
    dtype: str
    rule: int | None = None
    law: str = ""
    fan_in: float | None = None
    fan_out: float | None = None
    expected_mean: float = math.nan
    expected_std: float = math.nan
    size: int = 0
    examined: int = 0
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    kurtosis: float = math.nan
    distinct: int = 0
    z_mean: float | None = None
    z_std: float | None = None
    z_kurtosis: float | None = None
    p: float | None = None
    verdict: str
    notes: tuple[str, ...] = ()
    ties: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()

    @property
    def ratio(self) -> float:
        """Observed over expected std; NaN where the law has none, or entries have means of their own."""
        is_one = self.expected_std > 0.0 and not math.isnan(self.expected_mean)
        return self.std / self.expected_std if is_one else math.nan


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """A model compared with a recipe. ``print`` shows it; ``failed`` has the rows that are not right.

    Args:
        recipe: name of the recipe.
        framework: whose model it is.
        alpha: the false-alarm rate over the whole model.
        rows: one per parameter, or per part of a fused one, in order of the paths.
        unused: rules that decide nothing and are not optional, in words.
        notes: warnings about the whole model, such as a recipe for another number of blocks than it has.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer, _ = ui.apply(torch.nn.Linear(64, 64), ui.recipes.torch_default(), seed=0)
        >>> ui.audit(layer, ui.recipes.torch_default()).ok
        True
    """

    recipe: str
    framework: str
    alpha: float
    rows: tuple[AuditRow, ...]
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[AuditRow]:
        """Go through the rows in order of the paths."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, path: str) -> AuditRow:
        """Return the row of a path, with the label of a part if it has parts."""
        word = checks.plain(path)
        for row in self.rows:
            if word == row.path or word in row.ties:
                return row
        msg = f"the audit has no row {shown(path)}"
        raise KeyError(msg)

    @property
    def failed(self) -> tuple[AuditRow, ...]:
        """The rows whose parameters differ, are faulty, have no rule or law, or were not read or examined."""
        return tuple(row for row in self.rows if row.verdict in BAD)

    @property
    def ok(self) -> bool:
        """Whether every parameter was examined and is as the recipe has it, and every rule decides something.

        A model without parameters has nothing to examine, and is not ok.
        """
        return bool(self.rows) and not self.failed and not self.unused

    def __str__(self) -> str:
        """Return the audit as a table of text, and the notes below it."""
        return _plain(self)

    def _repr_html_(self) -> str:
        """Return the audit as a table for a notebook."""
        return as_html(_head(self), [HEADINGS, *map(_cells, self)], _notes(self))

    def table(self) -> Any:
        """Return the audit as a ``rich.table.Table``, in color; needs the extra ``cli``."""
        return _rich_table(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the audit as JSON; numbers that are not finite become strings."""
        tree = dataclasses.asdict(self)
        return json_text.written(_finite(tree), indent)

    def chart(self, path: str | Path) -> None:
        """Draw observed over expected std along the depth of the model into a PNG; needs matplotlib."""
        _audit_chart(self, path)


def _finite(tree: Any) -> Any:
    """Return a tree with strings in place of numbers that JSON does not have."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_finite(value) for value in tree]
    return str(tree) if isinstance(tree, float) and not math.isfinite(tree) else tree


def _plain(audit: Audit) -> str:
    """Return the audit as aligned columns, with the notes below."""
    return "\n".join([_head(audit), *aligned([HEADINGS, *map(_cells, audit)]), *_notes(audit)])


def _rich_table(audit: Audit) -> Any:
    """Return the audit as a table of rich."""
    try:
        from rich.table import Table  # the extra `cli`
        from rich.text import Text  # as above
    except ImportError as error:
        msg = 'Audit.table() needs rich: pip install "unified-init[cli]", or print the audit.'
        raise BackendError(msg) from error
    table = Table(title=_head(audit), caption="\n".join(_notes(audit)) or None, caption_justify="left")
    for heading in HEADINGS:
        table.add_column(heading, no_wrap=heading == "path")
    for row in audit:
        *cells, word = _cells(row)
        table.add_row(*map(Text, cells), Text(word, style=COLORS.get(row.verdict, "bold red")))
    return table


def _head(audit: Audit) -> str:
    counts = Counter(row.verdict for row in audit)
    verdicts = ", ".join(f"{counts[word]} {word}" for word in VERDICTS if counts[word]) or "no parameters"
    return f"audit by recipe {audit.recipe!r}: {verdicts}; false-alarm rate {audit.alpha:g}"


def _cells(row: AuditRow) -> tuple[str, ...]:
    return (
        row.path, "x".join(map(str, row.shape)) or "()", SHORT.get(row.dtype, row.dtype), row.kind, row.role,
        row.law, _number(row.expected_std), _number(row.std), _number(row.ratio), _score(row.z_mean),
        _score(row.z_std), _number(row.low), _number(row.high), _number(row.kurtosis), str(row.distinct),
        row.verdict,
    )  # fmt: skip


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4g}"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:+.1f}"


def _notes(audit: Audit) -> Iterator[str]:
    yield from (f"! {note}" for note in audit.notes)
    for row in audit:
        for note in row.notes:
            yield f"{'!' if row.verdict in BAD else '-'} {row.path}: {note}"
    for row in audit:
        if row.ties:
            yield f"- {row.path}: the same memory as {', '.join(row.ties)}"
    for rule in audit.unused:
        yield f"! {rule} decides nothing"
    sampled = [row for row in audit if row.examined < row.size]
    if sampled:
        yield (
            f"- {len(sampled)} of more than {LIMIT:,} values: the distribution of evenly spaced slices was "
            "examined; ends, mean, variance and kurtosis are of all"
        )
    if not audit.rows:
        yield "! the model has no parameters that can be read, and nothing was examined"


def _audit_chart(audit: Audit, path: str | Path) -> None:
    """Draw observed over expected std, one point per random parameter, from the first layer to the last."""
    rows = sorted((row for row in audit if row.ratio > 0.0), key=lambda row: _natural(row.path))
    figure, (axes,) = charts.figure_of(1, width=min(14.0, 6.0 + 0.05 * len(rows)))
    groups = ((False, charts.GOOD, "as the law has it"), (True, charts.WRONG, "differs or faulty"))
    for is_bad, color, label in groups:
        points = [(index, row.ratio) for index, row in enumerate(rows) if (row.verdict in BAD) == is_bad]
        if points:
            axes.scatter(*zip(*points, strict=True), s=18, color=color, label=label, zorder=3)
    bad_rows = [(index, row) for index, row in enumerate(rows) if row.verdict in BAD]
    for index, row in bad_rows if len(bad_rows) <= NAMED else ():
        text = f"{row.path}  \N{MULTIPLICATION SIGN}{row.ratio:.3g}"
        in_right_half = index > len(rows) / 2
        axes.annotate(
            text, (index, row.ratio), xytext=(-6 if in_right_half else 6, 5), textcoords="offset points",
            ha="right" if in_right_half else "left", fontsize=charts.TEXT, color=charts.INK,
        )  # fmt: skip
    axes.axhline(1.0, color=charts.INK, linewidth=1.0, zorder=2)
    ratios = [row.ratio for row in rows] or [1.0]
    axes.set_yscale("log", base=2)
    axes.set_ylim(min(0.5, min(ratios) / 1.3), max(2.0, max(ratios) * 1.3))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("parameters with a random law, in order of depth", fontsize=9, color=charts.INK)
    axes.set_ylabel("observed / expected std", fontsize=9, color=charts.INK)
    axes.set_title(
        f"audit by recipe {audit.recipe!r} ({audit.framework})", fontsize=10, color=charts.INK, loc="left"
    )
    if rows:
        axes.legend(fontsize=8, frameon=False, loc="best")
    charts.save(figure, path)


def _natural(path: str) -> list[tuple[int, str]]:
    """Return a sort key that puts block 10 after block 9."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in re.split(r"(\d+)", path)]
