"""Proves weights by drawing them again: a model in memory, or a folder, whole or by samples."""

from __future__ import annotations

import collections
import dataclasses
import functools
import math
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from unified_init.checkpoints.contents import drawn_writes, native_shapes, rooted
from unified_init.checkpoints.folder import folder_of, read_origin
from unified_init.checkpoints.folder_tensors import checkpoint, files
from unified_init.checkpoints.recomputation import Recomputation, WrongBox
from unified_init.checkpoints.safetensors_files import bit_patterns, boxes_of, stored_dtype
from unified_init.core import checks
from unified_init.errors import ArgumentTypeError
from unified_init.inventory.inventory import Inventory
from unified_init.models.name_map import as_read, records_of
from unified_init.models.planning import check_recipe, streams_of
from unified_init.models.reading import described
from unified_init.stream import host
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from unified_init.checkpoints.safetensors_files import Box
    from unified_init.recipes.recipe import Recipe
    from unified_init.walkers.protocol import Holding, Piece, Walker
    from unified_init.walkers.writes import Write

    Native = tuple[tuple[int, ...], str]

__all__ = ["verify"]

# ruff: noqa: ANN401  # models of any framework

CHUNK = 1 << 24  # bytes that are drawn at a time
AHEAD = 2  # chunks under way for each thread
SPARSE = 1 << 18  # bytes that are read at a time where samples are compared
SAMPLE = 1 << 14  # bytes of a sample


def verify(
    source: Any,
    recipe: Recipe | None = None,
    *,
    seed: Any = None,
    names: Mapping[str, str] | None = None,
    samples: int | None = None,
) -> Recomputation:
    """Draw weights again and compare them with those of a model or a folder, bit for bit.

    Each process compares what it holds of a sharded model: nothing is gathered. What training, ``to_empty``
    or a flipped bit changed is named, with tensor and box; so is another seed.

    Args:
        source: a model, sharded too, or the path of a folder of ``ui.save``.
        recipe: as for ``ui.apply``; None is a folder's own.
        seed: as for ``ui.apply``; None is a folder's own.
        names: as for ``ui.apply``; None is a folder's own.
        samples: how many boxes of 16 KiB to compare, chosen at random, the same ones every time, beside the
            first and the last of each tensor. One wrong value in 100,000 is then seen by 200 of float32 with
            probability 0.9997, a single wrong bit hardly ever. None compares all values.

    Returns:
        The result; print it.

    Raises:
        ArgumentTypeError: arguments of the wrong type, a model without a recipe.
        ArgumentValueError: as for ``ui.plan``; a folder that ``save`` has not finished.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> model, _ = ui.apply(torch.nn.Linear(30, 10), ui.recipes.torch_default(), seed=0)
        >>> print(ui.verify(model, ui.recipes.torch_default(), seed=0))
        all 310 values compared, bit for bit: equal
        >>> model.weight.data[4, 7] += 0.5
        >>> print(ui.verify(model, ui.recipes.torch_default(), seed=0))
        all 310 values compared, bit for bit: wrong in 1 places
        weight[4:5, 7:8]: 1 of 1 values differs

    Differs from:
        ``ui.audit``, which asks whether values follow a law, and needs no seed; a checksum, which needs a
        copy, and says of no tensor that it is wrong.
    """
    count = None if samples is None else checks.count("samples", samples)
    if isinstance(source, (str, os.PathLike)):
        return _of_folder(folder_of("source", source), recipe, seed, names, count)
    if isinstance(source, Inventory):
        msg = "an inventory has no values to verify: pass the model itself, or a folder of save()."
        raise ArgumentTypeError(msg)
    check_recipe(recipe)
    assert recipe is not None  # noqa: S101  # check_recipe refuses None
    walker = walker_of(source, "source")
    inventory = as_read(
        described([walker.inspect(source)], None, None, recipe)[0], records_of(names)[1], streams_of(names)
    )
    writes = drawn_writes(
        inventory,
        recipe,
        names=streams_of(names),
        native_of=functools.partial(walker.shape_and_dtype, source),
    )
    writes = rooted(writes, seed, "verify")
    pieces = {path: list(_pieces(walker, source, write)) for path, write in writes.items()}
    return _compared(writes, pieces, count)


def _of_folder(
    folder: Path, recipe: Recipe | None, seed: Any, names: Mapping[str, str] | None, samples: int | None
) -> Recomputation:
    origin = read_origin(folder)
    if recipe is not None:
        check_recipe(recipe)
    is_checkpoint = (folder / ".metadata").exists()
    natives, pieces_of = (
        checkpoint(folder) if is_checkpoint else files(folder, CHUNK if samples is None else SPARSE)
    )
    missing = tuple(path for path in origin.drawn if path not in natives)
    streams = dict(origin.names) if names is None else streams_of(names)
    shapes = native_shapes(origin.inventory)

    def native_of(path: str) -> Native:
        return natives[path] if path in natives else (shapes[path], "float32")

    writes = drawn_writes(
        origin.inventory, origin.recipe if recipe is None else recipe, names=streams, native_of=native_of
    )
    writes = {path: write for path, write in writes.items() if path in origin.drawn and path in natives}
    writes = rooted(writes, origin.seed if seed is None else seed, "verify")
    pieces = {path: list(pieces_of(path)) for path in writes}
    result = _compared(writes, pieces, samples)
    return dataclasses.replace(result, missing=missing)


