"""Draws a model's weights into a folder, in little memory, and goes on where it was interrupted."""

from __future__ import annotations

import contextlib
import functools
import re
import shutil
from typing import TYPE_CHECKING, Any

from unified_init.checkpoints.contents import checked_dtype, contents_of, rooted
from unified_init.checkpoints.file_jobs import (
    Job,
    check_disk,
    check_space,
    job_of,
    put_in_place,
    replaces,
    strangers,
    write_file,
    write_index,
)
from unified_init.checkpoints.folder import FILE, Origin, folder_of, write_origin
from unified_init.checkpoints.folder_lock import locked
from unified_init.checkpoints.progress_bar import progress_bar
from unified_init.checkpoints.safetensors_files import Entry
from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.models.planning import check_recipe, streams_of
from unified_init.walkers.registry import torch_checkpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from unified_init.recipes.recipe import Recipe
    from unified_init.walkers.writes import Write

    Progress = Callable[[int], None] | bool | None

__all__ = ["save"]

# ruff: noqa: ANN401  # models of any framework

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
FORMATS = ("safetensors", "dcp")
PART = "unified_init.part"  # the folder of a checkpoint of torch.distributed until it is whole


def save(
    source: Any,
    recipe: Recipe,
    folder: str | Path,
    *,
    seed: Any = None,
    dtype: Any = None,
    names: Mapping[str, str] | None = None,
    max_shard_size: int | str = "5GB",
    format: str = "safetensors",  # noqa: A002  # the word that savers have for it
    overwrite: bool = False,
    progress: Callable[[int], None] | bool | None = None,
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
        format: "safetensors", or "dcp" for a checkpoint of ``torch.distributed.checkpoint``, which holds one
            tensor in memory, has no ``max_shard_size`` and begins anew where it was interrupted.
        overwrite: True replaces the files of another model, seed or recipe, which are refused otherwise. They
            stay until all of the new ones are whole, so the disk needs space for both.
        progress: a function that is called with the number of bytes each time some are written or found, or
            True for a bar on standard error, which needs rich (the extra ``cli``). None shows nothing.

    Returns:
        The names of the files with weights.

    Raises:
        ArgumentTypeError: arguments of the wrong type.
        BackendError: ``progress=True`` without rich; ``format="dcp"`` without torch.
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
    layout = checks.choice("format", format, FORMATS)
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        msg = f"`progress` must be True, or a function of a number of bytes, or None, got {shown(progress)}."
        raise ArgumentTypeError(msg)
    element_type, streams = checked_dtype(dtype), streams_of(names)
    contents = contents_of(source, recipe, names=names, dtype=element_type)
    drawn = tuple(path for path, write in contents.writes.items() if _is_drawn(write))
    number = checks.integer(checks.scalar(seed))
    origin = Origin(recipe, number, contents.inventory, tuple(streams.items()), element_type, drawn)
    writes = rooted(contents.writes, seed, "save")
    if layout == "dcp":
        return _save_dcp(target, writes, origin, progress, overwrite=overwrite)
    files = _files(writes, most)
    jobs = [job_of(target, name, paths, writes, origin) for name, paths in files.items()]
    _save_files(target, jobs, writes, origin, progress, overwrite=overwrite)
    return tuple(files)


def _save_files(
    target: Path,
    jobs: list[Job],
    writes: Mapping[str, Write],
    origin: Origin,
    progress: Progress,
    *,
    overwrite: bool,
) -> None:
    """Write safetensors files, or what an interrupted call has not."""
    total = sum(job.size for job in jobs)
    try:
        check_space(target, jobs, overwrite=overwrite)  # first of all: a folder that is refused is not made
        with _reporting(progress, total) as report, _own(target):
            _write_files(target, jobs, writes, origin, report, overwrite=overwrite)
    except OSError as error:
        msg = (
            f"`folder` {shown(str(target))} could not be written: {error}. What is written stays; the same "
            "call goes on from there."
        )
        raise ArgumentValueError(msg) from error


def _write_files(
    target: Path,
    jobs: list[Job],
    writes: Mapping[str, Write],
    origin: Origin,
    report: Callable[[int], None],
    *,
    overwrite: bool,
) -> None:
    """Write the files of a folder that nobody else writes now."""
    check_space(target, jobs, overwrite=overwrite)
    # Other weights stay whole until all of these are.
    late = [*strangers(target, jobs)]
    is_late = bool(late) or replaces(jobs)
    for job in jobs:
        write_file(job, writes, report)
        if not is_late:
            put_in_place(job)
    if is_late:
        for path in (target / FILE, *late):
            path.unlink(missing_ok=True)
        for job in jobs:
            put_in_place(job)
    write_index(target, jobs)
    write_origin(target, origin)


def _save_dcp(
    folder: Path, writes: Mapping[str, Write], origin: Origin, progress: Progress, *, overwrite: bool
) -> tuple[str, ...]:
    """Write a checkpoint of torch.distributed."""
    total = sum(map(_size, writes.values()))
    try:
        _check_dcp(folder, total, overwrite=overwrite)  # first of all: a folder that is refused is not made
        with _reporting(progress, total) as report, _own(folder):
            _check_dcp(folder, total, overwrite=overwrite)
            _write_dcp(folder, writes, report)
            write_origin(folder, origin)
    except OSError as error:
        msg = (
            f"`folder` {shown(str(folder))} could not be written: {error}. Other weights there are as they "
            "were."
        )
        raise ArgumentValueError(msg) from error
    return tuple(sorted(path.name for path in folder.glob("*.distcp")))


def _check_dcp(folder: Path, total: int, *, overwrite: bool) -> None:
    """Refuse a folder that holds files, and a disk without space."""
    if not overwrite and folder.is_dir() and any(path.name != PART for path in folder.iterdir()):
        msg = f"`folder` {shown(str(folder))} has files: choose another folder, or pass overwrite=True."
        raise ArgumentValueError(msg)
    check_disk(folder, total)


def _write_dcp(folder: Path, writes: Mapping[str, Write], report: Callable[[int], None]) -> None:
    """Write the files of a folder that nobody else writes now; other weights stay whole until these are."""
    natives = {path: (write.shape, write.dtype) for path, write in writes.items()}

    def draw(path: str) -> NDArray[Any]:
        values = writes[path].array()
        report(values.nbytes)
        return values

    part = folder / PART
    part.mkdir(exist_ok=True)
    try:
        torch_checkpoints().save(part, natives, draw)
        for path in (folder / FILE, folder / ".metadata", *folder.glob("*.distcp")):
            path.unlink(missing_ok=True)
        for path in part.iterdir():
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def _own(folder: Path) -> Iterator[None]:
    """Make a folder, and wait for another call that is writing in it, these weights or others."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        yield


@contextlib.contextmanager
def _reporting(
    progress: Progress,
    total: int,
) -> Iterator[Callable[[int], None]]:
    """Return what is told how many bytes are there, of so many in all."""
    if progress is True:
        with progress_bar(total) as advance:
            yield advance
    elif progress is None or progress is False:
        yield lambda _: None
    else:
        yield functools.partial(_report, progress)


def _report(progress: Callable[[int], None], count: int) -> None:
    """Say that so many bytes are there."""
    try:
        progress(count)
    except Exception as error:
        msg = f"`progress` failed when it was called with {count}: {type(error).__name__}: {shown(error)}."
        raise ArgumentValueError(msg) from error


def _is_drawn(write: Write) -> bool:
    return any(drawn.program is not None or not hasattr(drawn.value, "shape") for drawn in write.drawn)


def _size(write: Write) -> int:
    """Return the bytes of a tensor in a file."""
    return Entry("", write.shape, write.dtype, 0).size


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
        count = _size(write)
        if groups[-1] and size + count > most:
            groups.append([])
            size = 0
        groups[-1].append(path)
        size += count
    if len(groups) == 1:
        return {"model.safetensors": groups[0]}
    total = len(groups)
    return {f"model-{number:05}-of-{total:05}.safetensors": group for number, group in enumerate(groups, 1)}
