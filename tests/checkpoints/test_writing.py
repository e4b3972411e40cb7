"""Chunks that threads draw and write: the same files whatever their size, their order and the system's writes."""

from __future__ import annotations

import errno
import itertools
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.checkpoints.test_saving import digests
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.checkpoints import block_file, file_jobs, proving
from unified_init.checkpoints.block_file import BlockFile
from unified_init.checkpoints.safetensors_files import bit_patterns, boxes_between
from unified_init.stream import host, structured

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

TENSORS = {
    "table": ((61, 16), "float64"), "kernel": ((7, 5, 3, 3), "float32"), "orthogonal": ((48, 40), "float32"),
    "sparse": ((50, 30), "bfloat16"), "identity": ((40, 40), "bfloat16"), "vector": ((1001,), "float16"),
    "scalar": ((), "float32"), "eighth": ((33, 7), "float8_e5m2"),
}  # fmt: skip
RECIPE = ui.Recipe(
    "mixed",
    (
        ui.Rule(spec=ui.orthogonal(), name="orthogonal"),
        ui.Rule(spec=ui.sparse(0.25), name="sparse"),
        ui.Rule(spec=ui.identity(), name="identity"),
        ui.Rule(spec=ui.uniform(-1.0, 1.0), name="vector"),
        ui.Rule(spec=ui.normal(0.0, 1.0)),
    ),
)
needs_pwrite = pytest.mark.skipif(sys.platform == "win32", reason="the system has no such call")


def mixed() -> ui.Inventory:
    """Return an inventory of many types and laws."""
    records = [
        ui.Record(
            name=name, path=name, shape=shape, kind="linear" if len(shape) == 2 else "parameter",
            role="kernel" if len(shape) == 2 else "parameter", layout="OI" if len(shape) == 2 else None,
            dtype=dtype,
        )
        for name, (shape, dtype) in TENSORS.items()
    ]  # fmt: skip
    return ui.Inventory("torch", tuple(records))


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, str]:
    """Return the digests of the folder that is written in one chunk."""
    ui.save(mixed(), RECIPE, tmp_path / "whole", seed=3)
    return digests(tmp_path / "whole")


def test_boxes_between_two_positions_are_the_values_between_them() -> None:
    """For every two positions of several shapes; the boxes are few."""
    for shape in ((), (5,), (3, 4), (1, 6), (2, 3, 4), (2, 1, 3, 2), (4, 1)):
        array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
        for first, last in itertools.combinations_with_replacement(range(array.size + 1), 2):
            boxes = list(boxes_between(shape, first, last))
            parts = [
                array[tuple(slice(*ends) for ends in zip(*box, strict=True))].reshape(-1) for box in boxes
            ]
            assert np.concatenate([*parts, np.zeros(0, int)]).tolist() == [*range(first, last)]
            assert len(boxes) <= max(2 * len(shape) - 1, 1)


@pytest.mark.parametrize("size", [8, 24, 256, 4096, 8192, 12_288])
def test_chunks_of_any_size_give_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, str], size: int
) -> None:
    """Whatever values, rows or tensors they cut through; values are draw's."""
    monkeypatch.setattr(file_jobs, "CHUNK", size)
    written: list[int] = []
    ui.save(mixed(), RECIPE, tmp_path / "cut", seed=3, progress=written.append)
    assert digests(tmp_path / "cut") == whole
    assert sum(written) == (tmp_path / "cut" / "model.safetensors").stat().st_size
    assert len(written) == -(-sum(written) // size)
    assert ui.verify(tmp_path / "cut").ok


@needs_pwrite
@pytest.mark.parametrize("fault", ["no such file", "no such write", "short"])
def test_all_ways_to_write_give_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, str], fault: str
) -> None:
    """A file system without writes past its cache, one that refuses them late, and one that writes a part."""
    pwrite, direct = os.pwrite, block_file._direct
    past_cache: list[int] = []
    calls = [0]

    def opening(path: Path) -> int | None:
        descriptor = None if fault == "no such file" else direct(path)
        if descriptor is not None:
            past_cache.append(descriptor)
        return descriptor

    def write(descriptor: int, data: memoryview, position: int) -> int:
        calls[0] += 1
        if fault == "no such write" and descriptor in past_cache:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if fault == "short":
            return pwrite(descriptor, data[: 4096 if descriptor in past_cache else 1000], position)
        return pwrite(descriptor, data, position)

    monkeypatch.setattr(block_file, "_direct", opening)
    monkeypatch.setattr(os, "pwrite", write)
    monkeypatch.setattr(file_jobs, "CHUNK", 8192)
    ui.save(mixed(), RECIPE, tmp_path / "other", seed=3)
    assert digests(tmp_path / "other") == whole
    assert calls[0] >= 3


