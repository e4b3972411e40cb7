"""The walker of ``trees``: each kind has one of its own."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from unified_init.inventory.records import Inventory
    from unified_init.walkers.protocol import Walker
    from unified_init.walkers.writes import Write

WALKERS = {"Linen": "flax.linen_walker", "Haiku": "haiku.walker"}

__all__ = ["check", "commit", "inspect", "loaded", "read", "shape_and_dtype"]


def _walker(model: Any) -> Walker:
    """Return the walker of a wrapper: ``flax/linen_walker`` for ``Linen``."""
    name = WALKERS[type(model).__name__]
    return cast("Walker", importlib.import_module(f"unified_init.walkers.{name}"))


def inspect(model: Any) -> Inventory:
    """Return the records of a model's tree."""
    return _walker(model).inspect(model)


def read(model: Any, path: str) -> NDArray[Any]:
    """Return a tensor's values."""
    return _walker(model).read(model, path)


def shape_and_dtype(model: Any, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    return _walker(model).shape_and_dtype(model, path)


def loaded(model: Any) -> frozenset[str]:
    """Return the paths that the model marks as loaded."""
    return _walker(model).loaded(model)


def check(model: Any, paths: Collection[str]) -> None:
    """Refuse tensors that cannot be written, and what would leave the tree incomplete."""
    _walker(model).check(model, paths)


def commit(model: Any, writes: Mapping[str, Write]) -> Any:
    """Return a wrapper with a new tree."""
    return _walker(model).commit(model, writes)
