"""The generated files, and how they are written: JSON with one entry per line, to be read in a diff."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.specification.explorer_data import explorer_data
from tools.specification.vectors import vectors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FILES", "STATIC", "as_text"]

STATIC = Path(__file__).parents[2] / "docs" / "_static"
FILES: dict[Path, Callable[[], dict[str, Any]]] = {
    STATIC / "vectors.json": vectors,
    STATIC / "explorer.json": explorer_data,
}


def as_text(content: dict[str, Any]) -> str:
    """Return JSON text: one line per section, and per entry of a section that is a list."""
    sections = []
    for name, section in content.items():
        if isinstance(section, list):
            lines = ",\n  ".join(map(_line, section))
            sections.append(f"{_line(name)}: [\n  {lines}\n]")
        else:
            sections.append(f"{_line(name)}: {_line(section)}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
