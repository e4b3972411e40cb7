"""What a release carries beside the code agrees with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hatchling.metadata.core import ProjectMetadata
from hatchling.plugin.manager import PluginManager

import unified_init as ui

ROOT = Path(__file__).parents[2]


def test_the_citation_is_of_this_version() -> None:
    """CITATION.cff is read by programs; its version and license are the package's."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ui.__version__
    assert f'license = "{citation["license"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


REPOSITORY = "https://example.org/unified_init"
TARGETS = re.compile(r"\]\(([^)]+)\)")


def metadata() -> ProjectMetadata[PluginManager]:
    """Return what the build tells a package index."""
    return ProjectMetadata(str(ROOT), PluginManager())


def test_an_index_shows_links_that_lead_to_files_of_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index shows README.md outside of the repository; each link names a file that the tag has."""
    monkeypatch.setenv("UNIFIED_INIT_REPOSITORY", f"{REPOSITORY}/")
    description = metadata().core.readme
    ours = [target for target in TARGETS.findall(description) if target.startswith(REPOSITORY)]
    plain = TARGETS.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(ours) == sum(not target.startswith(("http", "#")) for target in plain) > 20
    for target in ours:
        kind, tag, path = target.removeprefix(f"{REPOSITORY}/").split("/", 2)
        assert tag == f"v{ui.__version__}"
        assert kind == ("raw" if path.endswith(".png") else "blob")
        assert (ROOT / path.partition("#")[0]).is_file()
    assert f'git+{REPOSITORY}"`' in description
    assert metadata().core.urls["Homepage"] == REPOSITORY


def test_no_link_of_the_readme_is_of_a_kind_that_stays_relative() -> None:
    """References, HTML, and images inside of links; none is in README.md."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.search(r"^\[[^]]+\]: |<(?:a|img)\s|\[!\[", text, re.MULTILINE)


@pytest.mark.parametrize(
    "address", ["o/r", "git@github.com:o/r.git", " https://x/y ", "https://x/y z", "https://x"]
)
def test_an_address_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dead links would be found after the upload."""
    monkeypatch.setenv("UNIFIED_INIT_REPOSITORY", address)
    with pytest.raises(ValueError, match="must be https://HOST/OWNER/NAME"):
        metadata().core.readme  # noqa: B018  # it is computed on demand


def test_without_an_address_the_description_is_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that is not told where the repository is invents nothing."""
    monkeypatch.delenv("UNIFIED_INIT_REPOSITORY", raising=False)
    assert metadata().core.readme == (ROOT / "README.md").read_text(encoding="utf-8")
    assert not metadata().core.urls


def test_the_changelog_has_this_version() -> None:
    """A release says what is in it; its date comes with the tag."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {ui.__version__} - " in changelog
