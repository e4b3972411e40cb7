"""Index maps: from a position in a stored (sliced) tensor to the logical index that names its value.

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
    from unified_init.law.layout import Geometry

__all__ = ["AxisMap", "IndexMap", "entries_of", "index_map"]


@dataclasses.dataclass(frozen=True, slots=True)
class AxisMap:
    """One stored axis: positions ``start + step * i`` for ``i < length``, and their terms.

    Each role merged in the axis has a term (divisor, modulus, stride): ``position // divisor % modulus``
    is the coordinate of that role, and ``stride`` is what one step of it adds to the logical index.
    """

    length: int
    start: int
    step: int
    terms: tuple[tuple[int, int, int], ...]  # (divisor, modulus, stride), outermost first

    @property
    def affine(self) -> bool:
        """Whether the logical index grows by a constant from one position to the next."""
        return len(self.terms) == 1 and self.terms[0][0] == 1

    def logical(self, i: int) -> int:
        """Contribution of the ``i``-th kept position to the logical index."""
        position = self.start + self.step * i
        return sum((position // divisor) % modulus * stride for divisor, modulus, stride in self.terms)


@dataclasses.dataclass(frozen=True, slots=True)
class IndexMap:
    """The logical indices of the elements of a tensor, or of a slice of it.

    The logical index of an element is ``offset`` plus the contribution of each axis. ``offset`` is the
    contribution of the axes that an int in the index removed. ``logical_size`` counts the whole tensor.
    """

    axes: tuple[AxisMap, ...]
    offset: int
    logical_size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor that is drawn."""
        return tuple(axis.length for axis in self.axes)

    @property
    def size(self) -> int:
        """Number of elements that are drawn."""
        return math.prod(self.shape)


def index_map(geometry: Geometry, index: object = None, *, repeat: int = 1) -> IndexMap:
    """Return the index map of a geometry, or of a slice of it.

    Args:
        geometry: shape and roles.
        index: None for all, else a tuple of slices and ints, shorter than the rank allowed.
        repeat: neighbouring outputs that share one logical index (see ``Law.repeat``).
    """
    entries = entries_of(index, geometry.shape)
    sizes = [
        digit.size // repeat if repeat > 1 and digit.role == "O" else digit.size for digit in geometry.digits
    ]
    terms: dict[int, list[tuple[int, int, int]]] = {axis: [] for axis in range(len(geometry.shape))}
    stride = 1
    for digit, size in reversed(list(zip(geometry.digits, sizes, strict=True))):
        divisor = digit.divisor * (repeat if repeat > 1 and digit.role == "O" else 1)
        terms[digit.axis].append((divisor, max(size, 1), stride))
        stride *= size
    axes: list[AxisMap] = []
    offset = 0
    for axis, (entry, length) in enumerate(zip(entries, geometry.shape, strict=True)):
        ordered = tuple(sorted(terms[axis], reverse=True))
        if isinstance(entry, int):
            offset += AxisMap(1, entry, 1, ordered).logical(0)
        else:
            start, stop, step = entry.indices(length)
            axes.append(AxisMap(max(0, -((start - stop) // step)), start, step, ordered))
    return IndexMap(tuple(axes), offset, stride)


def entries_of(index: object, shape: tuple[int, ...]) -> list[int | slice]:
    """Check an index and complete it: one int or slice per axis, negative ints counted from the front."""
    if index is None:
        index = ()
    if not isinstance(index, tuple):
        index = (index,)
    if len(index) > len(shape):
        msg = f"`index` has {len(index)} entries for a tensor of {len(shape)} axes, shape {shape}."
        raise ArgumentValueError(msg)
    entries = [
        _entry(position, entry, length)
        for position, (entry, length) in enumerate(zip(index, shape, strict=False))
    ]
    return entries + [slice(None)] * (len(shape) - len(entries))


def _entry(position: int, entry: object, length: int) -> int | slice:
    if isinstance(entry, slice):
        bounds = {"start": entry.start, "stop": entry.stop, "step": entry.step}
        for part, value in bounds.items():
            if value is not None and checks.integer(value) is None:
                msg = f"`index[{position}]` must have integer bounds, got {part} {shown(value)}."
                raise ArgumentTypeError(msg)
        start, stop, step = (None if value is None else checks.integer(value) for value in bounds.values())
        if step is not None and step < 1:
            msg = f"`index[{position}]` must have a step of at least 1, got {shown(entry)}."
            raise ArgumentValueError(msg)
        for value in (start, stop):
            if value is not None and not -length <= value <= length:
                msg = f"`index[{position}]` is out of range for an axis of length {length}: {shown(entry)}."
                raise ArgumentValueError(msg)
        return slice(start, stop, None if step is None else min(step, max(length, 1)))
    value = checks.integer(entry)
    if value is None:
        msg = f"`index[{position}]` must be an int or a slice, got {shown(entry)}."
        raise ArgumentTypeError(msg)
    if not -length <= value < length:
        msg = f"`index[{position}]` is out of range for an axis of length {length}: {shown(value)}."
        raise ArgumentValueError(msg)
    return value % length
