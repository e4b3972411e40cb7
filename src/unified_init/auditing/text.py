"""An audit as text: plain, or a table of rich."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from unified_init.auditing.report import BAD, VERDICTS
from unified_init.auditing.values import LIMIT
from unified_init.core.text_table import aligned
from unified_init.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.auditing.report import Audit, AuditRow

__all__ = ["plain", "rich_table"]

HEADINGS = (
    "path", "shape", "type", "kind", "role", "law", "expected std", "std", "ratio", "z mean", "z std", "min",
    "max", "kurtosis", "distinct", "verdict",
)  # fmt: skip
COLOURS = {"ok": "green", "left": "dim", "unexamined": "yellow", "no rule": "yellow"}
SHORT = {"float32": "f32", "bfloat16": "bf16", "float16": "f16", "float64": "f64"}


def plain(audit: Audit) -> str:
    """Return the audit as aligned columns, with the notes below."""
    return "\n".join([_head(audit), *aligned([HEADINGS, *map(_cells, audit)]), *_notes(audit)])


def rich_table(audit: Audit) -> Any:  # noqa: ANN401  # rich is imported on demand
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
        table.add_row(*map(Text, cells), Text(word, style=COLOURS.get(row.verdict, "bold red")))
    return table


def _head(audit: Audit) -> str:
    counts = Counter(row.verdict for row in audit)
    said = ", ".join(f"{counts[word]} {word}" for word in VERDICTS if counts[word])
    return f"audit by recipe {audit.recipe!r}: {said or 'no parameters'}; false-alarm rate {audit.alpha:g}"


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
        yield f"- {len(sampled)} of more than {LIMIT:,} values: evenly spaced slices were examined"
