"""Growth: which axes of a parameter grow with the width, and the multipliers of muP that follow."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.law.layout import bind

if TYPE_CHECKING:
    from unified_init.inventory.inventory import Inventory
    from unified_init.inventory.records import Record

__all__ = ["Growth", "check_alike", "growth_of", "literally"]


@dataclasses.dataclass(frozen=True, slots=True)
class Growth:
    """How a parameter grows: its class, and its inputs and outputs as multiples of the base's."""

    kind: str
    inputs: float
    outputs: float

    @property
    def width(self) -> float:
        """The width multiplier."""
        return self.inputs if self.kind in {"hidden", "output"} else self.outputs

    @property
    def hidden_factor(self) -> float:
        """The multiplier of the base's std."""
        return self.inputs**-0.5 if self.kind == "hidden" else 1.0

    @property
    def rates(self) -> tuple[float, float]:
        """The multipliers of the learning rates of Adam and SGD."""
        if self.kind == "hidden":
            return 1.0 / self.inputs, self.outputs / self.inputs
        return 1.0, self.width

    def multiplier(self, record: Record) -> float:
        """Return the multiplier of the input of an output layer; 1 for other layers."""
        tied_head = self.kind == "vector" and record.kind == "embedding" and bool(record.ties)
        return 1.0 / self.width if self.kind == "output" or tied_head else 1.0


def growth_of(base: Record, delta: Record, target: Record) -> Growth:
    """Return the class and the multipliers of a parameter, from its shapes at three widths."""
    sides = {"I": 1.0, "O": 1.0}
    growing_sides: set[str] = set()
    digits = [
        bind(record.shape, record.layout, dict(record.sizes) or None).digits
        for record in (base, delta, target)
    ]
    for base_digit, delta_digit, target_digit in zip(*digits, strict=True):
        if base_digit.size == delta_digit.size:
            if target_digit.size != base_digit.size:
                msg = (
                    f"`inventory` has the shape {target.shape} for {target.path!r}, the base {base.shape}, "
                    f"on an axis that base and delta share ({delta.shape}): make them with this size, or let "
                    "them differ in it."
                )
                raise ArgumentValueError(msg)
            continue
        if base_digit.role in {"D", "H", "W"}:
            msg = f"`delta` has another window than `base` for {base.path!r}: {base.shape} and {delta.shape}."
            raise ArgumentValueError(msg)
        side = "I" if base_digit.role == "I" else "O"  # groups count as outputs, as of a depthwise kernel
        if base_digit.role == "" and growing_sides:
            msg = (
                f"{base.path!r} grows along several axes, of which no layout says which are inputs: give its "
                "record a layout."
            )
            raise ArgumentValueError(msg)
        growing_sides.add(side)
        sides[side] *= target_digit.size / base_digit.size
    has_inputs = any(digit.role == "I" for digit in digits[0])
    kind = {
        frozenset(): "fixed", frozenset("I"): "output", frozenset("IO"): "hidden",
    }.get(frozenset(growing_sides), "input" if has_inputs else "vector")  # fmt: skip
    return Growth(kind, sides["I"], sides["O"])


def check_alike(argument: str, base: Inventory, other: Inventory) -> None:
    """Refuse inventories of different parameters, by stream names: Keras' paths depend on the process."""
    base_records, other_records = (
        {record.name: record for record in inventory} for inventory in (base, other)
    )
    for path in sorted(set(base_records) ^ set(other_records)):
        msg = f"`{argument}` must have the base's parameters: only one of the two has {path!r}."
        raise ArgumentValueError(msg)
    for path, record in base_records.items():
        if len(record.shape) != len(other_records[path].shape) or record.layout != other_records[path].layout:
            msg = (
                f"`{argument}` must have the base's axes: {path!r} has the shape "
                f"{other_records[path].shape}, in the base {record.shape}."
            )
            raise ArgumentValueError(msg)


def literally(path: str) -> str:
    """Return the pattern that matches a path and nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in checks.text("path", path))
