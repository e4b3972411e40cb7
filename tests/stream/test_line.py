"""The line of a uniform table: taken where it gives every entry, and by the fast runner alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.helpers.runners import COMPILED, prepare_of

import unified_init as ui
from unified_init.stream import host, numpy_runner
from unified_init.stream.line import BITS, Half, line
from unified_init.stream.structured import sequence
from unified_init.stream.table import Table, compile_table

ROWS = 1024
UNIFORM = {
    "unit": ui.uniform(0.0, 1.0),  # two halves: the upper end, rounded to a float, is nearer than the lower
    "symmetric": ui.uniform(-1.0, 1.0),
    "skewed": ui.uniform(-0.8, 0.33),
    "first row moved": ui.uniform(-0.0251789, 0.0251789),
    "positive": ui.uniform(0.0, 0.01),
}

NARROW = ("float32", "bfloat16", "float16")


def table_of(spec: ui.Initializer) -> Table:
    """Return the 32-bit table of a spec without fans."""
    return compile_table(spec.resolve(1), 32)


def entries(half: Half, drop: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return base and slope of all rows, as the words of ``Half`` define them."""
    rows = [(half.knot, half.slope)]
    for row in range(1, ROWS):
        base, after = (
            half.first + at * half.step + ((at * half.rise + half.start) >> BITS) for at in (row, row + 1)
        )
        rows.append((base, (after - base + half.upward) >> drop))
    return np.array(rows)


@pytest.mark.parametrize("name", UNIFORM)
def test_a_line_gives_every_entry_of_its_table(name: str) -> None:
    """Both halves, row 0 too."""
    table = table_of(UNIFORM[name])
    found = line(table)
    assert found is not None
    lower, upper = table.rows[:ROWS], table.rows[-ROWS - 1 : -1]
    np.testing.assert_array_equal(entries(found.lower, found.drop), lower)
    np.testing.assert_array_equal(entries(found.upper, found.drop), upper)
    assert (found.lower == found.upper) == (table.upper_rows == 0)


@given(st.floats(-3.0, 3.0), st.floats(2.0**-20, 3.0))
def test_uniform_laws_have_a_line_that_fits_32_bits(low: float, width: float) -> None:
    """Any interval that is not much narrower than it is far from zero."""
    found = line(table_of(ui.uniform(low * width, low * width + width)))
    assert found is not None
    for half in (found.lower, found.upper):
        assert half.rise + half.start >= 0
        assert ROWS * half.rise + half.start + half.rise < 2**32


@pytest.mark.parametrize(
    "spec", [ui.normal(0.0, 1.0), ui.truncated_normal(0.0, 1.0), ui.uniform(1e6, 1e6 + 1.0)], ids=str
)
def test_other_tables_have_none(spec: ui.Initializer) -> None:
    """A curve; and an interval so far out that its ends cut many rows."""
    assert line(table_of(spec)) is None


@pytest.mark.parametrize("row", [1, 500, ROWS - 1])
@pytest.mark.parametrize("column", [0, 1])
def test_one_wrong_entry_is_no_line(row: int, column: int) -> None:
    """A base or a slope that is off by one."""
    table = table_of(ui.uniform(-1.0, 1.0))
    rows = table.rows.copy()
    rows[row, column] += 1
    assert line(dataclasses.replace(table, rows=rows)) is None


@pytest.mark.parametrize("column", [0, 1])
def test_row_0_is_kept_as_it_is(column: int) -> None:
    """It lies beside the line."""
    table = table_of(ui.uniform(-1.0, 1.0))
    rows = table.rows.copy()
    rows[0, column] += 5
    changed = line(dataclasses.replace(table, rows=rows))
    assert changed is not None
    np.testing.assert_array_equal(entries(changed.lower, changed.drop), rows[:ROWS])


@pytest.mark.parametrize("instructions", COMPILED)
@pytest.mark.parametrize(
    ("name", "dtype"), [*((name, dtype) for name in UNIFORM for dtype in NARROW), ("far out", "float32")]
)
def test_the_c_runner_draws_the_reference_s_bits(name: str, dtype: str, instructions: str) -> None:
    """With a line and without one, 2**18 values of each, with each instruction set."""
    spec = {**UNIFORM, "far out": ui.uniform(1e6, 1e6 + 1.0)}[name]
    type_ = ui.draw(ui.zeros(), 1, dtype=dtype).dtype
    drawn = [np.empty(2**18, dtype=type_) for _ in range(2)]
    for out, runner in zip(drawn, (numpy_runner.prepare, prepare_of(instructions)), strict=True):
        host.fill(out, index=sequence(2**18), key=(3, 4), table=table_of(spec), runner=runner)
    assert drawn[0].tobytes() == drawn[1].tobytes()
