"""What a user says about layers that no walker knows: the kind, the tensors, how a fused tensor is split."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unified_init.core import checks
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.parts import Part
from unified_init.inventory.vocabulary import KINDS, PLACES, ROLES
from unified_init.law.layout import parse, size_items

if TYPE_CHECKING:
    from unified_init.inventory.vocabulary import Kind, Place

__all__ = ["Layer", "Named", "Split", "layer_items", "place_items"]

# A mapping by name, which a frozen value keeps as pairs.
Named = Mapping[str, Any] | tuple[tuple[str, Any], ...]

# ruff: noqa: ANN401  # what a user passes


@public
@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """How the outputs of a fused tensor are split into named parts.

    Args:
        labels: one per part, in the order of storage, such as ("q", "k", "v").
        lengths: outputs of each part, in one block; () for parts that are equally long.
        blocks: how often that order repeats: 1 for parts one after another, the number of heads for parts
            that are stored head by head, of key-value groups, or of features for parts that alternate.

    Raises:
        ArgumentTypeError: a field of the wrong type.
        ArgumentValueError: no labels, one label twice, or another number of lengths.

    Example:
        >>> import unified_init as ui
        >>> by_head = ui.Split(("q", "k", "v"), blocks=12)
        >>> grouped = ui.Split(("q", "k", "v"), (64, 16, 16))
        >>> grouped.outputs
        96
    """

    labels: tuple[str, ...]
    lengths: tuple[int, ...] = ()
    blocks: int = 1

    def __post_init__(self) -> None:
        """Check the fields."""
        words, numbers = checks.entries(self.labels), checks.entries(self.lengths)
        if words is None:
            msg = f"`labels` must be a tuple of texts, got {shown(self.labels)}."
            raise ArgumentTypeError(msg)
        labels = tuple(checks.text("labels", label) for label in words)
        if not labels or len(set(labels)) < len(labels):
            msg = f"`labels` must be one or several different texts, got {shown(labels)}."
            raise ArgumentValueError(msg)
        if numbers is None:
            msg = f"`lengths` must be a tuple of integers, got {shown(self.lengths)}."
            raise ArgumentTypeError(msg)
        if numbers and len(numbers) != len(labels):
            msg = f"`lengths` must give a length for each of {labels}, got {shown(self.lengths)}."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "labels", labels)
        lengths = tuple(checks.count("lengths", length) for length in numbers)
        object.__setattr__(self, "lengths", lengths)
        object.__setattr__(self, "blocks", checks.count("blocks", self.blocks))

    @property
    def outputs(self) -> int:
        """The outputs of all parts; 0 if no lengths are given."""
        return self.blocks * sum(self.lengths)

    def on(self, length: int) -> Split:
        """Return the split with its lengths on an axis of this length; refuse one that it does not fit."""
        length = checks.count("length", length, least=0)
        if not self.lengths:
            count = self.blocks * len(self.labels)
            lengths = (length // count,) * len(self.labels)
            if length % count == 0 and length:
                return Split(self.labels, lengths, self.blocks)
        if not self.lengths or self.outputs != length:
            msg = f"{shown(self)} does not fill an axis of {length} outputs."
            raise ArgumentValueError(msg)
        return self

    def parts(self, path: str, shape: tuple[int, ...], axis: int) -> tuple[Part, ...]:
        """Return the parts of a native tensor whose outputs are one of its axes, which they fill."""
        shape, axis = checks.shape_of(shape), checks.count("axis", axis, least=0)
        if axis >= len(shape):
            msg = f"`axis` must be one of the axes of {shape}, got {axis}."
            raise ArgumentValueError(msg)
        lengths = self.on(shape[axis]).lengths
        view = None
        if self.blocks > 1:
            view = (*shape[:axis], self.blocks, sum(lengths), *shape[axis + 1 :])
        before = tuple((0, size) for size in shape[:axis])
        after = tuple((0, size) for size in shape[axis + 1 :])
        repeated = ((0, self.blocks),) if self.blocks > 1 else ()
        parts, start = [], 0
        for label, length in zip(self.labels, lengths, strict=True):
            box = (*before, *repeated, (start, start + length), *after)
            parts.append(Part(label=label, length=self.blocks * length, path=path, box=box, view=view))
            start += length
        return tuple(parts)


@public
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What a layer is, where the library does not know: for ``layers=`` of ``inspect``, ``plan`` and others.

    A key of ``layers`` says which layers it is about: a class or its name, or a glob of paths (of the layer,
    or of a tensor). A class stands for every class of its name.

    Args:
        kind: the kind of layer, such as "linear"; None leaves what is known.
        tensors: by the name that a tensor has in the layer, its role and its layout, such as
            {"weight": ("kernel", "OI"), "bias": ("bias", "O")}; a role by itself has no layout. Tensors that
            are not named are left as they are; {} is about all tensors, with the roles that they have.
        centred: for a norm, whether its forward pass multiplies by 1 + weight (True) or by the weight.
        fans: (fan_in, fan_out) of the kernels, and so of their biases; None computes them from the layouts.
        sizes: sizes of merged axes, such as {"B": groups} for the layout "(BO)I".
        parts: by the name of a tensor, how its outputs are split: a ``Split``, or labels of equal parts.

    Raises:
        ArgumentTypeError: a field of the wrong type.
        ArgumentValueError: an unknown kind, role or letter.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> class Heads(torch.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.w_q = torch.nn.Parameter(torch.empty(4, 32, 8))  # heads, inputs, head size
        >>> heads = ui.Layer(kind="linear", tensors={"w_q": ("kernel", "BIO")})
        >>> recipe = ui.Recipe("glorot", (ui.Rule(spec=ui.glorot_uniform(), kind="linear"),))
        >>> law = ui.plan(Heads(), recipe, layers={Heads: heads})["w_q"].pieces[0].law
        >>> law.fan_in, law.fan_out
        (32, 8)
    """

    kind: Kind | None = None
    tensors: Named = ()
    centred: bool | None = None
    fans: tuple[int, int] | None = None
    sizes: Named = ()
    parts: Named = ()

    def __post_init__(self) -> None:
        """Check the fields; mappings become tuples of pairs."""
        if self.kind is not None:
            object.__setattr__(self, "kind", checks.choice("kind", self.kind, KINDS))
        tensors = {
            name: _role_and_layout(name, value) for name, value in _mapping("tensors", self.tensors).items()
        }
        object.__setattr__(self, "tensors", tuple(tensors.items()))
        if self.centred is not None and not isinstance(self.centred, bool):
            msg = f"`centred` must be True, False or None, got {shown(self.centred)}."
            raise ArgumentTypeError(msg)
        if self.fans is not None:
            fans = checks.entries(self.fans) or ()
            if len(fans) != 2:  # noqa: PLR2004  # a pair
                msg = f"`fans` of a layer must be a pair (fan_in, fan_out), got {shown(self.fans)}."
                raise ArgumentTypeError(msg)
            object.__setattr__(self, "fans", tuple(checks.count("fans", value) for value in fans))
        object.__setattr__(self, "sizes", size_items(_mapping("sizes", self.sizes)))
        splits = {name: _split(name, value) for name, value in _mapping("parts", self.parts).items()}
        object.__setattr__(self, "parts", tuple(splits.items()))


