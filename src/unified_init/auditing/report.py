"""What an audit returns: a row a parameter, and all rows with what they add up to."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BAD", "VERDICTS", "Audit", "AuditRow"]

# ruff: noqa: ANN401  # rich is imported on demand, and JSON holds anything

VERDICTS = ("ok", "differs", "faulty", "no rule", "no law", "unread", "left", "unexamined")
BAD = frozenset({"differs", "faulty", "no rule", "no law", "unread"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One parameter, or one part of a fused one: what its rule gives and what it holds.

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
        expected_mean: the law's.
        expected_std: the law's.
        size: number of values.
        examined: number of values that the statistics are of: all, or a fixed sub-sample.
        mean: observed, as are the following.
        std: the standard deviation.
        low: the smallest value.
        high: the largest value.
        kurtosis: the fourth standardised moment: 3 for a normal.
        distinct: number of different values among those examined.
        z_mean: the mean's distance from the law's in standard errors; None where no statistics are made.
        z_std: the same of the variance.
        z_kurtosis: the same of the kurtosis.
        p: the probability of values that are as unlikely, if they follow the law.
        verdict: one of ``VERDICTS``.
        notes: what is wrong, and why; what a framework's fans differ from.
        ties: other paths of the same memory.
        duplicates: other parameters that hold the same values, or begin with them.

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
        """Observed over expected std; NaN where the law has none."""
        return self.std / self.expected_std if self.expected_std > 0.0 else math.nan


@dataclasses.dataclass(frozen=True, slots=True)
class Audit:
    """A model held against a recipe. ``print`` shows it; ``failed`` has the rows that are not right.

    Args:
        recipe: name of the recipe.
        framework: whose model it is.
        alpha: the false-alarm rate over the whole model.
        rows: one a parameter, or a part of a fused one, in order of the paths.
        unused: rules that decide nothing and are not optional, in words.

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

    def __iter__(self) -> Iterator[AuditRow]:
        """Go through the rows in order of the paths."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, path: str) -> AuditRow:
        """Return the row of a path, with the label of a part if it has parts."""
        for row in self.rows:
            if path == row.path or path in row.ties:
                return row
        msg = f"the audit has no row {path!r}"
        raise KeyError(msg)

    @property
    def failed(self) -> tuple[AuditRow, ...]:
        """The rows whose parameters differ, are faulty, have no rule or law, or cannot be read."""
        return tuple(row for row in self.rows if row.verdict in BAD)

    @property
    def ok(self) -> bool:
        """Whether every parameter is as the recipe has it, and every rule decides something."""
        return not self.failed and not self.unused

    def __str__(self) -> str:
        """Return the audit as a table of text, and the notes below it."""
        from unified_init.auditing.text import plain  # noqa: PLC0415  # it imports this module

        return plain(self)

    def table(self) -> Any:
        """Return the audit as a ``rich.table.Table``, in colour; needs the extra ``cli``."""
        from unified_init.auditing.text import rich_table  # noqa: PLC0415  # as above

        return rich_table(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the audit as JSON; numbers that are not finite become strings."""
        tree = dataclasses.asdict(self)
        return json.dumps(_finite(tree), indent=indent, allow_nan=False)

    def chart(self, path: str | Path) -> None:
        """Draw observed over expected std along the depth of the model into a PNG; needs matplotlib."""
        from unified_init.auditing.charts import audit_chart  # noqa: PLC0415  # few audits are drawn

        audit_chart(self, path)


def _finite(tree: Any) -> Any:
    """Return a tree with strings in place of numbers that JSON does not have."""
    if isinstance(tree, dict):
        return {key: _finite(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return [_finite(value) for value in tree]
    return str(tree) if isinstance(tree, float) and not math.isfinite(tree) else tree
