"""Backends from outside: registered or declared, used like the four of the package, refused where they clash."""

from __future__ import annotations

import importlib.metadata
import sys
import threading
import types
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.messages import refused

import unified_init as ui
from unified_init.backends import _numpy, registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = ui.normal(0.0, 1.0)


class Array(np.ndarray):
    """An array of a framework from outside, whose top-level package is ``elsewhere``."""


Array.__module__ = "elsewhere.core"


def adapter() -> types.ModuleType:
    """Return NumPy's adapter, whose tensors are of the outside framework."""
    module = types.ModuleType("elsewhere_adapter")
    vars(module).update({name: value for name, value in vars(_numpy).items() if not name.startswith("__")})
    vars(module)["adopt"] = lambda array, target: array.view(Array)  # noqa: ARG005  # a parameter of adopt
    return module


@pytest.fixture(autouse=True)
def _registry_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test registers."""
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(registry, "_loaded", {})
    for function in (registry._load, registry._declared):
        function.cache_clear()
    yield
    for function in (registry._load, registry._declared):
        function.cache_clear()


def test_a_registered_backend_draws() -> None:
    """By name, or by a device of its framework; its arrays have a digest, and can be filled."""
    ui.register_backend("elsewhere", adapter())
    drawn = ui.draw(SPEC, (3, 4), seed=0, name="w", backend="elsewhere")
    assert type(drawn) is Array
    assert drawn.tobytes() == ui.draw(SPEC, (3, 4), seed=0, name="w").tobytes()
    assert registry.backend_of(drawn) == "elsewhere"
    assert ui.digest(drawn) == ui.digest(ui.draw(SPEC, (3, 4), seed=0, name="w"))
    filled = ui.fill(np.zeros((3, 4), np.float32).view(Array), SPEC, seed=0, name="w")
    assert filled.tobytes() == drawn.tobytes()


def test_a_module_by_its_path_is_imported_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registering imports nothing; a package that is not there is not listed."""
    (tmp_path / "elsewhere_path.py").write_text("from unified_init.backends._numpy import adopt\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    ui.register_backend("elsewhere", "elsewhere_path")
    ui.register_backend("nowhere", "nowhere_path")
    assert "elsewhere_path" not in sys.modules
    assert ui.backends()[-1] == "elsewhere"
    assert registry.names()[-2:] == ("elsewhere", "nowhere")
    with refused(ui.BackendError):
        ui.draw(SPEC, 3, seed=0, backend="elsewhere")
    with refused(ui.BackendError):
        ui.draw(SPEC, 3, seed=0, backend="nowhere")


def test_an_entry_point_declares_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the group ``unified_init.backends``; one that takes a name of the package is passed over."""
    points = [
        importlib.metadata.EntryPoint("elsewhere", "elsewhere_declared [extra]", registry.GROUP),
        importlib.metadata.EntryPoint("numpy", "hijack", registry.GROUP),
        importlib.metadata.EntryPoint("foo.bar", "no_package", registry.GROUP),
        importlib.metadata.EntryPoint("__main__", "no_framework", registry.GROUP),
    ]

    def declared(*, group: str) -> list[importlib.metadata.EntryPoint]:
        return [point for point in points if point.group == group]

    monkeypatch.setattr(importlib.metadata, "entry_points", declared)
    monkeypatch.setitem(sys.modules, "elsewhere_declared", adapter())
    assert registry.names() == (*registry.NAMES, "elsewhere")
    assert type(ui.draw(SPEC, 3, seed=0, backend="elsewhere")) is Array
    assert type(ui.draw(SPEC, 3, seed=0, backend="numpy")) is np.ndarray
    assert "foo.bar" not in ui.backends()


@pytest.mark.parametrize(
    ("name", "module", "error"),
    [
        ("jax", "a_module", ui.ArgumentValueError),
        ("jaxlib", "a_module", ui.ArgumentValueError),
        ("my-arrays", "a_module", ui.ArgumentValueError),
        ("class", "a_module", ui.ArgumentValueError),
        ("keras", "a_module", ui.ArgumentValueError),
        ("__main__", "a_module", ui.ArgumentValueError),
        ("elsewhere", "..a_module", ui.ArgumentTypeError),
        ("elsewhere", "", ui.ArgumentTypeError),
        (None, "a_module", ui.ArgumentTypeError),
        ("elsewhere", 3, ui.ArgumentTypeError),
    ],
)
def test_what_cannot_be_registered(name: Any, module: Any, error: type[ui.UnifiedInitError]) -> None:
    """A name of the package, no name of a package, no module."""
    with refused(error):
        ui.register_backend(name, module)
    assert registry.names() == registry.NAMES


def test_a_name_is_taken_once_it_is_used() -> None:
    """A mistaken path can be put right; a backend that has drawn cannot be replaced, the same one may come again."""
    module = adapter()
    ui.register_backend("elsewhere", "elsewhere_adaptr")
    with refused(ui.BackendError):
        ui.draw(SPEC, 3, seed=0, backend="elsewhere")
    ui.register_backend("elsewhere", module)
    ui.draw(SPEC, 3, seed=0, backend="elsewhere")
    ui.register_backend("elsewhere", module)
    ui.register_backend("elsewhere", module.__name__)
    with refused(ui.ArgumentValueError):
        ui.register_backend("elsewhere", "another_adapter")


def test_an_adapter_that_fails_as_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By our error, with what it raised."""
    (tmp_path / "elsewhere_broken.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    ui.register_backend("elsewhere", "elsewhere_broken")
    with refused(ui.BackendError):
        ui.draw(SPEC, 3, seed=0, backend="elsewhere")


def test_an_incomplete_adapter_says_what_it_lacks() -> None:
    """Before it is used."""
    module = adapter()
    del module.__dict__["ops"], module.__dict__["adopt"]
    ui.register_backend("elsewhere", module)
    with refused(ui.BackendError):
        ui.draw(SPEC, 3, seed=0, backend="elsewhere")


def test_a_lock_that_another_thread_keeps_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may wait for this one, inside Python's own import."""
    monkeypatch.setattr(registry, "PATIENCE", 0.01)
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with registry.one_import():
            is_held.set()
            may_end.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(30)
    with registry.one_import():
        assert thread.is_alive()
    may_end.set()
    thread.join()
