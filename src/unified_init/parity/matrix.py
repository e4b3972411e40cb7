"""The matrix: every preset in every variant against the reference, and every law against its numbers.

``unified-init parity`` shows it. Nothing is printed here, and no framework is imported before it draws.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui
from unified_init.parity import variants
from unified_init.testing.bits import differing
from unified_init.testing.cases import ELEMENTWISE, ICNR, ORTHOGONAL, SAMPLE, STRUCTURED, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from unified_init.parity.variants import Variant

__all__ = [
    "ENTRIES",
    "Cell",
    "Entry",
    "Expected",
    "Matrix",
    "Row",
    "cell_of",
    "expect",
    "measure",
]

CLOSE = 1e-5  # the promise for orthogonal draws inside a compiled program


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One line of the matrix: a spec and the case that it is drawn on."""

    name: str
    spec: ui.Initializer
    case: Case

    @property
    def preset(self) -> str:
        """The function that made the spec."""
        return self.name.partition(" ")[0]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.case.shape)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of ``draw``, except the seed."""
        return {**self.case.options, "name": self.name}

    @property
    def read_by(self) -> tuple[str, dict[str, int]]:
        """The arguments of ``digest``, except the values."""
        return self.case.layout, dict(self.case.sizes)

    @property
    def law(self) -> ui.Law:
        """The law of the values."""
        return self.spec.resolve(self.case.shape, **self.case.options)


ENTRIES = (
    *(Entry(name, spec, SAMPLE) for name, spec in ELEMENTWISE.items()),
    *(Entry(name, spec, cases[0]) for name, (spec, cases) in STRUCTURED.items()),
    *(Entry(name, spec, cases[0]) for name, (spec, cases) in ORTHOGONAL.items()),
    Entry("icnr", ICNR[0], ICNR[1][0]),
)


@dataclasses.dataclass(frozen=True, slots=True)
class Expected:
    """The reference's draw of an entry: values, digest, and how likely they are under the law."""

    entry: Entry
    values: NDArray[Any]
    digest: str
    p: float | None


@dataclasses.dataclass(frozen=True, slots=True)
class Cell:
    """One variant's draw of an entry, compared with the reference's.

    Args:
        variant: the variant.
        digest: of the values; None where they have none, such as NaN.
        differing: how many values differ in a bit.
        gap: the largest distance to the reference's value, infinite where there is no such number.
        approximate: whether a gap of up to 1e-5 is as promised: orthogonal draws inside a program.
        p: how likely the values are under the law; None for a law that is not tested by sampling.
    """

    variant: Variant
    digest: str | None
    differing: int
    gap: float
    approximate: bool
    p: float | None

    @property
    def state(self) -> str:
        """One of "equal", "close" and "different"."""
        if self.differing == 0:
            return "equal"
        return "close" if self.approximate and self.gap <= CLOSE else "different"


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """An entry, the reference's digest, and a cell for each variant that was measured."""

    entry: Entry
    digest: str
    samples: dict[str | None, float]
    cells: tuple[Cell, ...]

    @property
    def p(self) -> float | None:
        """The smallest p-value of the entry's samples; None where none was tested."""
        return min(self.samples.values(), default=None)


@dataclasses.dataclass(frozen=True, slots=True)
class Matrix:
    """All rows, and how they are judged.

    Args:
        seed: the seed of every draw.
        alpha: how often all the laws' tests together may raise a false alarm.
        variants: the variants that were measured.
        missing: the variants that are not installed, where none were requested.
        rows: one per entry.
    """

    seed: int
    alpha: float
    variants: tuple[Variant, ...]
    missing: tuple[Variant, ...]
    rows: tuple[Row, ...]

    @property
    def samples(self) -> int:
        """Number of different samples whose law was tested."""
        return sum(len(row.samples) for row in self.rows)

    @property
    def smallest_p(self) -> float | None:
        """The smallest p-value of all; None where no law was tested."""
        return min((row.p for row in self.rows if row.p is not None), default=None)

    @property
    def family_p(self) -> float | None:
        """The p-value of all samples together (Bonferroni)."""
        return None if self.smallest_p is None else min(1.0, self.smallest_p * self.samples)

    @property
    def different(self) -> tuple[Row, ...]:
        """The rows in which a variant has other values than the reference."""
        return tuple(row for row in self.rows if any(cell.state == "different" for cell in row.cells))

    @property
    def unlikely(self) -> tuple[Row, ...]:
        """The rows whose values do not follow their law."""
        return tuple(row for row in self.rows if row.p is not None and row.p * self.samples < self.alpha)

    @property
    def passed(self) -> bool:
        """Whether every promise is kept."""
        return not self.different and not self.unlikely


