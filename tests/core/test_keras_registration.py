"""Waiting for the import of Keras, with packages of that name that are not Keras: no framework is needed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# What a fresh process does with a package called keras on its path.
ORDERS = {"before": "import unified_init, keras", "after": "import keras, unified_init"}
SCRIPT = """
import sys
{order}
from unified_init.core.keras_registration import KerasFinder
print(keras.VALUE, type(keras.__loader__).__name__, type(keras.__spec__.loader).__name__)
print("unified_init.drawing.keras_initializer" in sys.modules, *[1 for f in sys.meta_path if isinstance(f, KerasFinder)])
"""
PACKAGE = """
VALUE = 7
class initializers:
    class Initializer: pass
class saving:
    def register_keras_serializable(package): return lambda cls: cls
class backend: pass
class config: pass
"""


def run(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh process that has one more folder to import from."""
    places = [str(path), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(places)},
    )  # fmt: skip


def package(folder: Path, text: str) -> Path:
    """Write a package called keras."""
    (folder / "keras").mkdir()
    (folder / "keras" / "__init__.py").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("order", ORDERS)
def test_the_class_is_registered_whichever_is_imported_first(order: str, tmp_path: Path) -> None:
    """The module that registers it is imported; Keras has its own loader, and nothing waits any more."""
    done = run(SCRIPT.format(order=ORDERS[order]), package(tmp_path, PACKAGE))
    assert done.stdout.splitlines() == ["7 SourceFileLoader SourceFileLoader", "True"], done.stderr


def test_a_look_at_whether_keras_is_there_changes_nothing(tmp_path: Path) -> None:
    """Libraries ask for the spec of Keras, once or often, and import it later or never."""
    look = "import importlib.util, unified_init; print(importlib.util.find_spec('keras').name); "
    done = run(
        look + SCRIPT.format(order="importlib.util.find_spec('keras'); import keras"),
        package(tmp_path, PACKAGE),
    )
    assert done.stdout.splitlines() == ["keras", "7 SourceFileLoader SourceFileLoader", "True"], done.stderr


@pytest.mark.parametrize("order", ORDERS)
def test_a_keras_that_is_another_is_imported_all_the_same(order: str, tmp_path: Path) -> None:
    """What a registration finds missing does not fail the import of Keras."""
    done = run(SCRIPT.format(order=ORDERS[order]), package(tmp_path, "VALUE = 7"))
    assert done.stdout.splitlines()[0] == "7 SourceFileLoader SourceFileLoader", done.stderr


def test_an_error_of_keras_is_its_own(tmp_path: Path) -> None:
    """Its import fails as it would without this library."""
    done = run("import unified_init, keras", package(tmp_path, "raise OSError('broken')"))
    assert done.stderr.rstrip().endswith("OSError: broken")


def test_a_keras_that_is_not_there_stays_missing(tmp_path: Path) -> None:
    """The import fails as always, and works once the package has been installed."""
    script = f"""
import importlib, importlib.util, sys
from importlib.machinery import PathFinder
import unified_init
sys.meta_path.remove(PathFinder)
print(importlib.util.find_spec("keras"))
try:
    import keras
except ModuleNotFoundError as error:
    print(error)
sys.meta_path.append(PathFinder)
importlib.invalidate_caches()
sys.path.insert(0, {str(tmp_path)!r})
import keras
print(keras.VALUE, "unified_init.drawing.keras_initializer" in sys.modules)
"""
    done = run(script, package(tmp_path, PACKAGE))
    assert done.stdout.splitlines() == ["None", "No module named 'keras'", "7 True"], done.stderr
