"""Draws a model's weights into a folder, in little memory, and goes on where it was interrupted."""

from __future__ import annotations

import collections
import dataclasses
import json
import os
import re
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.checkpoints.contents import checked_dtype, contents_of
from unified_init.checkpoints.folder import FILE, Origin, folder_of, write_origin
from unified_init.checkpoints.safetensors_files import Entry, boxes_of, header_of, itemsize, ordered
from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.drawing.seeds import check_seed, is_traced, key_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.planning import check_recipe, streams_of
from unified_init.spec import presets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from unified_init.checkpoints.contents import Contents
    from unified_init.recipes.rule import Recipe
    from unified_init.walkers.writes import Write

__all__ = ["save"]

# ruff: noqa: ANN401  # models of any framework

CHUNK = 1 << 24  # bytes that are drawn at a time
AHEAD = 2  # chunks that wait to be written
SUSPECT = 4  # chunks at the end of an interrupted file that are written again: a disk may have lost them
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
INDEX = "model.safetensors.index.json"


def save(
    source: Any,
    recipe: Recipe,
    folder: str | Path,
    *,
    seed: Any = None,
    dtype: Any = None,
    names: Mapping[str, str] | None = None,
    max_shard_size: int | str = "5GB",
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[str, ...]:
    """Draw a model's weights into safetensors files, without the model's memory.

    Memory is some chunks of 16 MiB, or the largest orthogonal or sparse tensor. The files are those of
    transformers (``from_pretrained`` and PyTorch's ``HuggingFaceStorageReader`` load them) with a file
    ``unified_init.json``, from which ``verify`` proves them. A call that was interrupted, repeated, goes on
    where it was: each file has its name only when it is whole, and ``unified_init.json`` is written last.

    Args:
        source: a model, on ``meta`` too, or an inventory, whose tensors have the shapes of its records.
        recipe: as for ``ui.apply``. What it does not give, such as a table that is left as it is, is read
            from the model.
        folder: where to write; made if it is not there.
        seed: as for ``ui.apply``; an int is noted in the folder.
        dtype: the floating-point type of all tensors; None keeps that of each.
        names: as for ``ui.apply``.
        max_shard_size: bytes of a file, or a text such as "5GB" or "200MiB"; a larger tensor has its own.
        overwrite: True replaces the files of another model, seed or recipe, which are refused otherwise.
        progress: a function that is called with the number of bytes each time some are written or found.

    Returns:
        The names of the files with weights.

    Raises:
        ArgumentTypeError: arguments of the wrong type.
        ArgumentValueError: as for ``ui.plan``; a folder with other weights; a disk without enough space;
            a tensor without values.

    Example:
        >>> import tempfile, torch
        >>> import unified_init as ui
        >>> model = torch.nn.Linear(300, 100, device="meta")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = ui.save(model, ui.recipes.torch_default(), folder, seed=0)
        ...     ui.verify(folder).ok, files
        (True, ('model.safetensors',))

    Differs from:
        ``safetensors.torch.save_file`` and ``torch.distributed.checkpoint``: nothing is held in memory, and
        the weights are those of ``ui.apply`` on any number of devices.
    """
    check_recipe(recipe)
    target, most = folder_of("folder", folder), _bytes("max_shard_size", max_shard_size)
    checks.switch("overwrite", overwrite)
    if progress is not None and not callable(progress):
        msg = f"`progress` must be a function of a number of bytes, or None, got {shown(progress)}."
        raise ArgumentTypeError(msg)
    element_type, streams = checked_dtype(dtype), streams_of(names)
    contents = contents_of(source, recipe, names=names, dtype=element_type)
    root = _root(contents, seed)
    drawn = tuple(path for path, write in contents.writes.items() if _is_drawn(write))
    number = checks.integer(checks.scalar(seed))
    origin = Origin(recipe, number, contents.inventory, tuple(streams.items()), element_type, drawn)
    writes = {path: dataclasses.replace(write, root=root) for path, write in contents.writes.items()}
    files = _files(writes, most)
    jobs = [_job(target, name, paths, writes, origin) for name, paths in files.items()]
    _check_space(target, jobs, overwrite=overwrite)
    report = progress or (lambda count: None)  # noqa: ARG005
    try:
        target.mkdir(parents=True, exist_ok=True)
        if overwrite:
            (target / FILE).unlink(missing_ok=True)
        for job in jobs:
            _write(job, writes, report)
        _write_index(target, jobs)
        write_origin(target, origin)
    except OSError as error:
        msg = (
            f"`folder` {shown(str(target))} could not be written: {error}. What is written stays; the same"
            " call goes on from there."
        )
        raise ArgumentValueError(msg) from error
    return tuple(files)


def _is_drawn(write: Write) -> bool:
    return any(drawn.program is not None or not hasattr(drawn.value, "shape") for drawn in write.drawn)


def _root(contents: Contents, seed: Any) -> tuple[int, int] | None:
    programs = [drawn.program for write in contents.writes.values() for drawn in write.drawn]
    if not any(program is not None and program.law.random for program in programs):
        return None
    check_seed(seed, presets.normal(0.0, 1.0))
    key = key_of(seed)
    if is_traced(key):
        msg = "`seed` of save() must be known when it is called, got a key that is being traced."
        raise ArgumentTypeError(msg)
    return key


def _bytes(argument: str, value: Any) -> int:
    """Return a number of bytes, which may be a text with a unit."""
    text = checks.plain(value)
    if text is not None:
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?B)\s*", text.upper())
        if match is not None and match[2] in UNITS:
            value = int(float(match[1]) * UNITS[match[2]])
    count = checks.integer(value)
    if count is None or count < 1:
        msg = f"`{argument}` must be a number of bytes, or a text such as '5GB', got {shown(value)}."
        raise ArgumentValueError(msg)
    return count


