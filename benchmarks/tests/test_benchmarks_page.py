"""The figures in the documentation: generated, from the record that lies beside the benchmarks."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import runpy
import shutil
import sys
from typing import Any

import pytest
from benchmarks import cases, chart, command, page
from benchmarks.results import Result
from benchmarks.timing import LONG

ROOT = pathlib.Path(__file__).parents[2]
PAGES = ("README.md", "docs/speed.md")
RECORD: dict[str, Any] = json.loads(page.RECORD.read_text(encoding="utf-8"))
AROUND: dict[str, Any] = RECORD["surroundings"]
RESULTS = command.read(page.RECORD)
SHAPE = (4, 8)
SAYS = "4 \N{MULTIPLICATION SIGN} 8"
MODULE = "benchmarks.page"


def result(
    ratio: float, framework: str = "torch", law: str = "uniform", way: str = "in place", **changes: Any
) -> Result:
    """Return a result of three pairs that all have one ratio."""
    fields = {"group": "bulk", "dtype": "float32", "shape": SHAPE, "against": "a, b", "unit": "s"}
    ours = tuple(ratio * native for native in (1.0, 2.0, 4.0))
    return Result(
        framework=framework, law=law, way=way, ours=ours, native=(1.0, 2.0, 4.0), **fields | changes
    )


def written(name: str) -> str:
    """Return what stands between the two comments of a page."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert text.count(page.BEGIN) == text.count(page.END) == 1
    return text.partition(f"{page.BEGIN}\n\n")[2].partition(f"\n\n{page.END}")[0]


# --- the pages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_what_the_record_gives(name: str) -> None:
    """README.md and docs/speed.md have the tables of benchmarks/figures.json, to the letter."""
    assert written(name) == page.rendered(RESULTS, AROUND)[name]


def test_a_page_of_another_record_would_differ() -> None:
    """The comparison above sees one figure that moves, and one word of the surroundings."""
    first = page.ROWS[0].of(RESULTS, "torch")
    moved = [
        dataclasses.replace(one, ours=tuple(2 * seconds for seconds in one.ours)) if one is first else one
        for one in RESULTS
    ]
    for name in PAGES:
        assert page.rendered(moved, AROUND)[name] != written(name)
        assert page.rendered(RESULTS, AROUND | {"cpu": "another"})[name] != written(name)


def test_the_record_is_of_a_whole_run_and_as_the_command_writes_it() -> None:
    """It was not quick, and reading and writing it again changes no character."""
    text = page.RECORD.read_text(encoding="utf-8")
    assert command.report(RESULTS, AROUND, quick=False) == text


def test_the_chart_has_the_panels_of_the_record() -> None:
    """docs/speed.png is as tall as the record's bars make it, and would not be with one bar more."""
    head = (ROOT / "docs" / "speed.png").read_bytes()[:24]
    height = int.from_bytes(head[20:24])
    panels = [found for name in cases.FRAMEWORKS if (found := chart.bars(RESULTS, name))]
    inches = chart.TOP + chart.FOOT + sum(chart.HEAD + chart.ROW * len(found) for found in panels)
    assert head.startswith(b"\x89PNG")
    assert height == pytest.approx(chart.DPI * inches, abs=1.0)
    assert chart.DPI * chart.ROW > 2.0


def test_every_result_has_its_row() -> None:
    """docs/speed.md has a row of six cells for each result, and neither page speaks of targets."""
    rows = [line for line in written("docs/speed.md").splitlines() if line.startswith("| ")]
    titles = [line for line in rows if line.startswith("| case | ")]
    assert len(titles) == len({one.group for one in RESULTS})
    assert len(rows) - len(titles) == len(RESULTS)
    assert {line.count("|") for line in rows} == {7}
    for name in PAGES:
        assert not {"target", "met", "NO"} & set(written(name).replace("|", " ").split())


def test_what_the_page_says_of_the_measuring_is_so() -> None:
    """Its numbers of pairs, seconds and calls are those that the benchmarks use."""
    text = " ".join((ROOT / "docs" / "speed.md").read_text(encoding="utf-8").split())
    assert f"The first {LONG.warm} pairs are not counted." in text
    assert (
        f"pairs are repeated for {LONG.seconds:g} seconds, at least {LONG.least} and at most {LONG.most}"
        in text
    )
    calls = {case.calls for name in cases.FRAMEWORKS for case in cases.cases("latency", name)}
    assert f"Of the small tensors, {calls.pop()} calls share a look at the clock." in text
    assert not calls


# --- the short table --------------------------------------------------------------------------------


def test_a_row_has_a_column_for_each_framework() -> None:
    """A cell is the median ratio in two digits, and empty where nothing was measured; so is no whole row."""
    found = [
        result(0.123, "jax", way="returned"),
        result(0.5, "numpy"),
        result(1.04, "torch"),
        result(0.7, "torch", law="he_normal", way="returned"),
        result(0.031, "torch", law="he_normal"),
        result(0.2, "jax", law="he_normal", way="returned"),
        result(9.0, "torch", dtype="bfloat16"),
        result(9.0, "torch", way="in place, against a plain fill"),
        result(9.0, "torch", law="kaiming_normal"),
        result(12.3, "tensorflow", "gpt2_small", "from process start", group="models", dtype="tensors"),
    ]
    assert page.short_table(found).splitlines() == [
        "| ours / native | NumPy | PyTorch | TensorFlow (Keras) | JAX |",
        "|---|---|---|---|---|",
        f"| uniform {SAYS}, in place | 0.50 | 1.0 |  |  |",
        f"| uniform {SAYS}, returned |  |  |  | 0.12 |",
        f"| `he_normal` {SAYS}, in place or returned |  | 0.031 |  | 0.20 |",
        "| GPT-2 small, process start to weights |  |  | 12 |  |",
    ]
    assert page.short_table(found[::-1]) == page.short_table(found)


