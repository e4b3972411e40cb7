"""What a release carries beside the code agrees with the code."""

from __future__ import annotations

from pathlib import Path

import yaml

import unified_init as ui

ROOT = Path(__file__).parents[2]


def test_the_citation_is_of_this_version() -> None:
    """CITATION.cff is read by programs; its version and license are the package's."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == ui.__version__
    assert f'license = "{citation["license"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
