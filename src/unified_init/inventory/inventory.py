"""Inventories: the records of one model, as a table and as JSON, which no framework is needed to read."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

from unified_init.core import checks, json_text
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned, as_html
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.quantized import quantized_reasons
from unified_init.inventory.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.inventory.parts import Part

__all__ = ["SCHEMA", "Inventory", "inventory_to_json"]

# Roles of tables that a model may compute, or take from elsewhere, and not train.
TABLES = frozenset({"embedding", "position", "parameter"})

HEADINGS = (
    "path", "shape", "layout", "type", "kind", "role", "place", "block", "fan_in", "fan_out", "parts",
)  # fmt: skip
SCHEMA = 1  # of an inventory's JSON


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Inventory:
    """A model's parameters as records, in the order in which the model holds them.

    Args:
        framework: whose paths these are, such as "torch" or "flax_linen".
        records: one per logical tensor, each path once.
        left: native tensors that no recipe writes, such as rotary frequencies.

    Raises:
        ArgumentTypeError: ``records`` holds something else.
        ArgumentValueError: one path twice.

    Example:
        >>> import unified_init as ui
        >>> record = ui.Record(name="w", path="w", shape=(2, 3), layout="OI", kind="linear", role="kernel")
        >>> inventory = ui.Inventory("torch", (record,))
        >>> len(inventory), inventory["w"] is record
        (1, True)
        >>> print(inventory)
        torch model: 1 parameters, 6 values
        path  shape   layout  type     kind    role    place  block  fan_in  fan_out  parts
        w     (2, 3)  OI      float32  linear  kernel
    """

    framework: str
    records: tuple[Record, ...]
    left: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a path that would be written twice."""
        object.__setattr__(self, "framework", checks.text("framework", self.framework))
        object.__setattr__(self, "records", checks.tuple_of("records", self.records))
        for record in self.records:
            if not isinstance(record, Record):
                msg = f"`records` must hold Records, got {shown(record)}."
                raise ArgumentTypeError(msg)
        object.__setattr__(self, "left", tuple(sorted(checks.texts("left", self.left))))
        seen: set[str] = set()
        for record in self.records:
            if record.path in seen:
                msg = f"`records` must have one record a path, got {shown(record.path)} twice."
                raise ArgumentValueError(msg)
            seen.add(record.path)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        """Go through the records in the model's order."""
        return iter(self.records)

    def __getitem__(self, path: str) -> Record:
        """Return the record of a native path, or of a path that is tied to it."""
        word = checks.plain(path)
        for record in self.records:
            if word == record.path or word in record.ties:
                return record
        msg = f"the model has no parameter {shown(path)}"
        raise KeyError(msg)

    def __str__(self) -> str:
        """Return the records as a table."""
        return "\n".join([self._head(), *aligned(self._rows()), *(f"- {note}" for note in self._notes())])

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        return as_html(self._head(), self._rows(), self._notes())

    def _head(self) -> str:
        values = sum(record.size for record in self)
        return f"{self.framework} model: {len(self)} parameters, {values:,} values"

    def _rows(self) -> list[tuple[str, ...]]:
        return [HEADINGS, *map(_cells, self)]

    def _notes(self) -> list[str]:
        ties = [
            f"{record.path}: the same memory as {', '.join(record.ties)}" for record in self if record.ties
        ]
        quantized = [
            f"{path}: {reason}" for path, reason in quantized_reasons(self.records, self.left).items()
        ]
        return [*ties, *quantized, *(f"{path}: no recipe writes it" for path in self.left)]

    @property
    def frozen(self) -> frozenset[str]:
        """The paths of tables that training does not change, in a model that has kernels to train.

        Sinusoids and embeddings from elsewhere: a recipe leaves them as they are, unless a rule names them.
        """
        if not any(record.trainable and record.role == "kernel" for record in self.records):
            return frozenset()
        return frozenset(
            record.path for record in self.records if not record.trainable and record.role in TABLES
        )

    @property
    def digest(self) -> str:
        """SHA-256 of the inventory's JSON with sorted records: the order of modules does not change it."""
        ordered = tuple(sorted(self.records, key=lambda record: record.path))
        text = inventory_to_json(dataclasses.replace(self, records=ordered))
        return hashlib.sha256(text.encode()).hexdigest()


def _cells(record: Record) -> tuple[str, ...]:
    """Return a record as a row of ``HEADINGS``."""
    facts = (record.block, *record.fans)
    return (
        record.path, str(record.shape), record.layout or "", record.dtype,
        record.kind, record.role, record.place,
        *("" if fact is None else str(fact) for fact in facts), " ".join(part.label for part in record.parts),
    )  # fmt: skip


def inventory_to_json(inventory: Inventory, *, indent: int | None = None) -> str:
    """Return an inventory as JSON text: the same for equal inventories.

    Args:
        inventory: from ``ui.inspect``.
        indent: spaces per indentation level; None writes one line.

    Returns:
        JSON. Fields that have their default values are left out of the records.

    Raises:
        ArgumentTypeError: ``inventory`` is not an inventory.

    Example:
        >>> import unified_init as ui
        >>> record = ui.Record(name="w", path="w", shape=(2,), kind="parameter", role="parameter")
        >>> text = ui.inventory_to_json(ui.Inventory("torch", (record,)))
        >>> ui.inventory_from_json(text).records == (record,)
        True
    """
    if not isinstance(inventory, Inventory):
        msg = f"`inventory` must be an Inventory, got {type(inventory).__name__}: inspect(model) makes one."
        raise ArgumentTypeError(msg)
    tree = {
        "schema": SCHEMA,
        "framework": inventory.framework,
        "records": [_fields(record) for record in inventory.records],
        "left": list(inventory.left),
    }
    return json_text.written(tree, indent)


def _fields(instance: Record | Part) -> dict[str, Any]:
    """Return the fields of a record or a part that do not have their default values."""
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if value == field.default:
            continue
        is_parts = field.name == "parts"
        fields[field.name] = [_fields(part) for part in value] if is_parts else value
    return fields
