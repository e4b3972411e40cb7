"""The garbage collector waits while something is imported, and is then as it was."""

from __future__ import annotations

import gc
import json
import subprocess
import sys

import pytest

from unified_init.core.imports import uncollected

SCRIPT = """
import gc, json
{before}
collected = []
gc.callbacks.append(lambda phase, info: collected.append(info["generation"]))
import unified_init as ui
ui.draw(ui.normal(0.0, 1.0), (3,), seed=0, backend="torch")
print(json.dumps([collected, gc.isenabled()]))
"""


@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_the_collector_is_as_it_was(*, is_on: bool) -> None:
    """Where it was on and where it was off, one inside the other, and after an error."""
    (gc.enable if is_on else gc.disable)()
    try:
        with uncollected(), uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is is_on
        with pytest.raises(ZeroDivisionError), uncollected():
            raise ZeroDivisionError
        assert gc.isenabled() is is_on
    finally:
        gc.enable()


@pytest.mark.needs("torch")
def test_a_first_draw_after_torch_is_imported_does_not_search_all_objects() -> None:
    """No full collection, which takes 70 ms beside torch."""
    generations, is_on = _collections("import torch")
    assert 2 not in generations
    assert is_on


@pytest.mark.needs("torch")
def test_a_first_draw_that_imports_torch_collects_little() -> None:
    """Instead of the hundreds of collections while torch is imported."""
    generations, is_on = _collections("")
    assert len(generations) < 100
    assert is_on


def _collections(before: str) -> tuple[list[int], bool]:
    """Return the generations that are collected in a first draw, and whether the collector is on after it."""
    script = SCRIPT.format(before=before)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    generations, is_on = json.loads(done.stdout or f'"{done.stderr}"')
    return generations, is_on
