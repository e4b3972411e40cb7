"""The tensors of a folder, which are read in pieces."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.checkpoints.safetensors_files import boxes_of, itemsize, read_header, stored_dtype
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.walkers.registry import torch_checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from unified_init.checkpoints.safetensors_files import Entry
    from unified_init.walkers.protocol import Piece

    Native = tuple[tuple[int, ...], str]

__all__ = ["checkpoint", "files"]


def files(folder: Path, most: int) -> tuple[dict[str, Native], Callable[[str], Iterator[Piece]]]:
    """Return the tensors of safetensors files, and what yields the pieces of one, none larger."""
    headers = {path: read_header(path) for path in sorted(folder.glob("*.safetensors"))}
    where = {
        entry.path: (path, entry, begin + entry.start)
        for path, (_, entries, begin) in headers.items() for entry in entries
    }  # fmt: skip
    natives = {path: (entry.shape, entry.dtype) for path, (_, entry, _) in where.items()}
    return natives, lambda path: _stored(*where[path], most)


def checkpoint(folder: Path) -> tuple[dict[str, Native], Callable[[str], Iterator[Piece]]]:
    """Return the same of a checkpoint of torch.distributed, of which a tensor is read whole."""
    module = torch_checkpoints()
    natives: dict[str, Native] = module.tensors(folder)

    def pieces(path: str) -> Iterator[Piece]:
        shape, _ = natives[path]
        yield (0,) * len(shape), shape, lambda: module.read(folder, path, natives[path])

    return natives, pieces


def _stored(path: Path, entry: Entry, begin: int, most: int) -> Iterator[Piece]:
    """Yield the boxes of a tensor in a file, in its order, each small enough to be read at once."""
    width, dtype = itemsize(entry.dtype), stored_dtype(entry.dtype)
    position = begin
    for start, stop in boxes_of(entry.shape, width, most):
        shape = tuple(last - first for first, last in zip(start, stop, strict=True))
        size = math.prod(shape) * width
        yield start, stop, functools.partial(_read, path, position, size, dtype, shape)
        position += size


def _read(path: Path, position: int, size: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    with path.open("rb") as file:  # not mapped: pages of a mapped file count as memory of the process
        file.seek(position)
        data = file.read(size)
    if len(data) != size:
        msg = f"{shown(str(path))} ends after {position + len(data):,} bytes, and its header says more."
        raise ArgumentValueError(msg)
    return np.frombuffer(data, dtype).reshape(shape)
