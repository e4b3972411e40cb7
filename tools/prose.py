"""Check the prose of README.md and docs with proselint and with rules of our own: ``python -m tools.prose``.

The rules are habits that make a page read as if it were translated. Code, tables that a command wrote and
addresses are blanked before the text is read. ``--count`` prints the number of findings of each rule
instead, and paths may follow.
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
    "axis|backend|block|call|column|entry|environment|example|framework|gate|head|kernel|layer|law|letter|line|model|"
    "name|parameter|part|process|rank|record|row|seed|shape|side|stage|step|tensor|test|value|variant|weight|word"
)
CLOSED = (
    r"(?:\b(?:against|among|and|are|as|by|for|from|into|is|lacks|lets|of|on|overwrites|puts|return|takes|than|with)"
    r"|[;:,(])"
)
LINKING = "and|as|at|by|for|from|in|is|of|on|or|than|to|was|with"
HOME_MADE = (
    r"\btwins?\b|\btaps\b|\bhalf the width, about\b|\bfirst weights\b|\bindependent copies\b"
    r"|\b(?:not|hardly|the|is|are|be) cut\b(?! (?:into|off))|\bcut at\b"
)
BRITISH = (
    r"\b\w*(?:(?:discret|general|initial|normal|optim|organ|parallel|parametr|random|real|recogn|serial)"
    r"is(?:e|ed|es|ing|ation|ations)|neighbour|behaviour|colour|centred|centre|favour|labelled|modelled|licence)\w*\b"
)
# The name of a habit, what it looks like, and what to write.
HABITS = {
    "alone": (r"\balone\b", "write 'only', or 'by itself'"),
    "but_for": (r"\bbut for\b", "write 'except'"),
    "distributive": (
        rf"\b(?:an?|one|two|each|per|\d+) (?!(?:{LINKING})\b)\w+ an? (?:{THING})\b",
        "write 'one ... per ...'",
    ),
    "what_clause": (rf"{CLOSED} what\b|(?:(?<=\. )|(?<=\n\n))What \w+ (?!get)", "name the thing"),
    "posture": (r"\b(?:stand|stands|stood|lies|lay|lying)\b(?! for\b| out\b)|\bheld by\b", "write 'is'"),
    "colons": (r"[^.:;?!|\n]{3,}: [^.:;?!|]{3,}: (?=[a-z]{2})", "write two sentences, or a list"),
    "home_made": (HOME_MADE, "write truncated, counterpart, kernel positions, groups, initial weights"),
    "pronoun": (r"\bthe (?:former|latter)\b", "repeat the noun"),
    "british": (BRITISH, "American spelling"),
}
# Rules of proselint that our text has no use for, each with the reason.
OFF = (
    "restricted",  # a vocabulary of a thousand words
    "typography.symbols",  # curly quotes: text is typed as code is
)
BLANK = "\N{CURRENCY SIGN}"  # no word, so that two pieces of code in a row are not a word twice


def find(pattern: str, text: str, check: Check) -> Iterator[CheckResult]:
    """Return each place of a text that a pattern matches."""
    for match in re.finditer(pattern, text, flags=re.IGNORECASE):
        yield CheckResult(check.path, f"{check.message}: {' '.join(match[0].split())!r}", match.span(), None)


def register() -> None:
    """Give proselint its own rules and ours."""
    ours = tuple(
        Check(
            partial(find, pattern), path=f"habits.{name}", message=advice, flags=CheckFlags(allow_quotes=True)
        )
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
        r"[\w.-]+/[\w./-]+",  # a repository or a file
        r"^(?::::|\|[-| :]+\|).*?$",  # directives, and the line under a table's head
        r"^#.*?$",  # a heading may be a clause
    )
    for pattern in patterns:
        text = re.sub(
            pattern, lambda match: re.sub(r"\S", BLANK, match[0]), text, flags=re.DOTALL | re.MULTILINE
        )
    return text


def findings(path: Path) -> list[LintResult]:
    """Return what proselint says of one page."""
    on = {check.path.partition(".")[0]: True for check in CheckRegistry().checks}
    checks = on | dict.fromkeys(OFF, False)
    ordered = dict(sorted(checks.items(), key=lambda pair: -pair[0].count(".")))  # the longest path decides
    text = blanked(path.read_text(encoding="utf-8"))
    results: list[LintResult] = LintFile(path, text).lint({"max_errors": 10000, "checks": ordered})
    return results


def main(arguments: list[str]) -> int:
    """Print the findings, or their number by rule; 1 if there are any."""
    register()
    paths = [Path(argument) for argument in arguments if not argument.startswith("-")]
    pages = ("README.md", *map(str, sorted(Path("docs").glob("*.md"))), "docs/outside/hydra.md")
    paths = paths or [Path(page) for page in pages]
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
