"""TestU01's part of the study of the word stream: its table, its records, and the reader of its reports."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
from microscope import run, testu01

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "microscope.md"
RECORDS: dict[str, dict[str, Any]] = {
    path.name: json.loads(path.read_text(encoding="utf-8")) for path in testu01.RESULTS.glob("*.json")
}

HEAD = """
========= Summary results of SmallCrush =========

 Version:          TestU01 1.2.3
 Generator:        words on standard input
 Number of statistics:  15
 Total CPU time:   00:01:05.93
"""
PASSED = f"{HEAD}\n All tests were passed\n\n\n"
FAILED = f"""{HEAD} The following tests gave p-values outside [0.001, 0.9990]:
 (eps  means a value < 1.0e-300):
 (eps1 means a value < 1.0e-15):

       Test                          p-value
 ----------------------------------------------
  1  BirthdaySpacings                 eps
  2  Collision                      1 - eps1
  4  SimpPoker                       3.1e-5
  6  MaxOft AD                       0.9995
  7  WeightDistrib                 1 -  2.4e-11
 ----------------------------------------------
 All other tests were passed
"""


def test_the_table_of_the_page_is_that_of_the_records() -> None:
    """docs/microscope.md shows what `python -m microscope.testu01 --table` prints, whole and once."""
    assert PAGE.read_text(encoding="utf-8").count("\n\n" + testu01.table([*RECORDS.values()]) + "\n\n") == 1


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_a_record_is_named_by_what_was_measured(name: str) -> None:
    """The file's name, the command and the fields of a record say the same."""
    record = RECORDS[name]
    assert testu01.file_name(record) == name
    assert testu01.described(testu01.parsed(record["command"].split()[3:])).items() <= record.items()


def test_the_stream_passes_and_no_generator_fails() -> None:
    """No statistic of the stream is a failure, Crush's among them; without a generator most are."""
    failures = {name: len(record["failures"]) for name, record in RECORDS.items()}
    assert failures.pop("weyl_smallcrush_rounds0.json") > 0
    assert "words_crush.json" in failures
    assert not any(failures.values())


def test_every_reading_was_under_smallcrush() -> None:
    """Whatever order tensors read the words in."""
    read = {record["reading"] for record in RECORDS.values() if record["battery"] == "smallcrush"}
    assert read == {*run.READINGS}


def test_a_report_without_remarks_is_read() -> None:
    """All passed: the counts and the time, and nothing else."""
    assert testu01.parse(PASSED, "smallcrush") == {
        "testu01": "1.2.3",
        "statistics": 15,
        "failures": [],
        "suspects": [],
        "cpu_seconds": 66,
    }


def test_failures_and_suspects_are_told_apart() -> None:
    """A p-value within 1e-10 of an end is a failure, in each of TestU01's spellings."""
    record = testu01.parse(FAILED, "smallcrush")
    assert record["failures"] == [
        ["1 BirthdaySpacings", "eps"],
        ["2 Collision", "1 - eps1"],
        ["7 WeightDistrib", "1 -  2.4e-11"],
    ]
    assert record["suspects"] == [["4 SimpPoker", "3.1e-5"], ["6 MaxOft AD", "0.9995"]]


@pytest.mark.parametrize(
    ("report", "battery", "message"),
    [
        ("", "smallcrush", "TestU01 printed no summary of the 15 statistics of smallcrush"),
        (PASSED, "crush", "TestU01 printed no summary of the 144 statistics of crush"),
        (HEAD, "smallcrush", "TestU01 printed neither that all tests were passed nor which were not"),
    ],
)
def test_a_report_cut_short_is_refused(report: str, battery: str, message: str) -> None:
    """No summary, another battery's, or one without its end."""
    with pytest.raises(ValueError, match=f"^{message}$"):
        testu01.parse(report, battery)
