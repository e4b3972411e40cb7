"""Checkpoints of torch.distributed that are drawn tensor by tensor, and read so."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner

from unified_init.backends import _torch as adapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read", "save", "tensors"]


class _Drawing(DefaultSavePlanner):  # type: ignore[misc]  # untyped in torch
    """A planner whose tensors have no memory until they are written."""

    def __init__(self, draw: Callable[[str], NDArray[Any]]) -> None:
        super().__init__()
        self._draw = draw

    def resolve_data(self, write_item: Any) -> torch.Tensor:
        return adapter.adopt(self._draw(write_item.index.fqn), None)


def save(
    folder: Path, natives: Mapping[str, tuple[tuple[int, ...], str]], draw: Callable[[str], NDArray[Any]]
) -> None:
    """Write a checkpoint of tensors, given by path, of which each is drawn when it is written."""
    empty = {
        path: torch.empty(shape, dtype=getattr(torch, dtype), device="meta")
        for path, (shape, dtype) in natives.items()
    }
    # One file for all would be held in memory until it is whole.
    writer = dcp.FileSystemWriter(str(folder), single_file_per_rank=False, thread_count=1)
    try:
        with _alone():
            dcp.save(empty, storage_writer=writer, planner=_Drawing(draw), no_dist=True)
    except CheckpointException as error:  # no Exception, and around that of the rank
        raise next(iter(error.failures.values()))[0] from None


def tensors(folder: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return the shape and the type's name of each tensor of a checkpoint, by path."""
    metadata = dcp.FileSystemReader(str(folder)).read_metadata()
    return {
        path: (tuple(facts.size), str(facts.properties.dtype).removeprefix("torch."))
        for path, facts in metadata.state_dict_metadata.items()
        if hasattr(facts, "size")
    }


def read(folder: Path, path: str, native: tuple[tuple[int, ...], str]) -> NDArray[Any]:
    """Return the values of one tensor of a checkpoint."""
    shape, dtype = native
    held = {path: torch.empty(shape, dtype=getattr(torch, dtype))}
    with _alone():
        dcp.load(held, storage_reader=dcp.FileSystemReader(str(folder)), no_dist=True)
    return adapter.to_numpy(held[path])


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one process write or read, without the warning that it is one."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.distributed is disabled", category=UserWarning)
        yield