@needs_pwrite
def test_another_error_of_a_write_past_the_cache_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only EINVAL says that the write is to be made in another way."""
    pwrite = os.pwrite

    def write(descriptor: int, data: memoryview, position: int) -> int:
        if descriptor == past_cache:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pwrite(descriptor, data, position)

    monkeypatch.setattr(block_file, "_direct", lambda path: os.open(path, os.O_WRONLY))
    monkeypatch.setattr(os, "pwrite", write)
    with block_file.opened(tmp_path / "file", is_new=True) as file:
        past_cache = file.direct
        with pytest.raises(OSError, match="error"):
            file.put(0, memoryview(bytes(block_file.BLOCK)))


@pytest.mark.parametrize("number", [0, 1, 5, 11])
def test_a_chunk_that_comes_last_leaves_no_hole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, str], number: int
) -> None:
    """Others are not begun far beyond it; when it fails, the same call writes it, and the file is the same."""
    size = 512
    monkeypatch.setattr(file_jobs, "CHUNK", size)
    monkeypatch.setattr(file_jobs, "SUSPECT", 8)
    put, begun = BlockFile.put, list[int]()
    is_enough = threading.Event()

    def late(file: BlockFile, position: int, data: memoryview) -> None:
        if len(data) <= size:  # not the header, which is first
            begun.append(position // size)
        if position == number * size and len(data) <= size:
            is_enough.wait(0.5)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        put(file, position, data)

    with monkeypatch.context() as patch:
        patch.setattr(BlockFile, "put", late)
        patch.setenv("UNIFIED_INIT_NUM_THREADS", "6")
        with pytest.raises(ui.ArgumentValueError, match="goes on from there"):
            ui.save(mixed(), RECIPE, tmp_path / "late", seed=3)
    assert max(begun) > number  # others went on
    assert max(begun) < number + file_jobs.SUSPECT // 2
    ui.save(mixed(), RECIPE, tmp_path / "late", seed=3)
    assert digests(tmp_path / "late") == whole


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which each draw of a whole structured tensor adds its name."""
    names: list[str] = []
    draw: Callable[..., NDArray[Any]] = structured._whole

    def count(program: Any, root: Any) -> NDArray[Any]:
        names.append(program.name)
        return draw(program, root)

    monkeypatch.setattr(structured, "_whole", count)
    return names


def test_a_law_that_takes_the_whole_tensor_is_drawn_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many chunks its tensor has, to be saved and to be verified."""
    monkeypatch.setattr(file_jobs, "CHUNK", 256)
    monkeypatch.setattr(proving, "CHUNK", 256)
    names = counted(monkeypatch)
    ui.save(mixed(), RECIPE, tmp_path, seed=3)
    assert sorted(names) == ["orthogonal", "sparse"]
    names.clear()
    assert ui.verify(tmp_path).ok
    assert sorted(names) == ["orthogonal", "sparse"]


def test_threads_of_a_pool_draw_alone() -> None:
    """Each has one thread for its draws, and the thread that began it has all of them still."""
    before, counts = host.thread_count(), list[int]()

    def work() -> None:
        host.draw_alone()
        counts.append(host.thread_count())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert counts == [1]
    assert host.thread_count() == before


def test_what_is_wrong_is_listed_in_the_order_of_the_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever thread saw it first."""
    ui.save(mixed(), RECIPE, tmp_path, seed=3)
    wholly = ui.verify(tmp_path, seed=4)
    assert [box.path for box in wholly.wrong] == [
        name for name in TENSORS if name != "identity"
    ]  # each is one box
    monkeypatch.setattr(proving, "CHUNK", 256)
    boxes = ui.verify(tmp_path, seed=4).wrong
    assert len(boxes) > 50
    assert [path for path, _ in itertools.groupby(boxes, lambda box: box.path)] == [
        box.path for box in wholly.wrong
    ]
    table = [box.start for box in boxes if box.path == "table"]
    assert table == sorted(table)


def test_bits_are_compared_of_values_of_any_width() -> None:
    """As unsigned integers where NumPy has them: NaNs are equal to themselves, and 0 is not -0."""
    for dtype in (np.float16, np.float32, np.float64, np.complex64, np.complex128):
        values = np.array([0.0, np.nan], dtype).view(bit_patterns(np.dtype(dtype).itemsize))
        others = np.array([-0.0, np.nan], dtype).view(values.dtype)
        assert values.size == 2
        assert (values != others).tolist() == [True, False]


def test_calls_at_the_same_time_write_one_after_the_other(tmp_path: Path) -> None:
    """Of two seeds one is refused, and the folder has the other's weights whole; of one seed both succeed."""
    for trial in range(6):
        for seeds in ((1, 2), (1, 1)):
            folder, start = tmp_path / f"{trial}{seeds}", threading.Barrier(2)

            def write(seed: int, folder: Path = folder, start: threading.Barrier = start) -> bool:
                start.wait()
                try:
                    ui.save(mixed(), RECIPE, folder, seed=seed)
                except ui.ArgumentValueError:
                    return False
                return True

            with ThreadPoolExecutor(2) as threads:
                written = list(threads.map(write, seeds))
            assert sum(written) == (2 if seeds == (1, 1) else 1)
            assert ui.verify(folder).ok


def test_bytes_after_the_tensors_are_seen(tmp_path: Path) -> None:
    """Other readers refuse such a file."""
    ui.save(mixed(), RECIPE, tmp_path, seed=1)
    path = next(iter(tmp_path.glob("*.safetensors")))
    with path.open("ab") as file:
        file.write(bytes(8))
    with refused(ui.ArgumentValueError, hidden=r"'.*?'"):
        ui.verify(tmp_path)
