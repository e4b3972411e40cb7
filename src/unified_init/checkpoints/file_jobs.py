"""Files of weights as jobs: each is written chunk by chunk, and goes on where it was interrupted."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import queue
import shutil
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.checkpoints.block_file import BlockFile, buffer, opened
from unified_init.checkpoints.chunks import Chunk, chunks_of, draw_into
from unified_init.checkpoints.safetensors_files import Entry, header_of, ordered
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.stream import host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unified_init.checkpoints.folder import Origin
    from unified_init.walkers.writes import Write

__all__ = [
    "Job", "check_disk", "check_space", "job_of", "put_in_place", "replaces", "strangers", "write_file",
    "write_index",
]  # fmt: skip

CHUNK = 1 << 24  # bytes that are drawn and written at a time: a multiple of a block, and of every value
WRITING = 4  # threads that write while others draw, so that neither the disk nor a processor waits
# Chunks at the end of an interrupted file that are written again: a disk may have lost them. At most half as
# many are under way at a time, so that a hole is among them; eight threads draw more than most disks take.
SUSPECT = 16
INDEX = "model.safetensors.index.json"


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """A file to write."""

    path: Path
    header: bytes
    entries: tuple[Entry, ...]

    @property
    def part(self) -> Path:
        """Its name until it is whole."""
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def size(self) -> int:
        """All of its bytes."""
        last = self.entries[-1] if self.entries else None
        return len(self.header) + (0 if last is None else last.start + last.size)


def job_of(folder: Path, name: str, paths: Sequence[str], writes: Mapping[str, Write], origin: Origin) -> Job:
    """Return the job of a file that holds these tensors."""
    entries = ordered({path: (writes[path].shape, writes[path].dtype) for path in paths})
    header = header_of(entries, {"format": "pt", "unified_init": origin.digest})
    return Job(folder / name, header, entries)


def check_space(folder: Path, jobs: Sequence[Job], *, overwrite: bool) -> None:
    """Refuse a folder with other weights, and a disk that is too small for what is missing."""
    missing = 0
    stale = strangers(folder, jobs)
    if stale and not overwrite:
        msg = (
            f"`folder` has {stale[0].name!r}, which is not among the files of this call: choose another "
            "folder, or pass overwrite=True."
        )
        raise ArgumentValueError(msg)
    for job in jobs:
        for path in (job.path, job.part):
            if path.exists() and not overwrite and not _is_own(path, job):
                msg = (
                    f"`folder` has {path.name!r} of another model, seed, recipe or type: choose another "
                    "folder, or pass overwrite=True."
                )
                raise ArgumentValueError(msg)
        if not (job.path.exists() and _is_own(job.path, job)):  # a file of other weights stays until then
            missing += max(job.size - (job.part.stat().st_size if job.part.exists() else 0), 0)
    check_disk(folder, missing)


def check_disk(folder: Path, missing: int) -> None:
    """Refuse a disk that has fewer bytes free than are missing."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if missing > free:
        msg = f"`folder` {shown(str(folder))} needs {missing:,} more bytes, and its disk has {free:,} free."
        raise ArgumentValueError(msg)


def replaces(jobs: Sequence[Job]) -> bool:
    """Whether files of other weights are where these will be."""
    return any(job.path.exists() and not _is_own(job.path, job) for job in jobs)


def strangers(folder: Path, jobs: Sequence[Job]) -> list[Path]:
    """Return the files of weights, and the index, that are there and would not be written."""
    own = {path.name for job in jobs for path in (job.path, job.part)} | ({INDEX} if len(jobs) > 1 else set())
    there = [*folder.glob("*.safetensors"), *folder.glob("*.safetensors.part"), *folder.glob(INDEX)]
    return sorted(path for path in there if path.name not in own)


def _is_own(path: Path, job: Job) -> bool:
    """Whether a file begins as this one does; what is shorter than the header was hardly begun."""
    with path.open("rb") as file:
        head = file.read(len(job.header))
    return (
        job.header.startswith(head)
        if path == job.part
        else head == job.header and path.stat().st_size == job.size
    )


def write_file(job: Job, writes: Mapping[str, Write], progress: Callable[[int], None]) -> None:
    """Write one file, or what an interrupted call has not. It has the name of a part until ``put_in_place``.

    Each thread draws a chunk into a buffer of its own and writes it. Few chunks are under way at a time, the
    first ones first: an interrupted file lacks chunks only near its end, whichever thread was the fastest.
    """
    if job.path.exists() and _is_own(job.path, job):
        progress(job.size)
        return
    is_new = not (job.part.exists() and _is_own(job.part, job))
    done = 0 if is_new else max(job.part.stat().st_size - SUSPECT * CHUNK, 0)
    most = max(SUSPECT // 2, 1)
    waiting: collections.deque[Future[int]] = collections.deque()
    wholes: dict[str, NDArray[Any]] = {}
    with opened(job.part, is_new=is_new) as file, _pool(most) as write:
        file.put(0, memoryview(job.header))  # before all else, or nobody knew whose part it is
        for chunk in chunks_of(job.header, job.entries, writes, CHUNK):
            if chunk.stop <= done:
                progress(chunk.size)
                continue
            due = {tensor.path: tensor for tensor in chunk.wholes}
            wholes = {path: values for path, values in wholes.items() if path in due}
            # Before another tensor is drawn whole, the chunks under way let go of those that they have.
            _wait(waiting, most - 1 if due.keys() == wholes.keys() else 0, progress)
            wholes |= {path: tensor.array() for path, tensor in due.items() if path not in wholes}
            waiting.append(write(file, chunk, wholes))
        _wait(waiting, 0, progress)
        file.finish(job.size)


def _wait(waiting: collections.deque[Future[int]], most: int, progress: Callable[[int], None]) -> None:
    """Wait until at most so many chunks are under way, the first ones first."""
    while len(waiting) > most:
        progress(waiting.popleft().result())


@contextlib.contextmanager
def _pool(most: int) -> Iterator[Callable[[BlockFile, Chunk, Mapping[str, NDArray[Any]]], Future[int]]]:
    """Return the function that lets a thread draw and write a chunk, at most so many at a time.

    As many threads draw as a draw may use; others write meanwhile.
    """
    drawing = host.thread_count()
    count = min(drawing + WRITING, most)
    turn = threading.BoundedSemaphore(drawing)
    buffers: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
    for _ in range(count):
        buffers.put(buffer(CHUNK))

    def write(file: BlockFile, chunk: Chunk, wholes: Mapping[str, NDArray[Any]]) -> int:
        own = buffers.get()
        try:
            data = own[: chunk.size]
            with turn:
                draw_into(np.frombuffer(data, np.uint8), chunk, wholes)
            file.put(chunk.start, data)
        finally:
            buffers.put(own)
        return chunk.size

    with ThreadPoolExecutor(count, initializer=host.draw_alone) as threads:
        yield lambda file, chunk, wholes: threads.submit(write, file, chunk, wholes)


def put_in_place(job: Job) -> None:
    """Give a file that is whole its name; a reader sees what was there before, or all of it."""
    if job.part.exists():
        job.part.replace(job.path)


def write_index(folder: Path, jobs: Sequence[Job]) -> None:
    """Write which file holds which tensor, as transformers has it, where there are several."""
    if len(jobs) == 1:
        return
    total = sum(entry.size for job in jobs for entry in job.entries)
    tree = {
        "metadata": {"total_size": total},
        "weight_map": {entry.path: job.path.name for job in jobs for entry in job.entries},
    }
    part = folder / f"{INDEX}.part"
    part.write_text(json.dumps(tree, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / INDEX)
