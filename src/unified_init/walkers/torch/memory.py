"""The memory of PyTorch tensors: which ones are the same, and which overlap and would be written twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from unified_init.backends import _torch as adapter
from unified_init.errors import ArgumentValueError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

__all__ = ["check_apart", "identity"]


def identity(tensor: torch.Tensor) -> tuple[Any, ...]:
    """Return a key that is equal for tensors with the same elements in the same order."""
    try:
        address = tensor.data_ptr() if tensor.numel() and not adapter.wraps_others(tensor) else 0
    except RuntimeError:  # no memory of its own: sparse, transformed
        address = 0
    if not address or tensor.device.type == "meta":
        return (id(tensor),)
    view = (tensor.is_conj(), tensor.is_neg())
    return (tensor.device, address, tuple(tensor.shape), tensor.stride(), tensor.dtype, *view)


def check_apart(stored: Iterable[tuple[str, torch.Tensor]]) -> None:
    """Refuse tensors of different paths that share elements, though each could be written by itself."""
    memories = [(path, adapter.local(tensor)) for path, tensor in stored]
    spans = sorted(
        ((str(tensor.device), tensor.data_ptr(), _extent(tensor), path, tensor) for path, tensor in memories),
        key=lambda span: span[:2],
    )
    open_spans: list[tuple[int, str, torch.Tensor]] = []
    last_device = ""
    for device, start, length, path, tensor in spans:
        overlapping = [entry for entry in open_spans if device == last_device and entry[0] > start]
        for _, other_path, other_tensor in overlapping:
            if other_path != path and _meet(other_tensor, tensor):
                msg = (
                    f"{other_path!r} and {path!r} share memory and are not one tensor, so that it would be "
                    f"written twice: skip={path!r}, or give each its own memory with clone()."
                )
                raise ArgumentValueError(msg)
        open_spans, last_device = [*overlapping, (start + length, path, tensor)], device


def _extent(tensor: torch.Tensor) -> int:
    """Return the number of bytes from the first element to the end of the last."""
    steps = sum(step * (length - 1) for step, length in zip(tensor.stride(), tensor.shape, strict=True))
    return (int(steps) + 1) * int(tensor.element_size())


def _meet(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors whose ranges of addresses overlap share an element; two columns do not."""
    start = min(first.data_ptr(), second.data_ptr())
    stop = max(tensor.data_ptr() + _extent(tensor) for tensor in (first, second))
    marks = np.zeros(stop - start, bool)
    _bytes_of(marks, first, start)[...] = True
    return bool(_bytes_of(marks, second, start).any())


def _bytes_of(marks: Any, tensor: torch.Tensor, start: int) -> Any:  # arrays of any shape
    """Return a view of marks, one per byte, with a tensor's shape and strides."""
    width = tensor.element_size()
    strides = (*(step * width for step in tensor.stride()), 1)
    return as_strided(marks[tensor.data_ptr() - start :], (*tensor.shape, width), strides)
