"""The page of pairs of models: the rows of the list, each with numbers that prove its map.

``tests/models/test_model_pairs.py`` matches and runs the pairs themselves.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re

import pytest
from tools.pages import pairs_page
from tools.pages.pairs_page import HEAD, HEADINGS, SECTIONS, facts

PAGE = (pathlib.Path(__file__).parents[3] / "docs" / "pairs.md").read_text(encoding="utf-8")
MEASURED = r" (\S+) \| (\S+) \|"
LINES = [line for line in PAGE.splitlines() if line.startswith("| ") and line not in HEADINGS.splitlines()]


def test_the_page_has_the_rows_of_the_list() -> None:
    """In the same sections and order, with the same text before the numbers."""
    rows = [facts(pair) for pairs in SECTIONS.values() for pair in pairs]
    assert [re.sub(f"{MEASURED}$", "", line) for line in LINES] == rows
    assert PAGE.startswith(HEAD)
    assert re.findall("^## (.*)$", PAGE, flags=re.MULTILINE) == list(SECTIONS)


@pytest.mark.parametrize("line", LINES)
def test_the_numbers_of_a_row_prove_its_map(line: str) -> None:
    """The outputs differ by less than 1e-4 of the largest."""
    difference, scale = map(float, re.search(f"{MEASURED}$", line).groups())  # type: ignore[union-attr]
    assert difference < 1e-4 * max(1.0, scale)


@pytest.mark.needs("torch", "flax")
def test_the_numbers_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of one pair has its row; a pair with another number of tensors is refused."""
    pair = SECTIONS["Convolutional networks"][0]
    monkeypatch.setattr(pairs_page, "SECTIONS", {"One": (pair,)})
    (row,) = [line for line in pairs_page.pairs_page().splitlines() if line.startswith(facts(pair))]
    assert re.search(f"{MEASURED}$", row)
    monkeypatch.setattr(pairs_page, "SECTIONS", {"One": (dataclasses.replace(pair, tensors=15),)})
    with pytest.raises(AssertionError, match="14 pairs"):
        pairs_page.pairs_page()
