"""The example project and docs/matrix.md: their tests pass, and fail for a wrong initializer."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.filterwarnings("default")

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "library_matrix"
PAGE = ROOT / "docs" / "matrix.md"
INITIALIZERS = Path("src/library_matrix/initializers.py")


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Return what runs pytest in a process of its own with NumPy."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytest.importorskip("scipy")
    options = ("-p", "unified_init.kit.plugin", "-p", "no:cacheprovider", "--ui-backends", "numpy")
    return lambda *arguments: pytester.runpytest_subprocess(*options, *arguments)


@pytest.fixture
def example(pytester: pytest.Pytester) -> Path:
    """Return a copy of the example project, in the current directory."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True, ignore=ignored)
    return pytester.path


@pytest.mark.usefixtures("example")
def test_the_example_passes(run: Any) -> None:
    """With NumPy here; `nox -s library` runs it with all frameworks. Tests of two frameworks skip."""
    result = run()
    result.assert_outcomes(passed=3, skipped=2)
    assert "golden digests" not in result.stdout.str()


@pytest.mark.parametrize(
    ("right", "wrong", "failed"),
    [
        ("VALUE.scaled(0.5)", "VALUE.scaled(0.505)", 2),
        ("(inputs, outputs), layout=LAYOUT", '(inputs, outputs), layout="OI"', 2),
        ('name=f"{name}/{part}"', "name=name", 2),
    ],
    ids=["std", "fans", "names"],
)  # fmt: skip
def test_a_wrong_initializer_fails(right: str, wrong: str, failed: int, example: Path, run: Any) -> None:
    """A std 1 % off and swapped fans fail by law and by digest, one stream for two kernels by dependence."""
    path = example / INITIALIZERS
    text = path.read_text(encoding="utf-8")
    assert right in text
    if right.startswith("VALUE"):  # the expectation stays
        text = text.replace("return {", f"GATES = {wrong}\n    return {{").replace(
            '("gate", GATE)', '("gate", GATES)'
        )
    else:
        text = text.replace(right, wrong)
    path.write_text(text, encoding="utf-8")
    result = run()
    result.assert_outcomes(failed=failed, passed=3 - failed, skipped=2)


def test_the_page_runs(pytester: pytest.Pytester, run: Any) -> None:
    """Its files are a project whose tests fail without digests, and pass once they are written."""
    for name, code in re.findall(
        r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL
    ):
        (pytester.path / name).write_text(code, encoding="utf-8")
    run().assert_outcomes(passed=1, failed=1, skipped=1)
    run("--ui-write-golden").assert_outcomes(passed=2, skipped=1)
    run().assert_outcomes(passed=2, skipped=1)
