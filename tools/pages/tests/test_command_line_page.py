"""docs/command_line.md shows what its commands print."""

from __future__ import annotations

import contextlib
import importlib
import sys

import pytest
from tools.pages.command_line_page import PAGE, command_line_page


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import rich, which advances Python's random generator; forget the page's own module."""
    with contextlib.suppress(ImportError):
        importlib.import_module("rich.progress")
    monkeypatch.delitem(sys.modules, "model", raising=False)


@pytest.mark.needs("torch")
def test_the_page_shows_what_its_commands_print() -> None:
    """``python -m tools.pages.command_line_page`` writes it anew; a changed line is seen."""
    import torch

    text = PAGE.read_text(encoding="utf-8")
    state = torch.random.get_rng_state()
    assert command_line_page(text) == text
    assert command_line_page(text.replace("he_normal 64", "he_normal 32")) != text.replace(
        "he_normal 64", "he_normal 32"
    )
    torch.random.set_rng_state(state)
