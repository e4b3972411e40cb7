"""The findings of a tensor that was scaled to a norm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.layout import bind
from unified_init.law.unit_values import SparseMatrices
from unified_init.stream.arrange import to_logical
from unified_init.testing.norms import examine_normed
from unified_init.testing.one_sample import examine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.inventory.records import Record
    from unified_init.law.unit_values import NormedValues
    from unified_init.recipes.assignment import Piece
    from unified_init.testing.findings import Finding

__all__ = ["normed_findings"]


def normed_findings(
    values: NDArray[Any], record: Record, piece: Piece, unit: NormedValues
) -> tuple[Finding, ...]:
    """Return the findings of the norms of a tensor, and of the law that was scaled.

    Raises:
        ArgumentValueError: a base that has no independent draws, or too few values.
    """
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    matrices = to_logical(np, values, geometry)
    base = unit.base.unit
    rows = base.rows if isinstance(base, SparseMatrices) else unit.rows
    return examine_normed(matrices.reshape(unit.groups, rows, -1), piece.law, unit, examine)
