"""Permutes a tensor between its logical order and the order in which it is stored, and takes parts of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unified_init.law.indexmap import Entries
    from unified_init.law.layout import Digit, Geometry

__all__ = ["selected", "stored_order", "to_logical", "to_storage"]


def stored_order(geometry: Geometry) -> list[Digit]:
    """Return the roles as they are stored: axis by axis, the slowest of a merged axis first."""
    return sorted(geometry.digits, key=lambda digit: (digit.axis, -digit.divisor))


def to_storage(xp: Any, array: Any, geometry: Geometry) -> Any:  # noqa: ANN401  # of any framework
    """Return an array of the logical shape (or of its size) in storage order."""
    stored = stored_order(geometry)
    if geometry.digits != tuple(stored):
        array = xp.reshape(array, geometry.logical_shape)
        array = xp.permute_dims(array, tuple(geometry.digits.index(digit) for digit in stored))
    return xp.reshape(array, geometry.shape)


def to_logical(xp: Any, array: Any, geometry: Geometry) -> Any:  # noqa: ANN401  # of any framework
    """Return an array of the stored shape in logical order, merged axes split."""
    stored = stored_order(geometry)
    array = xp.reshape(array, tuple(digit.size for digit in stored))
    if geometry.digits == tuple(stored):
        return array
    return xp.permute_dims(array, tuple(stored.index(digit) for digit in geometry.digits))


def selected(xp: Any, array: Any, entries: Entries) -> Any:  # noqa: ANN401  # of any framework
    """Return the part of an array in storage order that an index selects; all of it without entries."""
    if not entries:
        return array
    array = array[tuple(map(_key, entries))]
    axes = [entry for entry in entries if not isinstance(entry, int)]
    for axis, runs in enumerate(axes):
        if len(runs) > 1:
            before = (slice(None),) * axis
            array = xp.concat([array[(*before, _key((run,)))] for run in runs], axis=axis)
    return array


def _key(entry: int | tuple[range, ...]) -> int | slice:
    """Return an entry of an index for a framework; all of an axis of which several runs are selected."""
    if isinstance(entry, int):
        return entry
    if len(entry) == 1:
        return slice(entry[0].start, entry[0].stop, entry[0].step)
    return slice(None) if entry else slice(0, 0)
