"""The generated files are what the library gives, and cover what the page says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tools.specification.cases import DRAWS
from tools.specification.files import FILES, STATIC, as_text

from unified_init.law.layout import ROLES
from unified_init.stream.dtypes import DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
LARGEST = 200_000  # bytes, of a file that a reader of the site loads


@pytest.mark.parametrize(("path", "content"), FILES.items(), ids=lambda entry: getattr(entry, "name", ""))
def test_a_committed_file_is_what_the_library_gives(
    path: Path, content: Callable[[], dict[str, Any]]
) -> None:
    """Every generated file of docs/_static, byte for byte; ``python -m tools.specification --write`` mends it."""
    text = path.read_text(encoding="utf-8")
    assert text == as_text(content())
    assert len(text.encode()) < LARGEST
    assert json.loads(text)


def test_the_command_says_that_nothing_differs() -> None:
    """``python -m tools.specification`` compares the files and leaves them as they are."""
    command = [sys.executable, "-m", "tools.specification"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert said == "differ: none\n"


def test_every_type_letter_and_step_has_vectors() -> None:
    """The draws cover every element type and every letter of a layout; no section is empty."""
    assert {case.dtype for case in DRAWS} == set(DTYPES)
    assert {letter for case in DRAWS for letter in case.layout or "" if letter not in "()"} == set(ROLES)
    vectors = json.loads((STATIC / "vectors.json").read_text(encoding="utf-8"))
    assert all(vectors.values())
