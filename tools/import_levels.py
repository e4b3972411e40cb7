"""Count how deep the folders of the package import each other, and which import in a circle.

``python -m tools.import_levels`` prints the longest chain of folders, each of which imports the next, and the
groups of folders that import each other. A folder's modules count as one, whatever lies in its subfolders;
imports inside functions and for type checkers count too.
"""

from __future__ import annotations

import functools
import graphlib
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["circles", "folder_graph", "longest_chain"]

PACKAGE = "unified_init"
# A spec lends itself to the text that explains it: ``spec.explain()`` is one line, inside a function.
LENT = ("spec", "interop")


def folder_graph() -> dict[str, set[str]]:
    """Return which folders (and modules beside them) each folder imports; the package itself is left out."""
    graph = grimp.build_graph(PACKAGE)
    edges: dict[str, set[str]] = {}
    for module in graph.modules - {PACKAGE}:
        importer = module.split(".")[1]
        targets = graph.find_modules_directly_imported_by(module) - {PACKAGE}
        edges.setdefault(importer, set()).update({target.split(".")[1] for target in targets} - {importer})
    return edges


def circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the circles that graphlib finds, each broken at its first import before the next."""
    rest = {folder: sorted(targets) for folder, targets in sorted(edges.items())}
    rows = []
    while True:
        try:
            graphlib.TopologicalSorter(rest).prepare()
        except graphlib.CycleError as error:
            # The first folder is imported by the second, and so on; the last is the first again.
            folders = error.args[1][:0:-1]
            first = folders.index(min(folders))
            circle = [*folders[first:], *folders[:first], folders[first]]
            rest[circle[0]].remove(circle[1])
            rows.append(circle)
        else:
            return rows


def longest_chain(edges: Mapping[str, set[str]]) -> list[str]:
    """Return the longest chain of folders that import the next one; there may be no circle."""

    @functools.cache
    def chain(folder: str) -> tuple[str, ...]:
        rest: list[tuple[str, ...]] = [chain(target) for target in sorted(edges.get(folder, ()))]
        return (folder, *max(rest, key=len, default=()))

    chains = [chain(folder) for folder in sorted(edges)]
    longest = max(chains, key=len)
    return list(longest)


def main() -> None:
    """Print both counts."""
    edges = folder_graph()
    rows = circles(edges)
    print(f"{len(rows)} circle(s)", *(" -> ".join(row) for row in rows), sep="\n  ")
    edges[LENT[0]].discard(LENT[1])
    chain = longest_chain(edges)
    print(f"longest chain: {len(chain)} folders\n  {' -> '.join(chain)}")


if __name__ == "__main__":
    main()
