"""Writes the weights of a 7B decoder to disk and proves them: speed, against zeros, and memory.

``python -m benchmarks.save_process 2.1`` writes about 2.1 GB of bfloat16, in turns with as many zeros, into a
temporary folder or the one that is given, and removes each before the next. A 7B model has 13.5 GB, and 14
write all of it.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import unified_init as ui
from benchmarks.memory_process import resident
from unified_init.checkpoints import file_jobs
from unified_init.checkpoints.block_file import buffer, opened
from unified_init.stream import host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unified_init.inventory.vocabulary import Kind, Role

__all__ = ["Figures", "decoder", "main", "measured"]

# ruff: noqa: T201  # it talks to a person

WIDTH, INNER = 4096, 11008
BYTES = 2  # of a bfloat16
PIECE = 1 << 24  # bytes of zeros at a time, through the page cache
WARM = 1 << 24  # values, which load what later draws use
SAMPLES = 200


@dataclasses.dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: seconds, and bytes."""

    size: int
    ours: float
    cpu: float
    zeros: float  # by the calls and threads of save()
    cached: float  # zeros by one thread, through the page cache
    beyond: int  # of memory while save() writes, above what the process had before
    sampled: float
    whole: float

    def lines(self) -> list[str]:
        """Return it as text."""
        gigabytes = self.size / 1e9
        ours, zeros, cached = (gigabytes / seconds for seconds in (self.ours, self.zeros, self.cached))
        cpu = f"CPU time {self.cpu:.1f} s, {self.cpu / (self.size / BYTES) * 1e9:.2f} ns per value"
        return [
            f"{gigabytes:.2f} GB in {self.ours:.1f} s, {ours:.3f} GB/s; {cpu}",
            f"as many zeros in {self.zeros:.1f} s, {zeros:.3f} GB/s: weights have {ours / zeros:.2f} of it",
            f"through the page cache in {self.cached:.1f} s, {cached:.3f} GB/s: {ours / cached:.2f} of it",
            f"{self.beyond / 2**20:.0f} MiB of memory beyond what the process had",
            f"verified: {SAMPLES} samples in {self.sampled:.2f} s, all in {self.whole:.1f} s",
        ]


def decoder(size: int) -> ui.Inventory:
    """Return the inventory of a decoder with the layers of a 7B Llama, of about so many bytes.

    There are as many layers as fit; a table of words and a head take the rest. At most it is all of a 7B.
    """
    layer = [
        *((f"self_attn.{part}_proj", (WIDTH, WIDTH)) for part in "qkvo"),
        *((f"mlp.{part}_proj", (INNER, WIDTH)) for part in ("gate", "up")),
        ("mlp.down_proj", (WIDTH, INNER)),
    ]
    values, width = sum(rows * columns for _, (rows, columns) in layer), size // BYTES
    count = max(min(32, (width - WIDTH * 64) // values), 0)
    words = max(min(32_000, (width - count * values) // (2 * WIDTH)), 8)
    records = [record("model.embed_tokens.weight", (words, WIDTH), "embedding", "embedding", None)]
    for i in range(count):
        records += [record(f"model.layers.{i}.{name}.weight", shape) for name, shape in layer]
        records += [
            record(f"model.layers.{i}.{name}.weight", (WIDTH,), "rms_norm", "scale", None)
            for name in ("input_layernorm", "post_attention_layernorm")
        ]
    records += [
        record("model.norm.weight", (WIDTH,), "rms_norm", "scale", None),
        record("lm_head.weight", (words, WIDTH)),
    ]
    return ui.Inventory("torch", tuple(records))


def record(
    name: str, shape: tuple[int, ...], kind: Kind = "linear", role: Role = "kernel", layout: str | None = "OI"
) -> ui.Record:
    """Return a parameter, a linear kernel unless it is said."""
    return ui.Record(name=name, path=name, shape=shape, kind=kind, role=role, layout=layout)


def measured(size: int, folder: Path, repeats: int) -> Figures:
    """Write weights and zeros in turns, and return the medians."""
    inventory = decoder(size)
    ui.draw(ui.normal(0.0, 1.0), (WARM,), seed=0)
    before, target = resident(), folder / "weights"
    ours, cpu, zeros, cached, held = [], [], [], [], [before]
    sampled = whole = 0.0
    for seed in range(repeats):
        started = time.process_time()
        ours.append(_seconds(lambda seed=seed: _save(inventory, target, seed, held)))  # type: ignore[misc]
        cpu.append(time.process_time() - started)
        sizes = [path.stat().st_size for path in target.glob("*.safetensors")]
        if seed == repeats - 1:  # after the last measurement of memory
            sampled = _seconds(lambda: _prove(target, SAMPLES))
            whole = _seconds(lambda: _prove(target, None))
        shutil.rmtree(target)
        zeros.append(_seconds(lambda sizes=sizes: _write_zeros(folder, sizes)))  # type: ignore[misc]
        _remove(folder)
        cached.append(_seconds(lambda sizes=sizes: _write_cached_zeros(folder, sizes)))  # type: ignore[misc]
        _remove(folder)
    return Figures(
        sum(sizes),
        statistics.median(ours),
        statistics.median(cpu),
        statistics.median(zeros),
        statistics.median(cached),
        max(held) - before,
        sampled,
        whole,
    )


def _save(inventory: ui.Inventory, folder: Path, seed: int, held: list[int]) -> None:
    """Save, and note the memory of the process at each chunk."""
    ui.save(
        inventory, ui.recipes.llama(), folder, seed=seed, dtype="bfloat16",
        progress=lambda _: held.append(resident()),
    )  # fmt: skip


def _prove(folder: Path, samples: int | None) -> None:
    result = ui.verify(folder, samples=samples)
    if not result.ok:
        raise RuntimeError(result.summary)


def _write_zeros(folder: Path, sizes: Sequence[int]) -> None:
    """Write zeros as ``save`` writes weights: the same files, calls, chunks and threads, and to the disk."""
    zeros = buffer(file_jobs.CHUNK)
    threads = host.thread_count() + file_jobs.WRITING
    for number, size in enumerate(sizes):
        starts = range(0, size, file_jobs.CHUNK)
        with opened(_zeros(folder, number), is_new=True) as file:
            with ThreadPoolExecutor(threads) as pool:
                waiting = [pool.submit(file.put, start, zeros[: size - start]) for start in starts]
            for future in waiting:
                future.result()
            file.finish(size)


def _write_cached_zeros(folder: Path, sizes: Sequence[int]) -> None:
    """Write zeros as a program without care does: one thread, through the page cache, and to the disk."""
    zeros = bytes(PIECE)
    for number, size in enumerate(sizes):
        with _zeros(folder, number).open("wb") as file:
            for start in range(0, size, PIECE):
                file.write(zeros[: size - start])
            file.flush()
            os.fsync(file.fileno())


def _zeros(folder: Path, number: int) -> Path:
    return folder / f"{number}.zeros"


def _remove(folder: Path) -> None:
    for path in folder.glob("*.zeros"):
        path.unlink()


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.save_process", description=__doc__)
    parser.add_argument("gigabytes", type=float, help="of weights; zeros take as much again")
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--repeats", type=int, default=1)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        figures = measured(int(asked.gigabytes * 1e9), Path(folder), asked.repeats)
    print("\n".join(figures.lines()))


if __name__ == "__main__":
    main()