def _files(writes: Mapping[str, Write], most: int) -> dict[str, list[str]]:
    """Return which tensors each file holds: they are taken in order, until a file is full."""
    groups: list[list[str]] = [[]]
    size = 0
    for path, write in writes.items():
        count = Entry(path, write.shape, write.dtype, 0).size
        if groups[-1] and size + count > most:
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += count
    if len(groups) == 1:
        return {"model.safetensors": groups[0]}
    total = len(groups)
    return {f"model-{number:05}-of-{total:05}.safetensors": group for number, group in enumerate(groups, 1)}


@dataclasses.dataclass(frozen=True, slots=True)
class _Job:
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


def _job(folder: Path, name: str, paths: Sequence[str], writes: Mapping[str, Write], origin: Origin) -> _Job:
    entries = ordered({path: (writes[path].shape, writes[path].dtype) for path in paths})
    header = header_of(entries, {"format": "pt", "unified_init": origin.digest})
    return _Job(folder / name, header, entries)


def _check_space(folder: Path, jobs: Sequence[_Job], *, overwrite: bool) -> None:
    """Refuse a folder with other weights, and a disk that is too small for what is missing."""
    missing = 0
    for job in jobs:
        for path in (job.path, job.part):
            if path.exists() and not overwrite and not _is_own(path, job):
                msg = (
                    f"`folder` has {path.name!r} of another model, seed, recipe or type: choose another "
                    "folder, or pass overwrite=True."
                )
                raise ArgumentValueError(msg)
        written = next((path.stat().st_size for path in (job.path, job.part) if path.exists()), 0)
        missing += max(job.size - written, 0)
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if missing > free:
        msg = f"`folder` {shown(str(folder))} needs {missing:,} more bytes, and its disk has {free:,} free."
        raise ArgumentValueError(msg)


def _is_own(path: Path, job: _Job) -> bool:
    """Whether a file begins as this one does; what is shorter than the header was hardly begun."""
    with path.open("rb") as file:
        head = file.read(len(job.header))
    return (
        job.header.startswith(head)
        if path == job.part
        else head == job.header and path.stat().st_size == job.size
    )


def _write(job: _Job, writes: Mapping[str, Write], progress: Callable[[int], None]) -> None:
    """Write one file, or what an interrupted call has not; each chunk is drawn while the last is written."""
    if job.path.exists() and _is_own(job.path, job):
        progress(job.size)
        return
    own = job.part.exists() and _is_own(job.part, job)
    done = max(job.part.stat().st_size - SUSPECT * CHUNK, 0) if own else 0
    mode = "r+b" if own else "wb"
    with job.part.open(mode) as file, ThreadPoolExecutor(1) as writer:
        waiting: collections.deque[Future[None]] = collections.deque()
        position = _put(file, 0, job.header)
        progress(position)
        for start, size, draw in _chunks(job, writes):
            if start + size > done:
                while len(waiting) >= AHEAD:
                    waiting.popleft().result()
                waiting.append(writer.submit(_put, file, start, draw()))  # type: ignore[arg-type]
            progress(size)
        for future in waiting:
            future.result()
        file.truncate(job.size)
        file.flush()
        os.fsync(file.fileno())
    job.part.replace(job.path)


def _put(file: Any, position: int, data: Any) -> int:
    file.seek(position)
    file.write(data)
    return position + len(data)


def _chunks(job: _Job, writes: Mapping[str, Write]) -> Iterator[tuple[int, int, Callable[[], NDArray[Any]]]]:
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


def _write_index(folder: Path, jobs: Sequence[_Job]) -> None:
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
