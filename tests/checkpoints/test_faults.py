"""Disks that fill up, kills and readers while a folder is written: an error of ours, and nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.checkpoints.test_saving import RECIPE, digests, inventory
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.checkpoints import file_jobs
from unified_init.checkpoints.block_file import BlockFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE: dict[str, Any] = {"max_shard_size": 3000}  # of several files
FULL = r"(?<=`folder` )'.*?'|(?<=written: ).*(?=\. (What|Other))"

# As on a quota: no file may grow past a size, in the middle of a chunk.
LIMITED = """
import resource, signal, sys
import unified_init as ui
from tests.checkpoints.test_saving import RECIPE, inventory
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    ui.save(inventory(), RECIPE, sys.argv[1], seed=8, max_shard_size=3000, overwrite=sys.argv[2] == "True")
except ui.ArgumentValueError as error:
    print(error.__cause__.errno)
"""
KILLED = """
import os, sys
import unified_init as ui
from tests.checkpoints.test_saving import RECIPE, inventory
from unified_init.checkpoints import file_jobs
file_jobs.CHUNK, file_jobs.SUSPECT = 256, 2
left = int(sys.argv[2])
def progress(count):
    global left
    left -= 1
    if left == 0:
        os._exit(9)
ui.save(inventory(), RECIPE, sys.argv[1], seed=8, max_shard_size=3000, overwrite=True, progress=progress)
"""


def weights(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that a reader looks at."""
    return {name: digest for name, digest in digests(folder).items() if not name.endswith(".part")}


def filling_up(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Let a disk have room for so many more bytes."""
    put, written = BlockFile.put, [0]

    def limited(file: BlockFile, position: int, data: Any) -> None:
        written[0] += len(data)
        if written[0] > room:
            put(file, position, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        put(file, position, data)

    monkeypatch.setattr(BlockFile, "put", limited)


@pytest.mark.parametrize("room", [0, 1000, 5000, 12_000])
def test_a_disk_that_fills_up_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """Neither what is written, which the same call finishes, nor the weights that are overwritten."""
    monkeypatch.setattr(file_jobs, "CHUNK", 256)
    ui.save(inventory(), RECIPE, tmp_path / "whole", seed=8, **SIZE)
    ui.save(inventory(), RECIPE, tmp_path / "old", seed=7)
    before = digests(tmp_path / "old")
    for folder in ("new", "old"):
        with monkeypatch.context() as patch:
            filling_up(patch, room)
            with refused(ui.ArgumentValueError, hidden=FULL):
                ui.save(inventory(), RECIPE, tmp_path / folder, seed=8, overwrite=folder == "old", **SIZE)
    assert weights(tmp_path / "old") == before
    assert ui.verify(tmp_path / "old").ok
    for folder in ("new", "old"):
        ui.save(inventory(), RECIPE, tmp_path / folder, seed=8, overwrite=folder == "old", **SIZE)
        assert digests(tmp_path / folder) == digests(tmp_path / "whole")


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limits of a process")
def test_a_file_that_may_not_grow_is_an_error_of_ours(tmp_path: Path) -> None:
    """The system's own, from the thread that writes; other weights in the folder are as they were."""
    ui.save(inventory(), RECIPE, tmp_path / "old", seed=7, **SIZE)
    before = digests(tmp_path / "old")
    for folder in ("old", "new"):
        run = [sys.executable, "-c", LIMITED, str(tmp_path / folder), str(folder == "old")]
        done = subprocess.run(run, check=True, capture_output=True, text=True, env=os.environ)
        assert done.stdout.strip() == str(errno.EFBIG)
    assert weights(tmp_path / "old") == before
    assert weights(tmp_path / "new") == {}


def test_a_disk_needs_space_for_both_where_weights_are_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said before anything is written; the files of the same call need none."""
    ui.save(inventory(), RECIPE, tmp_path, seed=7, **SIZE)
    before = digests(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("", (), {"free": 5000})())  # noqa: ARG005
    with refused(ui.ArgumentValueError, hidden=r"(?<=`folder` )'.*?'"):
        ui.save(inventory(), RECIPE, tmp_path, seed=8, overwrite=True, **SIZE)
    ui.save(inventory(), RECIPE, tmp_path, seed=7, **SIZE)
    assert digests(tmp_path) == before


@pytest.mark.needs("torch")
def test_a_checkpoint_of_torch_that_fills_the_disk_up_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before where that can be; else the one that was there is there."""
    from unified_init.walkers.torch import dcp

    ui.save(inventory(), RECIPE, tmp_path, seed=7, format="dcp")
    before = digests(tmp_path)
    drawn: list[str] = []
    draw = dcp._Drawing.resolve_data

    def limited(self: Any, item: Any) -> Any:
        drawn.append(item.index.fqn)
        if len(drawn) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return draw(self, item)

    monkeypatch.setattr(dcp._Drawing, "resolve_data", limited)
    with refused(ui.ArgumentValueError, hidden=FULL):
        ui.save(inventory(), RECIPE, tmp_path, seed=8, format="dcp", overwrite=True)
    assert digests(tmp_path) == before
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("", (), {"free": 5000})())  # noqa: ARG005
    with refused(ui.ArgumentValueError, hidden=r"(?<=`folder` )'.*?'"):
        ui.save(inventory(), RECIPE, tmp_path, seed=8, format="dcp", overwrite=True)
    assert digests(tmp_path) == before


def test_a_kill_while_weights_are_overwritten_leaves_them(tmp_path: Path) -> None:
    """The old ones are whole at every point, and the same call puts the new ones in their place."""
    ui.save(inventory(), RECIPE, tmp_path / "whole", seed=8, **SIZE)
    ui.save(inventory(), RECIPE, tmp_path / "old", seed=7)
    before = digests(tmp_path / "old")
    for left in (1, 4, 9, 10_000):
        assert weights(tmp_path / "old") == before
        run = [sys.executable, "-c", KILLED, str(tmp_path / "old"), str(left)]
        code = subprocess.run(run, check=False, env=os.environ).returncode
        assert code == (9 if left < 100 else 0)
    assert digests(tmp_path / "old") == digests(tmp_path / "whole")


@pytest.mark.needs("torch")
def test_a_reader_never_sees_a_part_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every chunk safetensors reads each file that has its name: all of the old weights, or of the new."""
    import safetensors

    monkeypatch.setattr(file_jobs, "CHUNK", 256)
    expected = {
        seed: ui.save(inventory(), RECIPE, tmp_path / str(seed), seed=seed, **SIZE) for seed in (7, 8)
    }
    whole = {
        seed: {name: (tmp_path / str(seed) / name).read_bytes() for name in names}
        for seed, names in expected.items()
    }

    def reader(*seeds: int) -> Callable[[int], None]:
        def read(_: int) -> None:
            files = sorted((tmp_path / "read").glob("*.safetensors"))
            seen.append(len(files))
            for path in files:
                with safetensors.safe_open(path, framework="numpy") as file:
                    assert all(file.get_tensor(name) is not None for name in file.keys())  # noqa: SIM118  # no dict
                assert path.read_bytes() in [whole[seed][path.name] for seed in seeds]

        return read

    seen: list[int] = []
    ui.save(inventory(), RECIPE, tmp_path / "read", seed=7, progress=reader(7), **SIZE)
    assert set(seen) == {*range(len(expected[7]))}
    seen.clear()
    ui.save(inventory(), RECIPE, tmp_path / "read", seed=8, progress=reader(7), overwrite=True, **SIZE)
    assert set(seen) == {len(expected[7])}
    assert digests(tmp_path / "read") == digests(tmp_path / "8")
