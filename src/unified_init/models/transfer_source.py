"""The source of a transfer: the tensors of a model, of a mapping of arrays or of a safetensors file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.drawing.digests import values_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.quantized import is_quantized, quantized_reason
from unified_init.models.name_map import as_read
from unified_init.models.packed import check_all_readable
from unified_init.models.tensors import LogicalTensor, logical_tensors
from unified_init.models.transfer_state import state_of, state_of_arrays
from unified_init.stream.dtypes import DTYPES
from unified_init.walkers.layer_facts import PackedError
from unified_init.walkers.registry import walker_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from unified_init.inventory.records import Record
    from unified_init.models.transfer_state import State

__all__ = ["Source", "opened_source"]

# ruff: noqa: ANN401  # models of any framework

FLOAT8 = {"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}  # in safetensors, and in NumPy
LENGTH = 8  # bytes of a header's own length


class Source(NamedTuple):
    """The tensors of a source by stream name, and what reads its native tensors."""

    tensors: dict[str, LogicalTensor]
    state: State
    native: Callable[[str], NDArray[Any]]
    paths: frozenset[str] | None = None  # those that a mapping has; None for a model, which has all
    extra: tuple[str, ...] = ()  # paths of a mapping that its inventory does not have


def opened_source(
    source: Any,
    inventory: Inventory | None,
    target: Inventory,
    state: State,
    records: Sequence[Record],
    streams: Iterable[str],
) -> Source:
    """Return the tensors of a model, a mapping or a file.

    ``target`` and ``state`` say what is in a mapping without an ``inventory``; ``records`` are those that a
    map reads in its own way, and ``streams`` the names that it gives, among them those of stacked layers.
    """
    if inventory is not None and not isinstance(inventory, Inventory):
        msg = f"`inventory` must be an Inventory, got {type(inventory).__name__}: inspect(model) makes one."
        raise ArgumentTypeError(msg)
    if isinstance(source, (str, os.PathLike)):
        source = _file(source)
    if isinstance(source, Mapping):
        pairs = checks.items(source)
        if pairs is None:
            msg = f"`source` must be a mapping of paths to arrays that can be read, got {shown(source)}."
            raise ArgumentTypeError(msg)
        listed = as_read(target if inventory is None else inventory, records, streams)
        arrays = {checks.text("source", path): array for path, array in pairs}
        ties = {path: record.path for record in listed for path in record.ties}
        _check_ties(arrays, ties)
        paths = frozenset({*arrays, *(ties[path] for path in arrays if path in ties)})
        owners = {ties[path]: path for path in arrays if path in ties and ties[path] not in arrays}
        tensors = {
            tensor.stream: tensor
            for tensor in logical_tensors(listed)
            if (tensor.part.path if tensor.part is not None else tensor.record.path) in paths
        }
        known = {path for record in listed for path in (*record.ties, *(path for path, _ in record.stored))}
        extra = tuple(path for path in arrays if path not in known and path not in listed.left)

        for path, array in arrays.items():
            dtype = _numbers(array).dtype.name
            if is_quantized(path, dtype, arrays):
                msg = f"{path!r} of `source`: {quantized_reason(dtype)}."
                raise PackedError(msg)

        def native(path: str) -> NDArray[Any]:
            return _numbers(arrays[owners.get(path, path)])

        for tensor in tensors.values():
            _check_shape(tensor, native(tensor.record.path if tensor.part is None else tensor.part.path))
        left = {path: _numbers(array) for path, array in arrays.items() if path in listed.left}
        return Source(tensors, state_of_arrays(left, state.streams), native, paths, extra)
    if inventory is not None:
        msg = "`inventory` says what a mapping or a file holds; a model says it itself."
        raise ArgumentValueError(msg)
    walker = walker_of(source, "source")
    own = as_read(walker.inspect(source), records, streams)
    check_all_readable(walker, source, own)
    tensors = {tensor.stream: tensor for tensor in logical_tensors(own)}
    return Source(tensors, state_of(walker, source, own), lambda path: walker.read(source, path))


def _check_ties(arrays: Mapping[str, Any], ties: Mapping[str, str]) -> None:
    """Refuse two paths of one tied tensor that hold different values, of which one would be lost."""
    for path, owner in ties.items():
        if path not in arrays or owner not in arrays:
            continue
        if not np.array_equal(_numbers(arrays[path]), _numbers(arrays[owner])):
            msg = f"`source` has different values for {owner!r} and {path!r}, which are tied: leave out one."
            raise ArgumentValueError(msg)


def _check_shape(tensor: LogicalTensor, values: NDArray[Any]) -> None:
    """Refuse an array of another shape than its record has, but for axes of extent 1."""
    if tensor.part is not None and tensor.part.box is not None:
        box = tensor.part.box
        fits = tensor.part.view is not None or (
            values.ndim == len(box)
            and all(stop <= size for (_, stop), size in zip(box, values.shape, strict=True))
        )
    else:
        fits = [size for size in values.shape if size != 1] == [size for size in tensor.shape if size != 1]
    if not fits:
        msg = f"{tensor.path!r} has the shape {tensor.shape}, and `source` has {values.shape} there."
        raise ArgumentValueError(msg)


def _numbers(array: Any) -> NDArray[Any]:
    """Return an array of a mapping as one of NumPy; refuse what holds no numbers."""
    values = values_of(array, "source")
    if values.dtype.kind not in "biuf" and values.dtype.name not in DTYPES:
        msg = f"`source` must hold numbers, got an array of {values.dtype}."
        raise ArgumentTypeError(msg)
    return values


def _file(source: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    try:
        import safetensors  # noqa: PLC0415  # an extra, imported on demand
    except ImportError:
        msg = "`source` is a file, which needs safetensors: pip install 'unified_init[files]'."
        raise BackendError(msg) from None
    path = os.fspath(source) if checks.plain(source) is None else checks.text("source", source)
    try:
        with safetensors.safe_open(path, framework="np") as file:
            return {name: _tensor(file, path, name) for name in file.keys()}  # noqa: SIM118  # no mapping
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        msg = f"`source` must be a safetensors file, got {shown(path)}: {error}."
        raise ArgumentValueError(msg) from None


def _tensor(file: Any, path: str, name: str) -> NDArray[Any]:
    """Return a tensor of an open file, whose types of 8 bits safetensors does not read into NumPy."""
    word = file.get_slice(name).get_dtype()
    if word in FLOAT8:
        return _float8(path, name, DTYPES[FLOAT8[word]].numpy)
    try:
        values: NDArray[Any] = file.get_tensor(name)
    except (AttributeError, KeyError, TypeError):
        msg = f"`source` has {name!r} of the type {word}, which NumPy does not have: convert the file first."
        raise ArgumentTypeError(msg) from None
    return values


def _float8(path: str, name: str, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a tensor by its place in the file: the header's length, the header, and the values."""
    with open(path, "rb") as file:  # noqa: PTH123  # a path of any type
        length = int.from_bytes(file.read(LENGTH), "little")
        facts = json.loads(file.read(length))[name]
        start, stop = facts["data_offsets"]
        file.seek(LENGTH + length + start)
        return np.frombuffer(file.read(stop - start), dtype).reshape(facts["shape"])
