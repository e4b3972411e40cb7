"""Growth: which axes of a parameter grow with the width, and what muP makes of it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.errors import ArgumentValueError
from unified_init.law.layout import bind

if TYPE_CHECKING:
    from unified_init.inventory.records import Inventory, Record

__all__ = ["Growth", "check_alike", "growth_of", "literally"]


@dataclasses.dataclass(frozen=True, slots=True)
class Growth:
    """How a parameter grows: its class, and how many times the base's inputs and outputs it has."""

    kind: str
    inputs: float
    outputs: float

    @property
    def width(self) -> float:
        """The width multiplier."""
        return self.inputs if self.kind in {"hidden", "output"} else self.outputs

    @property
    def hidden_factor(self) -> float:
        """What the base's std is multiplied by."""
        return self.inputs**-0.5 if self.kind == "hidden" else 1.0

    @property
    def rates(self) -> tuple[float, float]:
        """What the learning rates of Adam and SGD are multiplied by."""
        if self.kind == "hidden":
            return 1.0 / self.inputs, self.outputs / self.inputs
        return 1.0, self.width

    def multiplier(self, record: Record) -> float:
        """What the input of an output layer is multiplied by."""
        tied_head = self.kind == "vector" and record.kind == "embedding" and bool(record.ties)
        return 1.0 / self.width if self.kind == "output" or tied_head else 1.0


def growth_of(base: Record, delta: Record, now: Record) -> Growth:
    """Return the class and the multipliers of a parameter, from its shapes at three widths."""
    sides = {"I": 1.0, "O": 1.0}
    grown: set[str] = set()
    digits = [
        bind(record.shape, record.layout, dict(record.sizes) or None).digits for record in (base, delta, now)
    ]
    for before, wider, here in zip(*digits, strict=True):
        if before.size == wider.size:
            if here.size != before.size:
                msg = (
                    f"`inventory` has the shape {now.shape} for {now.path!r}, the base {base.shape}, on "
                    f"an axis that base and delta share ({delta.shape}): make them with this size, or let "
                    "them differ in it."
                )
                raise ArgumentValueError(msg)
            continue
        if before.role in {"D", "H", "W"}:
            msg = f"`delta` has another window than `base` for {base.path!r}: {base.shape} and {delta.shape}."
            raise ArgumentValueError(msg)
        side = "I" if before.role == "I" else "O"  # copies side by side are outputs, as a depthwise kernel's
        if before.role == "" and grown:
            msg = (
                f"{base.path!r} grows along several axes, of which no layout says which are inputs: give its "
                "record a layout."
            )
            raise ArgumentValueError(msg)
        grown.add(side)
        sides[side] *= here.size / before.size
    has_inputs = any(digit.role == "I" for digit in digits[0])
    kind = {
        frozenset(): "fixed", frozenset("I"): "output", frozenset("IO"): "hidden",
    }.get(frozenset(grown), "input" if has_inputs else "vector")  # fmt: skip
    return Growth(kind, sides["I"], sides["O"])


def check_alike(argument: str, base: Inventory, other: Inventory) -> None:
    """Refuse inventories of different parameters, by stream names: Keras' paths depend on the process."""
    ours, theirs = ({record.name: record for record in inventory} for inventory in (base, other))
    for path in sorted(set(ours) ^ set(theirs)):
        msg = f"`{argument}` must have the base's parameters: {path!r} is in one of the two alone."
        raise ArgumentValueError(msg)
    for path, record in ours.items():
        if len(record.shape) != len(theirs[path].shape) or record.layout != theirs[path].layout:
            msg = (
                f"`{argument}` must have the base's axes: {path!r} has the shape {theirs[path].shape}, in "
                f"the base {record.shape}."
            )
            raise ArgumentValueError(msg)


def literally(path: str) -> str:
    """Return the pattern that matches a path and nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in checks.text("path", path))
