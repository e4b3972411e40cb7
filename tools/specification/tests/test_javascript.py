"""The JavaScript implementation agrees with every vector, under Node; without Node these tests fail."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from tools.specification.files import STATIC

ROOT = Path(__file__).parents[3]
CHECK = ROOT / "tools" / "specification" / "check_vectors.mjs"
VECTORS = STATIC / "vectors.json"


def checked(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Return what the check of the vectors says under Node."""
    return subprocess.run(["node", str(CHECK), *arguments], capture_output=True, text=True, check=False)  # noqa: S607  # Node is on the path


def test_every_vector_agrees() -> None:
    """Words, numbers, tables, values, laws, tensors and slices: all are equal, bit for bit."""
    result = checked()
    assert result.returncode == 0, result.stderr
    match = re.match(r"(\d+) of (\d+) vectors agree", result.stdout)
    assert match is not None
    sections = json.loads(VECTORS.read_text(encoding="utf-8")).values()
    assert match[1] == match[2] == str(sum(len(section) for section in sections if isinstance(section, list)))


# Section, the part of its text that is altered, and what with.
WRONG = [
    ("blocks", "6b200159", "6b200158"),
    ("tables", '"slope_shift": 13', '"slope_shift": 12'),
    ("rounding", '"bfloat16": "3f80"', '"bfloat16": "3f81"'),
    ("draws", '"drawn": [3, 2, 3, 4]', '"drawn": [2, 3, 3, 4]'),
    ("laws", '"fan_in": "4018', '"fan_in": "4008'),
]


@pytest.mark.parametrize(("section", "right", "wrong"), WRONG, ids=[entry[0] for entry in WRONG])
def test_a_wrong_vector_is_refused(tmp_path: Path, section: str, right: str, wrong: str) -> None:
    """One digit of a word, a table, a rounding, a shape or a fan, and the check fails."""
    content = json.loads(VECTORS.read_text(encoding="utf-8"))
    whole = json.dumps(content[section])
    for text, status in ((whole, 0), (whole.replace(right, wrong, 1), 1)):
        some = {"specs": content["specs"], section: json.loads(text)}
        (tmp_path / "vectors.json").write_text(json.dumps(some), encoding="utf-8")
        assert checked(str(tmp_path / "vectors.json")).returncode == status


def test_a_section_that_nothing_checks_is_refused(tmp_path: Path) -> None:
    """A new section needs a check of its own."""
    (tmp_path / "vectors.json").write_text('{"specs": {}, "news": []}', encoding="utf-8")
    assert "no check of the section news" in checked(str(tmp_path / "vectors.json")).stderr


def test_no_package_is_imported() -> None:
    """Every module imports files of ours and nothing else, so that a page can load it as it is."""
    for path in STATIC.rglob("*.js"):
        imports = re.findall(r'from "([^"]+)"', path.read_text(encoding="utf-8"))
        assert all((path.parent / name).is_file() for name in imports), path
