"""A file that several threads write at once, each at its own position, past the page cache of the system.

A page of that cache is allocated, filled with a copy, and written later by a thread of the kernel. For data
that is drawn once, and that nobody here reads, this takes as long as the draw. With O_DIRECT whole blocks go
from the buffer to the disk. All else goes through the cache: the end of a file, a position that is not a
multiple of a block, a system or a file system without such writes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import mmap
import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BlockFile", "buffer", "opened"]

BLOCK = 4096  # bytes: no disk of today has larger ones


@dataclasses.dataclass(frozen=True, slots=True)
class BlockFile:
    """An open file: its descriptor, and another past the cache of the system, where there is one."""

    cached: int
    direct: int | None
    turn: threading.Lock  # of a system where position and write are two calls

    def put(self, position: int, data: memoryview) -> None:
        """Write all of some bytes at a position."""
        written = self._put_blocks(position, data)
        while written < len(data):
            written += self._put_cached(position + written, data[written:])

    def finish(self, size: int) -> None:
        """Cut the file to its size, and return when the disk has it."""
        os.ftruncate(self.cached, size)
        os.fsync(self.cached)

    def _put_blocks(self, position: int, data: memoryview) -> int:
        """Write the whole blocks past the cache; return how many bytes that were."""
        whole = len(data) // BLOCK * BLOCK
        if sys.platform == "win32" or self.direct is None or not whole:
            return 0
        try:
            return os.pwrite(self.direct, data[:whole], position)
        except OSError as error:
            if error.errno != errno.EINVAL:  # which says that here it must be done in another way
                raise
            return 0

    def _put_cached(self, position: int, data: memoryview) -> int:
        if sys.platform != "win32":
            return os.pwrite(self.cached, data, position)
        with self.turn:
            os.lseek(self.cached, position, os.SEEK_SET)
            return os.write(self.cached, data)


@contextlib.contextmanager
def opened(path: Path, *, is_new: bool) -> Iterator[BlockFile]:
    """Open a file to be written; a new one is empty."""
    options = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | (os.O_TRUNC if is_new else 0)
    with contextlib.ExitStack() as stack:
        cached = os.open(path, options, 0o666)
        stack.callback(os.close, cached)
        direct = _direct(path)
        if direct is not None:
            stack.callback(os.close, direct)
        yield BlockFile(cached, direct, threading.Lock())


def _direct(path: Path) -> int | None:
    """Open a file past the cache; None where the system or the file system has no such thing."""
    flag = getattr(os, "O_DIRECT", None)
    if flag is None:
        return None
    try:
        return os.open(path, os.O_WRONLY | flag)
    except OSError:
        return None


def buffer(size: int) -> memoryview:
    """Return memory that begins where a page does, as a write past the cache asks for."""
    return memoryview(mmap.mmap(-1, size))
