"""``import unified_init`` is cheap: no framework, no compiler, a few milliseconds."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FRAMEWORKS = ("torch", "tensorflow", "jax", "jaxlib", "keras", "flax")
HEAVY = (*FRAMEWORKS, "scipy", "typer", "rich")

# What a fresh interpreter prints: the forbidden modules that an import brought along.
FIND = "import sys, {module}; print(*sorted(set(sys.modules).intersection({forbidden!r})))"

# What the import costs beside that of NumPy, which whoever draws has: processor time, both in one process.
TIME = """
import time
first = time.process_time()
import numpy
second = time.process_time()
import unified_init
print((time.process_time() - second) / (second - first))
"""
LIMIT = 1 / 3
TRIES = 7


def run(code: str, path: Path | None = None, settings: Mapping[str, str] | None = None) -> str:
    """Return what a fresh interpreter prints, with one more folder to import from and settings."""
    places = [*([str(path)] if path else []), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | dict(settings or {}) | {"PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout


def imported(module: str, forbidden: tuple[str, ...], path: Path | None = None) -> list[str]:
    """Return those of the forbidden modules that importing a module imports."""
    return run(FIND.format(module=module, forbidden=forbidden), path).split()


def test_import_brings_no_framework() -> None:
    """Frameworks, SciPy and the command line's extras come on demand alone."""
    assert imported("unified_init", HEAVY) == []


def test_the_check_for_frameworks_can_fail(tmp_path: Path) -> None:
    """A module that does import something forbidden is caught."""
    (tmp_path / "offender.py").write_text("import plistlib\n", encoding="utf-8")
    assert imported("offender", ("plistlib",), tmp_path) == ["plistlib"]
    assert imported("json", ("plistlib",), tmp_path) == []


@pytest.mark.needs("torch", "tensorflow", "jax")
def test_backends_are_listed_without_importing_them() -> None:
    """``backends()`` looks for frameworks and imports none."""
    code = (
        "import sys, unified_init as ui; names = ui.backends(); "
        f"print(*names, *set(sys.modules).intersection({HEAVY!r}))"
    )
    assert run(code).split() == ["numpy", "torch", "tensorflow", "jax"]


def test_recipes_are_imported_when_they_are_asked_for() -> None:
    """A fresh interpreter finds them under the package's name, and no framework with them."""
    code = "import sys, unified_init as ui; print(ui.recipes.gpt2(n_layer=2).name, 'torch' in sys.modules)"
    assert run(code).split() == ["gpt2", "False"]


def test_import_takes_less_than_a_third_of_numpys(tmp_path: Path) -> None:
    """The best of several fresh interpreters: what the import costs, not what else the machine does."""
    # The first one compiles to bytecode, as an installer would have; an empty setting counts as unset.
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    best = float("inf")
    for _ in range(TRIES):
        best = min(best, float(run(TIME, settings=compiled)))
        if best < LIMIT:
            break
    assert best < LIMIT


def test_the_names_are_listed_before_they_are_used() -> None:
    """``dir`` knows what a first use would load."""
    assert dir(ui) == sorted(ui.__all__)


def bound(nodes: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements of a module bind, as an editor that runs nothing sees them."""
    for node in nodes:
        if isinstance(node, ast.If):
            yield from bound(node.body)
        elif isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                if alias.name == "*":
                    yield from importlib.import_module(getattr(node, "module", "")).__all__
                else:
                    yield alias.asname or alias.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_an_editor_completes_the_public_names_and_no_others() -> None:
    """What the source binds without an underscore is what ``dir`` lists."""
    tree = ast.parse(Path(str(ui.__file__)).read_text(encoding="utf-8"))
    assert sorted(name for name in bound(tree.body) if not name.startswith("_")) == dir(ui)
