"""Tensors in files, with an inventory that describes them: read by the same functions as a model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NoReturn

from unified_init.errors import ArgumentTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from numpy.typing import NDArray

    from unified_init.inventory.inventory import Inventory
    from unified_init.walkers.writes import Write

__all__ = ["Stored", "check", "commit", "inspect", "loaded", "read", "shape_and_dtype", "state"]


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """Tensors by native path, each read on demand.

    Args:
        inventory: of the model whose tensors these are.
        readers: what reads each tensor of the inventory.
    """

    inventory: Inventory
    readers: Mapping[str, Callable[[], NDArray[Any]]]


def inspect(model: Stored) -> Inventory:
    """Return the inventory."""
    return model.inventory


def read(model: Stored, path: str) -> NDArray[Any]:
    """Return a tensor's values."""
    return model.readers[path]()


def shape_and_dtype(model: Stored, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name of a tensor."""
    values = read(model, path)
    return values.shape, values.dtype.name


def state(model: Stored, paths: Collection[str]) -> dict[str, str]:  # noqa: ARG001  # of the protocol
    """Return nothing: files do not say what training may change."""
    return {}


def loaded(model: Stored) -> frozenset[str]:  # noqa: ARG001  # of the protocol
    """Return nothing, as above."""
    return frozenset()


def check(model: Stored, paths: Collection[str]) -> NoReturn:  # noqa: ARG001  # of the protocol
    """Refuse to write."""
    msg = "tensors of files are read only: save() writes files."
    raise ArgumentTypeError(msg)


def commit(model: Stored, writes: Mapping[str, Write]) -> NoReturn:
    """Refuse to write."""
    check(model, writes)
