"""Safetensors files as a model that can be inspected and audited; values are mapped, not loaded."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.checkpoints.contents import native_shapes
from unified_init.checkpoints.safetensors_files import read_header, stored_dtype
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.walkers.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from unified_init.checkpoints.safetensors_files import Entry

    Place = tuple[Path, Entry, int]

__all__ = ["stored_of"]


def stored_of(source: Path, inventory: Inventory) -> Stored:
    """Return the tensors of a file, or of all files of a folder, as an inventory describes them.

    Tied tensors may be there under any of their names. What the files have and the inventory does not know
    is listed as left.

    Raises:
        ArgumentValueError: no safetensors files, or a tensor that is missing or has another shape.
    """
    places = _places(source)
    shapes = native_shapes(inventory)
    names = {path: _name(places, path, ties) for path, ties in _ties(inventory).items()}
    for path, name in names.items():
        entry = places[name][1] if name in places else None
        if entry is None or entry.shape != shapes[path]:
            size = "is not there" if entry is None else f"has shape {entry.shape}"
            msg = f"{shown(str(source))} must have {path!r} with shape {shapes[path]}, which {size}."
            raise ArgumentValueError(msg)
    unknown = sorted(places.keys() - set(names.values()) - set(inventory.left))
    left = sorted({*unknown, *(path for path in inventory.left if path in places)})
    names |= {path: path for path in left}
    readers = {path: functools.partial(_read, places[name]) for path, name in names.items()}
    return Stored(Inventory(inventory.framework, inventory.records, tuple(left)), readers)


def _places(source: Path) -> dict[str, Place]:
    files = sorted(source.glob("*.safetensors")) if source.is_dir() else [source]
    if not files:
        msg = f"{shown(str(source))} has no safetensors files."
        raise ArgumentValueError(msg)
    return {
        entry.path: (file, entry, begin)
        for file, (_, entries, begin) in ((file, read_header(file)) for file in files)
        for entry in entries
    }


def _ties(inventory: Inventory) -> dict[str, tuple[str, ...]]:
    """Return the native paths that must be there, and other names of the same memory."""
    return {
        path: record.ties if path == record.path else ()
        for record in inventory
        for path, _ in record.stored
    }  # fmt: skip


def _name(places: Mapping[str, Place], path: str, ties: tuple[str, ...]) -> str:
    return next((name for name in (path, *ties) if name in places), path)


def _read(place: Place) -> NDArray[Any]:
    file, entry, begin = place
    dtype = stored_dtype(entry.dtype)
    if not entry.size:
        return np.empty(entry.shape, dtype)
    return np.memmap(file, dtype, "r", begin + entry.start, entry.shape)
