"""PyTorch's DTensors: what a rank holds of one, from its placements and without communication."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unified_init.backends.memory import SpreadError
from unified_init.core.peers import public
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law import shards

if TYPE_CHECKING:
    import torch

    from unified_init.law.shards import Spans

__all__ = ["check", "is_dtensor", "local_of", "spans_of", "whole_of"]

# ruff: noqa: ANN401  # placements and meshes

HOME = "torch.distributed.tensor"


def is_dtensor(tensor: object) -> bool:
    """Whether a tensor is a DTensor; nothing is imported to know it."""
    cls = public(f"{HOME}.DTensor")
    return isinstance(cls, type) and isinstance(tensor, cls)


def local_of(tensor: Any) -> torch.Tensor:
    """Return the tensor that holds this rank's part; ``to_local`` would record it for autograd."""
    local: torch.Tensor = tensor._local_tensor  # noqa: SLF001
    return local


def spans_of(tensor: Any) -> tuple[Spans, ...]:
    """Return the positions of the whole tensor that this rank holds, along each axis.

    ``compute_local_shape_and_global_offset`` of torch has one offset, where a strided shard has several.
    """
    axes = list(shards.whole(tuple(tensor.shape)))
    mesh = tensor.device_mesh
    coordinate = mesh.get_coordinate()
    if coordinate is None:  # the rank is not in the mesh
        return tuple(() for _ in axes)
    for count, position, placement in zip(mesh.shape, coordinate, tensor.placements, strict=True):
        if placement.is_replicate():
            continue
        _check_placement(tensor, placement)
        axis = placement.dim % len(axes)
        factor = _factor(placement)
        if factor is None:
            axes[axis] = shards.chunk(axes[axis], count, position)
        else:
            axes[axis] = shards.strided_chunk(axes[axis], factor, count, position)
    return tuple(axes)


def _factor(placement: Any) -> int | None:
    """Return the split factor of a strided shard; None of a plain one."""
    strided = public(f"{HOME}.placement_types._StridedShard")
    return int(placement.split_factor) if strided is not None and isinstance(placement, strided) else None


def _check_placement(tensor: Any, placement: Any) -> None:
    """Refuse a placement that does not say which values a rank holds."""
    if placement.is_partial():
        msg = (
            f"`tensor` must hold values, got a DTensor of shape {tuple(tensor.shape)} that is {placement!r}: "
            "each rank holds a summand. Redistribute it to Replicate() or Shard() first."
        )
        raise ArgumentTypeError(msg)
    plain = public(f"{HOME}.Shard")
    # A subclass may cut in another way.
    if type(placement) is not plain and _factor(placement) is None:
        msg = (
            f"`tensor` must be placed by Replicate() or Shard(), got a DTensor with {placement!r}: "
            "fill its local tensor with fill(local, spec, shape=, index=)."
        )
        raise ArgumentTypeError(msg)


def check(tensor: Any) -> None:
    """Refuse a DTensor whose local tensor is not what its placements say."""
    lengths, local = shards.lengths(spans_of(tensor)), tuple(local_of(tensor).shape)
    if local != lengths and (0 not in local or 0 not in lengths):
        msg = (
            f"`tensor` is a DTensor of shape {tuple(tensor.shape)} whose local tensor has the shape {local}, "
            f"where {tensor.placements!r} on a mesh of {tuple(tensor.device_mesh.shape)} give {lengths}: "
            "pass shape= and stride= of the whole to DTensor.from_local."
        )
        raise ArgumentValueError(msg)


def whole_of(tensor: Any) -> torch.Tensor:
    """Return the local tensor of a DTensor of which this rank has all values."""
    if spans_of(tensor) != shards.whole(tuple(tensor.shape)):
        msg = (
            f"a DTensor of shape {tuple(tensor.shape)} is spread over ranks, each of which has a part of its "
            "values: ui.verify(model, recipe, seed=...) checks each rank's part where it is, and "
            "tensor.full_tensor() gathers all."
        )
        raise SpreadError(msg)
    return local_of(tensor)
