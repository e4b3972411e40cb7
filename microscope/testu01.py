# ruff: noqa: INP001, T201  # a script, not a package, that talks to a person
"""Put the words of the stream under TestU01's batteries, one reading at a time: see docs/microscope.md.

``python -m microscope.testu01 words crush`` measures and writes one record to
``microscope/testu01_results/``; ``python -m microscope.testu01 --table`` renders the records as the table of
the page.
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
from typing import Any

from microscope import run

HERE = Path(__file__).parent
PROGRAM, RESULTS = run.BUILD / "testu01", HERE / "testu01_results"
BATTERIES = {"smallcrush": 15, "crush": 144}  # and how many statistics each has
INSTALL = "apt-get install gcc libtestu01-0-dev (Debian's non-free section)"
HEAD = re.compile(
    r"Version:\s+TestU01 (?P<version>\S+)\s.*?"
    r"Number of statistics:\s+(?P<statistics>\d+)\s+"
    r"Total CPU time:\s+(?P<hours>\d+):(?P<minutes>\d+):(?P<seconds>[\d.]+)\s",
    re.DOTALL,
)
SUSPECT = re.compile(
    r"^\s*(?P<number>\d+)\s+(?P<test>\S.*?)\s{2,}(?P<p>(?:1\s*-\s*)?(?:eps1?|[\d.]+(?:e-?\d+)?))\s*$"
)
# eps is below 1e-300, eps1 below 1e-15; what is nearer to an end than this is a failure.
TINY = {"eps": 0.0, "eps1": 0.0}
FAILED = 1e-10


def tail(p: str) -> float:
    """Return how near to 0 or 1 a p-value is, as TestU01 writes it: "3.1e-4", "0.9995", "1 -  eps1"."""
    digits = p.removeprefix("1").strip().removeprefix("-").strip() if "-" in p.partition("e")[0] else p
    value = TINY[digits] if digits in TINY else float(digits)
    return min(value, 1.0 - value)


def parse(report: str, battery: str) -> dict[str, Any]:
    """Read TestU01's summary; a report that is cut short or of another battery is an error."""
    summary = report.partition("= Summary results of")[2]
    head = HEAD.search(summary)
    if head is None or int(head["statistics"]) != BATTERIES[battery]:
        message = f"TestU01 printed no summary of the {BATTERIES[battery]} statistics of {battery}"
        raise ValueError(message)
    found = [match for line in summary.splitlines() if (match := SUSPECT.match(line))]
    if bool(found) == ("All tests were passed" in summary):
        message = "TestU01 printed neither that all tests were passed nor which were not"
        raise ValueError(message)
    lines = [[f"{match['number']} {match['test']}", match["p"]] for match in found]
    return {
        "testu01": head["version"],
        "statistics": int(head["statistics"]),
        "failures": [line for line in lines if tail(line[1]) < FAILED],
        "suspects": [line for line in lines if tail(line[1]) >= FAILED],
        "cpu_seconds": round(60 * (60 * int(head["hours"]) + int(head["minutes"])) + float(head["seconds"])),
    }


def program() -> None:
    """Compile testu01.c."""
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not compiler:
        sys.exit(f"microscope: no C compiler: {INSTALL}")
    run.BUILD.mkdir(exist_ok=True)
    libraries = ["-ltestu01", "-ltestu01probdist", "-ltestu01mylib", "-lm"]
    command = [compiler, "-O2", "-o", str(PROGRAM), str(HERE / "testu01.c"), *libraries]
    if subprocess.run(command, check=False).returncode:  # noqa: S603  # words of this file
        sys.exit(f"microscope: testu01.c does not compile; TestU01 is in {INSTALL}")


def described(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the part of a record that is known before the run."""
    return {
        "command": f"python -m microscope.testu01 {' '.join(arguments.words)}",
        "reading": arguments.reading,
        "reversed": arguments.reversed,
        "rounds": 0 if arguments.reading == "weyl" else arguments.rounds,
        "battery": arguments.battery,
    }


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Check the stream's program, run one battery on one reading, and return the record."""
    program()
    run.program()
    run.check("words" if arguments.reading == "weyl" else arguments.reading, 0)
    command = run.stream_command(
        arguments.reading, 0, run.KEY_NAME, rounds=arguments.rounds, reverse=arguments.reversed
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:  # noqa: S603
        battery = [str(PROGRAM), arguments.battery]
        report = subprocess.check_output(battery, stdin=source.stdout, text=True)  # noqa: S603  # as above
        source.kill()
    return described(arguments) | parse(report, arguments.battery)


def table(records: list[dict[str, Any]]) -> str:
    """Return records as a table in Markdown, the controls last."""
    lines = [
        "| reading | battery | statistics | failures | suspects | CPU time |",
        "|---|---|---|---|---|---|",
    ]

    def place(record: dict[str, Any]) -> tuple[Any, ...]:
        control = record["rounds"] != run.ROUNDS
        reading = run.READINGS.index(record["reading"])
        return control, reading, record["rounds"], record["reversed"], record["statistics"]

    for record in sorted(records, key=place):
        reading = record["reading"] + ", bits reversed" * record["reversed"]
        reading += f", {record['rounds']} rounds" * (0 < record["rounds"] < run.ROUNDS)
        cells = [reading, record["battery"], str(record["statistics"]), str(len(record["failures"]))]
        cells += [", ".join(f"{test}: {p}" for test, p in record["suspects"]) or "none"]
        lines.append("| " + " | ".join([*cells, f"{record['cpu_seconds']:,} s"]) + " |")
    return "\n".join(lines)


def file_name(record: dict[str, Any]) -> str:
    """Return the name of a record's file."""
    parts = [record["reading"], *["reversed"] * record["reversed"], record["battery"]]
    parts += [f"rounds{record['rounds']}"] if record["rounds"] != run.ROUNDS else []
    return "_".join(parts) + ".json"


def write(record: dict[str, Any]) -> None:
    """Keep a record."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(record, indent=1) + "\n"
    (RESULTS / file_name(record)).write_text(text, encoding="utf-8")
    print(text)


def parsed(words: list[str]) -> argparse.Namespace:
    """Return what the words of a command line ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reading", nargs="?", choices=run.READINGS)
    parser.add_argument("battery", nargs="?", choices=tuple(BATTERIES))
    parser.add_argument("--reversed", action="store_true", help="turn each word's bits round")
    parser.add_argument("--rounds", type=int, default=run.ROUNDS, help="fewer: a control")
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
    write(measured(arguments))


if __name__ == "__main__":
    main()
