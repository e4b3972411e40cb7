"""The state of a transfer: tensors that no recipe writes, and that training or data may have changed.

Examples are PyTorch's buffers, Keras' variables that are not trained, Haiku's state, and Linen's and NNX'
other collections. No record describes them, so their counterpart is the tensor of the same name and shape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from unified_init.errors import UnifiedInitError
from unified_init.inventory.quantized import is_calibration
from unified_init.inventory.records import Record
from unified_init.models.tensors import LogicalTensor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from unified_init.inventory.inventory import Inventory
    from unified_init.walkers.protocol import Walker

__all__ = ["State", "may_be_trained", "paired_state", "state_of", "state_of_arrays"]

# ruff: noqa: ANN401  # models of any framework

MASK_RANK, MASK_VALUES = 2, 2


class State(NamedTuple):
    """State by stream name. Several paths of one shared tensor have one ``streams`` in common.

    ``constants`` are the paths of what has no record and is no state, such as buffers that are not saved.
    """

    tensors: Mapping[str, LogicalTensor]
    streams: Mapping[str, str]
    constants: frozenset[str] = frozenset()


def state_of(walker: Walker, model: Any, inventory: Inventory) -> State:
    """Return the state of a model."""
    streams = walker.state(model, inventory.left)
    tensors: dict[str, LogicalTensor] = {}
    for path, stream in streams.items():
        if _word(stream) not in tensors:
            tensors[_word(stream)] = _tensor(path, stream, *walker.shape_and_dtype(model, path))
    return State(tensors, streams, frozenset(inventory.left) - streams.keys())


def state_of_arrays(arrays: Mapping[str, NDArray[Any]], streams: Mapping[str, str]) -> State:
    """Return the state in a mapping. A path without a stream name is its own."""
    tensors: dict[str, LogicalTensor] = {}
    for path, array in arrays.items():
        stream = streams.get(path, path)
        other = tensors.get(_word(stream))
        if other is not None and not np.array_equal(arrays[other.path], array):
            stream = path  # shared in the target, and not in the mapping
        tensors.setdefault(_word(stream), _tensor(path, stream, array.shape, array.dtype.name))
    return State(tensors, streams)


def _word(stream: str) -> str:
    """Return a stream name as all frameworks would spell it."""
    return stream.replace(".", "/")


def _tensor(path: str, stream: str, shape: tuple[int, ...], dtype: str) -> LogicalTensor:
    record = Record(name=stream, path=path, shape=shape, dtype=dtype, kind="parameter", role="buffer")
    return LogicalTensor(record, None, stream)


def paired_state(
    target: State, source: State, names: Mapping[str, str]
) -> tuple[list[tuple[LogicalTensor, LogicalTensor]], list[LogicalTensor], list[LogicalTensor]]:
    """Return the pairs of one name and shape, and what the target and the source have without a counterpart.

    What is a constant on the other side needs none.

    Args:
        target: the state of the target.
        source: that of the source.
        names: stream names in the source by path of the target, where they are not the same.
    """
    pairs, missing, used = [], [], set()
    for stream, tensor in target.tensors.items():
        name = _word(names.get(tensor.path, stream))
        other = source.tensors.get(name)
        if other is None or other.shape != tensor.shape:
            missing += [] if tensor.path in source.constants else [tensor]
        else:
            pairs.append((tensor, other))
            used.add(name)
    spare = [
        tensor
        for name, tensor in source.tensors.items()
        if name not in used and tensor.path not in target.constants
    ]
    return pairs, missing, spare


def may_be_trained(
    tensors: Collection[LogicalTensor], native: Callable[[str], NDArray[Any]]
) -> Iterator[str]:
    """Yield the paths of state that is no constant of its model's code: floats, except masks.

    What a quantization observes is left out: a model without it has the same weights.
    """
    for tensor in tensors:
        if is_calibration(tensor.path):
            continue
        try:
            values = native(tensor.path)
        except UnifiedInitError:  # without values yet
            yield tensor.path
            continue
        if not _is_constant(values):
            yield tensor.path


def _is_constant(values: NDArray[Any]) -> bool:
    """Whether values are indices or counts, which are integers, or a mask: a matrix of two floats."""
    if values.dtype.kind in "biu":
        return True
    return values.ndim >= MASK_RANK and np.unique(values.astype(np.float64)).size <= MASK_VALUES
