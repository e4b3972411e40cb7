"""Records: what a recipe may ask about a parameter, which no framework is needed to read.

A record is one logical tensor. Its parts say where in the model it is stored: a fused matrix has several
parts in one native tensor, a recurrent kernel that is stored gate by gate has one native tensor per part.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.type_names import full_name
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.parts import Part, pairs_of
from unified_init.inventory.vocabulary import KINDS, PLACES, ROLES
from unified_init.law.layout import bind, size_items

if TYPE_CHECKING:
    from unified_init.inventory.parts import Box
    from unified_init.inventory.vocabulary import Kind, Place, Role

__all__ = ["Record"]


def _check_part(part: object) -> None:
    if not isinstance(part, Part):
        msg = f"`part` must be a Part of a record that has an axis of parts, got {shown(part)}."
        raise ArgumentTypeError(msg)


def _sizes(value: object) -> tuple[tuple[str, int], ...]:
    """Return (letter, size) pairs."""
    pairs = pairs_of(value)
    if pairs is None or any(checks.plain(letter) is None for letter, _ in pairs):
        msg = f"`sizes` must be (letter, size) pairs, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return size_items({checks.plain(letter) or "": size for letter, size in pairs})


@public
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One logical tensor of a model: all that a recipe may ask about it.

    Args:
        name: the stream name; the native path unless a map gives another.
        path: the native path, such as "layer1.0.conv1.weight" or "Dense_0/kernel".
        shape: the shape in the record's layout, parts joined.
        kind: the kind of layer, one of ``KINDS``.
        role: what the tensor is in its layer, one of ``ROLES``.
        layout: the layout string; None where no axis has a role.
        sizes: how merged axes split, as (letter, size) pairs.
        place: the role of the layer in a known architecture, one of ``PLACES``; "" if it is not known.
        block: index of the repeated block it is in, from 0; None outside of any.
        dtype: element type by name.
        inputs: inputs an output sees, of one group and one kernel position; for a bias those of its kernel.
        outputs: outputs an input feeds, in the same terms; of one part, where the parts are equal.
        space: number of kernel positions of a convolution; 1 elsewhere.
        groups: groups of a convolution.
        hidden: size of a recurrent layer's state; 0 elsewhere.
        features: inputs of a recurrent layer, for all its tensors; the first inputs of a bilinear one;
            in attention the inputs of keys or values where they are not those of queries; else 0.
        padding: row of an embedding that stands for padding; None if there is none.
        axis: the axis along which the parts follow each other; None without parts.
        parts: labeled parts, in native order; empty if the tensor has none.
        ties: other native paths of the same memory.
        native: class of the layer in its framework.
        trainable: whether training changes it: False for statistics and frozen tensors, True where the
            framework does not say.
        flipped: whether the forward pass of a transposed convolution takes its kernel positions in the other
            direction along every spatial axis than PyTorch's does.
        doubt: what is not known about it and must be before it can be given values, in words; "" for nothing.
        stack: of one layer of a tensor that stacks several: the axis of the native tensor that stacks them,
            their number, and the index of this one; () for any other tensor.

    Raises:
        ArgumentTypeError: a field of the wrong type.
        ArgumentValueError: an unknown word, a layout that does not fit, parts that do not fill their axis.

    Example:
        >>> import unified_init as ui
        >>> record = ui.Record(name="fc.weight", path="fc.weight", shape=(10, 20), layout="OI",
        ...                    kind="linear", role="kernel", inputs=20, outputs=10)
        >>> record.fans
        (20, 10)
    """

    name: str
    path: str
    shape: tuple[int, ...]
    kind: Kind
    role: Role
    layout: str | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    place: Place = ""
    block: int | None = None
    dtype: str = "float32"
    inputs: int | None = None
    outputs: int | None = None
    space: int = 1
    groups: int = 1
    hidden: int = 0
    features: int = 0
    padding: int | None = None
    axis: int | None = None
    parts: tuple[Part, ...] = ()
    ties: tuple[str, ...] = ()
    native: str = ""
    trainable: bool = True
    flipped: bool = False
    doubt: str = ""
    stack: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check the fields: a record may come from a file."""
        for field in ("name", "path", "dtype", "native", "doubt"):
            object.__setattr__(self, field, checks.text(field, getattr(self, field)))
        object.__setattr__(self, "dtype", full_name(self.dtype))
        for field, words in (("kind", KINDS), ("role", ROLES), ("place", PLACES)):
            object.__setattr__(self, field, checks.choice(field, getattr(self, field), words))
        object.__setattr__(self, "shape", checks.shape_of(self.shape))
        for field in ("space", "groups", "hidden", "features"):
            object.__setattr__(self, field, checks.count(field, getattr(self, field), least=0))
        for field in ("block", "inputs", "outputs", "padding", "axis"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, checks.count(field, getattr(self, field), least=0))
        for field in ("trainable", "flipped"):
            if not isinstance(getattr(self, field), bool):
                msg = f"`{field}` must be True or False, got {shown(getattr(self, field))}."
                raise ArgumentTypeError(msg)
        object.__setattr__(self, "ties", checks.texts("ties", self.ties))
        object.__setattr__(self, "sizes", _sizes(self.sizes))
        if self.layout is not None:
            object.__setattr__(self, "layout", checks.text("layout", self.layout))
        bind(self.shape, self.layout, dict(self.sizes) or None)
        object.__setattr__(self, "parts", checks.tuple_of("parts", self.parts))
        self._check_parts()
        stack = tuple(checks.count("stack", value, least=0) for value in checks.tuple_of("stack", self.stack))
        object.__setattr__(self, "stack", stack)
        if stack and (len(stack) != 3 or stack[2] >= stack[1]):  # noqa: PLR2004  # as the message says
            msg = (
                f"`stack` of {self.path!r} must be (axis, number of layers, index of this one), got {stack}."
            )
            raise ArgumentValueError(msg)

    def _check_parts(self) -> None:
        for part in self.parts:
            if not isinstance(part, Part):
                msg = f"`parts` must hold Parts, got {shown(part)}."
                raise ArgumentTypeError(msg)
        if (self.axis is None) != (not self.parts):
            listing = f"{shown(self.axis)} and {shown(self.parts)}"
            msg = f"`axis` and `parts` of {self.path!r} go together, got {listing}."
            raise ArgumentValueError(msg)
        if self.axis is not None and self.axis >= len(self.shape):
            msg = f"`axis` of {self.path!r} must be one of the axes of {self.shape}, got {self.axis}."
            raise ArgumentValueError(msg)
        if self.axis is not None and sum(part.length for part in self.parts) != self.shape[self.axis]:
            lengths = [part.length for part in self.parts]
            msg = (
                f"`parts` of {self.path!r} must fill axis {self.axis} of {self.shape}, got lengths {lengths}."
            )
            raise ArgumentValueError(msg)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def fans(self) -> tuple[int | None, int | None]:
        """The true fans: of one group, or of one part; for a bias those of its kernel."""
        return (
            None if self.inputs is None else self.inputs * self.space,
            None if self.outputs is None else self.outputs * self.space,
        )

    @property
    def depthwise(self) -> bool:
        """Whether it belongs to a convolution whose outputs see one channel each."""
        return self.kind in {"conv", "conv_transpose"} and self.groups > 1 and self.inputs == 1

    def of_part(self, part: Part) -> Record:
        """Return the record with the outputs of one part, where parts have different numbers of them."""
        _check_part(part)
        if self.axis is None or len({other.length for other in self.parts}) == 1 or self.outputs is None:
            return self
        return dataclasses.replace(self, outputs=self.outputs * part.length // self.shape[self.axis])

    def part_shape(self, part: Part) -> tuple[int, ...]:
        """Return the shape of one part in the record's layout."""
        _check_part(part)
        if self.axis is None:
            msg = f"`part` must be a Part of a record that has an axis of parts, got {shown(part)}."
            raise ArgumentTypeError(msg)
        return (*self.shape[: self.axis], part.length, *self.shape[self.axis + 1 :])

    @property
    def stored(self) -> tuple[tuple[str, Box | None], ...]:
        """The native tensors, and the region of each, that this record covers."""
        return tuple((part.path, part.box) for part in self.parts) or ((self.path, None),)