def test_what_has_a_target_is_in_the_short_table() -> None:
    """But for ours against ours, and for small tensors in place, which the long tables have."""
    shown = {
        (row.group, name, row.law, way) for row in page.ROWS for way in row.ways for name in cases.FRAMEWORKS
    }
    left = cases.TARGETS.keys() - shown
    assert {
        (group, way)
        for group, _, _, way in left
        if group not in {"layouts", "index"} and not way.startswith(cases.AUDITED)
    } == {("latency", "in place")}
    assert len(page.ROWS) <= 17


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (0.0304, "0.030"), (0.0999, "0.10"), (0.3, "0.30"), (0.994, "0.99"), (0.996, "1.0"), (1.26, "1.3"),
        (9.96, "10"), (12.3, "12"), (123.0, "120"),
    ],
)  # fmt: skip
def test_ratios_have_two_digits(ratio: float, text: str) -> None:
    """Two significant ones, zeros among them, and never an exponent."""
    assert page.two_digits(ratio) == text


# --- the long tables --------------------------------------------------------------------------------


def test_groups_come_in_order_each_with_its_rows() -> None:
    """A title, a line and a table; a memory row has no ratio; a group without results is left out."""
    memory = result(
        2.0, law="normal", way="peak", group="memory", against="native, returned", unit="MiB", bound="ours"
    )
    assert page.long_tables([memory, result(0.5)]).splitlines() == [
        "### Large tensors",
        "",
        page.SECTIONS["bulk"][1],
        "",
        "| case | framework | ours | native | ratio [quartiles] | against |",
        "|---|---|---|---|---|---|",
        "| uniform 4 x 8 float32, in place | PyTorch | 1 s | 2 s | 0.500 [0.500, 0.500] | `a, b` |",
        "",
        "### Memory",
        "",
        page.SECTIONS["memory"][1],
        "",
        "| case | framework | ours | native | ratio [quartiles] | against |",
        "|---|---|---|---|---|---|",
        "| normal 4 x 8 float32, peak | PyTorch | 4.0 MiB | 2.0 MiB | - | `native, returned` |",
    ]


def test_every_group_has_a_title() -> None:
    """A new group must say what its rows have in common."""
    assert tuple(page.SECTIONS) == cases.GROUPS


def test_the_surroundings_stand_above_the_tables() -> None:
    """Processor, processors and versions; a package that is not installed is not named."""
    around = {
        "cpu": "A chip", "processors": 4, "load at start": 0.5, "system": "An OS", "python": "3.11.1",
        "versions": "unified-init -, numpy 2.0, jax 0.5",
    }  # fmt: skip
    found = page.rendered([result(0.5)], around)
    assert tuple(found) == PAGES
    readme, speed = (found[name].split("\n\n") for name in PAGES)
    assert readme[0] == "A chip, 4 processors, Python 3.11.1, numpy 2.0, jax 0.5:"
    assert speed[:2] == [
        "A chip, 4 processors, Python 3.11.1, An OS, load at the start 0.5.",
        "numpy 2.0, jax 0.5.",
    ]


# --- the command ------------------------------------------------------------------------------------


def copied(root: pathlib.Path) -> None:
    """Copy both pages below another folder."""
    (root / "docs").mkdir()
    for name in PAGES:
        shutil.copy(ROOT / name, root / name)


def test_writing_puts_back_what_was_changed(tmp_path: pathlib.Path) -> None:
    """What stands between the comments is replaced, and no other character."""
    copied(tmp_path)
    for name in PAGES:
        text = (tmp_path / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace(written(name), "| old |"), encoding="utf-8")
    page.main(["--write"], root=tmp_path)
    for name in PAGES:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes()


def test_without_write_the_tables_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both, each under the name of its page; `python -m benchmarks.page` does it."""
    monkeypatch.setattr(sys, "argv", ["page"])
    monkeypatch.delitem(sys.modules, MODULE)
    runpy.run_module(MODULE, run_name="__main__")
    assert capsys.readouterr().out == "".join(f"{name}\n\n{written(name)}\n\n" for name in PAGES)


@pytest.mark.parametrize(
    "text",
    [
        "neither",
        f"{page.BEGIN}\nno end",
        f"no beginning\n{page.END}",
        f"{page.END}\n{page.BEGIN}",
        f"{page.BEGIN}\n{page.END}\n{page.BEGIN}",
        f"{page.BEGIN}\n{page.END}\n{page.END}",
    ],
)
def test_a_page_without_its_comments_is_refused(text: str) -> None:
    """Nothing is written where it is not clear between what."""
    with pytest.raises(ValueError, match="the page must hold") as caught:
        page.put(text, "| new |")
    assert str(caught.value) == (
        "the page must hold the lines '<!-- written by python -m benchmarks.page --write, from "
        "benchmarks/figures.json -->' and '<!-- end of what is written -->', in this order and once"
    )


def test_a_quick_record_is_refused(tmp_path: pathlib.Path) -> None:
    """Figures that only show that all runs get onto no page."""
    path = tmp_path / "quick.json"
    path.write_text(command.report([result(0.5)], AROUND, quick=True), encoding="utf-8")
    with pytest.raises(ValueError, match="quick") as caught:
        page.from_record(path)
    assert str(caught.value) == (
        "quick.json is of a --quick run, whose figures mean nothing: measure again without it"
    )
