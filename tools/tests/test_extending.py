"""The worked examples of docs/extending.md: each is applied to a copy of the sources, and its program runs there."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {text.partition("\n")[0].removeprefix("A "): text for text in PAGE.split("\n## ")[1:]}


def block(section: str, language: str) -> str:
    """Return the first block of code of a language in a section."""
    return section.partition(f"```{language}\n")[2].partition("\n```\n")[0] + "\n"


NEEDS = {
    "preset": ["torch"],
    "distribution": ["jax"],
    "recipe": ["torch"],
    "layer": ["torchvision"],
}
# Beside a torch for CPUs, torchvision does not import by itself.
PRELUDE = "import conftest; conftest.let_torchvision_import()\n"


def run(program: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    """Run a program with folders to import from."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )


def patched(root: Path, diff: str) -> subprocess.CompletedProcess[str]:
    """Apply a diff to a copy of the sources."""
    shutil.copytree(ROOT / "src", root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "change.diff").write_text(diff, encoding="utf-8")
    command = ["git", "apply", "--unidiff-zero", "-p1", "change.diff"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_the_page_has_an_example_of_each() -> None:
    """With a diff; that of a backend is a package of its own, tested with the conformity kit."""
    assert [*SECTIONS] == [*NEEDS, "backend"]
    assert all("\n```diff\n" in SECTIONS[name] for name in NEEDS)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(*needs)) for name, needs in NEEDS.items()]
)
def test_an_example_applies_and_runs(tmp_path: Path, name: str) -> None:
    """Its program fails before the change and passes behind it."""
    diff, program = block(SECTIONS[name], "diff"), block(SECTIONS[name], "python")
    if "torchvision" in NEEDS[name]:
        program = PRELUDE + program
    assert run(program, ROOT / "src", ROOT).returncode == 1
    applied = patched(tmp_path, diff)
    assert applied.returncode == 0, applied.stderr
    done = run(program, tmp_path / "src", ROOT)
    assert done.returncode == 0, done.stderr


def test_a_preset_touches_few_files() -> None:
    """At most three of source; with its page, its test and its digests, six."""
    sources = re.findall(r"^\+\+\+ b/(\S+)$", block(SECTIONS["preset"], "diff"), re.MULTILINE)
    assert len(sources) <= 3
    table = SECTIONS["preset"].partition("Worked example")[0]
    assert len(re.findall(r"^\| `", table, re.MULTILINE)) <= 6


def test_a_diff_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    """A line that is not there any more."""
    diff = block(SECTIONS["layer"], "diff")
    stale = diff.replace("_is_conv1d(module) else", "_is_conv2d(module) else")
    assert stale != diff
    assert patched(tmp_path, stale).returncode != 0


@pytest.mark.needs("mlx")
def test_the_program_of_the_backend_runs(tmp_path: Path) -> None:
    """With the adapter declared by an entry point, as pip would have it."""
    assert importlib.util.find_spec("mlx") is not None
    program = block(SECTIONS["backend"], "python")
    info = tmp_path / "unified_init_mlx-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: unified-init-mlx\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[unified_init.backends]\nmlx = unified_init_mlx\n")
    example = ROOT / "examples" / "mlx_backend"
    done = run(program, ROOT / "src", example, tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\d{3} draws compared, 0 faults", done.stdout)
    assert 'mlx = "unified_init_mlx"' in (example / "pyproject.toml").read_text(encoding="utf-8")
