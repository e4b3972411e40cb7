"""The check of prose sees each habit, and nothing in code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tools import prose

if TYPE_CHECKING:
    from pathlib import Path

prose.register()
SEEN = {
    "alone": "It works with NumPy alone.",
    "but_for": "All are equal but for the last.",
    "distributive": "A layout has one letter an axis.",
    "what_clause": "It depends on what was drawn.",
    "posture": "The value stands in the table.",
    "colons": "It is simple: one of them: each is drawn.",
    "home_made": "Each model has a twin.",
    "pronoun": "Both work, and the former is faster.",
    "british": "The weights are initialised.",
}
GOOD = """
# What a twin alone stands in

It works with NumPy only, except on one device. A layout has one letter per axis, and the plan says what each parameter
gets. `alone` stands for *only*: a word. Two lines are `x` `x` and [a link](alone.md).

```python
alone = "what is initialised"
```
"""


def paths_of(folder: Path, text: str) -> list[str]:
    """Return the rules that a text breaks."""
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return [result.check_result.check_path for result in prose.findings(page)]


@pytest.mark.parametrize("habit", prose.HABITS)
def test_a_habit_is_seen(habit: str, tmp_path: Path) -> None:
    """In a sentence that has it, and in no other rule's."""
    assert paths_of(tmp_path, SEEN[habit]) == [f"habits.{habit}"]


def test_rules_of_proselint_are_on(tmp_path: Path) -> None:
    """A word that is there twice, and a weasel."""
    assert paths_of(tmp_path, "It is is very good.") == ["lexical_illusions", "weasel_words.very"]


def test_code_and_plain_sentences_are_left(tmp_path: Path) -> None:
    """Headings, inline code, blocks of code and addresses too."""
    assert paths_of(tmp_path, GOOD) == []


def test_a_finding_is_printed_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With file, line and column, and an exit status of 1; 0 where there is none."""
    page = tmp_path / "page.md"
    page.write_text("Good.\nNumPy alone.\n", encoding="utf-8")
    assert prose.main([str(page)]) == 1
    assert f"{page}:2:7: habits.alone" in capsys.readouterr().out
    page.write_text("Good.\n", encoding="utf-8")
    assert prose.main([str(page)]) == 0
