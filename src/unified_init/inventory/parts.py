"""Parts: the pieces of a record, and where in the model each is stored."""

from __future__ import annotations

import dataclasses
from typing import Any

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

__all__ = ["Box", "Part", "pairs_of"]

# The start and stop of every axis of a native tensor.
Box = tuple[tuple[int, int], ...]


@public
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A labeled part of a record, and where it is stored.

    Args:
        label: such as "q" or "f"; the part is drawn under ``name/label``. "" is a part that is the whole
            record, and is drawn under its name.
        length: its extent along the record's axis of parts.
        path: the native tensor that holds it.
        box: the region of that tensor, one (start, stop) per axis of ``view``; None is all of it.
        shift: the number that the forward pass adds to the stored values (Haiku's LSTM adds 1 to the
            forget gate's); a law is of the sum.
        view: the shape in which the tensor is read, some of its axes split into several, so that parts
            that alternate are regions too: queries, keys and values that are stored head by head are
            regions of (heads, 3, head size, inputs). None is the tensor's own shape.

    Raises:
        ArgumentTypeError: a field of the wrong type.
        ArgumentValueError: a length below 1, a view of another rank than the box, or a shift that is not
            finite.

    Example:
        >>> import unified_init as ui
        >>> ui.Part(label="q", length=64, path="attn.in_proj_weight", box=((0, 64), (0, 64))).shift
        0.0
    """

    label: str
    length: int
    path: str
    box: Box | None = None
    shift: float = 0.0
    view: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        for field in ("label", "path"):
            object.__setattr__(self, field, checks.text(field, getattr(self, field)))
        object.__setattr__(self, "length", checks.count("length", self.length))
        if self.box is not None:
            object.__setattr__(self, "box", _box(self.label, self.box))
        object.__setattr__(self, "shift", checks.finite("shift", self.shift))
        if self.view is not None:
            object.__setattr__(self, "view", checks.shape_of(self.view))
            if self.box is None or len(self.box) != len(self.view or ()):
                both = f"{shown(self.view)} and {shown(self.box)}"
                msg = f"`view` of part {self.label!r} must have the axes of its `box`, got {both}."
                raise ArgumentValueError(msg)

    def region(self, values: Any) -> Any:  # noqa: ANN401  # an array
        """Return the part of an array of the native tensor's shape: a view of it."""
        try:
            viewed = values if self.view is None else values.reshape(self.view)
            return viewed if self.box is None else viewed[tuple(slice(*ends) for ends in self.box)]
        except Exception as error:  # of the framework
            kind = type(values).__name__
            msg = f"`values` must be an array of the shape of {self.path!r}, which is not so of this {kind}."
            raise ArgumentTypeError(msg) from error


def _box(label: str, value: object) -> Box:
    """Return (start, stop) pairs of ints, of which no stop is before its start."""
    spans = [
        (checks.integer(start), checks.integer(stop)) for start, stop in pairs_of(value) or ((None, None),)
    ]
    box = tuple((start, stop) for start, stop in spans if start is not None and stop is not None)
    if len(box) < len(spans) or not all(0 <= start <= stop for start, stop in box):
        msg = f"`box` of part {label!r} must be (start, stop) pairs of integers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return box


def pairs_of(value: object) -> list[tuple[Any, Any]] | None:
    """Return the entries of a tuple of pairs; None for anything else."""
    entries = checks.entries(value) if isinstance(value, tuple) else None
    pairs = [checks.entries(entry) or () for entry in entries or ()]
    is_valid = entries is not None and {len(pair) for pair in pairs} <= {2}
    return [(pair[0], pair[1]) for pair in pairs] if is_valid else None