def _pieces(walker: Walker, model: Any, write: Write) -> Iterator[Piece]:
    """Yield the boxes of a tensor that this process holds, each with what reads it."""
    if hasattr(walker, "pieces"):
        yield from cast("Holding", walker).pieces(model, write.path)
        return
    whole = (0,) * len(write.shape), write.shape
    yield (*whole, lambda: np.reshape(walker.read(model, write.path), write.shape))


def _compared(
    writes: Mapping[str, Write], pieces: Mapping[str, list[Piece]], samples: int | None
) -> Recomputation:
    """Compare the pieces of all tensors, or samples of them: this thread reads, others draw and compare."""
    total = sum(_size(start, stop) for boxes in pieces.values() for start, stop, _ in boxes)
    chosen = None if samples is None else _chosen(total, samples)
    waiting: collections.deque[Future[WrongBox | None]] = collections.deque()
    wrong: list[WrongBox] = []
    values = seen = 0
    threads = host.thread_count()
    with ThreadPoolExecutor(threads, initializer=host.draw_alone) as pool:
        for path, boxes in pieces.items():
            if not boxes:  # another process holds it
                continue
            width, draw = stored_dtype(writes[path].dtype).itemsize, _drawing(writes[path])
            for number, (start, stop, read) in enumerate(boxes):
                size = _size(start, stop)
                ends = number == 0 or number == len(boxes) - 1
                spans = _spans(start, stop, width, seen, chosen, ends=ends)
                seen += size
                held: NDArray[Any] | None = None
                for first, last in spans:
                    if held is None:
                        # A piece that is no chunk may be all of a tensor: of those one is in memory.
                        _wait(waiting, threads if size * width <= CHUNK else 0, wrong)
                        held = read()
                    values += _size(first, last)
                    _wait(waiting, AHEAD * threads, wrong)
                    waiting.append(
                        pool.submit(
                            _differing_box, path, first, last, held[_within(first, last, start)], draw
                        )
                    )
        _wait(waiting, 0, wrong)
    return Recomputation(values, total, tuple(wrong))


def _wait(waiting: collections.deque[Future[WrongBox | None]], most: int, wrong: list[WrongBox]) -> None:
    """Wait until at most so many boxes are under way, the first ones first, and note which are wrong."""
    while len(waiting) > most:
        box = waiting.popleft().result()
        if box is not None:
            wrong.append(box)


def _drawing(write: Write) -> Callable[..., NDArray[Any]]:
    """Return what draws a box of a tensor; a law that takes the whole tensor draws it here, once."""
    if write.costs_the_box:
        return write.region
    whole = write.array()
    return lambda start, stop: whole[tuple(map(slice, start, stop))]


def _differing_box(
    path: str,
    start: tuple[int, ...],
    stop: tuple[int, ...],
    values: NDArray[Any],
    draw: Callable[..., NDArray[Any]],
) -> WrongBox | None:
    """Draw a box and compare it; return what of it is wrong."""
    is_wrong = _differing(values, draw(start, stop))
    return _wrong_box(path, start, is_wrong) if is_wrong.any() else None


def _spans(
    start: tuple[int, ...], stop: tuple[int, ...], width: int, seen: int,
    chosen: NDArray[np.int64] | None, *, ends: bool,
) -> Iterator[Box]:  # fmt: skip
    """Yield the boxes of a piece that are compared: all, or those that samples are in, and its ends."""
    shape = tuple(last - first for first, last in zip(start, stop, strict=True))
    if not (ends or _is_chosen(chosen, seen, math.prod(shape))):
        return
    boxes = list(boxes_of(shape, width, CHUNK if chosen is None else SAMPLE))
    before = seen
    for number, (first, last) in enumerate(boxes):
        size = _size(first, last)
        is_end = ends and number in {0, len(boxes) - 1}
        if is_end or _is_chosen(chosen, before, size):
            yield _moved(first, start), _moved(last, start)
        before += size


def _is_chosen(chosen: NDArray[np.int64] | None, first: int, size: int) -> bool:
    """Whether all values are compared, or a sample is among so many of them."""
    return chosen is None or bool(np.searchsorted(chosen, first) < np.searchsorted(chosen, first + size))


def _within(first: tuple[int, ...], last: tuple[int, ...], start: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the index of a box in a piece that begins at ``start``."""
    return tuple(slice(low - base, high - base) for low, high, base in zip(first, last, start, strict=True))


def _moved(index: tuple[int, ...], start: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(position + base for position, base in zip(index, start, strict=True))


def _chosen(total: int, samples: int) -> NDArray[np.int64]:
    """Return the positions of the samples among all values, increasing."""
    return np.sort(np.random.default_rng(0).integers(0, max(total, 1), samples))


def _size(start: tuple[int, ...], stop: tuple[int, ...]) -> int:
    return math.prod(last - first for first, last in zip(start, stop, strict=True))


def _wrong_box(path: str, start: tuple[int, ...], is_wrong: NDArray[np.bool_]) -> WrongBox:
    """Return the smallest box with all values that are wrong."""
    positions = np.nonzero(is_wrong) if is_wrong.ndim else ()
    first = tuple(int(axis.min()) + base for axis, base in zip(positions, start, strict=True))
    last = tuple(int(axis.max()) + base + 1 for axis, base in zip(positions, start, strict=True))
    return WrongBox(path, first, last, int(is_wrong.sum()))


def _differing(values: NDArray[Any], expected: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which values differ in a bit."""
    if values.dtype != expected.dtype or values.shape != expected.shape:
        return np.ones(expected.shape, np.bool_)
    kind = bit_patterns(values.dtype.itemsize)
    held, due = (np.ascontiguousarray(array).view(kind) for array in (values, expected))
    differ: NDArray[np.bool_] = held != due
    return differ.reshape(values.shape)
