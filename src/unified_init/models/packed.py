"""Tensors of a model without values that could be read: packed by their layer, or stored quantized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.inventory.quantized import has_scale, is_quantized, quantized_reason, quantized_reasons
from unified_init.walkers.layer_facts import PackedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from unified_init.inventory.inventory import Inventory
    from unified_init.walkers.protocol import Walker

__all__ = ["check_all_readable", "check_not_quantized", "packed_left"]

# ruff: noqa: ANN401  # models of any framework


def check_not_quantized(inventory: Inventory, paths: Collection[str]) -> None:
    """Refuse native tensors that are stored quantized."""
    for path, reason in quantized_reasons(inventory.records, inventory.left).items():
        if path in paths:
            msg = f"{path!r}: {reason}."
            raise PackedError(msg)


def check_all_readable(walker: Walker, model: Any, inventory: Inventory) -> None:
    """Refuse a model with weights that cannot be read: what is made of the others would lack them."""
    check_not_quantized(inventory, _stored(inventory))
    integers = [path for record in inventory if "int" in record.dtype for path, _ in record.stored]
    for _, reason in _packed(walker, model, inventory, [*integers, *inventory.left]):
        msg = f"the model has weights that cannot be read: {reason}"
        raise PackedError(msg)


def packed_left(walker: Walker, model: Any, inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Return the tensors that no recipe writes and that hold weights nobody can read, and why."""
    return _packed(walker, model, inventory, inventory.left)


def _packed(
    walker: Walker, model: Any, inventory: Inventory, candidates: Iterable[str]
) -> Iterator[tuple[str, str]]:
    paths = {*inventory.left, *_stored(inventory)}
    for path in candidates:
        reason = _reason(walker, model, path, paths)
        if reason:
            yield path, reason


def _stored(inventory: Inventory) -> set[str]:
    return {path for record in inventory for path, _ in record.stored}


def _reason(walker: Walker, model: Any, path: str, paths: Collection[str]) -> str:
    try:
        dtype = walker.read(model, path).dtype.name
    except PackedError as error:
        return str(error)
    except Exception:  # noqa: BLE001  # a key of random numbers, which is no array; a tensor on meta
        return ""
    is_packed = has_scale(path, paths) and is_quantized(path, dtype, paths)
    return f"{path!r}: {quantized_reason(dtype)}." if is_packed else ""
