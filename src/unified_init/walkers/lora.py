"""Low-rank adapters, under the names that libraries give them, in either order of storage.

Two matrices belong to one adapter: the first maps inputs to the rank, the second the rank to outputs. The
extent that they share is the rank, which says how each is stored where its layer does not.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from unified_init.inventory.records import Record

__all__ = ["with_adapters"]

# lora_A and lora_B (PEFT, loralib), lora_a and lora_b (Flax, torchtune), lora_down and lora_up (kohya), and
# lora.down and lora.up (diffusers).
SPELLING = re.compile(r"(?<=lora)((?:_embedding|_linear_layer)?[._/])(A|B|a|b|down|up)(?=[._/]|$)")
COUNTERPARTS = {"A": "B", "a": "b", "down": "up"}
COUNTERPARTS |= {second: first for first, second in COUNTERPARTS.items()}
FIRST = frozenset({"A", "a", "down"})
MATRIX = 2


def with_adapters(records: Iterable[Record], default: str) -> list[Record]:
    """Return records in which those of adapters say that they are.

    Args:
        records: all records of a model.
        default: the layout where neither a layer nor the shapes decide: "OI" or "IO".
    """
    known = list(records)
    by_path = {record.path: record for record in known}
    return [_adapter(record, by_path, default) for record in known]


def _adapter(record: Record, by_path: Mapping[str, Record], default: str) -> Record:
    spelling = SPELLING.search(record.path)
    if spelling is None or record.kind == "lora" or len(record.shape) < MATRIX:
        return record
    word = spelling[2]
    is_first = word in FIRST
    role = "adapter_a" if is_first else "adapter_b"
    fields: dict[str, Any] = {"kind": "lora", "role": role, "place": ""}
    path = f"{record.path[: spelling.start(2)]}{COUNTERPARTS[word]}{record.path[spelling.end(2) :]}"
    counterpart = by_path.get(path)
    if record.kind == "parameter":
        layout = default if counterpart is None else _layout(record, counterpart, default, is_first=is_first)
        axis_i, axis_o = (-1, -2) if layout == "OI" else (-2, -1)
        fields |= {
            "layout": "B" * (len(record.shape) - MATRIX) + layout,
            "inputs": record.shape[axis_i],
            "outputs": record.shape[axis_o],
        }
    adapter = dataclasses.replace(record, **fields)
    if counterpart is None or _rank(adapter, is_first=is_first) in _ranks(counterpart):
        return adapter
    doubt = (
        f"it is of shape {record.shape} and {path!r} of shape {counterpart.shape}, which share no rank: "
        f"say what its axes are with a rule's layout=, or skip={record.path!r}"
    )
    return dataclasses.replace(adapter, doubt=doubt)


def _layout(record: Record, counterpart: Record, default: str, *, is_first: bool) -> str:
    """Return the layout that a shared rank shows; of two that fit, the one with the smaller rank."""
    first, second = (record, counterpart) if is_first else (counterpart, record)
    ranks = {}
    if len(first.shape) == len(second.shape):
        if first.shape[-2] == second.shape[-1]:
            ranks["OI"] = first.shape[-2]
        if first.shape[-1] == second.shape[-2]:
            ranks["IO"] = first.shape[-1]
    smallest = min(ranks.values(), default=0)
    fitting = [layout for layout, rank in ranks.items() if rank == smallest]
    return default if default in fitting or not fitting else fitting[0]


def _rank(adapter: Record, *, is_first: bool) -> int | None:
    """Return the rank of an adapter's matrix: the outputs of the first, the inputs of the second."""
    return adapter.outputs if is_first else adapter.inputs


def _ranks(counterpart: Record) -> tuple[int | None, ...]:
    """Return the extents of the other matrix that may be its rank."""
    if counterpart.kind == "parameter":
        return counterpart.shape
    return (counterpart.inputs, counterpart.outputs)
