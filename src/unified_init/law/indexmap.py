"""Index maps: from a position in a stored tensor, or a part of one, to the logical index of its value.

Merged axes make the map a mixed-radix one: each stored axis adds
``((position // divisor) % modulus) * stride`` for every role that is merged in it.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from unified_init.law.layout import Geometry

__all__ = ["AxisMap", "Entries", "IndexMap", "between", "entries_of", "index_map", "part_of", "whole_map"]

# Positions along one axis: one run, or several that are drawn after each other; none of them is empty.
Runs = tuple[range, ...]
Entries = tuple[int | Runs, ...]  # an index, checked: one entry per axis, and an int removes its axis
Terms = tuple[tuple[int, int, int], ...]
PLAIN = {int, type(None)}  # types of bounds that need no check


@dataclasses.dataclass(frozen=True, slots=True)
class AxisMap:
    """One stored axis: the positions along it that are drawn, and their terms.

    Each role merged in the axis has a term (divisor, modulus, stride): ``position // divisor % modulus``
    is the coordinate of that role, and ``stride`` is what one step of it adds to the logical index.
    """

    runs: Runs
    terms: Terms  # (divisor, modulus, stride), outermost first

    @property
    def length(self) -> int:
        """Number of positions."""
        return len(self.runs[0]) if len(self.runs) == 1 else sum(map(len, self.runs))

    @property
    def affine(self) -> bool:
        """Whether the logical index grows by a constant from one position of the axis to the next."""
        return len(self.terms) == 1 and self.terms[0][0] == 1


@dataclasses.dataclass(frozen=True, slots=True)
class IndexMap:
    """The logical indices of the elements of a tensor, or of a part of it.

    The logical index of an element is ``offset`` plus the contribution of each axis. ``offset`` is the
    contribution of the axes that an int in the index removed, and of where a run begins that needs nothing
    else to say so. ``logical_size`` counts the whole tensor.
    """

    axes: tuple[AxisMap, ...]
    offset: int
    logical_size: int
    shape: tuple[int, ...] = dataclasses.field(init=False, repr=False, compare=False)  # of what is drawn
    size: int = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Count once what each draw asks for several times."""
        object.__setattr__(self, "shape", tuple([axis.length for axis in self.axes]))
        object.__setattr__(self, "size", math.prod(self.shape))


def index_map(geometry: Geometry, index: object = None, *, repeat: int = 1) -> IndexMap:
    """Return the index map of a geometry, or of a part of it.

    Args:
        geometry: shape and roles.
        index: None for all, else what ``entries_of`` takes.
        repeat: neighboring outputs that share one logical index (see ``Law.repeat``).
    """
    return part_of(whole_map(geometry, repeat=repeat), entries_of(index, geometry.shape))


def whole_map(geometry: Geometry, *, repeat: int = 1) -> IndexMap:
    """Return the index map of all of a geometry; see ``index_map``."""
    sizes = [
        digit.size // repeat if repeat > 1 and digit.role == "O" else digit.size for digit in geometry.digits
    ]
    terms: dict[int, list[tuple[int, int, int]]] = {axis: [] for axis in range(len(geometry.shape))}
    stride = 1
    for digit, size in reversed(list(zip(geometry.digits, sizes, strict=True))):
        divisor = digit.divisor * (repeat if repeat > 1 and digit.role == "O" else 1)
        terms[digit.axis].append((divisor, max(size, 1), stride))
        stride *= size
    axes = [
        AxisMap(_joined((range(length),)), tuple(sorted(terms[axis], reverse=True)))
        for axis, length in enumerate(geometry.shape)
    ]
    return IndexMap(tuple(axes), 0, stride)


def part_of(whole: IndexMap, entries: Entries) -> IndexMap:
    """Return the index map of a part of a whole tensor, of which the index map is given.

    Equal boxes have equal axes, wherever they begin: what is made for one of them serves the others.
    """
    axes: list[AxisMap] = []
    offset = 0
    for axis, entry in zip(whole.axes, entries, strict=True):
        if isinstance(entry, int):
            offset += _logical(entry, axis.terms)
        elif len(entry) == 1 and axis.affine:
            (run,) = entry
            offset += run.start * axis.terms[0][2]
            axes.append(AxisMap((range(0, len(run) * run.step, run.step),), axis.terms))
        else:
            axes.append(AxisMap(entry, axis.terms))
    return IndexMap(tuple(axes), offset, whole.logical_size)


