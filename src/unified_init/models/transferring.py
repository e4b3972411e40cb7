"""Transfers trained values between models: through layouts, gate orders, fused parts and ties."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from unified_init.core import checks
from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.models.matching import match
from unified_init.models.name_map import NameMap, as_read, records_of
from unified_init.models.packed import check_all_readable
from unified_init.models.planning import streams_of
from unified_init.models.tensors import LogicalTensor, logical_tensors
from unified_init.models.transfer_source import opened_source
from unified_init.models.transfer_state import may_be_trained, paired_state, state_of
from unified_init.models.transfer_values import check_range, oriented, summed
from unified_init.walkers.registry import walker_of
from unified_init.walkers.writes import Drawn, Target, Write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.inventory.inventory import Inventory
    from unified_init.models.transfer_source import Source
    from unified_init.walkers.protocol import Walker

Model = TypeVar("Model")

__all__ = ["transfer"]

# ruff: noqa: ANN401  # models of any framework

SHOWN = 4
COUNTS = frozenset({"count", "buffer"})  # one framework has them and another does not
SUMMED = ("lstm", "rnn")  # cells whose two biases are only ever added


def transfer(
    source: Any,
    target: Model,
    names: Mapping[str, str] | None = None,
    *,
    inventory: Inventory | None = None,
    strict: bool = True,
) -> Model:
    """Copy trained values from one model to another, whatever the frameworks and layouts of the two.

    Every tensor of the target gets the values of its counterpart: axes are permuted, gates reordered, fused
    parts split or joined, ties written once, and what a forward pass adds (the forget gate's 1, the 1 of a
    centred norm) is corrected. The kernel of a transposed convolution is flipped in space where the two
    layers take its positions in opposite directions. Two biases of a recurrent cell become the sum of both
    where the target has one; the second is 0 where the source has one. State that no recipe writes, such as
    saved buffers, Keras' variables that are not trained and codebooks in Haiku's state, is copied to the
    tensor of the same name and shape, or the one that ``names`` gives.

    Args:
        source: a model; or a mapping of native paths to arrays, such as a state dict; or the path of a
            safetensors file. Its tensors are only read.
        target: a model, which is written in place where the framework can.
        names: the stream name in the source (``ui.inspect(source)[path].name``) by native path of the target,
            as ``ui.match(source, target)`` makes; the map keeps the ``layers`` and ``places`` of ``match``.
            None calls ``match``, with ``strict``, or for a mapping and a file without ``inventory`` takes
            the paths to be the target's own.
        inventory: of the model whose values a mapping or a file holds; None is the target's own.
        strict: True refuses a tensor of either side without a counterpart, False leaves it. State of integers
            (indices, counts) and masks (two different values at most) needs no counterpart, nor do buffers
            that PyTorch does not save, caches and random state.

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
    target_state = state_of(walker, target, target_inventory)
    streams = streams_of(names)
    opening = functools.partial(opened_source, source, inventory, target_inventory, target_state)
    opened = opening(records_of(names)[0], streams.values())
    if names is None and (opened.paths is None or inventory is not None):
        names = match(source if opened.paths is None else inventory, target, strict=strict)
        streams = streams_of(names)
        if records_of(names)[0]:  # layers of stacks have their own
            opened = opening(records_of(names)[0], streams.values())
    record_streams = {path: stream for path, stream in streams.items() if path not in target_state.streams}
    read = as_read(target_inventory, records_of(names)[1], streams)
    targets = [tensor for tensor in logical_tensors(read, record_streams) if _is_decided(tensor, names)]
    pairs, missing = _paired(opened, targets)
    used = {tensor.stream for _, tensors in pairs for tensor in tensors}
    spare = [
        tensor.path
        for stream, tensor in opened.tensors.items()
        if stream not in used and tensor.record.role not in COUNTS
    ] + [*opened.extra]
    state_pairs, missing_state, spare_state = paired_state(target_state, opened.state, streams)
    if strict:
        missing += may_be_trained(missing_state, lambda path: walker.read(target, path))
        spare += may_be_trained(spare_state, opened.native)
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
    pairs += [
        (tensor, (other,))
        for tensor, other in state_pairs
        if not _has_values(walker, target, tensor.path, opened.native(other.path))
    ]
    writes = _writes(walker, target, opened, pairs)
    walker.check(target, sorted(writes))
    result: Model = walker.commit(target, writes)
    return result


def _is_decided(tensor: LogicalTensor, names: Mapping[str, str] | None) -> bool:
    """Whether a partial map says where a tensor has its values from: not by the name that it happens to have.

    The recurrent bias that only one model has needs no counterpart.
    """
    if not isinstance(names, NameMap) or not names.doubts:
        return True
    is_free = tensor.record.role in {*COUNTS, "recurrent_bias"}
    return is_free or tensor.path in names or tensor.record.path in names


def _has_values(walker: Walker, target: Any, path: str, values: NDArray[Any]) -> bool:
    """Whether a tensor of the target has these values already, as a constant has."""
    try:
        current = walker.read(target, path)
    except UnifiedInitError:  # without values yet
        return False
    return bool(np.array_equal(current, values))


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
