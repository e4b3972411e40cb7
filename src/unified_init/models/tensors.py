"""The logical tensors of a model: read in any framework, layout and fusing, and compared by digest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.core import checks
from unified_init.core.patterns import miss
from unified_init.drawing.digests import digest
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.stacks import apart
from unified_init.law.layout import bind
from unified_init.models.applying import inspect
from unified_init.models.name_map import as_read, records_of
from unified_init.models.packed import check_all_readable, check_not_quantized
from unified_init.models.planning import renamed, streams_of
from unified_init.stream.arrange import to_logical, to_storage
from unified_init.stream.dtypes import DTYPES
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from unified_init.inventory.parts import Part
    from unified_init.inventory.records import Record
    from unified_init.law.layout import Geometry

    Read = Callable[[str], NDArray[Any]]

__all__ = ["LogicalTensor", "digests", "logical_tensors", "read"]

# ruff: noqa: ANN401  # models of any framework

SPATIAL = "DHW"


@dataclasses.dataclass(frozen=True, slots=True)
class LogicalTensor:
    """A record, or one labeled part of a fused one, under its stream name."""

    record: Record
    part: Part | None
    stream: str

    @property
    def path(self) -> str:
        """The native path, with the label of a part."""
        label = "" if self.part is None else self.part.label
        return f"{self.record.path}/{label}" if label else self.record.path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in the record's layout."""
        return self.record.shape if self.part is None else self.record.part_shape(self.part)

    @property
    def geometry(self) -> Geometry:
        """The shape with the roles of its axes."""
        return bind(self.shape, self.record.layout, dict(self.record.sizes) or None)

    @property
    def extents(self) -> tuple[int, ...]:
        """The shape in logical order, axes of one role as one: what counterparts in two models share."""
        geometry = self.geometry
        if geometry.layout is None:
            return self.shape
        letters = dict.fromkeys(digit.role for digit in geometry.digits)
        return tuple(geometry.extent(letter) for letter in letters)

    def mirrored(self, logical: NDArray[Any]) -> NDArray[Any]:
        """Return values in logical order with their kernel positions in the other direction."""
        geometry = self.geometry
        if geometry.layout is None:
            msg = (
                f"{self.path!r} has to be flipped in space for its counterpart, and which axes of "
                f"{self.shape} are spatial is not known: leave it out with strict=False, and flip it by hand."
            )
            raise ArgumentValueError(msg)
        letters = dict.fromkeys(digit.role for digit in geometry.digits)
        axes = tuple(axis for axis, letter in enumerate(letters) if letter in SPATIAL)
        flipped: NDArray[Any] = np.flip(logical, axes)
        return flipped

    def values(self, native: Read) -> NDArray[Any]:
        """Return the values in the record's layout, as the forward pass sees them."""
        array = native(self.record.path if self.part is None else self.part.path)
        region: NDArray[Any] = array if self.part is None else self.part.region(array)
        region = region.reshape(self.shape)
        if self.part is None:
            return region
        return region + region.dtype.type(self.part.shift) if self.part.shift else region

    def logical(self, native: Read) -> NDArray[Any]:
        """Return the values in logical order, with the shape of ``extents``."""
        ordered: NDArray[Any] = to_logical(np, self.values(native), self.geometry)
        return ordered.reshape(self.extents)

    def stored(self, logical: NDArray[Any]) -> NDArray[Any]:
        """Return values in logical order as they are in the record's layout."""
        stored: NDArray[Any] = to_storage(np, logical, self.geometry)
        return stored


def logical_tensors(inventory: Inventory, names: Mapping[str, str] | None = None) -> Iterator[LogicalTensor]:
    """Yield the logical tensors of a model under the stream names of a map, in the model's order."""
    streams = streams_of(names)
    for record in renamed(as_read(inventory, records_of(names)[1], streams), streams):
        for part in record.parts or (None,):
            stream = record.name
            if part is not None and part.label:
                default = f"{record.name}/{part.label}"
                stream = streams.get(f"{record.path}/{part.label}", default)
            yield LogicalTensor(record, part, stream)


def read(model: Any, path: str) -> NDArray[Any]:
    """Return the values of one tensor of a model, as its forward pass sees them.

    Args:
        model: as for ``inspect``.
        path: the path of a record, which is read with its parts joined, or "path/label" of one part.

    Returns:
        A NumPy array in the layout of the record, ``ui.inspect(model)[path].layout``. What the forward pass
        adds to the stored values is added.

    Raises:
        ArgumentTypeError: no walker knows the model.
        ArgumentValueError: the model has no such tensor; the message has the nearest. A tensor that is
            stored quantized, whose numbers are not what the forward pass uses.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> attention = torch.nn.MultiheadAttention(4, 2)
        >>> ui.read(attention, "in_proj_weight").shape, ui.read(attention, "in_proj_weight/q").shape
        ((12, 4), (4, 4))

    Differs from:
        ``state_dict``: a gate, a query or an expert can be read alone, and a centred norm's scale is
        the number that multiplies.
    """
    path = checks.text("path", path)
    if isinstance(model, Inventory):
        msg = "`model` must be a model, got an Inventory, which has no values."
        raise ArgumentTypeError(msg)
    walker = walker_of(model)

    def native(source: str) -> NDArray[Any]:
        return walker.read(model, source)

    tensors: dict[str, list[LogicalTensor]] = {}
    inventory = apart(walker.inspect(model), [path])
    for tensor in logical_tensors(inventory):
        for key in {tensor.path, tensor.record.path, *tensor.record.ties}:
            tensors.setdefault(key, []).append(tensor)
    if path not in tensors:
        msg = f"`path`: {miss(path, sorted(tensors))}"
        raise ArgumentValueError(msg)
    check_not_quantized(inventory, {stored for tensor in tensors[path] for stored, _ in tensor.record.stored})
    pieces = [tensor.values(native) for tensor in tensors[path]]
    axis = tensors[path][0].record.axis
    return pieces[0] if axis is None else np.concatenate(pieces, axis=axis)


def digests(model: Any, names: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the digest of every tensor of a model by stream name: equal for counterparts.

    Args:
        model: as for ``inspect``.
        names: stream names by native path, such as ``ui.match`` makes; None names each by its own path.

    Returns:
        SHA-256 by stream name, as of ``ui.digest`` with the layout of the tensor, axes of one role counted
        as one. Parts of fused tensors are apart, under "name/label". Integers (counters of steps) are left
        out. Counterparts of which only one is ``flipped`` have unequal digests after ``transfer``.

    Raises:
        ArgumentTypeError: no walker knows the model.
        ArgumentValueError: a name that is no path of the model, or that two tensors get; NaN, which has
            many bit patterns; weights that are stored quantized.

    Example:
        >>> import torch
        >>> import unified_init as ui
        >>> layer = torch.nn.Linear(3, 2)
        >>> ui.digests(layer)["weight"] == ui.digest(layer.weight, layout="OI")
        True

    Differs from:
        No framework has one; hashes of files depend on formats, layouts and names.
    """
    if isinstance(model, Inventory):
        msg = "`model` must be a model, got an Inventory, which has no values."
        raise ArgumentTypeError(msg)
    walker = walker_of(model)
    inventory = inspect(model)
    check_all_readable(walker, model, inventory)
    result: dict[str, str] = {}
    for tensor in logical_tensors(inventory, names):
        if tensor.record.dtype in DTYPES:
            if tensor.stream in result:
                msg = f"`names` gives two tensors the name {tensor.stream!r}, and one would have no digest."
                raise ArgumentValueError(msg)
            result[tensor.stream] = digest(tensor.logical(lambda path: walker.read(model, path)))
    return result
