"""Check every link inside a built site, anchors too: ``python -m tools.site.links docs/_build/html``."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors of a page, and what it links to or loads."""

    def __init__(self) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag names and what it needs."""
        for key, value in attrs:
            if not value:
                continue
            if key == "id" or (tag == "a" and key == "name"):
                self.anchors.add(value)
            elif tag == "a" and key == "href":
                self.targets.append(value)
            elif (key == "src") or (tag == "link" and key == "href"):
                self.loaded.append(value)


def read(path: Path) -> Page:
    """Return a page that was parsed."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def faults(site: Path) -> list[str]:
    """Return each link that leads nowhere, and each file that a page loads from a network."""
    pages = {path.resolve(): read(path) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        here = path.relative_to(site.resolve())
        found += [
            f"{here}: {target}: loaded from the network" for target in page.loaded if urlsplit(target).netloc
        ]
        for target in (*page.targets, *page.loaded):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not file.exists():
                found.append(f"{here}: {target}: no such file")
            elif parts.fragment and file in pages and unquote(parts.fragment) not in pages[file].anchors:
                found.append(f"{here}: {target}: no such anchor")
    return found


def main(site: Path) -> int:
    """Print what is wrong; 1 if anything is."""
    found = faults(site)
    print("\n".join(found) or f"{len(list(site.rglob('*.html')))} pages: every internal link leads somewhere")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
