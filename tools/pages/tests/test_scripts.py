"""The scripts of README.md and docs/quickstart.md, which have no prompts, run as they are in a fresh process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = ("README.md", "docs/quickstart.md")


def scripts(text: str) -> list[str]:
    """Return the Python blocks of a page that doctest does not run."""
    blocks = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return [block for block in blocks if not block.startswith(">>>")]


SCRIPTS = [
    pytest.param(
        script,
        id=f"{page}-{number}",
        marks=pytest.mark.needs(re.findall(r"import (torch|jax|keras)", script)[0]),
    )
    for page in PAGES
    for number, script in enumerate(scripts((ROOT / page).read_text(encoding="utf-8")))
]


def test_pages_have_scripts() -> None:
    """PyTorch and JAX in the README, Keras too in the quickstart."""
    assert len(SCRIPTS) == 5


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs(script: str) -> None:
    """Without any other framework in the process than the one that it imports."""
    framework = re.findall(r"import (torch|jax|keras)", script)[0]
    others = {"torch", "tensorflow", "jax"} - {framework}
    check = f"\nimport sys\nassert not {others!r} & set(sys.modules), sorted({others!r} & set(sys.modules))\n"
    code = script if framework == "keras" else script + check
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
