# ruff: noqa: INP001, T201  # a script, not a package, that talks to a person
"""Put the words of the stream under dieharder, one reading at a time: see docs/microscope.md.

``python microscope/run.py words quick`` measures and writes one record to ``microscope/results/``;
``python microscope/run.py --table`` renders the records as the table of the page.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unified_init.stream import threefry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).parent
BUILD, RESULTS = HERE / "build", HERE / "results"
READINGS = ("words", "pairs", "strided", "shard", "names", "seeds", "weyl")
KEYED = ("words", "pairs", "strided", "shard")  # by one seed and one name
ROUNDS = 20
KEY_NAME = "layer0/kernel"
NAMES, ROWS, COLUMNS, BLOCK = 2**20, 65536, 4099, 512  # as in stream.c
CHECKED = 700  # words compared at each place
# What dieharder runs, and how many statistics it must print: a run cut short is not a result.
QUICK = tuple(("-d", str(test)) for test in (*range(5), *range(8, 14), 15, 16, 100, 101))
LONG = (  # most of the rest, without the tests that dieharder calls suspect
    ("-d", "17"),
    ("-d", "102"),
    *(("-d", "200", "-n", str(bits)) for bits in range(1, 9)),
    *(("-d", test, "-n", str(size)) for test in ("201", "202") for size in range(2, 6)),
    *(("-d", "203", "-n", str(lag)) for lag in (0, 1, 2, 4, 8, 16)),
    *(("-d", str(test)) for test in range(204, 210)),
)
BATTERIES = {"quick": (QUICK, 17), "long": (LONG, 62)}
FAILED = 1e-6  # dieharder's own bound; it prints 8 decimals
SUSPECT = 1e-3
HEADER = re.compile(r"dieharder version (\S+) Copyright")
HEADING = re.compile(r"#=+#|\s*test_name\s*\|ntup\|.*|\s*rng_name\s*\|.*|stdin_input_raw\|.*")
FIELDS = re.compile(
    r"\s*(?P<test>[a-z]\w*)\|\s*(?P<ntuple>\d+)\|\s*\d+\|\s*\d+\|(?P<p>[01]\.\d{8})\|\s*(PASSED|WEAK|FAILED)\s*"
)


class Statistic(NamedTuple):
    """One line of dieharder's table: which test, for tuples of which length, and its p-value."""

    test: str
    ntuple: int
    p: float

    def outside(self, bound: float) -> bool:
        """Say whether the p-value is nearer to 0 or to 1 than the bound."""
        return not bound <= self.p <= 1 - bound


# --- what dieharder says --------------------------------------------------------------------------


def parse(lines: Iterable[str]) -> tuple[str, list[Statistic]]:
    """Read dieharder's version and statistics; a line that is neither is an error."""
    versions, found = set(), []
    for line in lines:
        if header := HEADER.search(line):
            versions.add(header[1])
        elif fields := FIELDS.fullmatch(line):
            found.append(Statistic(fields["test"], int(fields["ntuple"]), float(fields["p"])))
        elif not HEADING.fullmatch(line):
            message = f"dieharder printed a line that is no statistic: {line!r}"
            raise ValueError(message)
    if len(versions) != 1 or not found:
        message = f"dieharder printed {len(versions)} versions and {len(found)} statistics, not 1 and some"
        raise ValueError(message)
    return versions.pop(), found


def judged(record: dict[str, Any], lines: Sequence[str]) -> dict[str, Any]:
    """Return the record with what dieharder's lines say; a run cut short is an error."""
    version, found = parse(lines)
    expected = BATTERIES[record["battery"]][1] if record["battery"] in BATTERIES else len(found)
    if len(found) != expected:
        message = f"dieharder printed {len(found)} statistics: the battery has {expected}"
        raise ValueError(message)
    return record | {
        "dieharder": version,
        "statistics": len(found),
        "failures": [list(one) for one in found if one.outside(FAILED)],
        "suspects": [list(one) for one in found if one.outside(SUSPECT) and not one.outside(FAILED)],
        "output": [
            next(line for line in lines if HEADER.search(line)).strip("# "),
            *(re.sub(r"\s", "", line) for line in lines if FIELDS.fullmatch(line)),
        ],
    }


def rank(record: dict[str, Any]) -> tuple[int | str, ...]:
    """Return what orders the rows of the table: the reading, then the size of the battery."""
    reading = READINGS.index(record["reading"])
    return (
        reading,
        record["rounds"],
        record["reversed"],
        record["statistics"],
        record["battery"],
        record["seed"],
    )


