"""The text of docs/differences.md, from the table that the tests measure."""

from __future__ import annotations

import dataclasses
import sys
import textwrap

from tools.pages.difference_rows import CHECKED, FactRow, LawRow, Setting, Topic
from tools.pages.differences import DIFFERENCES

__all__ = ["differences_page"]

HEAD = """\
# How each framework differs

Calls of the frameworks that do something else than their name, arguments or shape suggest, each with the call
here that is exactly their law. The column "difference" says how far that is from the law that a reader would
expect. The numbers are those of the laws, and a test measures each of them on the real call, of
{releases}.

Names that need no warning are in [names.md](names.md), which `ui.from_native` reads too.

This page is generated: `python -m tools.pages.differences_page > docs/differences.md`.
"""


def differences_page() -> str:
    """Return the page."""
    *names, last = CHECKED.values()
    head = HEAD.format(releases=f"{', '.join(names)} and {last}")
    return "\n".join([head, *map(_section, DIFFERENCES)])


def _section(topic: Topic) -> str:
    rows = "".join(map(_row, topic.rows))
    header = "| call | what it draws | ours | difference |\n|---|---|---|---|\n"
    return f"## {topic.title}\n\n{textwrap.fill(topic.intro, 110)}\n\n{header}{rows}"


def _row(row: LawRow | FactRow) -> str:
    if isinstance(row, FactRow):
        difference = f"{row.quantity}: **{_number(row.value)}**, {row.versus} {_number(row.without)}"
        return f"| `{row.call}` | {row.draws} | `{row.ours}` | {difference} |\n"
    ours, other = _two_expressions(row)
    if row.quantity == "std":
        difference = f"std: **{_number(row.value)}** times that of {other}"
    else:
        shares = [
            f"{share:.2%}".replace("%", " %").replace("0.00", "0") for share in (row.value, row.without)
        ]
        difference = f"beyond ±2.274 std: **{shares[0]}** of the values, {other} {shares[1]}"
    return f"| `{row.call}` | {row.draws} | {ours} | {difference} |\n"


def _two_expressions(row: LawRow) -> tuple[str, str]:
    """Return both expressions, with their arguments where the two settings differ."""
    if row.at == row.against_at:
        return f"`{row.ours}`", f"`{row.against}`"
    ours = f"`{row.ours}` with `{_arguments(row.at)}`"
    if row.against != row.ours:
        return ours, f"`{row.against}` with `{_arguments(row.against_at)}`"
    if dataclasses.replace(row.at, fans=None) == row.against_at:
        return ours, "the same without `fans`"
    return ours, f"the same with `{_arguments(row.against_at)}`"


def _arguments(setting: Setting) -> str:
    arguments = [f"layout={setting.layout!r}"]
    if setting.sizes:
        arguments.append(f"sizes={dict(setting.sizes)!r}")
    if setting.fans is not None:
        arguments.append(f"fans={setting.fans!r}")
    return ", ".join(arguments)


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


if __name__ == "__main__":
    sys.stdout.write(differences_page())
