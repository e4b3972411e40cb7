"""What drawing weights again showed."""

from __future__ import annotations

import dataclasses
import math

from unified_init.core.public import public
from unified_init.core.text_table import as_html

__all__ = ["Recomputation", "WrongBox"]

SHOWN = 20


@public
@dataclasses.dataclass(frozen=True, slots=True)
class WrongBox:
    """The smallest box with the values, of some that were compared together, that are not those of a recipe.

    Args:
        path: the native path.
        start: the first index along each axis.
        stop: the index behind the last.
        count: how many of its values differ.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> import unified_init as ui
        >>> str(ui.WrongBox("fc.weight", (0, 0), (2, 3), 1))
        'fc.weight[0:2, 0:3]: 1 of 6 values differs'
    """

    path: str
    start: tuple[int, ...]
    stop: tuple[int, ...]
    count: int

    def __str__(self) -> str:
        """Return the box as a slice, and how much of it is wrong."""
        ends = ", ".join(f"{first}:{last}" for first, last in zip(self.start, self.stop, strict=True))
        size = math.prod(last - first for first, last in zip(self.start, self.stop, strict=True))
        verb = "differs" if self.count == 1 else "differ"
        return f"{self.path}[{ends}]: {self.count:,} of {size:,} values {verb}"


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Recomputation:
    """What drawing weights again showed.

    Args:
        values: how many values were compared.
        total: how many the recipe gives, of those that are here; replicas count once.
        wrong: the boxes that differ; empty if none does.
        missing: the paths that the recipe gives and that are not here.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> import unified_init as ui
        >>> ui.Recomputation(values=100, total=100).ok
        True
    """

    values: int
    total: int
    wrong: tuple[WrongBox, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every value that was compared is the one that is due, and none is missing."""
        return not self.wrong and not self.missing

    @property
    def summary(self) -> str:
        """The result in one line."""
        share = "all" if self.values == self.total else f"{self.values:,} of"
        text = f"{share} {self.total:,} values compared, bit for bit: "
        if self.ok:
            return f"{text}equal"
        faults = [f"wrong in {len(self.wrong)} places"] if self.wrong else []
        faults += [f"{len(self.missing)} tensors missing"] if self.missing else []
        return text + ", ".join(faults)

    def __str__(self) -> str:
        """Return the result in one line, then a line for each wrong place and each missing tensor."""
        return "\n".join([self.summary, *self._notes()])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return as_html(self.summary, [], self._notes())

    def _notes(self) -> list[str]:
        lines = [str(box) for box in self.wrong[:SHOWN]]
        lines += [f"and {len(self.wrong) - SHOWN} more"] if len(self.wrong) > SHOWN else []
        return [*lines, *(f"{path}: not here" for path in self.missing)]
