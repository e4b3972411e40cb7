"""Count the instructions of the C runner's Threefry loops: ``nox -s runner -- count``, with GCC on x86-64.

It prints a row for each instruction set: the instructions of the shortest loop over words, and those that
twenty rounds need there (an addition, a rotation and an XOR each, and two additions at each of six places).
Without a rotation of its own, a set needs three instructions for one.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import hatch_build

__all__ = ["loops", "main"]

ROUNDS, INJECTIONS = 20, 6
ROTATION = {"baseline": 3, "avx2": 3, "avx512": 1}  # instructions
LINE = re.compile(r"\s+(?P<address>[0-9a-f]+):\t(?P<text>.*\S)")
JUMP = re.compile(r"j\w+\s+(?P<target>[0-9a-f]+)")
VECTOR = re.compile(r"v?p(add|xor|ror|rol|sll|srl|or|ternlog|shuf)")


def loops(listing: str) -> list[list[str]]:
    """Return the innermost loops of a disassembly, each as its instructions."""
    lines = [match for match in map(LINE.match, listing.splitlines()) if match]
    places = {match["address"]: number for number, match in enumerate(lines)}
    found = []
    for number, match in enumerate(lines):
        jump = JUMP.match(match["text"])
        start = places.get(jump["target"], number) if jump else number
        if start < number:
            found.append([line["text"] for line in lines[start : number + 1]])
    return found


def main() -> None:
    """Compile, disassemble and print."""
    for name, flags in hatch_build.SETS["x86_64"].items():
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "runner.o"
            options = (*hatch_build.OPTIONS, *flags, "-fPIC", f"-DVARIANT={name}")
            hatch_build.run(["gcc", *options, "-c", str(hatch_build.SOURCE), "-o", str(made)])
            shown = subprocess.run(  # noqa: S603  # our own file
                ["objdump", "-d", "--no-show-raw-insn", str(made)],  # noqa: S607  # the system's
                capture_output=True, text=True, check=True,
            ).stdout  # fmt: skip
        needed = ROUNDS * (2 + ROTATION[name]) + 2 * INJECTIONS
        # Of an innermost loop nearly all instructions are those of the rounds.
        counts = [len(loop) for loop in loops(shown) if sum(map(bool, map(VECTOR.match, loop))) >= needed - 4]
        print(f"{name}: {min(counts)} instructions, {needed} needed, {min(counts) / needed:.2f}")


if __name__ == "__main__":
    main()
