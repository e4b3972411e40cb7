"""The command line of the benchmarks: what to measure, and where the figures go."""

from __future__ import annotations

import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import chart, processes
from benchmarks.cases import FRAMEWORKS, GROUPS
from benchmarks.results import Result, table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_busy", "main", "merged", "read", "report", "surroundings"]

# ruff: noqa: T201  # it talks to a person

PACKAGES = ("unified-init", "numpy", "torch", "tensorflow", "keras", "jax", "jaxlib")
QUIET = 1 / 3  # of the processors may be taken by others
WAIT = "figures would show it. Wait until it is quiet, or pass --busy."
DIGITS = 4  # of a figure in a file: repeats differ by far more


def main(arguments: Sequence[str]) -> int:
    """Measure, print, write files; return 1 if something could not be measured, 2 on a busy machine."""
    asked = parsed(arguments)
    return 2 if refused(asked) else measured(asked)


def measured(asked: argparse.Namespace) -> int:
    """Measure what is asked, print and write; return 1 if something could not be measured."""
    groups = GROUPS if "all" in asked.groups else [group for group in GROUPS if group in asked.groups]
    names = processes.installed(asked.framework)
    missing = [name for name in asked.framework or FRAMEWORKS if name not in names]
    if missing:
        print(f"not installed, left out: {', '.join(missing)}", file=sys.stderr)
    around = surroundings()
    results, failures = [], []
    for group in groups:
        found: list[Result] = []
        for name in names:
            print(f"{group}, {name} ...", file=sys.stderr, flush=True)
            try:
                # Not a list first: what came before a failure is kept.
                found.extend(processes.measured(group, name, quick=asked.quick, large=asked.large))
            except processes.BenchmarkError as error:
                failures.append(str(error))
                print(f"  FAILED: {error}", file=sys.stderr)
        results += found
        if found:
            print(f"\n{group}\n{table(found)}\n", flush=True)
    if asked.quick:
        print("--quick: small tensors and few repeats, only to see that all runs; no target applies.")
    print("\n".join(f"{name}: {value}" for name, value in around.items()))
    if asked.update and asked.json is not None and asked.json.exists():
        results = merged(read(asked.json), results)
    if asked.json is not None:
        asked.json.write_text(report(results, around, quick=asked.quick), encoding="utf-8")
    if asked.chart is not None:
        chart.write(results, asked.chart, note=f"{around['cpu']}, {around['processors']} processors")
    return 1 if failures else 0


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("groups", nargs="*", default="all", choices=(*GROUPS, "all"), metavar="GROUP",
                        help=f"of {', '.join(GROUPS)}; all if none is named")  # fmt: skip
    parser.add_argument(
        "--framework", nargs="+", default=[], choices=FRAMEWORKS, help="default: all installed"
    )
    parser.add_argument("--json", type=Path, help="write every measured figure to this file")
    parser.add_argument("--update", action="store_true", help="keep what the file has of other groups")
    parser.add_argument("--chart", type=Path, help="write a chart of the ratios to this PNG file")
    parser.add_argument("--busy", action="store_true", help="write figures of a busy machine")
    parser.add_argument("--quick", action="store_true", help="small and short: does all run?")
    parser.add_argument("--large", action="store_true", help="scaling up to 2**28 values (3 GiB)")
    return parser.parse_args(arguments)


def refused(asked: argparse.Namespace) -> bool:
    """Whether figures are to be kept that a busy machine would make, which is said."""
    if asked.json is None or asked.quick or asked.busy or not is_busy():
        return False
    print(f"the machine is busy (load {os.getloadavg()[0]:.2f}): {WAIT}", file=sys.stderr)
    return True


def is_busy() -> bool:
    """Whether other work takes a third of the processors, where ratios of what runs in turns shift."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > QUIET * (os.cpu_count() or 1)


def surroundings() -> dict[str, Any]:
    """Return what figures depend on: processor, how busy it was, versions."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "-"
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": _cpu(),
        "processors": affinity,
        "load at start": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def report(results: Sequence[Result], around: dict[str, Any], *, quick: bool) -> str:
    """Return the JSON text of a whole run, each figure with four significant digits."""
    rounded = [
        dataclasses.replace(one, ours=_rounded(one.ours), native=_rounded(one.native)) for one in results
    ]
    tree = {"quick": quick, "surroundings": around, "results": [dataclasses.asdict(one) for one in rounded]}
    return json.dumps(tree, indent=1) + "\n"


def read(path: Path) -> list[Result]:
    """Return the results in a file that ``report`` made."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    return [Result.from_json(json.dumps(one)) for one in tree["results"]]


def _rounded(figures: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{figure:.{DIGITS}g}") for figure in figures)


def merged(before: Sequence[Result], now: Sequence[Result]) -> list[Result]:
    """Return the results of now, and from before those of groups and frameworks that now lacks."""
    measured = {(one.group, one.framework) for one in now}
    kept = [one for one in before if (one.group, one.framework) not in measured]
    return sorted([*kept, *now], key=lambda one: (GROUPS.index(one.group), FRAMEWORKS.index(one.framework)))


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
