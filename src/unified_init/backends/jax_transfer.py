"""Hands buffers of the host to JAX faster than ``jax.device_put``, where the result is the same.

Most of the time of ``device_put`` goes into finding out what kind of array and which device are meant. Where
nothing is to be found out, the answer is kept. The function that transfers is not public. It is used if it
makes of an array what ``device_put`` makes of it; else ``device_put`` is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["is_idle", "put"]

# ruff: noqa: ANN401  # what JAX has no public types for

WIDEST = 4  # bytes of a real number: wider ones depend on a flag
GUARDS = ("jax_transfer_guard", "jax_transfer_guard_host_to_device")


def _never() -> bool:
    return False


def _asked() -> Callable[[], bool]:
    """Return the function that says that no function is being traced, if JAX has it."""
    try:
        # What ``device_put`` asks. The public jax.extend.core can tell it too, and takes 40 ms to import.
        from jax._src.core import trace_state_clean  # noqa: PLC0415
    except ImportError:
        return _never
    is_clean: Callable[[], bool] = trace_state_clean
    return is_clean


# Whether JAX certainly traces nothing. False says nothing: ask ``jax_placement.tracing``.
is_idle = _asked()


def put(array: NDArray[Any]) -> jax.Array | None:
    """Return a host buffer as the array that ``device_put`` makes of it; None where that has to be asked."""
    config, mesh_of = jax.config, getattr(jax.sharding, "get_abstract_mesh", None)  # absent before JAX 0.6
    if config.jax_default_device is not None or any(getattr(config, guard) is not None for guard in GUARDS):
        return None
    if not is_idle() or mesh_of is None or not mesh_of().empty or array.itemsize > WIDEST:
        return None
    transfer = _transfer(jax.local_devices()[0], array.shape, array.dtype)
    return None if transfer is None else transfer(array)


@functools.lru_cache(maxsize=64)
def _transfer(
    device: jax.Device, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> Callable[[NDArray[Any]], jax.Array] | None:
    """Return what makes arrays of a shape and type on a device, if that is the host."""
    if device.platform != "cpu":
        return None
    function, is_right = _function(device)
    if not is_right:
        return None
    kind, sharding, devices = _arguments(device, shape, dtype)
    return lambda array: function(kind, sharding, [array], devices, False)  # noqa: FBT003  # it has no names


def _arguments(device: jax.Device, shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Any, Any, Any]:
    return jax.core.ShapedArray(shape, dtype), jax.sharding.SingleDeviceSharding(device), [device]


def _named() -> Any:
    from jaxlib import xla_client  # noqa: PLC0415  # whose names change between versions

    return xla_client.batched_device_put


@functools.lru_cache(maxsize=1)
def _function(device: jax.Device) -> tuple[Any, bool]:
    """Return the function that ``device_put`` ends in, and whether it is as this module knows it."""
    array = np.arange(3, dtype=np.float32)
    try:
        function = _named()
        kind, sharding, devices = _arguments(device, array.shape, array.dtype)
        made = function(kind, sharding, [array], devices, False)  # noqa: FBT003
        return function, _is_same(made, jax.device_put(array))
    except Exception:  # noqa: BLE001  # another version's may be anything, and refuse in any way
        return None, False


def _is_same(made: Any, expected: jax.Array) -> bool:
    """Whether an array is another one in all that JAX looks at."""
    return bool(
        type(made) is type(expected)
        and jax.typeof(made) == jax.typeof(expected)
        and made.sharding == expected.sharding
        and made.committed is expected.committed
        and np.array_equal(made, expected)
    )
