"""Adapters and their protocols: type checkers see a module that is imported by name as whatever it is cast to."""

from __future__ import annotations

import pathlib
import types
from typing import Any

import pytest

from unified_init.backends import _numpy, protocol, registry
from unified_init.backends.protocol import (
    Abstracting,
    Addressable,
    Backend,
    Fillable,
    Launching,
    Reserving,
    Shardable,
    Spreading,
)
from unified_init.testing.protocols import differences, functions_of

# What the front door takes each adapter for.
PROTOCOLS: dict[str, tuple[type, ...]] = {
    "numpy": (Backend, Fillable, Addressable),
    "torch": (Backend, Fillable, Addressable, Launching, Spreading, Reserving, Abstracting),
    "tensorflow": (Backend, Reserving),
    "jax": (Backend, Reserving, Shardable),
}
ADAPTERS = [
    pytest.param(name, id=name, marks=[] if name == "numpy" else pytest.mark.needs(name))
    for name in PROTOCOLS
]


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_has_the_functions_of_its_protocols(name: str) -> None:
    """Each of them, with the parameters that are declared: their names, order, kinds and defaults."""
    for kind in PROTOCOLS[name]:
        assert differences(registry.get(name), kind) == []


def test_every_adapter_is_compared() -> None:
    """A new module of the folder has a line in the table above, and so has a name of the registry."""
    modules = pathlib.Path(registry.__file__).parent.glob("_[a-z]*.py")
    assert {path.stem.removeprefix("_") for path in modules} == set(PROTOCOLS) == set(registry.NAMES)


def test_every_protocol_is_compared() -> None:
    """All that the module declares; ``Ops`` and what it holds are no modules, but what an adapter's ``ops`` returns."""
    declared = {kind for kind in vars(protocol).values() if getattr(kind, "_is_protocol", False)}
    assert {kind.__name__ for kind in declared} - {"Protocol"} == {
        "LinearAlgebra", "Namespace", "Ops", *(kind.__name__ for kinds in PROTOCOLS.values() for kind in kinds)
    }  # fmt: skip


def test_a_protocol_declares_what_it_extends() -> None:
    """The functions of ``Backend`` come first among those of ``Fillable``."""
    assert list(functions_of(Fillable)) == [
        "root_key", "resolve_device", "wants_graph", "adopt", "ops", "trace", "to_numpy", "check_target", "writable",
        "overwrite",
    ]  # fmt: skip


def renamed(array: Any, place: Any) -> Any:
    """Adopt a buffer, with another name for the second parameter."""


def swapped(target: Any, array: Any) -> Any:
    """Adopt a buffer, the parameters in another order."""


def by_name(array: Any, *, target: Any) -> Any:
    """Adopt a buffer, the second parameter by name only."""


def optional(array: Any, target: Any = None) -> Any:
    """Adopt a buffer, on the host if nothing is said."""


def wider(array: Any, target: Any, stream: Any = None) -> Any:
    """Adopt a buffer, with a parameter that nobody declared."""


@pytest.mark.parametrize(
    ("function", "difference"),
    [
        (None, "adopt is missing"),
        (renamed, "adopt takes (array, place), declared is (array, target)"),
        (swapped, "adopt takes (target, array), declared is (array, target)"),
        (by_name, "adopt takes (array, *, target), declared is (array, target)"),
        (optional, "adopt takes (array, target=None), declared is (array, target)"),
        (wider, "adopt takes (array, target, stream=None), declared is (array, target)"),
    ],
    ids=["missing", "renamed", "swapped", "by name", "optional", "wider"],
)
def test_a_wrong_adapter_is_told_from_a_right_one(function: Any, difference: str) -> None:
    """NumPy's adapter with one other function differs in it, and in nothing else."""
    adapter = types.SimpleNamespace(**(vars(_numpy) | {"adopt": function}))
    assert differences(adapter, Fillable) == [difference]
