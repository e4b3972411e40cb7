"""A process that measures the cases of one group in one framework, and prints a line of JSON for each.

``python -m benchmarks.case_process bulk torch``. A process of its own: only its framework is imported, and
what a group needs beside (a number of threads, no C runner) is settled before anything is.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import gc
import importlib
import os
import sys
import time

from benchmarks.cases import CPU, FRAMEWORKS, GROUPS, cases
from benchmarks.results import timed
from benchmarks.timing import LONG, QUICK, measure

__all__ = ["main"]

# ruff: noqa: PLC0415, T201  # the parent reads what is printed

LARGE = 1 << 24


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("group", choices=GROUPS)
    parser.add_argument("framework", choices=FRAMEWORKS)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--large", action="store_true")
    asked = parser.parse_args()
    if asked.group == "nocompiler":
        sys.modules["unified_init.stream.c_runner"] = None  # type: ignore[assignment]  # an ImportError
    if asked.threads:
        _limit(asked.threads)
    name = asked.group if asked.group in {"apply", "index"} else asked.framework
    module = importlib.import_module(f"benchmarks.{name}_cases")
    if asked.threads and hasattr(module, "limit"):
        module.limit(asked.threads)
    effort = QUICK if asked.quick else LONG
    if asked.group in {"first", "scaling"} and not asked.quick:
        effort = dataclasses.replace(LONG, seconds=2.0, least=5, most=31)
    if asked.group == "index" and not asked.quick:
        effort = dataclasses.replace(LONG, seconds=1.0)
    found = cases(asked.group, asked.framework, quick=asked.quick, large=asked.large, threads=asked.threads)
    for case in found:
        # The first call of a shape, not of a process.
        if asked.group in {"latency", "scaling", "first", "index"}:
            _load()
        pair = module.pair(case)
        clock = time.process_time if case.way.endswith(CPU) else time.perf_counter
        print(
            timed(case, pair.against, measure(pair, effort, calls=case.calls, clock=clock)).to_json(),
            flush=True,
        )
        del pair
        gc.collect()


@functools.cache
def _load() -> None:
    """Make a large draw, once, which loads what later ones use."""
    import unified_init as ui  # after what must be settled before any import

    ui.draw(ui.normal(0.0, 1.0), (LARGE,), seed=0)


def _limit(threads: int) -> None:
    """Give the process that many processors, which every framework respects."""
    os.environ["UNIFIED_INIT_NUM_THREADS"] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


if __name__ == "__main__":
    main()
