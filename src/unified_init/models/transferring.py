"""Transfers trained values between models: through layouts, gate orders, fused parts and ties."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.drawing.digests import values_of
from unified_init.errors import ArgumentTypeError, ArgumentValueError, BackendError
from unified_init.inventory.quantized import is_quantized, quantized_reason
from unified_init.inventory.records import Inventory
from unified_init.models.matching import match
from unified_init.models.name_map import NameMap, as_read, records_of
from unified_init.models.packed import check_all_readable
from unified_init.models.tensors import LogicalTensor, logical_tensors
from unified_init.models.transfer_values import check_range, oriented, summed
from unified_init.stream.dtypes import DTYPES
from unified_init.walkers.layer_facts import PackedError
from unified_init.walkers.registry import walker_of
from unified_init.walkers.writes import Drawn, Target, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from unified_init.inventory.records import Record
    from unified_init.walkers.protocol import Walker

__all__ = ["transfer"]

# ruff: noqa: ANN401  # models of any framework

SHOWN = 4
COUNTS = frozenset({"count", "buffer"})  # one framework has them and another does not
SUMMED = ("lstm", "rnn")  # cells whose two biases are only ever added


class Source(NamedTuple):
    """The tensors of a source by stream name, and what reads its native tensors."""

    tensors: dict[str, LogicalTensor]
    native: Callable[[str], NDArray[Any]]
    paths: frozenset[str] | None = None  # those that a mapping has; None for a model, which has all
    extra: tuple[str, ...] = ()  # paths of a mapping that its inventory does not have


def transfer(
    source: Any,
    target: Any,
    names: Mapping[str, str] | None = None,
    *,
    inventory: Inventory | None = None,
    strict: bool = True,
) -> Any:
    """Copy trained values from one model to another, whatever the frameworks and layouts of the two.

    Every tensor of the target gets the values of its counterpart: axes are permuted, gates reordered, fused
    parts split or joined, ties written once, and what a forward pass adds (the forget gate's 1, the 1 of a
    centred norm) is corrected. The kernel of a transposed convolution is flipped in space where the two
    layers take its positions in opposite directions. Two biases of a recurrent cell become the sum of both
    where the target has one; the second is 0 where the source has one.

    Args:
        source: a model; or a mapping of native paths to arrays, such as a state dict; or the path of a
            safetensors file. Its tensors are only read.
        target: a model, which is written in place where the framework can.
        names: the stream name in the source (``ui.inspect(source)[path].name``) by native path of the target,
            as ``ui.match(source, target)`` makes; the map keeps the ``layers`` and ``places`` of ``match``.
            None calls ``match``, with ``strict``, or for a mapping and a file without ``inventory`` takes
            the paths to be the target's own.
        inventory: of the model whose values a mapping or a file holds; None is the target's own.
        strict: True refuses a tensor of either side without a counterpart, False leaves it.

    Returns:
        The target; a new tree for JAX trees and Equinox modules.

    Raises:
        ArgumentTypeError: a source or a target of another kind.
        ArgumentValueError: tensors without counterparts, or of other extents; numbers beyond the largest of
            the target's type (infinities and NaN of the source are copied, if the type has them); weights
            that either side stores quantized. The target is as it was.
        BackendError: a safetensors file where safetensors is not installed.

    Example:
        >>> import keras, torch
        >>> import unified_init as ui
        >>> layer = torch.nn.Linear(3, 2)
        >>> twin = ui.transfer(layer, keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
        >>> bool((twin.layers[0].kernel == layer.weight.detach().numpy().T).numpy().all())
        True

    Differs from:
        ``load_state_dict`` and ``set_weights``, which copy within one framework and layout.
    """
    checks.switch("strict", strict)
    walker = walker_of(target, "target")
    target_inventory = walker.inspect(target)
    check_all_readable(walker, target, target_inventory)
    opened = _opened(source, inventory, target_inventory, records_of(names)[0])
    if names is None and opened.paths is None:
        names = match(source, target, strict=strict)
    elif names is None and inventory is not None:
        names = match(inventory, target, strict=strict)
    targets = [tensor for tensor in logical_tensors(target_inventory, names) if _is_decided(tensor, names)]
    pairs, missing = _paired(opened, targets)
    used = {tensor.stream for _, tensors in pairs for tensor in tensors}
    spare = [
        tensor.path
        for stream, tensor in opened.tensors.items()
        if stream not in used and tensor.record.role not in COUNTS
    ] + [*opened.extra]
    if strict and (missing or spare):
        raise ArgumentValueError(_uneven(missing, spare))
    wrong = [(tensor, values[0]) for tensor, values in pairs if values and not _fits(tensor, values[0])]
    if wrong:
        tensor, other = wrong[0]
        msg = (
            f"{tensor.path!r} of extents {tensor.extents} cannot take the values of {other.path!r}, of "
            f"extents {other.extents}."
        )
        raise ArgumentValueError(msg)
    writes = _writes(walker, target, opened, pairs)
    walker.check(target, sorted(writes))
    return walker.commit(target, writes)


def _is_decided(tensor: LogicalTensor, names: Mapping[str, str] | None) -> bool:
    """Whether a partial map says where a tensor has its values from: not by the name that it happens to have.

    The recurrent bias that only one model has needs no counterpart.
    """
    if not isinstance(names, NameMap) or not names.doubts:
        return True
    is_free = tensor.record.role in {*COUNTS, "recurrent_bias"}
    return is_free or tensor.path in names or tensor.record.path in names


def _opened(source: Any, inventory: Inventory | None, target: Inventory, records: Sequence[Record]) -> Source:
    """Return the tensors of a model, a mapping or a file; ``records`` are those that a map reads its way."""
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
        listed = as_read(target if inventory is None else inventory, records)
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
        return Source(tensors, native, paths, extra)
    if inventory is not None:
        msg = "`inventory` says what a mapping or a file holds; a model says it itself."
        raise ArgumentValueError(msg)
    walker = walker_of(source, "source")
    own = as_read(walker.inspect(source), records)
    check_all_readable(walker, source, own)
    tensors = {tensor.stream: tensor for tensor in logical_tensors(own)}
    return Source(tensors, lambda path: walker.read(source, path))


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
        import safetensors.numpy  # noqa: PLC0415  # an extra, imported on demand
    except ImportError:
        msg = "`source` is a file, which needs safetensors: pip install 'unified_init[files]'."
        raise BackendError(msg) from None
    path = os.fspath(source) if checks.plain(source) is None else checks.text("source", source)
    try:
        arrays: dict[str, NDArray[Any]] = safetensors.numpy.load_file(path)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        msg = f"`source` must be a safetensors file, got {shown(path)}: {error}."
        raise ArgumentValueError(msg) from None
    return arrays


Pair = tuple[LogicalTensor, tuple[LogicalTensor, ...]]


def _paired(source: Source, targets: Sequence[LogicalTensor]) -> tuple[list[Pair], list[str]]:
    """Return each target with the tensors whose sum it gets (none is 0), and paths without a counterpart."""
    taken = {tensor.stream for tensor in targets}
    extra_biases = _second_biases(source, taken)
    pairs: list[Pair] = []
    missing = []
    for tensor in targets:
        counterpart = source.tensors.get(tensor.stream)
        label = "" if tensor.part is None else tensor.part.label
        if counterpart is not None:
            second = extra_biases.get(counterpart.stream)
            pairs.append((tensor, (counterpart,) if second is None else (counterpart, second)))
        elif tensor.record.role == "recurrent_bias" and tensor.record.kind in {*SUMMED, "gru"}:
            pairs.append((tensor, ()))
        elif tensor.record.role not in COUNTS:
            missing.append(f"{tensor.record.path}/{label}" if label else tensor.record.path)
    return pairs, missing


def _second_biases(source: Source, taken: set[str]) -> dict[str, LogicalTensor]:
    """Return the recurrent biases that no target takes, by the stream of the bias that they are added to.

    A cell lists its recurrent bias after its bias. In a GRU the candidate's is inside of a product, so that
    no sum holds both.
    """
    seconds: dict[str, LogicalTensor] = {}
    biases: dict[str, LogicalTensor] = {}
    for tensor in source.tensors.values():
        label = "" if tensor.part is None else tensor.part.label
        if tensor.record.role == "bias":
            biases[label] = tensor
        summed = tensor.record.kind in SUMMED or (tensor.record.kind == "gru" and label in {"r", "z"})
        if (
            tensor.record.role == "recurrent_bias"
            and summed
            and tensor.stream not in taken
            and label in biases
        ):
            seconds[biases[label].stream] = tensor
    return seconds


def _fits(tensor: LogicalTensor, other: LogicalTensor) -> bool:
    """Whether two tensors have the same extents, but for those of 1: a 1 x 1 convolution is a matrix."""
    first, second = ([extent for extent in each.extents if extent != 1] for each in (tensor, other))
    return first == second


def _uneven(missing: Sequence[str], spare: Sequence[str]) -> str:
    sides = []
    for side, paths in (("target", missing), ("source", spare)):
        listing = ", ".join([*map(repr, paths[:SHOWN]), *(["..."] if len(paths) > SHOWN else [])])
        sides += [f"{len(paths)} of the {side} ({listing})"] if paths else []
    return (
        f"`transfer` finds no counterpart for {' and '.join(sides)}: name them in names=, or strict=False "
        "leaves them as they are."
    )


def _writes(walker: Walker, target: Any, source: Source, pairs: Sequence[Pair]) -> dict[str, Write]:
    drawn: dict[str, list[Drawn]] = {}
    for tensor, summands in pairs:
        values = summed(tensor, [oriented(tensor, summand, source.native) for summand in summands])
        path = tensor.record.path if tensor.part is None else tensor.part.path
        check_range(tensor, values, walker.shape_and_dtype(target, path)[1])
        drawn.setdefault(path, []).append(Drawn(None, (Target((), tensor.part),), tensor.stored(values)))
    writes = {}
    for path, entries in drawn.items():
        shape, dtype = walker.shape_and_dtype(target, path)
        covered = sum(np.size(entry.value) for entry in entries)
        writes[path] = Write(path, shape, dtype, None, tuple(entries), covers=covered == int(np.prod(shape)))
    return writes
