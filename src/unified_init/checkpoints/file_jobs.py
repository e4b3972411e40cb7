"""Files of weights as jobs: each is written chunk by chunk, and goes on where it was interrupted."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from unified_init.checkpoints.safetensors_files import Entry, boxes_of, header_of, itemsize, ordered
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError

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

CHUNK = 1 << 24  # bytes that are drawn at a time
AHEAD = 2  # chunks that wait to be written
SUSPECT = 4  # chunks at the end of an interrupted file that are written again: a disk may have lost them
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
    """Write one file, or what an interrupted call has not; each chunk is drawn while the last is written.

    It has the name of a part until ``put_in_place``.
    """
    if job.path.exists() and _is_own(job.path, job):
        progress(job.size)
        return
    own = job.part.exists() and _is_own(job.part, job)
    done = max(job.part.stat().st_size - SUSPECT * CHUNK, 0) if own else 0
    mode = "r+b" if own else "wb"
    with job.part.open(mode) as file, ThreadPoolExecutor(1) as writer:
        waiting: collections.deque[Future[int]] = collections.deque()
        position = _put(file, 0, job.header)
        progress(position)
        for start, size, draw in _chunks(job, writes):
            if start + size > done:
                while len(waiting) >= AHEAD:
                    waiting.popleft().result()
                waiting.append(writer.submit(_put, file, start, draw()))
            progress(size)
        for future in waiting:
            future.result()
        file.truncate(job.size)
        file.flush()
        os.fsync(file.fileno())


def put_in_place(job: Job) -> None:
    """Give a file that is whole its name; a reader sees what was there before, or all of it."""
    if job.part.exists():
        job.part.replace(job.path)


def _put(file: IO[bytes], position: int, data: Any) -> int:  # noqa: ANN401  # bytes or an array
    file.seek(position)
    file.write(data)
    return position + len(data)


def _chunks(job: Job, writes: Mapping[str, Write]) -> Iterator[tuple[int, int, Callable[[], NDArray[Any]]]]:
    """Yield where each chunk begins in the file, its bytes, and what draws it, in the order of the file."""
    for entry in job.entries:
        write, width = writes[entry.path], itemsize(entry.dtype)
        position = len(job.header) + entry.start
        for start, stop in boxes_of(entry.shape, width, CHUNK):
            size = width
            for first, last in zip(start, stop, strict=True):
                size *= last - first
            yield position, size, lambda start=start, stop=stop, write=write: _raw(write, start, stop)  # type: ignore[misc]
            position += size


def _raw(write: Write, start: tuple[int, ...], stop: tuple[int, ...]) -> NDArray[Any]:
    return write.region(start, stop).reshape(-1).view(np.uint8)


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
