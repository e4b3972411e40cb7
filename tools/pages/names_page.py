"""The text of docs/names.md, from the tables that ``from_native`` reads."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from unified_init.interop.catalogue import EXCLUDED, FRAMEWORKS

if TYPE_CHECKING:
    from unified_init.interop.catalogue_entry import Entry

__all__ = ["names_page"]

HEAD = """\
# The names of other frameworks

Every initializer of the other frameworks and its counterpart here, with that framework's own defaults.
`ui.from_native` reads the same table. Give it the dotted name, as in
`ui.from_native("torch.nn.init.normal_", std=0.02)`, or the function or class itself. Arguments that do not
affect the law (seeds, dtypes, generators) are left out.

This page is generated: `python -m tools.pages.names_page > docs/names.md`.

Three rules explain most differences.

- `normal` is never truncated here. `he_normal`, `glorot_normal` and `lecun_normal` are truncated at two
  sigmas, and their realized standard deviation is the stated one; `kaiming_normal` and `xavier_normal` are
  not truncated. JAX gives the truncated laws PyTorch's names too.
- `truncated_normal` has its bounds in sigmas, `trunc_normal` absolute ones.
- Axes are never guessed from a shape. Where a framework takes the last axis for the outputs, say so with
  `layout=`. An `in_axis=`, `input_axes=` or `fan_in_axes=` becomes a layout too.
"""

NEEDLESS = """\
## Names that stand for no law

| theirs | why |
|---|---|
"""


def names_page() -> str:
    """Return the page."""
    parts = [HEAD]
    for title, entries in FRAMEWORKS:
        rows = "".join(map(_row, entries))
        parts.append(f"## {title}\n\n{_under(entries)}\n\n| theirs | ours | note |\n|---|---|---|\n{rows}")
    parts.append(NEEDLESS + "".join(f"| `{name}` | {reason} |\n" for name, reason in EXCLUDED.items()))
    return "\n".join(parts)


def _under(entries: tuple[Entry, ...]) -> str:
    """Return the line with the prefixes of a section's names."""
    prefixes = dict.fromkeys(name.rpartition(".")[0] for entry in entries for name in entry.names)
    return f"Under {', '.join(f'`{prefix}`' for prefix in prefixes)}."


def _row(entry: Entry) -> str:
    word, *synonyms = dict.fromkeys(name.rpartition(".")[2] for name in entry.names)
    arguments = ", ".join(str(parameter) for parameter in entry.parameters if parameter.name in entry.kept)
    their_names = ", ".join([f"`{word}({arguments})`", *(f"`{synonym}`" for synonym in synonyms)])
    return f"| {their_names} | `{entry.expression}` | {entry.differs} |\n"


if __name__ == "__main__":
    sys.stdout.write(names_page())
