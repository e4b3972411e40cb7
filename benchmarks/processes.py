"""Measurements that take processes: whole models, memory, and the cases of one framework at a time."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.cases import FRAMEWORKS, IMPORTED, MEMORY_LIMIT, STARTED, target_of
from benchmarks.model_process import AGAINST, IMPORT, READY
from benchmarks.results import OURS, Result
from benchmarks.shapes import MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["BenchmarkError", "installed", "measured"]

ROOT = Path(__file__).parents[1]
SIDES = ("ours", "native")
MEMORY = (
    ("uniform", "float32"),
    ("normal", "float32"),
    ("normal", "bfloat16"),
    ("truncated_normal", "float32"),
)
SCALING_THREADS = (1, 2)
TAIL = 2000  # characters of what a failed process said


class BenchmarkError(Exception):
    """A process did not come to its end."""


def measured(group: str, framework: str, *, quick: bool = False, large: bool = False) -> Iterator[Result]:
    """Yield the results of one group in one framework as they come."""
    if group == "models":
        yield from _models(framework, quick=quick)
    elif group == "memory":
        yield from _memory(framework, quick=quick)
    else:
        options = [flag for flag, on in (("--quick", quick), ("--large", large)) if on]
        for threads in SCALING_THREADS if group == "scaling" else (0,):
            arguments = ["benchmarks.case_process", group, framework, "--threads", str(threads), *options]
            yield from map(Result.from_json, _lines(arguments))


def _models(framework: str, *, quick: bool) -> Iterator[Result]:
    """Time whole models from the start of a process, and the framework's import: ours and native in turns."""
    for model in list(MODELS)[: 1 if quick else None]:
        sides = (*SIDES, IMPORT)
        if not quick:  # what is read from disk is then in memory, and what is compiled is cached, for all
            for side in sides:
                _seconds(model, framework, side)
        found: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(1 if quick else 5):
            for side in sides:
                found[side].append(_seconds(model, framework, side))
        size = len(MODELS[model](framework))
        for side, way in (("ours", STARTED), (IMPORT, IMPORTED)):
            yield Result(
                "models", framework, model, way, (size,), "tensors", AGAINST[framework], "s",
                tuple(found[side]), tuple(found["native"]),
                None if quick else target_of("models", framework, model, way),
            )  # fmt: skip


def _seconds(model: str, framework: str, side: str) -> float:
    """Return the seconds from the start of a process until its weights are in memory."""
    started = time.perf_counter()
    lines = _lines(["benchmarks.model_process", model, framework, side])
    for line in lines:
        if line == READY:
            seconds = time.perf_counter() - started
            for _ in lines:  # until it has ended
                pass
            return seconds
    message = f"{model} in {framework}, {side}: the process ended without weights"
    raise BenchmarkError(message)


def _memory(framework: str, *, quick: bool) -> Iterator[Result]:
    """Measure the peak of memory beyond the output, a process a figure."""
    laws = [one for one in MEMORY if framework != "numpy" or one[0] != "truncated_normal"]
    power, repeats = (20, 1) if quick else (26, 3)
    for law, dtype in laws[: 1 if quick else None]:
        found = {
            side: tuple(
                float(
                    list(_lines(["benchmarks.memory_process", framework, law, dtype, str(power), side]))[-1]
                )
                for _ in range(repeats)
            )
            for side in SIDES
        }
        yield Result(
            "memory", framework, law, "peak beyond the output", (2**power,), dtype, "native, returned", "MiB",
            found["ours"], found["native"], None if quick else MEMORY_LIMIT, OURS,
        )  # fmt: skip


def _lines(arguments: Sequence[str]) -> Iterator[str]:
    """Yield what a module prints, line by line as it comes; what it logs is shown only if it fails."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    # What pip installs has its bytecode; a source tree gets it when it is imported, unless that is forbidden.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        command = [sys.executable, "-m", *arguments]
        with subprocess.Popen(  # noqa: S603  # our own modules
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            yield from (line.rstrip("\n") for line in process.stdout or ())
        if process.returncode:
            log.seek(0)
            message = f"{' '.join(arguments)} ended with {process.returncode}: {log.read()[-TAIL:].strip()}"
            raise BenchmarkError(message)


def installed(names: Sequence[str]) -> list[str]:
    """Return the frameworks that can be measured here, in order."""
    needs = {"tensorflow": ("tensorflow", "keras")}
    wanted = names or FRAMEWORKS
    return [
        name
        for name in FRAMEWORKS
        if name in wanted and all(importlib.util.find_spec(one) for one in needs.get(name, (name,)))
    ]
