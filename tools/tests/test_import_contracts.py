"""The import contracts of pyproject.toml: kept by the package, and each broken by a line that breaks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tools import import_levels

ROOT = Path(__file__).parents[2]
LINT = Path(sys.executable).with_name("lint-imports")

# One line for each contract, the module that it is added to, and what is then reported.
BREAKS = {
    "layers": ("stream/table.py", "from unified_init.drawing import eager", "A folder imports itself and"),
    "layers, in a function": (
        "law/layout.py", "def f(): from unified_init.stream import host", "A folder imports itself and",
    ),
    "a new folder": ("novel/__init__.py", "", "not listed as layers"),
    "framework": ("stream/host.py", "import torch", "A framework is imported by its own adapter"),
    "framework, of a walker": (
        "walkers/keras/layers.py", "def f(): import torch.nn", "A framework is imported by its own adapter",
    ),
    "extra": ("core/checks.py", "import rich", "An extra is imported where it is used"),
    "array": ("recipes/rule.py", "import numpy", "An inventory and a recipe know no array"),
    "protocol": (
        "models/planning.py", "from unified_init.walkers.torch import walker", "Plans, matches and audits know",
    ),
    "walkers": (
        "walkers/haiku/layers.py", "from unified_init.walkers.flax import cells", "Walkers of two frameworks",
    ),
    "adapters": ("backends/_jax.py", "from unified_init.backends import _numpy", "An adapter knows no other"),
    "tools": ("law/law.py", "import tools.pages", "Nothing that writes docs"),
}  # fmt: skip


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a tree."""
    environment = os.environ | {"PYTHONPATH": str(root / "src")}
    return subprocess.run(
        [LINT, "--no-cache"], cwd=root, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the package and of its contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_package_keeps_its_contracts() -> None:
    """All of them."""
    run = lint(ROOT)
    assert run.returncode == 0, run.stdout
    assert "0 broken" in run.stdout


@pytest.mark.parametrize("name", BREAKS)
def test_a_contract_that_is_broken_on_purpose_is_reported(tree: Path, name: str) -> None:
    """By its name, with a failing exit code."""
    module, line, report = BREAKS[name]
    path = tree / "src" / "unified_init" / module
    path.parent.mkdir(exist_ok=True)
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    run = lint(tree)
    assert run.returncode == 1, run.stdout
    broken = " ".join(run.stdout.partition("Broken contracts")[2].split()) or " ".join(run.stdout.split())
    assert report in broken


def test_folders_are_few_levels_deep_and_import_in_one_circle() -> None:
    """The longest chain of folders, and the one circle: a spec lends itself to ``explain``."""
    edges = import_levels.folder_graph()
    assert import_levels.circles(edges) == [["interop", "spec", "interop"]]
    edges["spec"].discard("interop")
    assert len(import_levels.longest_chain(edges)) <= 12


def test_circles_and_chains_are_found() -> None:
    """On graphs whose answers are known."""
    edges = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert import_levels.circles(edges) == [["a", "b", "c", "a"]]
    assert import_levels.circles({"a": {"b"}, "b": set()}) == []
    assert import_levels.longest_chain({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == ["a", "b", "c"]
