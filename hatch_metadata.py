"""The description and the addresses that a package index shows.

An index shows README.md outside of the repository, where relative links and images lead nowhere. So the
build makes them absolute, to the tag of the version, at the address that ``UNIFIED_INIT_REPOSITORY`` gives;
the project's URLs come from there too. Without it, the description is README.md as it stands.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

# Of README.md's kind: no link around an image, and no reference or HTML, which a test looks for.
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^]]*)\]\((?P<path>(?![a-zA-Z][a-zA-Z0-9+.-]*:|//|#)[^)]+)\)")
ADDRESS = re.compile(r"https?://[^\s/]+/\S*[^\s/]")
PLACEHOLDER = "REPOSITORY_URL"  # in the command that installs from the repository


class AddressHook(MetadataHookInterface):
    """Writes the description, and the URLs where the repository's address is known."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme``, and ``urls`` where the build is told the address."""
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        repository = os.environ.get("UNIFIED_INIT_REPOSITORY", "").rstrip("/").removesuffix(".git")
        if repository:
            if not ADDRESS.fullmatch(repository):
                msg = f"UNIFIED_INIT_REPOSITORY must be https://HOST/OWNER/NAME, got {repository!r}."
                raise ValueError(msg)
            tag = f"v{metadata['version']}"
            readme = absolute(readme, repository, tag)
            metadata["urls"] = {
                "Homepage": repository,
                "Documentation": f"{repository}/blob/{tag}/docs/index.md",
                "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": readme}


def absolute(readme: str, repository: str, tag: str) -> str:
    """Return the text with each relative link led to a tag of the repository; images to their bytes."""

    def one(link: re.Match[str]) -> str:
        kind = "raw" if link["image"] else "blob"
        return f"{link['image']}[{link['text']}]({repository}/{kind}/{tag}/{link['path']})"

    return LINK.sub(one, readme.replace(PLACEHOLDER, repository))
