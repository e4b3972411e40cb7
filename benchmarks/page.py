"""The figures as Markdown: ``python -m benchmarks.page`` prints them, ``--write`` puts them into the pages.

They come from ``benchmarks/figures.json``, which ``benchmarks/run.py --json`` writes: a short table for
README.md, and every row of every group for docs/speed.md, each between two comments.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cases import FRAMEWORKS, GROUPS, IN_PLACE, RETURNED, TRACED, WHOLE
from benchmarks.chart import PANELS, TIMES
from benchmarks.command import read
from benchmarks.results import Result, row

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BEGIN", "END", "RECORD", "ROWS", "Row", "long_tables", "main", "put", "rendered", "short_table"]

# ruff: noqa: T201  # it talks to a person

ROOT = Path(__file__).parents[1]
RECORD = Path(__file__).with_name("figures.json")
README, SPEED = "README.md", "docs/speed.md"
BEGIN = "<!-- written by python -m benchmarks.page --write, from benchmarks/figures.json -->"
END = "<!-- end of what is written -->"


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """A row of the short table; each framework shows the first of the ways that it has."""

    text: str
    group: str
    law: str
    ways: tuple[str, ...]

    def of(self, results: Sequence[Result], framework: str) -> Result | None:
        """Return what the row shows of one framework."""
        found = {
            one.way: one
            for one in results
            if (one.group, one.framework, one.law) == (self.group, framework, self.law)
            and one.dtype != "bfloat16"
        }
        return next((found[way] for way in self.ways if way in found), None)


EITHER = (IN_PLACE, RETURNED)
ROWS = (
    Row("uniform {size}, in place", "bulk", "uniform", (IN_PLACE,)),
    Row("uniform {size}, returned", "bulk", "uniform", (RETURNED,)),
    Row("uniform {size}, both in `jax.jit`", "bulk", "uniform", (TRACED,)),
    Row("normal {size}, in place", "bulk", "normal", (IN_PLACE,)),
    Row("normal {size}, returned", "bulk", "normal", (RETURNED,)),
    Row("normal {size}, both in `jax.jit`", "bulk", "normal", (TRACED,)),
    Row("truncated normal {size}, in place or returned", "bulk", "truncated_normal", EITHER),
    Row("`he_normal` {size}, in place or returned", "bulk", "he_normal", EITHER),
    Row("orthogonal {size}, in place or returned", "bulk", "orthogonal", EITHER),
    Row("normal {size}, warm", "latency", "normal", (RETURNED,)),
    Row("normal {size}, first call of a new shape", "first", "normal", (RETURNED,)),
    Row("GPT-2 small, process start to weights", "models", "gpt2_small", ("from process start",)),
    Row("GPT-2 small, every parameter again", "apply", "gpt2_small", (WHOLE,)),
    Row("ResNet-50, every parameter again", "apply", "resnet50", (WHOLE,)),
    Row("uniform {size}, in place, without a compiler", "nocompiler", "uniform", (IN_PLACE,)),
    Row("normal {size}, in place, without a compiler", "nocompiler", "normal", (IN_PLACE,)),
)
SECTIONS = {  # a title and what the rows of a group have in common
    "bulk": ("Large tensors", "Warm. A plain fill writes one value everywhere: it takes what writing takes."),
    "latency": ("Small tensors", "Warm."),
    "first": ("New shapes", "The first call of a shape in a warm process; what it compiles is counted."),
    "models": (
        "Whole models",
        "From the start of a process until all weights are in memory; imports and compilation are counted.",
    ),
    "apply": (
        "Whole models in memory",
        "Warm: `ui.apply` on a model that exists, against its library's way; `ui.audit` against `ui.apply`.",
    ),
    "memory": (
        "Memory",
        "The peak beyond the tensor itself, a process for each figure, after imports and a first call.",
    ),
    "scaling": ("Sizes and threads", "Both sides have as many processors as the row has threads."),
    "layouts": ("Layouts", "Ours against ours: one tensor, stored in two layouts."),
    "index": (
        "Parts",
        "Ours against ours: `index=` against as many values without it, and all shards against the whole.",
    ),
    "nocompiler": (
        "Without a compiler",
        "As where no C compiler was there at installation: NumPy does all the work.",
    ),
}


def short_table(results: Sequence[Result]) -> str:
    """Return the ratios that a reader wants first, a row a comparison and a column a framework."""
    lines = _heading(("ours / native", *(PANELS[name] for name in FRAMEWORKS)))
    for one in ROWS:
        shown = [one.of(results, name) for name in FRAMEWORKS]
        shapes = [result.shape for result in shown if result is not None]
        if shapes:
            text = one.text.format(size=f" {TIMES} ".join(map(str, shapes[0])))
            ratios = ["" if result is None else two_digits(result.series().ratio()) for result in shown]
            lines.append(_line((text, *ratios)))
    return "\n".join(lines)


def long_tables(results: Sequence[Result]) -> str:
    """Return every row, under a title for each group."""
    parts = []
    for group in GROUPS:
        found = [one for one in results if one.group == group]
        if found:
            title, intro = SECTIONS[group]
            parts.append("\n".join([f"### {title}\n\n{intro}\n", *_table(found)]))
    return "\n\n".join(parts)


def rendered(results: Sequence[Result], around: dict[str, Any]) -> dict[str, str]:
    """Return what stands on each page, from the results and the surroundings of one run."""
    versions = ", ".join(one for one in around["versions"].split(", ") if not one.endswith(" -"))
    where = f"{around['cpu']}, {around['processors']} processors, Python {around['python']}"
    full = f"{where}, {around['system']}, load at the start {around['load at start']}.\n\n{versions}."
    return {
        README: f"{where}, {versions}:\n\n{short_table(results)}",
        SPEED: f"{full}\n\n{long_tables(results)}",
    }


def two_digits(ratio: float) -> str:
    """Return a ratio with two significant digits: 0.031, 0.30, 1.0, 12."""
    rounded = float(f"{ratio:.1e}")
    return f"{rounded:.{max(0, 1 - math.floor(math.log10(rounded)))}f}"


def put(page: str, text: str) -> str:
    """Return a page with a text between its two comments, in place of what stood there."""
    head, _, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end or page.count(BEGIN) != 1 or page.count(END) != 1:
        message = f"the page must hold the lines {BEGIN!r} and {END!r}, in this order and once"
        raise ValueError(message)
    return f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}"


def from_record(path: Path = RECORD) -> dict[str, str]:
    """Return what stands on each page, from a file that ``benchmarks/run.py --json`` wrote."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    if tree["quick"]:
        message = f"{path.name} is of a --quick run, whose figures mean nothing: measure again without it"
        raise ValueError(message)
    return rendered(read(path), tree["surroundings"])


def main(arguments: Sequence[str], root: Path = ROOT) -> None:
    """Print the tables, or write them into the pages below ``root``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"into {README} and {SPEED}")
    asked = parser.parse_args(arguments)
    for name, text in from_record().items():
        if asked.write:
            path = root / name
            path.write_text(put(path.read_text(encoding="utf-8"), text), encoding="utf-8")
        else:
            print(f"{name}\n\n{text}\n")


def _table(results: Sequence[Result]) -> list[str]:
    lines = _heading(("case", "framework", "ours", "native", "ratio [quartiles]", "against"))
    for one in results:
        case, _, ours, native, ratio, *_, against = row(one)
        lines.append(_line((case, PANELS[one.framework], ours, native, ratio, f"`{against}`")))
    return lines


def _heading(cells: Sequence[str]) -> list[str]:
    return [_line(cells), "|" + "---|" * len(cells)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main(sys.argv[1:])
