"""Writes: the programs and regions that fill one native tensor."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.stream import host, run
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.program import sliced
from unified_init.stream.structured import costs_the_box
from unified_init.walkers.regions import AxisOverlap, Span, extents, overlap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.inventory.parts import Part
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

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The tensor's type in NumPy."""
        return DTYPES[self.dtype].numpy if self.dtype in DTYPES else np.dtype(self.dtype)

    @property
    def costs_the_box(self) -> bool:
        """Whether each region takes only its own share of the draw."""
        return all(
            drawn.program is None
            or isinstance(drawn.value, np.ndarray)
            or (
                costs_the_box(drawn.program)
                and all(
                    _spans(drawn.program, target, extents(target.part, self.shape)) is not None
                    for target in drawn.targets
                )
            )
            for drawn in self.drawn
        )

    def array(self, current: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the tensor's values in a new buffer; elements outside all regions are as in ``current``."""
        out: NDArray[Any] = host.aligned_empty(self.shape, self.numpy_dtype)
        if not self.covers and current is not None:
            np.copyto(out, current)
        self.into(out)
        return out

    def into(self, out: NDArray[Any]) -> None:
        """Write the regions into an array of the tensor's shape and type."""
        self.region((0,) * len(self.shape), self.shape, out)

    def region(
        self, start: tuple[int, ...], stop: tuple[int, ...], out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return the box from ``start`` to ``stop`` of the tensor, at the cost of the box.

        An orthogonal or sparse law takes the whole of its tensor.

        Args:
            start: the first index along each axis.
            stop: the index behind the last.
            out: an array of the box's shape and the tensor's type, which is written; what no region of the
                write covers stays. None makes a new one.
        """
        shape = tuple(last - first for first, last in zip(start, stop, strict=True))
        if out is None:
            out = host.aligned_empty(shape, self.numpy_dtype)
        direct = self.direct
        if direct is not None and out.flags.c_contiguous:
            run.into(out, direct if shape == self.shape else sliced(direct, start, stop), self.root)
            return out
        for drawn in self.drawn:
            self._draw(drawn, start, stop, out)
        if self.zero_row is not None and start[0] <= self.zero_row < stop[0]:
            out[self.zero_row - start[0]] = 0
        return out

    def _draw(self, drawn: Drawn, start: tuple[int, ...], stop: tuple[int, ...], out: NDArray[Any]) -> None:
        """Write what a drawn tensor has in a box of the native one."""
        program = self._program(drawn, out.dtype)
        whole = drawn.value if isinstance(drawn.value, np.ndarray) else None
        for target in drawn.targets:
            common = overlap(target.part, self.shape, start, stop)
            if common is None:
                continue
            box = [axis.source for axis in common]
            piece: NDArray[Any] | float | None = None
            if program is not None:
                piece = self._alone(program, target, box)
            elif whole is None:
                piece = drawn.value
            if piece is None:
                if whole is None:  # drawn once, for all targets
                    assert program is not None  # noqa: S101  # or there are values
                    whole = run.on_host(program, self.root)
                own = whole[target.source].reshape(extents(target.part, self.shape))
                piece = own[tuple(slice(*ends) for ends in box)]
            out[_places(common)] = _shifted(piece, target.shift) if target.shift else piece

    def _program(self, drawn: Drawn, dtype: np.dtype[Any]) -> Program | None:
        """Return the program that draws; in float32 where values are to be shifted and then narrowed."""
        program = drawn.program
        if program is None or isinstance(drawn.value, np.ndarray):
            return None
        if any(target.shift for target in drawn.targets) and dtype.itemsize < WIDE:
            return dataclasses.replace(program, dtype=DTYPES["float32"])
        return program

    def _alone(self, program: Program, target: Target, box: list[Span]) -> NDArray[Any] | None:
        """Return the values of a box of a target; None if they cannot be drawn without the rest."""
        spans = _spans(program, target, extents(target.part, self.shape))
        if spans is None or not costs_the_box(program):
            return None
        starts = [low + first for (low, _), (first, _) in zip(spans, box, strict=True)]
        stops = [low + last for (low, _), (_, last) in zip(spans, box, strict=True)]
        return run.on_host(sliced(program, starts, stops), self.root)


def _spans(program: Program, target: Target, shape: tuple[int, ...]) -> list[Span] | None:
    """Return a target's spans of the drawn tensor; None if they are stored in another shape."""
    lengths = program.index.shape
    spans = [source.indices(length)[:2] for source, length in zip(target.source, lengths, strict=False)]
    spans += [(0, length) for length in lengths[len(spans) :]]
    return spans if tuple(last - first for first, last in spans) == shape else None


def _places(common: tuple[AxisOverlap, ...]) -> tuple[Any, ...]:
    """Return the index of an overlap in the region."""
    if all(isinstance(axis.places, slice) for axis in common):
        return tuple(axis.places for axis in common)
    positions = [
        np.arange(axis.places.start, axis.places.stop) if isinstance(axis.places, slice) else axis.places
        for axis in common
    ]
    return np.ix_(*positions)


def _shifted(values: NDArray[Any] | float, shift: float) -> NDArray[Any]:
    """Return values less what the forward pass adds; the difference is rounded once, to the tensor's type."""
    wide = np.asarray(values)
    shifted: NDArray[Any] = np.subtract(wide.astype(np.result_type(wide.dtype, np.float64)), shift)
    return shifted
