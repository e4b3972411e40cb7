# ruff: noqa: INP001, T201  # a script, not a package, that talks to a person
"""Put all 2**32 words through each law, on every runner: see docs/microscope.md.

``nox -s microscope -- exhaustive`` compares every float32 value with the reference's and with the exact
quantile, and writes what it found to ``microscope/exhaustive.json``; ``--table`` renders that file.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special  # noqa: TID253  # an oracle

import unified_init as ui
from unified_init.backends import graph, graph_values
from unified_init.stream import c_runner, numpy_runner
from unified_init.stream.table import Table, compile_table

__all__ = ["LAWS", "Law", "Runner", "examined", "main", "runners", "table"]

RECORD = Path(__file__).with_name("exhaustive.json")
WORDS = 1 << 32
CHUNK = 1 << 22
BOUND = 2.0  # of the truncated normal, on each side
DIGITS = 10  # of a moment in the record
Runner = Callable[[Any], Any]  # from an array of words to their values


@dataclasses.dataclass(frozen=True, slots=True)
class Law:
    """A law that is symmetric about 0, and its exact quantile of a probability in the lower half."""

    spec: ui.Initializer
    quantile: Callable[[Any], Any]
    dropped: int  # of the lowest bits of a word, which the law does not use


CUT = special.ndtr(-BOUND)
LAWS = {
    "normal": Law(ui.normal(0.0, 1.0), special.ndtri, 0),
    "truncated normal": Law(
        ui.truncated_normal(0.0, 1.0, -BOUND, BOUND),
        lambda p: special.ndtri(CUT + p * (1.0 - 2.0 * CUT)),
        0,
    ),
    "uniform": Law(ui.uniform(-1.0, 1.0), lambda p: 2.0 * p - 1.0, 8),
}


def runners(names: list[str]) -> dict[str, Callable[[Table], Runner]]:
    """Return what makes the function of words for a table, of each runner that is named."""
    compiled = {
        f"C, {name}": lambda table, name=name: lambda word: c_runner.values32(table, word, name)
        for name in c_runner.INSTRUCTION_SETS
    }
    every: dict[str, Callable[[Table], Runner]] = {
        **compiled,
        "JAX, jit": _jax,
        "TensorFlow, XLA": _tensorflow,
        "torch, graph": _torch,
    }
    return {name: every[name] for name in names or every}


def _jax(table: Table) -> Runner:
    import jax

    ops = importlib.import_module("unified_init.backends._jax").ops(None)
    args = jax.tree.map(jax.numpy.asarray, graph.arguments(table))
    run = jax.jit(lambda word: graph_values.values32(ops, args, word))
    return lambda word: np.asarray(run(word.view(np.int32)))


def _tensorflow(table: Table) -> Runner:
    import tensorflow as tf

    ops = importlib.import_module("unified_init.backends._tensorflow").ops(None)
    columns, numbers, unit = graph.arguments(table)
    args = (tuple(map(tf.constant, columns)), tf.constant(numbers), tf.constant(unit))
    run = tf.function(lambda word: graph_values.values32(ops, args, word), jit_compile=True, autograph=False)
    return lambda word: run(tf.constant(word.view(np.int32))).numpy()


def _torch(table: Table) -> Runner:
    import torch

    ops = importlib.import_module("unified_init.backends._torch").ops(None)
    columns, numbers, unit = graph.arguments(table)
    args = (
        tuple(map(torch.from_numpy, columns)),
        torch.from_numpy(numbers),
        torch.tensor(unit),
    )
    return lambda word: graph_values.values32(ops, args, torch.from_numpy(word.view(np.int32))).numpy()


@dataclasses.dataclass(slots=True)
class Chunk:
    """What was found of some words."""

    differing: dict[str, int]
    distance: float  # the largest, from the exact quantile
    excess: float  # the largest, beyond half a unit in the last place
    sums: tuple[float, float, float]  # of the values, their squares and their fourth powers


def _chunk(law: Law, table: Table, ways: dict[str, Runner], start: int, count: int) -> Chunk:
    word = np.arange(start, start + count, dtype=np.uint32)
    value = numpy_runner.values32(table, word)
    differing = {
        name: int((way(word).view(np.int32) != value.view(np.int32)).sum()) for name, way in ways.items()
    }
    wide = value.astype(np.float64)
    tail = (word & np.uint32(0x7FFFFFFF)).astype(np.float64)
    step = float(1 << law.dropped)  # words that differ in the dropped bits alone stand for one probability
    exact = law.quantile((np.floor(tail / step) * step + step / 2.0) / WORDS)
    exact = np.where(word >> np.uint32(31), exact, -exact)
    distance = np.abs(wide - exact)
    excess = distance - np.spacing(np.abs(value)).astype(np.float64) / 2.0
    square = wide * wide
    sums = (float(wide.sum()), float(square.sum()), float((square * square).sum()))
    return Chunk(differing, float(distance.max()), float(excess.max()), sums)


def examined(law: Law, ways: dict[str, Callable[[Table], Runner]], words: int = WORDS) -> dict[str, Any]:
    """Return what the first ``words`` words show of a law: 2**32 are all."""
    compiled = compile_table(law.spec.resolve(1), 32)
    made = {name: make(compiled) for name, make in ways.items()}
    size = min(CHUNK, words)
    with ThreadPoolExecutor(2) as pool:
        chunks = list(pool.map(lambda start: _chunk(law, compiled, made, start, size), range(0, words, size)))
    mean, square, fourth = (math.fsum(chunk.sums[i] for chunk in chunks) / words for i in range(3))
    return {
        "words": words,
        "differing": {name: sum(chunk.differing[name] for chunk in chunks) for name in made},
        "largest distance": max(chunk.distance for chunk in chunks),
        "largest distance beyond half an ulp": max(chunk.excess for chunk in chunks),
        "mean": mean,
        "variance": round(square - mean * mean, DIGITS),
        # Of laws of mean 0, as these are: the chunks' means cancel.
        "kurtosis": round(fourth / square**2, DIGITS),
    }


def table(record: dict[str, Any]) -> str:
    """Return a record as tables in Markdown."""
    laws = list(record.values())
    lines = [_row("differing values of 4,294,967,296", record), "|---|" + "---|" * len(record)]
    lines += [_row(name, [str(law["differing"][name]) for law in laws]) for name in laws[0]["differing"]]
    lines += ["", _row("", record), "|---|" + "---|" * len(record)]
    for row in ("largest distance", "largest distance beyond half an ulp"):
        lines.append(_row(row, [f"{law[row]:.3g}" for law in laws]))
    for row in ("mean", "variance", "kurtosis"):
        lines.append(_row(row, [f"{law[row]:.{DIGITS}g}" for law in laws]))
    return "\n".join(lines)


def _row(name: str, cells: Iterable[str]) -> str:
    return f"| {' | '.join((name, *cells))} |"


def main() -> None:
    """Examine every law, or print the table of the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="render the record")
    parser.add_argument("--runner", action="append", default=[], help="compare this runner only")
    parser.add_argument("--words", type=int, default=WORDS, help="the first so many words: does all run?")
    asked = parser.parse_args()
    if asked.table:
        print(table(json.loads(RECORD.read_text(encoding="utf-8"))))
        return
    record = {}
    for name, law in LAWS.items():
        started = time.perf_counter()
        record[name] = examined(law, runners(asked.runner), asked.words)
        print(f"{name}: {record[name]}, {time.perf_counter() - started:.0f} s", flush=True)
    if asked.words == WORDS and not asked.runner:
        RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(table(record))


if __name__ == "__main__":
    main()