def _logical(position: int, terms: Terms) -> int:
    """Return what a position contributes to the logical index."""
    return sum((position // divisor) % modulus * stride for divisor, modulus, stride in terms)


def entries_of(index: object, shape: tuple[int, ...]) -> Entries:
    """Check an index and complete it: one entry per axis, with negative ints counted from the front.

    Args:
        index: None for all, else an entry or a tuple of entries: an int, a slice, or a list of slices, whose
            parts follow each other.
        shape: of what is indexed.

    Example:
        >>> entries_of((-1, [slice(0, 2), slice(4, 6)]), (3, 8, 2))
        (2, (range(0, 2), range(4, 6)), (range(0, 2),))
    """
    if index is None:
        index = ()
    if isinstance(index, list):
        msg = (
            "`index` must be a tuple with one entry per axis, got a list: for parts of the first axis write "
            f"({shown(index)},)."
        )
        raise ArgumentTypeError(msg)
    if not isinstance(index, tuple):
        index = (index,)
    if len(index) > len(shape):
        msg = f"`index` has {len(index)} entries for a tensor of {len(shape)} axes, shape {shape}."
        raise ArgumentValueError(msg)
    entries = [_entry(f"index[{axis}]", entry, shape[axis]) for axis, entry in enumerate(index)]
    return (*entries, *(_joined((range(length),)) for length in shape[len(index) :]))


def between(runs: Runs, start: int, stop: int) -> Runs:
    """Return a part of the positions that runs hold, counted through all of them.

    Example:
        >>> between((range(0, 4), range(8, 12)), 2, 5)
        (range(2, 4), range(8, 9))
    """
    pieces = []
    for run in runs:
        pieces.append(run[max(start, 0) : max(stop, 0)])
        start, stop = start - len(run), stop - len(run)
    return _joined(pieces)


def _entry(name: str, entry: object, length: int) -> int | Runs:
    if isinstance(entry, slice):
        return _joined((_run(name, entry, length),))
    if type(entry) is list:  # iterating over another class may do anything
        return _joined([_part(f"{name}[{number}]", part, length) for number, part in enumerate(entry)])
    value = checks.integer(entry)
    if value is None:
        msg = f"`{name}` must be an int, a slice or a list of slices, got {shown(entry)}."
        raise ArgumentTypeError(msg)
    if not -length <= value < length:
        msg = f"`{name}` is out of range for an axis of length {length}: {shown(value)}."
        raise ArgumentValueError(msg)
    return value % length


def _part(name: str, part: object, length: int) -> range:
    if not isinstance(part, slice):
        msg = f"`{name}` must be a slice, got {shown(part)}."
        raise ArgumentTypeError(msg)
    return _run(name, part, length)


def _run(name: str, entry: slice, length: int) -> range:
    """Return the positions of a slice."""
    start, stop, step = entry.start, entry.stop, entry.step
    if not {type(start), type(stop), type(step)} <= PLAIN:
        start, stop, step = (_bound(name, part, getattr(entry, part)) for part in ("start", "stop", "step"))
    if step is not None and step < 1:
        msg = f"`{name}` must have a step of at least 1, got {shown(entry)}."
        raise ArgumentValueError(msg)
    for value in (start, stop):
        if value is not None and not -length <= value <= length:
            msg = f"`{name}` is out of range for an axis of length {length}: {shown(entry)}."
            raise ArgumentValueError(msg)
    # No step is longer than the axis: what a framework slices by must be an int of its own.
    return range(length)[slice(start, stop, None if step is None else min(step, max(length, 1)))]


def _bound(name: str, part: str, value: object) -> int | None:
    number = None if value is None else checks.integer(value)
    if value is not None and number is None:
        msg = f"`{name}` must have integer bounds, got {part} {shown(value)}."
        raise ArgumentTypeError(msg)
    return number


def _joined(runs: Iterable[range]) -> Runs:
    """Return runs without empty ones, and those that continue each other as one."""
    result: list[range] = []
    for run in filter(len, runs):
        last = result[-1] if result else None
        if last is not None and last.step == run.step and run.start == last[-1] + run.step:
            result[-1] = range(last.start, run.stop, run.step)
        else:
            result.append(run)
    return tuple(result)
