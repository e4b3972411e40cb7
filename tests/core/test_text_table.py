"""The aligned table: columns as wide as their widest cell, whoever prints it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unified_init.core.text_table import aligned

CELLS = st.text(alphabet="ab.é", max_size=4)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=5)
)


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """A heading counts like any row; two spaces lie between columns; empty cells at the end leave none."""
    rows = [("layer", "kind", "std"), ("features.0", "Conv2d", "0.5"), ("", "ReLU", "")]
    assert aligned(rows) == [
        "layer       kind    std",
        "features.0  Conv2d  0.5",
        "            ReLU",
    ]


@given(TABLES)
def test_every_cell_starts_where_its_column_does(rows: list[list[str]]) -> None:
    """Cells that have no spaces are read back from the widths alone, and no line ends in a space."""
    lines = aligned(rows)
    starts = [0]
    for column in zip(*rows, strict=True):
        starts.append(starts[-1] + max(len(cell) for cell in column) + 2)
    columns = list(itertools.pairwise(starts))
    assert [[line[start : end - 2].rstrip() for start, end in columns] for line in lines] == rows
    assert not any(line.endswith(" ") for line in lines)


def test_without_rows_there_are_no_lines() -> None:
    """Nothing to show is no error: a map without reasons prints as nothing."""
    assert aligned([]) == []


def test_rows_of_different_lengths_are_refused() -> None:
    """A cell too few would shift all behind it into other columns."""
    with pytest.raises(ValueError, match="shorter"):
        aligned([("path", "std"), ("fc.weight",)])
