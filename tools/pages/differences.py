"""How the frameworks differ, as data: docs/differences.md shows it, and the tests measure each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.pages.difference_facts import COMPLEX, EMPTY, FAULTS, LOW_PRECISION, SEEDS, STRUCTURE
from tools.pages.difference_laws import DEFAULTS, FANS, LAYERS, NORMAL, ORTHOGONAL, TRUNCATION

if TYPE_CHECKING:
    from tools.pages.difference_rows import Topic

__all__ = ["DIFFERENCES"]

DIFFERENCES: tuple[Topic, ...] = (
    TRUNCATION, NORMAL, DEFAULTS, LAYERS, FANS, ORTHOGONAL, STRUCTURE, LOW_PRECISION, COMPLEX, SEEDS, EMPTY,
    FAULTS,
)  # fmt: skip
