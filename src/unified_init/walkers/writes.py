"""Writes: the programs and regions that fill one native tensor."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import host, run
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.inventory.records import Part
    from unified_init.stream.program import Program

__all__ = ["Drawn", "Target", "Write"]

WIDE = 4  # bytes of a float32


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A region of a drawn tensor, and the part of the native tensor that it fills (None for all of it)."""

    source: tuple[slice, ...]
    part: Part | None = None

    @property
    def shift(self) -> float:
        """The number that the forward pass adds to the stored values."""
        return 0.0 if self.part is None else self.part.shift


@dataclasses.dataclass(frozen=True, slots=True)
class Drawn:
    """One tensor to draw, and the regions of the native tensor that it fills.

    ``value`` replaces a program: a constant where the element type is an integer, or values from elsewhere.
    """

    program: Program | None
    targets: tuple[Target, ...]
    value: float | NDArray[Any] = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Write:
    """Everything that is written into one native tensor."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    root: tuple[int, int] | None
    drawn: tuple[Drawn, ...]
    zero_row: int | None = None
    covers: bool = True  # whether the regions fill the tensor

    @property
    def direct(self) -> Program | None:
        """The program whose values are this tensor's, unchanged; None if there are regions or shifts."""
        if len(self.drawn) != 1 or self.zero_row is not None:
            return None
        (drawn,) = self.drawn
        (part, *others) = (target.part for target in drawn.targets)
        is_whole = not others and (part is None or (part.box is None and not part.shift))
        program = drawn.program
        return program if is_whole and program is not None and program.geometry.shape == self.shape else None

    def array(self, current: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the tensor's values in a new buffer; elements outside all regions are as in ``current``."""
        numpy = DTYPES[self.dtype].numpy if self.dtype in DTYPES else np.dtype(self.dtype)
        out: NDArray[Any] = host.aligned_empty(self.shape, numpy)
        if not self.covers and current is not None:
            np.copyto(out, current)
        self.into(out)
        return out

    def into(self, out: NDArray[Any]) -> None:
        """Write the regions into an array of the tensor's shape and type."""
        direct = self.direct
        if direct is not None and out.flags.c_contiguous:
            run.into(out, direct, self.root)
            return
        for drawn in self.drawn:
            values = self._values(drawn, out.dtype)
            for target in drawn.targets:
                region = out if target.part is None else target.part.region(out)
                piece = values[target.source].reshape(region.shape)
                region[...] = piece if not target.shift else _shifted(piece, target.shift)
        if self.zero_row is not None:
            out[self.zero_row] = 0

    def _values(self, drawn: Drawn, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return the drawn values; in float32 where they are to be shifted and then narrowed."""
        program = drawn.program
        if isinstance(drawn.value, np.ndarray):
            return drawn.value
        if program is None:
            return np.full(self.shape, drawn.value, dtype)
        if any(target.shift for target in drawn.targets) and dtype.itemsize < WIDE:
            program = dataclasses.replace(program, dtype=DTYPES["float32"])
        return run.on_host(program, self.root)


def _shifted(values: NDArray[Any], shift: float) -> NDArray[Any]:
    """Return values less what the forward pass adds; the difference is rounded once, to the tensor's type."""
    shifted: NDArray[Any] = np.subtract(values.astype(np.result_type(values.dtype, np.float64)), shift)
    return shifted
