"""The study of the word stream: its page, its records, and the program that made them."""

from __future__ import annotations

import json
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
from microscope import run

from unified_init.stream import threefry
from unified_init.stream.numpy_runner import words

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "microscope.md"
RECORDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text(encoding="utf-8")) for path in run.RESULTS.glob("*.json")
}
EACH_RECORD = pytest.mark.parametrize("name", sorted(RECORDS))
NEEDS_A_COMPILER = pytest.mark.skipif(not shutil.which("cc"), reason="no C compiler")

HEAD = """\
#=============================================================================#
#            dieharder version 3.31.1 Copyright 2003 Robert G. Brown          #
#=============================================================================#
   rng_name    |rands/second|   Seed   |
stdin_input_raw|  3.38e+07  |3307173907|
#=============================================================================#
        test_name   |ntup| tsamples |psamples|  p-value |Assessment
#=============================================================================#
""".splitlines()
GOOD = "   diehard_birthdays|   0|       100|     100|0.21705998|  PASSED  "
WEAK = "        diehard_runs|   0|    100000|     100|0.99988673|   WEAK   "
BAD = "          sts_serial|  16|    100000|     100|0.00000000|  FAILED  "
TOP = "        rgb_bitdist|   2|    100000|     100|1.00000000|  FAILED  "


# --- the page and its records ---------------------------------------------------------------------


def test_the_table_of_the_page_is_that_of_the_records() -> None:
    """docs/microscope.md shows what `python microscope/run.py --table` prints, whole and once."""
    assert PAGE.read_text(encoding="utf-8").count("\n\n" + run.table([*RECORDS.values()]) + "\n\n") == 1


@EACH_RECORD
def test_a_record_says_what_its_output_says(name: str) -> None:
    """Counts, failures and suspects of a record follow from the lines of dieharder that it holds."""
    record = RECORDS[name]
    assert run.judged(record, record["output"]) == record
    assert run.file_name(record) == name
    assert run.described(run.parsed(record["command"].split()[2:])).items() <= record.items()


def test_the_stream_passes_and_the_broken_streams_fail() -> None:
    """No statistic of the stream lies beyond the bound; without a generator and with 4 rounds they do."""
    failures = {name: len(record["failures"]) for name, record in RECORDS.items()}
    of_the_stream = [failures[name] for name, record in RECORDS.items() if record["rounds"] == run.ROUNDS]
    assert of_the_stream
    assert not any(of_the_stream)
    for name in ("weyl_quick_rounds0.json", "words_quick_rounds4.json", "seeds_quick_rounds4.json"):
        assert failures[name] > 0


def test_every_reading_has_a_record() -> None:
    """Every reading was under the quick battery; words, strided and names under the long one too."""
    batteries = {
        battery: {record["reading"] for record in RECORDS.values() if record["battery"] == battery}
        for battery in run.BATTERIES
    }
    assert batteries["quick"] == {*run.READINGS}
    assert batteries["long"] >= {"words", "strided", "names"}


# --- the parser -----------------------------------------------------------------------------------


def test_parser_reads_versions_and_statistics() -> None:
    """Headings may come once or before each test; the statistics come in order."""
    found = [run.Statistic("diehard_birthdays", 0, 0.21705998), run.Statistic("diehard_runs", 0, 0.99988673)]
    assert run.parse([*HEAD, GOOD, WEAK]) == ("3.31.1", found)
    assert run.parse([*HEAD, GOOD, *HEAD, WEAK]) == ("3.31.1", found)


def test_failures_and_suspects_are_at_both_ends() -> None:
    """Beyond 1e-6 of 0 or of 1 is a failure, beyond 1e-3 a suspect."""
    record = run.judged({"battery": "15"}, [*HEAD, GOOD, WEAK, BAD, TOP])
    assert record["statistics"] == 4
    assert record["failures"] == [["sts_serial", 16, 0.0], ["rgb_bitdist", 2, 1.0]]
    assert record["suspects"] == [["diehard_runs", 0, 0.99988673]]
    assert run.judged({"battery": "15"}, record["output"])["failures"] == record["failures"]


@pytest.mark.parametrize(
    "line",
    [
        "Segmentation fault",
        GOOD.replace("0.21705998", "nan"),
        GOOD.replace("0.21705998", "2.17059980"),
        GOOD.replace("PASSED", "ok"),
        GOOD[:40],
        f"{GOOD} {GOOD}",
    ],
)
def test_parser_refuses_what_is_no_statistic(line: str) -> None:
    """One line of garbage among good ones is an error that shows it."""
    with pytest.raises(ValueError, match="that is no statistic") as caught:
        run.parse([*HEAD, GOOD, line, WEAK])
    assert str(caught.value) == f"dieharder printed a line that is no statistic: {line!r}"


