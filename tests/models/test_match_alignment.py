"""Aligning sequences: what every longest common subsequence agrees on."""

from __future__ import annotations

import pytest

from unified_init.models import match_alignment
from unified_init.models.match_alignment import aligned_pairs


@pytest.mark.parametrize(
    ("first", "second", "pairs"),
    [
        ("abcd", "abd", [(0, 0), (1, 1), (3, 2)]),
        ("abd", "abcd", [(0, 0), (1, 1), (2, 3)]),
        ("cbcxbd", "cbd", [(5, 2)]),  # either c and either b may be the other's
        ("aa", "a", []),
        ("ab", "cd", []),
        ("", "a", []),
    ],
)
def test_only_what_is_certain_is_paired(first: str, second: str, pairs: list[tuple[int, int]]) -> None:
    """One more item in one sequence is one gap, and an item with two possible partners has none."""
    assert aligned_pairs(first, second, lambda a, b: a == b) == pairs


def test_sequences_that_are_too_long_are_not_aligned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table would not fit into memory."""
    monkeypatch.setattr(match_alignment, "LARGEST", 3)
    assert aligned_pairs("ab", "ab", lambda a, b: a == b) == []
