"""Patterns of names and paths: globs, and regular expressions after "re:"."""

from __future__ import annotations

import difflib
import fnmatch
import functools
import re
from typing import TYPE_CHECKING

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["compiled", "matches", "miss"]

REGEX = "re:"
LONGEST = 1000  # characters of a pattern for which others are tried: five patterns are compiled


def matches(pattern: str, text: str) -> bool:
    """Whether a glob or a regular expression matches the whole text."""
    return compiled(pattern).fullmatch(text) is not None


@functools.lru_cache(maxsize=1024)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a regular expression; refuse one that cannot be read."""
    try:
        return re.compile(
            pattern.removeprefix(REGEX) if pattern.startswith(REGEX) else fnmatch.translate(pattern)
        )
    except (re.error, OverflowError, RecursionError) as error:
        msg = f"`{pattern}` is not a regular expression: {error}."
        raise ArgumentValueError(msg) from None


def miss(pattern: str, texts: Sequence[str]) -> str:
    """Return the sentence that a pattern matches nothing, with one that would match or the nearest text."""
    if len(pattern) > LONGEST:
        return f"{shown(pattern)} matches nothing."
    for candidate in (f"*.{pattern}", f"*/{pattern}", f"{pattern}.*", f"{pattern}/*", f"*{pattern}*"):
        if any(matches(candidate, text) for text in texts):
            return f"{pattern!r} matches nothing; did you mean {candidate!r}?"
    nearest = difflib.get_close_matches(pattern, texts, n=1, cutoff=0.5)
    return f"{pattern!r} matches nothing" + (f"; the nearest is {nearest[0]!r}." if nearest else ".")
