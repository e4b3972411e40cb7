"""Public paths: followed through what is imported, and never further."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import pytest

from unified_init.core import peers


class Layer:
    """Stand for a class of a library, defined in a private module of it."""


class Dense(Layer):
    """Derive from it, as a user's class does."""


def library(monkeypatch: pytest.MonkeyPatch, **attributes: Any) -> types.ModuleType:
    """Return a library named ``peer`` that counts as imported until the test ends."""
    module = types.ModuleType("peer")
    vars(module).update(attributes)
    monkeypatch.setitem(sys.modules, "peer", module)
    return module


def test_the_public_path_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance of the class there, or of one that derives from it, wherever either is defined."""
    library(monkeypatch, nn=types.SimpleNamespace(Layer=Layer))
    assert peers.public("peer.nn.Layer") is Layer
    assert peers.is_a(Layer(), "peer.nn.Layer")
    assert peers.is_a(Dense(), "peer.nn.Layer")


def test_a_class_that_only_has_the_name_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module and the name that a class says of itself are not asked."""
    library(monkeypatch, Layer=Layer)
    impostor = type("Layer", (), {"__module__": "peer"})
    assert not peers.is_a(impostor(), "peer.Layer")


def test_what_is_not_there_has_no_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that is absent, barred, half imported, or has something else under the name."""
    monkeypatch.delitem(sys.modules, "peer", raising=False)
    assert not peers.is_a(Layer(), "peer.Layer")
    monkeypatch.setitem(sys.modules, "peer", None)  # how an import is barred
    assert not peers.is_a(Layer(), "peer.Layer")
    library(monkeypatch)
    assert not peers.is_a(Layer(), "peer.Layer")
    assert not peers.is_a(Layer(), "peer.nn.Layer")
    library(monkeypatch, Layer=lambda: None)
    assert not peers.is_a(Layer(), "peer.Layer")


def test_a_lazy_module_is_not_asked_to_import(monkeypatch: pytest.MonkeyPatch) -> None:
    """``__getattr__`` of a module may import what it is asked for: it is not called."""

    def load(name: str) -> object:
        pytest.fail(f"{name} was asked for")

    library(monkeypatch, __getattr__=load)
    assert peers.public("peer.Layer") is None


def test_looking_imports_nothing() -> None:
    """Modules of the standard library that nothing has imported stay so."""
    code = (
        "import sys; from unified_init.core import peers; "
        "assert not peers.is_a(3, 'wave.Wave_read') and not peers.is_a(3, 'xml.sax.handler.ContentHandler'); "
        "sys.exit(bool({'wave', 'xml.sax'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_was_found_is_looked_up_anew_where_it_was_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reloaded library has other classes under the same names, in the same module."""
    module = types.ModuleType("peer_reloaded")
    vars(module)["Layer"] = Layer
    monkeypatch.setitem(sys.modules, "peer_reloaded", module)
    assert peers.public("peer_reloaded.Layer") is Layer
    vars(module)["Layer"] = Dense
    assert peers.public("peer_reloaded.Layer") is Dense
    del vars(module)["Layer"]
    assert peers.public("peer_reloaded.Layer") is None
