"""Check the prose of README.md and docs with proselint and with rules of our own: ``python -m tools.prose``.

The rules are habits that make a page read as if it were translated. Code, tables that a command wrote and
addresses are blanked before the text is read. ``--count`` prints the number of findings of each rule instead, and
paths may follow.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from proselint.checks import __register__ as known
from proselint.registry import CheckRegistry
from proselint.registry.checks import Check, CheckFlags, CheckResult
from proselint.tools import LintFile, LintResult

if TYPE_CHECKING:
    from collections.abc import Iterator

THING = (
    "axis|backend|block|call|column|environment|framework|gate|head|kernel|layer|law|letter|line|model|parameter|"
    "part|process|rank|record|row|seed|shape|side|stage|step|tensor|value|variant|word"
)
CLOSED = r"\b(?:as|against|by|for|from|into|of|on|than|with)"
# The name of a habit, what it looks like, and what to write.
HABITS = {
    "alone": (r"\balone\b", "write 'only', or 'by itself'"),
    "but_for": (r"\bbut for\b", "write 'except'"),
    "distributive": (rf"\b(?:an?|one|two|each|per|\d+) \w+ an? (?:{THING})\b", "write 'one ... per ...'"),
    "what_clause": (rf"{CLOSED} what\b|(?:(?<=\. )|(?<=\n\n))What \w+ (?!get)", "name the thing"),
    "posture": (r"\b(?:stand|stands|stood|lies|lay|lying)\b(?! for\b| out\b)|\bheld by\b", "write 'is'"),
    "colons": (r"[^.:;?!|\n]{3,}: [^.:;?!|]{3,}: (?=\w)", "write two sentences, or a list"),
    "home_made": (
        r"\btwins?\b|\btaps\b|\bhalf the width, about\b|\bfirst weights\b|\bindependent copies\b"
        r"|\b(?:not|hardly|the|is|are|be) cut\b(?! (?:into|off))|\bcut at\b",
        "write the field's word: truncated, counterpart, kernel positions, groups, initial weights",
    ),
    "pronoun": (r"\bthe (?:former|latter)\b", "repeat the noun"),
    "british": (
        r"\b\w*(?:(?:initial|normal|real|serial|parametr|general|organ|optim|recogn|parallel|random)is(?:e|ed|es|ing|ation|ations)"
        r"|neighbour|behaviour|colour|centred|centre|favour|labelled|modelled|licence)\w*\b",
        "American spelling",
    ),
}
# Rules of proselint that our text has no use for, each with the reason.
OFF = (
    "typography.symbols",  # ASCII quotes and three dots are code
    "typography.diacritical_marks",
    "misc.but",  # a sentence may start with But
    "cliches",  # 'at the end of the day' is a time
    "lexical_illusions",  # cells of tables repeat a word
    "restricted",  # the British list is ours, above
    "skunked_terms",
    "uncomparables",  # 'more exact' is a size of an error here
)


def find(pattern: str, text: str, check: Check) -> Iterator[CheckResult]:
    """Return each place of a text that a pattern matches."""
    for match in re.finditer(pattern, text, flags=re.IGNORECASE):
        yield CheckResult(check.path, f"{check.message}: {' '.join(match[0].split())!r}", match.span(), None)


def register() -> None:
    """Give proselint its own rules and ours."""
    ours = tuple(
        Check(partial(find, pattern), path=f"habits.{name}", message=advice, flags=CheckFlags(allow_quotes=True))
        for name, (pattern, advice) in HABITS.items()
    )
    CheckRegistry().register_many((*known, *ours))


def blanked(text: str) -> str:
    """Return a text of the same length and lines in which only prose is left."""
    patterns = (
        r"<!-- written by.*?<!-- end of what is written -->",
        r"^(?:```|~~~).*?^(?:```|~~~)\s*$",  # fenced code
        r"`[^`\n]+`",
        r"(?<=\])\([^)\s]+\)",  # the address of a link
        r"<!--.*?-->",
        r"^(?::::|\|[-| :]+\|).*?$",  # directives, and the line under a table's head
        r"^#.*?$",  # a heading may be a clause
    )
    for pattern in patterns:
        text = re.sub(
            pattern, lambda match: re.sub(r"\S", "x", match[0]), text, flags=re.DOTALL | re.MULTILINE
        )
    return text


def findings(path: Path) -> list[LintResult]:
    """Return what proselint says of one page."""
    off = dict.fromkeys(OFF, False)
    checks = {**off, **{check.path.partition(".")[0]: True for check in CheckRegistry().checks}}
    for name in OFF:
        checks[name] = False
    ordered = dict(sorted(checks.items(), key=lambda pair: -pair[0].count(".")))
    text = blanked(path.read_text(encoding="utf-8"))
    return LintFile(path, text).lint({"max_errors": 10000, "checks": ordered})


def main(arguments: list[str]) -> int:
    """Print the findings, or their number by rule; 1 if there are any."""
    register()
    paths = [Path(argument) for argument in arguments if not argument.startswith("-")]
    paths = paths or [Path("README.md"), *sorted(Path("docs").glob("*.md")), *sorted(Path("docs/outside").glob("*.md"))]
    results = [(path, result) for path in paths for result in findings(path)]
    if "--count" in arguments:
        counts = Counter(result.check_result.check_path for _, result in results)
        print("\n".join(f"{count:5} {name}" for name, count in sorted(counts.items())) or "none")
        return 0
    for path, result in results:
        line, column = result.pos
        print(f"{path}:{line}:{column}: {result.check_result.check_path}: {result.check_result.message}")
    print(f"{len(paths)} pages, {len(results)} findings")
    return bool(results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
