"""The numbers of muP for every parameter, as a table."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from unified_init.core import checks, json_text
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MuRow", "MuTable"]


@dataclasses.dataclass(frozen=True, slots=True)
class MuRow:
    """The numbers of muP for one parameter.

    Args:
        path: native path.
        shape: in the record's layout.
        kind: "hidden" if inputs and outputs grow with the width, "input" or "output" if one of them
            does, "vector" for biases, scales and embeddings that do, "fixed" if nothing does.
        width: the width multiplier: how many times the base's inputs it has, or for a vector or an input
            layer how many times its outputs.
        base_std: the std at the base's shape; NaN where the law has none.
        std: the std here.
        adam: the multiplier of Adam's learning rate; a weight decay that is multiplied by the learning
            rate is divided by it.
        sgd: the multiplier of SGD's learning rate.
        multiplier: the multiplier of the layer's input in the forward pass; of an embedding that is
            tied to the output, only in the output.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> from unified_init.recipes.width.table import MuRow
        >>> MuRow("w", (256, 256), "hidden", 4.0, 0.1, 0.05, 0.25, 1.0, 1.0).adam
        0.25
    """

    path: str
    shape: tuple[int, ...]
    kind: str
    width: float
    base_std: float
    std: float
    adam: float
    sgd: float
    multiplier: float


@dataclasses.dataclass(frozen=True, slots=True)
class MuTable:
    """Standard deviations, learning rates and output multipliers of a model under muP.

    Args:
        rows: one per parameter, in order of the paths.

    Raises:
        TypeError: a field is missing.

    Example:
        >>> from unified_init.recipes.width.table import MuTable
        >>> MuTable(()).to_json()
        '{"rows": []}'
    """

    rows: tuple[MuRow, ...]

    def __iter__(self) -> Iterator[MuRow]:
        """Go through the rows in order of the paths."""
        return iter(self.rows)

    def __getitem__(self, path: str) -> MuRow:
        """Return the row of a native path."""
        word = checks.plain(path)
        for row in self.rows:
            if row.path == word:
                return row
        msg = f"the table has no row {shown(path)}"
        raise KeyError(msg)

    def __str__(self) -> str:
        """Return aligned columns."""
        fields = [field.name for field in dataclasses.fields(MuRow)]
        cells = [fields, *([_shown(getattr(row, field)) for field in fields] for row in self.rows)]
        return "\n".join(aligned(cells))

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the table as JSON; a std that a law does not have is null."""
        rows = [
            {key: None if value != value else value for key, value in dataclasses.asdict(row).items()}  # noqa: PLR0124  # NaN
            for row in self.rows
        ]
        return json_text.written({"rows": rows}, indent)


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
