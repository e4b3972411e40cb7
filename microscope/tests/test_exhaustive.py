"""All words through all laws: the comparison that the page shows, on a few of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microscope import exhaustive

from unified_init.stream import numpy_runner
from unified_init.stream.table import compile_table

PAGE = Path(__file__).parents[2] / "docs" / "microscope.md"
WORDS = 1 << 16


def test_the_tables_of_the_page_are_those_of_the_record() -> None:
    """docs/microscope.md shows what `--table` prints; the record is of all words and has no difference."""
    record = json.loads(exhaustive.RECORD.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8").count("\n\n" + exhaustive.table(record) + "\n\n") == 1
    assert {law["words"] for law in record.values()} == {exhaustive.WORDS}
    assert {count for law in record.values() for count in law["differing"].values()} == {0}


@pytest.mark.parametrize("name", exhaustive.LAWS)
def test_every_runner_is_compared(name: str) -> None:
    """On the first words of the lower tail: no bit differs, and the quantile is near."""
    found = exhaustive.examined(exhaustive.LAWS[name], exhaustive.runners([]), WORDS)
    assert set(found["differing"].values()) == {0}
    assert found["largest distance beyond half an ulp"] < 2e-7


def test_a_wrong_runner_is_seen() -> None:
    """One that changes the last bit of one value in a thousand."""

    def wrong(table: Any) -> Any:
        def values(word: Any) -> Any:
            out = numpy_runner.values32(table, word)
            out.view(np.int32)[::1000] ^= 1
            return out

        return values

    law = exhaustive.LAWS["normal"]
    found = exhaustive.examined(law, {"wrong": wrong}, WORDS)
    assert found["differing"] == {"wrong": -(-WORDS // 1000)}


def test_the_moments_are_those_of_the_values() -> None:
    """Of the first words alone, against NumPy's."""
    law = exhaustive.LAWS["uniform"]
    found = exhaustive.examined(law, {}, WORDS)
    table = compile_table(law.spec.resolve(1), 32)
    values = numpy_runner.values32(table, np.arange(WORDS, dtype=np.uint32)).astype(np.float64)
    assert found["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert found["variance"] == pytest.approx(values.var(), abs=2.0 * 10.0**-exhaustive.DIGITS)