def _mapping(field: str, value: Any) -> dict[str, Any]:
    pairs = checks.pairs(value)
    if pairs is None:
        msg = f"`{field}` of a layer must be a mapping of names, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return {checks.text(field, name): entry for name, entry in pairs}


def _role_and_layout(name: str, value: Any) -> tuple[str, str | None]:
    entries = (value,) if isinstance(value, str) else checks.entries(value) or ()
    if len(entries) not in {1, 2}:
        msg = f"`tensors` of a layer must give {name!r} a role or (role, layout), got {shown(value)}."
        raise ArgumentTypeError(msg)
    role, layout = (*entries, None)[:2]
    if layout is not None:
        layout = checks.text("layout", layout)
        parse(layout)
    return checks.choice(f"role of {name}", role, ROLES), layout


def _split(name: str, value: Any) -> Split:
    if isinstance(value, Split):
        return value
    labels = checks.entries(value)
    if labels is None:
        msg = f"`parts` of a layer must give {name!r} a Split or labels, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return Split(labels)


def layer_items(layers: Any) -> tuple[tuple[str, Layer], ...]:
    """Return checked layers by class name or glob; a class becomes its name."""
    pairs = checks.pairs(layers)
    if pairs is None:
        msg = f"`layers` must be a mapping of classes or globs to Layers, got {shown(layers)}."
        raise ArgumentTypeError(msg)
    items: dict[str, Layer] = {}
    for key, layer in pairs:
        if not isinstance(layer, Layer):
            msg = f"`layers` must give {shown(key)} a unified_init.Layer, got {shown(layer)}."
            raise ArgumentTypeError(msg)
        items[key.__name__ if isinstance(key, type) else checks.text("layers", key)] = layer
    return tuple(items.items())


def place_items(places: Any) -> tuple[tuple[str, Place], ...]:
    """Return checked places by glob."""
    pairs = checks.pairs(places)
    if pairs is None:
        msg = f"`places` must be a mapping of globs to places, got {shown(places)}."
        raise ArgumentTypeError(msg)
    items = {
        checks.text("places", pattern): checks.choice("places", place, PLACES) for pattern, place in pairs
    }
    return tuple(items.items())