def measure(
    entries: Sequence[Entry],
    chosen: Sequence[Variant],
    *,
    missing: Sequence[Variant] = (),
    seed: int,
    alpha: float,
    advance: Callable[[str], object] = lambda _: None,
) -> Matrix:
    """Draw every entry with the reference and in every variant.

    Args:
        entries: what to draw.
        chosen: the variants to draw in.
        missing: those to report as not installed.
        seed: the seed of all draws; each entry is drawn under its own name.
        alpha: how often all the laws' tests together may raise a false alarm.
        advance: is called after each draw with "reference" or the variant's name.

    Returns:
        The matrix.
    """
    expected = []
    for entry in entries:
        expected.append(expect(entry, seed=seed))
        advance("reference")
    columns = []
    for variant in chosen:
        cells = []
        for reference in expected:
            cells.append(cell_of(variant, reference, seed=seed))
            advance(variant.value)
        columns.append(cells)
    rows = tuple(_row(reference, cells) for reference, *cells in zip(expected, *columns, strict=True))
    return Matrix(seed, alpha, tuple(chosen), tuple(missing), rows)


def expect(entry: Entry, *, seed: int) -> Expected:
    """Draw an entry with the reference runner and test its law."""
    values = variants.reference(entry.spec, entry.case.shape, seed=seed, **entry.options)
    return Expected(entry, values, ui.digest(values, *entry.read_by), _p(entry, values))


def cell_of(variant: Variant, expected: Expected, *, seed: int) -> Cell:
    """Draw an entry in one variant and compare it with the reference."""
    entry = expected.entry
    values = variants.draw(variant, entry.spec, entry.case.shape, seed=seed, **entry.options)
    approximate = entry.name in ORTHOGONAL and not variant.on_host
    count = differing(expected.values, values)
    if count == 0:  # the same bits have the same digest and follow the same law
        return Cell(variant, expected.digest, 0, 0.0, approximate, expected.p)
    gap = _gap(expected.values, values)
    return Cell(variant, _digest(entry, values), count, gap, approximate, _p(entry, values))


def _row(expected: Expected, cells: Sequence[Cell]) -> Row:
    tested = {expected.digest: expected.p, **{cell.digest: cell.p for cell in cells}}
    samples = {digest: p for digest, p in tested.items() if p is not None}
    return Row(expected.entry, expected.digest, samples, tuple(cells))


def _gap(a: NDArray[Any], b: NDArray[Any]) -> float:
    if a.shape != b.shape or a.dtype != b.dtype:
        return math.inf
    largest = float(np.abs(a.astype(np.float64) - b.astype(np.float64)).max(initial=0.0))
    return math.inf if math.isnan(largest) else largest


def _digest(entry: Entry, values: NDArray[Any]) -> str | None:
    try:
        return ui.digest(values, *entry.read_by)
    except ui.UnifiedInitError:  # NaN, or not even the right shape
        return None


def _p(entry: Entry, values: NDArray[Any]) -> float | None:
    """The p-value of a sample under its law; None for a law without independent draws."""
    law = entry.law
    if not law.independent or law.repeat != 1:
        return None
    from unified_init import testing  # noqa: PLC0415  # it needs the extra `testing`

    return testing.family_p(testing.examine(values, law))