def rows(records: Sequence[dict[str, Any]]) -> str:
    """Return records as the rows of a table in Markdown."""
    lines = [
        "| reading | seed | battery | words | statistics | failures | suspects | CPU time |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for record in sorted(records, key=rank):
        reading = record["reading"] + ", bits reversed" * record["reversed"]
        reading += f", {record['rounds']} rounds" * (0 < record["rounds"] < ROUNDS)
        suspects = ", ".join(f"{test} {ntuple}: {p:.8f}" for test, ntuple, p in record["suspects"])
        cells = [reading, str(record["seed"]), record["battery"], f"{record['words'] / 1e9:.2f}e9"]
        cells += [str(record["statistics"]), str(len(record["failures"])), suspects or "none"]
        lines.append("| " + " | ".join([*cells, f"{record['cpu_seconds']:,} s"]) + " |")
    return "\n".join(lines)


def table(records: Sequence[dict[str, Any]]) -> str:
    """Return what the page shows: the stream's records, what they add up to, and the controls'."""
    stream = [record for record in records if record["rounds"] == ROUNDS]
    controls = [record for record in records if record["rounds"] != ROUNDS]
    total = sum(record["statistics"] for record in stream)
    failures, suspects = (sum(len(record[kind]) for record in stream) for kind in ("failures", "suspects"))
    found = f"Together {total:,} statistics, {failures} failures and {suspects} suspects."
    chance = f"A perfect stream gives about {2 * SUSPECT * total:.1f} suspects."
    return f"{rows(stream)}\n\n{found} {chance}\n\n{rows(controls)}"


# --- the stream, in C, and the same from the library ----------------------------------------------


def layer_name(layer: int) -> str:
    """Return the name whose key the reading ``names`` takes at one layer."""
    return f"layer{layer}/kernel"


def place(reading: str, position: int, seed: int, name: str) -> tuple[tuple[int, int], int]:
    """Return the key and the logical index of one position of a reading."""
    root = threefry.root_key(seed)
    if reading == "names":
        return threefry.named_key(root, layer_name(position % NAMES)), position // NAMES
    if reading == "seeds":
        return threefry.root_key(position % 2**32), position // 2**32
    key = threefry.named_key(root, name)
    if reading == "strided":
        matrix, at = divmod(position, ROWS * COLUMNS)
        column, row = divmod(at, ROWS)
        return key, (matrix * ROWS + row) * COLUMNS + column
    if reading == "shard":
        return key, position // BLOCK * (8 * BLOCK) + position % BLOCK
    return key, position // 2 if reading == "pairs" else position


def library_words(reading: str, positions: Sequence[int], seed: int, name: str) -> list[int]:
    """Return the words at some positions of a reading, by the library's own block function."""
    words = []
    for position in positions:
        key, index = place(reading, position, seed, name)
        counter = (np.asarray([word], dtype=np.uint32) for word in (index >> 32, index % 2**32))
        first, second = (int(word[0]) for word in threefry.block(key, *counter))
        words.append((first, second)[position % 2] if reading == "pairs" else first ^ second)
    return words


def program() -> None:
    """Compile stream.c."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not compiler:
        sys.exit("microscope: no C compiler: `apt-get install gcc libc6-dev`, or name one in CC")
    BUILD.mkdir(exist_ok=True)
    part = BUILD / f"stream.{os.getpid()}"  # another run may be using the program
    flags = ["-std=c99", "-O3", "-march=native", "-o", str(part)]
    subprocess.run([compiler, *flags, str(HERE / "stream.c")], check=True)  # noqa: S603  # words of this file
    part.rename(BUILD / "stream")


def keys_file(seed: int) -> Path:
    """Write the named keys of the reading ``names`` for a seed, once, and return the file."""
    path = BUILD / f"names-{seed}.keys"
    if not path.exists():
        keys = [place("names", layer, seed, "")[0] for layer in range(NAMES)]
        part = path.with_suffix(f".{os.getpid()}")
        np.asarray(keys, dtype=np.uint32).tofile(part)
        part.rename(path)
    return path


def stream_command(reading: str, seed: int, name: str, *, rounds: int, reverse: bool) -> list[str]:
    """Return the command that writes a reading."""
    key = threefry.named_key(threefry.root_key(seed), name)
    command = [str(BUILD / "stream"), f"reading={reading}", f"key={key[0]},{key[1]}", f"rounds={rounds}"]
    command += ["reversed=1"] * reverse
    return [*command, f"keys={keys_file(seed)}"] if reading == "names" else command


def check(reading: str, seed: int, *, rounds: int = ROUNDS) -> None:
    """Compare the program with the library, bit for bit, for several keys, near the start and far from it."""
    keys = [(seed, KEY_NAME), (0, ""), (2**64 - 1, "naïve"), (2**33 + 5, "w")]
    for key in keys[:1] if reading == "names" else keys:
        for first in (0, 2**20 - 300, 2**32 - 300, 2**36 + 12345):
            theirs = library_words(reading, range(first, first + CHECKED), *key)
            for reverse in (False, True):
                command = stream_command(reading, *key, rounds=rounds, reverse=reverse)
                command += [f"first={first}", f"count={CHECKED}"]
                raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603  # as above
                turned = [int(f"{word:032b}"[::-1], 2) for word in theirs] if reverse else theirs
                if np.frombuffer(raw, dtype=np.uint32).tolist() != turned:
                    sys.exit(
                        f"microscope: {' '.join(command)!r} differs from unified_init: nothing is measured"
                    )


# --- one run --------------------------------------------------------------------------------------


def measure(command: list[str], tests: Sequence[Sequence[str]]) -> tuple[list[str], int]:
    """Give a reading to dieharder, one test after another; return its lines and the words that it took."""
    lines: list[str] = []
    # Python ignores SIGPIPE; so must the program, or it could not say how much was read.
    with subprocess.Popen(  # noqa: S603  # as above
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, restore_signals=False
    ) as source:
        for test in tests:
            dieharder = ["dieharder", *test, "-g", "200", "-S", "1"]
            done = subprocess.check_output(dieharder, stdin=source.stdout, text=True)  # noqa: S603  # as above
            lines += done.splitlines()
        source.stdout.close()  # type: ignore[union-attr]  # a pipe, as asked
        return lines, int(source.stderr.read())  # type: ignore[union-attr]  # the same


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Check the program, run one battery on one reading, and return the record."""
    if not shutil.which("dieharder"):
        sys.exit("microscope: no dieharder: `apt-get install dieharder`")
    program()
    check("words" if arguments.reading == "weyl" else arguments.reading, arguments.seed)
    if arguments.battery in BATTERIES:
        tests = BATTERIES[arguments.battery][0]
    else:
        number, _, ntuple = arguments.battery.partition("/")
        tests = (("-d", number, *(["-n", ntuple] if ntuple else [])),)
    command = stream_command(
        arguments.reading, arguments.seed, KEY_NAME, rounds=arguments.rounds, reverse=arguments.reversed
    )
    before = os.times()
    lines, words = measure(command, tests)
    (BUILD / "output.txt").write_text("\n".join(lines), encoding="utf-8")  # to look at, should it be refused
    after = os.times()
    seconds = sum(after[2:4]) - sum(before[2:4])  # of the processes started here, user and system
    return judged(described(arguments) | {"words": words, "cpu_seconds": round(seconds)}, lines)


def described(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the part of a record that is known before the run."""
    return {
        "command": f"python microscope/run.py {' '.join(arguments.words)}",
        "reading": arguments.reading,
        "reversed": arguments.reversed,
        "seed": arguments.seed,
        "name": KEY_NAME if arguments.reading in KEYED else None,
        "rounds": 0 if arguments.reading == "weyl" else arguments.rounds,
        "battery": arguments.battery,
    }


def file_name(record: dict[str, Any]) -> str:
    """Return the name of a record's file."""
    parts = [record["reading"], *["reversed"] * record["reversed"], record["battery"].replace("/", "-")]
    parts += [f"seed{record['seed']}"] if record["seed"] else []
    parts += [f"rounds{record['rounds']}"] if record["rounds"] != ROUNDS else []
    return "_".join(parts) + ".json"


def parsed(words: list[str]) -> argparse.Namespace:
    """Return what the words of a command line ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reading", nargs="?", choices=READINGS)
    parser.add_argument("battery", nargs="?", help="quick, long, or a test: NUMBER or NUMBER/NTUPLE")
    parser.add_argument("--reversed", action="store_true", help="turn each word's bits round")
    parser.add_argument("--seed", type=int, default=0)
    rounds = range(4, ROUNDS + 1, 4)
    parser.add_argument("--rounds", type=int, default=ROUNDS, choices=rounds, help="fewer: a control")
    parser.add_argument("--table", action="store_true", help="print the records as the table of the page")
    arguments = parser.parse_args(words)
    if not arguments.battery and not arguments.table:
        parser.error("say which reading and which battery, or --table")
    return argparse.Namespace(**vars(arguments), words=words)


def main() -> None:
    """Measure one reading, or print the table of what has been measured."""
    arguments = parsed(sys.argv[1:])
    if arguments.table:
        print(table([json.loads(path.read_text(encoding="utf-8")) for path in RESULTS.glob("*.json")]))
        return
    record = run(arguments)
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / file_name(record)
    target.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(target, json.dumps({key: value for key, value in record.items() if key != "output"}))


if __name__ == "__main__":
    main()
