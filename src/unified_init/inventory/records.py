"""Inventories: a model's parameters as records, which no framework is needed to read.

A record is one logical tensor. Its parts say where in the model it is stored: a fused matrix has several
parts in one native tensor, a recurrent kernel that is stored gate by gate has one native tensor per part.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import TYPE_CHECKING, Any

from unified_init.core import checks, json_text
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.core.text_table import aligned, as_html
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.quantized import quantized_reasons
from unified_init.law.layout import bind, size_items

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "PLACES", "ROLES", "SCHEMA", "Box", "Inventory", "Part", "Record", "inventory_to_json"]

KINDS = (
    "linear", "conv", "conv_transpose", "bilinear", "embedding", "batch_norm", "layer_norm", "group_norm",
    "rms_norm", "lstm", "gru", "rnn", "attention", "prelu", "lora", "parameter",
)  # fmt: skip
ROLES = (
    "kernel", "recurrent_kernel", "projection", "bias", "recurrent_bias", "scale", "offset", "mean",
    "variance", "count", "embedding", "position", "token", "layer_scale", "slope", "adapter_a",
    "adapter_b", "parameter", "buffer",
)  # fmt: skip
# The architectural roles of layers, to which published recipes refer.
PLACES = (
    "", "attention.query", "attention.key", "attention.value", "attention.qkv", "attention.out",
    "attention.extra", "mlp.in", "mlp.gate", "mlp.out", "router", "head", "patch", "stem", "shortcut",
    "last_norm", "last_conv", "modulation", "time", "embedding.token", "embedding.position", "embedding.type",
)  # fmt: skip

# Roles of tables that a model may compute, or take from elsewhere, and not train.
TABLES = frozenset({"embedding", "position", "parameter"})

HEADINGS = (
    "path", "shape", "layout", "type", "kind", "role", "place", "block", "fan_in", "fan_out", "parts",
)  # fmt: skip
SCHEMA = 1  # of an inventory's JSON

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
        >>> Part(label="q", length=64, path="attn.in_proj_weight", box=((0, 64), (0, 64))).shift
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


def _check_part(part: object) -> None:
    if not isinstance(part, Part):
        msg = f"`part` must be a Part of a record that has an axis of parts, got {shown(part)}."
        raise ArgumentTypeError(msg)


def _tuple(field: str, value: object) -> tuple[Any, ...]:
    """Return a tuple or a list as a tuple."""
    entries = checks.entries(value)
    if entries is None:
        msg = f"`{field}` must be a tuple, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return entries


def _texts(field: str, value: object) -> tuple[str, ...]:
    return tuple(checks.text(field, entry) for entry in _tuple(field, value))


def _sizes(value: object) -> tuple[tuple[str, int], ...]:
    """Return (letter, size) pairs."""
    pairs = _pairs(value)
    if pairs is None or any(checks.plain(letter) is None for letter, _ in pairs):
        msg = f"`sizes` must be (letter, size) pairs, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return size_items({checks.plain(letter) or "": size for letter, size in pairs})


def _box(label: str, value: object) -> Box:
    """Return (start, stop) pairs of ints, of which no stop is before its start."""
    spans = [
        (checks.integer(start), checks.integer(stop)) for start, stop in _pairs(value) or ((None, None),)
    ]
    box = tuple((start, stop) for start, stop in spans if start is not None and stop is not None)
    if len(box) < len(spans) or not all(0 <= start <= stop for start, stop in box):
        msg = f"`box` of part {label!r} must be (start, stop) pairs of integers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return box


def _pairs(value: object) -> list[tuple[Any, Any]] | None:
    """Return the entries of a tuple of pairs; None for anything else."""
    entries = checks.entries(value) if isinstance(value, tuple) else None
    pairs = [checks.entries(entry) or () for entry in entries or ()]
    is_valid = entries is not None and {len(pair) for pair in pairs} <= {2}
    return [(pair[0], pair[1]) for pair in pairs] if is_valid else None


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

    Raises:
        ArgumentTypeError: a field of the wrong type.
        ArgumentValueError: an unknown word, a layout that does not fit, parts that do not fill their axis.

    Example:
        >>> record = Record(name="fc.weight", path="fc.weight", shape=(10, 20), layout="OI",
        ...                 kind="linear", role="kernel", inputs=20, outputs=10)
        >>> record.fans
        (20, 10)
    """

    name: str
    path: str
    shape: tuple[int, ...]
    kind: str
    role: str
    layout: str | None = None
    sizes: tuple[tuple[str, int], ...] = ()
    place: str = ""
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

    def __post_init__(self) -> None:
        """Check the fields: a record may come from a file."""
        for field in ("name", "path", "dtype", "native", "doubt"):
            object.__setattr__(self, field, checks.text(field, getattr(self, field)))
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
        object.__setattr__(self, "ties", _texts("ties", self.ties))
        object.__setattr__(self, "sizes", _sizes(self.sizes))
        if self.layout is not None:
            object.__setattr__(self, "layout", checks.text("layout", self.layout))
        bind(self.shape, self.layout, dict(self.sizes) or None)
        object.__setattr__(self, "parts", _tuple("parts", self.parts))
        self._check_parts()

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
        >>> record = Record(name="w", path="w", shape=(2, 3), layout="OI", kind="linear", role="kernel")
        >>> inventory = Inventory("torch", (record,))
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
        object.__setattr__(self, "records", _tuple("records", self.records))
        for record in self.records:
            if not isinstance(record, Record):
                msg = f"`records` must hold Records, got {shown(record)}."
                raise ArgumentTypeError(msg)
        object.__setattr__(self, "left", tuple(sorted(_texts("left", self.left))))
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
        quantized = [f"{path}: {reason}" for path, reason in quantized_reasons(self).items()]
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