@pytest.mark.parametrize(
    ("lines", "versions", "statistics"),
    [
        ([], 0, 0),
        (HEAD, 1, 0),
        ([GOOD], 0, 1),
        ([*HEAD, GOOD, HEAD[1].replace("3.31.1", "3.32")], 2, 1),
    ],
)
def test_parser_refuses_a_table_without_head_or_body(
    lines: list[str], versions: int, statistics: int
) -> None:
    """Nothing printed is not a pass, and two versions are not one measurement."""
    with pytest.raises(ValueError, match="not 1 and some") as caught:
        run.parse(lines)
    expected = f"dieharder printed {versions} versions and {statistics} statistics, not 1 and some"
    assert str(caught.value) == expected


def test_a_run_cut_short_is_no_result() -> None:
    """A battery has a number of statistics, and fewer or more are an error."""
    with pytest.raises(ValueError, match="the battery has") as caught:
        run.judged({"battery": "quick"}, [*HEAD, GOOD])
    assert str(caught.value) == "dieharder printed 1 statistics: the battery has 17"


# --- the readings ---------------------------------------------------------------------------------


def test_words_are_the_words_of_a_draw() -> None:
    """The reading `words` is what the library's runner takes for consecutive logical indices."""
    first, second = words(threefry.named_key((0, 7), "w"), np.arange(2**32 - 5, 2**32 + 5))
    positions = range(2**32 - 5, 2**32 + 5)
    assert run.library_words("words", positions, 7, "w") == (first ^ second).tolist()
    pairs = np.stack([first, second], axis=1).ravel().tolist()
    assert run.library_words("pairs", range(2**33 - 10, 2**33 + 10), 7, "w") == pairs


def test_strided_walks_down_columns() -> None:
    """Position j * rows + i of a matrix is its element (i, j), and the next matrix follows."""
    size = run.ROWS * run.COLUMNS
    for row, column in [(0, 0), (1, 0), (65535, 0), (0, 1), (1234, 4098), (65535, 4098)]:
        for matrix in (0, 3):
            position = matrix * size + column * run.ROWS + row
            index = matrix * size + row * run.COLUMNS + column
            assert run.place("strided", position, 0, "")[1] == index


def test_shard_is_the_first_of_eight_blocks_of_columns() -> None:
    """A shard's positions are the logical indices of its columns, row by row."""
    part = np.arange(4 * 8 * run.BLOCK).reshape(4, -1)[:, : run.BLOCK].ravel()
    assert [run.place("shard", position, 0, "")[1] for position in range(part.size)] == part.tolist()


def test_names_and_seeds_walk_over_keys() -> None:
    """One word of each name, or of each seed, and then the next word of each."""
    assert run.place("names", 3, 5, "") == (threefry.named_key((0, 5), "layer3/kernel"), 0)
    assert run.place("names", 2 * run.NAMES + 3, 5, "") == (threefry.named_key((0, 5), "layer3/kernel"), 2)
    assert run.place("seeds", 3, 5, "") == ((0, 3), 0)
    assert run.place("seeds", 2 * 2**32 + 3, 5, "") == ((0, 3), 2)


# --- the program ----------------------------------------------------------------------------------


@pytest.fixture
def build(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Give the program a folder of its own, and the reading `names` few names."""
    monkeypatch.setattr(run, "BUILD", tmp_path / "build")
    monkeypatch.setattr(run, "NAMES", 1000)
    return tmp_path / "build"


@NEEDS_A_COMPILER
@pytest.mark.parametrize("reading", [reading for reading in run.READINGS if reading != "weyl"])
@pytest.mark.usefixtures("build")
def test_the_program_writes_the_words_of_the_library(reading: str) -> None:
    """Every reading, its bits in either order, is the library's own; with 16 rounds it is refused."""
    run.program()
    run.check(reading, 3)
    with pytest.raises(SystemExit) as caught:
        run.check(reading, 3, rounds=16)
    command = " ".join(run.stream_command(reading, 3, run.KEY_NAME, rounds=16, reverse=False))
    expected = f"microscope: '{command} first=0 count=700' differs from unified_init: nothing is measured"
    assert str(caught.value) == expected


@pytest.mark.usefixtures("build")
def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without dieharder, or without a C compiler, the message says what to install."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(SystemExit) as caught:
        run.run(run.parsed(["words", "quick"]))
    assert str(caught.value) == "microscope: no dieharder: `apt-get install dieharder`"
    with pytest.raises(SystemExit) as caught:
        run.program()
    assert (
        str(caught.value) == "microscope: no C compiler: `apt-get install gcc libc6-dev`, or name one in CC"
    )
