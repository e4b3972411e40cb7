"""JAX arrays that span several devices, made of shards that the host draws: no program is compiled for them.

Each distinct box of the array is drawn once, for the devices of this process only. Nothing is sent between
processes: ``device_put`` to devices of several processes would ask whether all hold the same values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Bounds = tuple[tuple[int, ...], tuple[int, ...]]

__all__ = ["assembled", "bounds", "boxes_of", "spans_devices"]


def spans_devices(target: object) -> bool:
    """Whether a place is a sharding over several devices."""
    return isinstance(target, jax.sharding.Sharding) and len(target.device_set) > 1


def boxes_of(target: jax.sharding.Sharding, shape: tuple[int, ...]) -> dict[jax.Device, Bounds]:
    """Return the first index and the index behind the last that each device of this process holds."""
    return {
        device: bounds(entries, shape)
        for device, entries in target.addressable_devices_indices_map(shape).items()
    }


def bounds(entries: tuple[slice, ...] | None, shape: tuple[int, ...]) -> Bounds:
    """Return the first index of a shard and the index behind its last."""
    spans = [entry.indices(length) for entry, length in zip(entries or (), shape, strict=True)]
    return tuple(start for start, _, _ in spans), tuple(stop for _, stop, _ in spans)


def assembled(
    shape: tuple[int, ...],
    dtype: str,
    target: jax.sharding.Sharding,
    draw: Callable[[tuple[int, ...], tuple[int, ...]], NDArray[Any]],
) -> jax.Array:
    """Return an array whose shards a function draws; devices that hold the same box share one draw.

    Args:
        shape: the whole array's.
        dtype: its element type.
        target: where it goes.
        draw: takes the first index of a box and the index behind its last, and returns its values.
    """
    drawn: dict[Bounds, NDArray[Any]] = {}
    shards = []
    for device, box in boxes_of(target, shape).items():
        if box not in drawn:
            drawn[box] = draw(*box)
        shards.append(jax.device_put(drawn[box], device, may_alias=True))
    options = {} if shards else {"dtype": dtype}  # of a process that has none of the devices
    return jax.make_array_from_single_device_arrays(shape, target, shards, **options)
