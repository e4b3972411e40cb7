"""Where JAX puts arrays: the mesh in force, the devices of a key, and shardings that are asked for.

JAX's own initializers put their result on the mesh of ``jax.set_mesh``, else on the devices of the key. What
the host has drawn goes to the same place. The mesh is read by JAX's public functions, and only the place
depends on it, never a value. Names that JAX 0.5 lacks are looked up.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec, Sharding

from unified_init.backends import jax_transfer
from unified_init.errors import ArgumentTypeError, ArgumentValueError, UnifiedInitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = [
    "asked",
    "beside",
    "check",
    "constrained",
    "explicit_mesh",
    "explicit_sharding",
    "put",
    "reachable",
    "replicated",
    "resolved",
    "tracing",
]

# ruff: noqa: ANN401  # meshes, whose types differ between versions of JAX


@functools.cache
def _probe() -> jax.Array:
    """Return an array made outside of any trace; in a trace, ``device_put`` of it gives a tracer."""
    # Inside the guard of a program that forbids every transfer, too: this one is ours, and once.
    with jax.ensure_compile_time_eval(), jax.transfer_guard("allow"):
        return jax.device_put(np.float32(0))


def tracing() -> bool:
    """Whether a function is being traced: constants are then tracers too."""
    if jax_transfer.is_idle():  # nearly always
        return False
    return isinstance(jax.device_put(_probe()), jax.core.Tracer)


# --- the mesh in force ---------------------------------------------------------------------------


def _mesh() -> Any:
    """Return the mesh of devices that ``jax.set_mesh`` has set; None without one, or in a trace."""
    try:
        mesh = jax.sharding.get_mesh()
    except (AttributeError, ValueError):  # JAX 0.5; in a trace, and in ``jax.vmap`` outside of one
        scalar = jnp.zeros(())  # JAX's own arrays are there
        return None if isinstance(scalar, jax.core.Tracer) else getattr(scalar.sharding, "mesh", None)
    return None if mesh.empty else mesh


def _abstract_mesh() -> Any:
    """Return the mesh in force without its devices, which a trace knows too; None without one."""
    get_abstract_mesh = getattr(jax.sharding, "get_abstract_mesh", None)
    mesh = None if get_abstract_mesh is None else get_abstract_mesh()
    return None if mesh is None or mesh.empty else mesh


def _is_explicit(mesh: Any) -> bool:
    """Whether the types of arrays tell how some axis of a mesh shards them."""
    return any(str(kind).endswith("Explicit") for kind in getattr(mesh, "axis_types", None) or ())


def explicit_sharding(array: Any) -> Any:
    """Return the sharding in the type of an array, if it has a mesh with explicit axes; else None."""
    typeof = getattr(jax, "typeof", None)
    sharding = None if typeof is None else getattr(typeof(array), "sharding", None)
    return sharding if _is_explicit(getattr(sharding, "mesh", None)) else None


def explicit_mesh(array: Any) -> Any:
    """Return the mesh in the type of an array, or the mesh in force, if it has explicit axes; else None."""
    sharding = None if array is None else explicit_sharding(array)
    mesh = _abstract_mesh() if sharding is None else sharding.mesh
    return mesh if _is_explicit(mesh) else None


def reachable(target: jax.Device | Sharding) -> bool:
    """Whether a program that is compiled under the mesh in force can run on the devices of a target."""
    mesh = _mesh()
    devices = target.device_set if isinstance(target, Sharding) else {target}
    return mesh is None or set(mesh.devices.flat) == devices


# --- what is asked for ---------------------------------------------------------------------------


def asked(value: object) -> Sharding | PartitionSpec | None:
    """Return an ``out_sharding``; None for None and for that of an array without a mesh."""
    if isinstance(value, NamedSharding) and not value.mesh.axis_names:
        return None
    if value is None or isinstance(value, (Sharding, PartitionSpec)):
        return value
    msg = f"`out_sharding` must be a jax.sharding.Sharding or a PartitionSpec, got {value!r}."
    raise ArgumentTypeError(msg)


def resolved(target: Sharding | PartitionSpec) -> Sharding | PartitionSpec:
    """Return a sharding with devices; in a trace, where none are known, the same one."""
    is_spec = isinstance(target, PartitionSpec)
    if not is_spec and not isinstance(getattr(target, "mesh", None), jax.sharding.AbstractMesh):
        return target
    if tracing():
        return target
    mesh = _mesh()
    named = cast("NamedSharding", target)
    if mesh is None or (not is_spec and mesh.abstract_mesh != named.mesh):
        msg = (
            f"the sharding {target!r} has no devices: use jax.set_mesh, or a NamedSharding of a "
            "jax.sharding.Mesh."
        )
        raise ArgumentValueError(msg)
    try:
        return NamedSharding(mesh, target if isinstance(target, PartitionSpec) else named.spec)
    except Exception as error:  # noqa: BLE001  # JAX's have no common class
        raise ArgumentValueError(_unfit(target, str(error))) from None


def beside(seed: Any, rank: int) -> Sharding | None:
    """Return where JAX puts an array of a rank that is drawn from a key; None where it may move it.

    The mesh in force comes first, then the devices that the key is committed to.
    """
    mesh = _mesh()
    if mesh is None and isinstance(seed, jax.Array) and getattr(seed, "committed", False):
        if not isinstance(seed.sharding, NamedSharding):
            return seed.sharding if len(seed.sharding.device_set) == 1 else None
        mesh = seed.sharding.mesh
    if mesh is None:
        return None
    return replicated(mesh, rank)


def replicated(mesh: Any, rank: int) -> NamedSharding:
    """Return the sharding that JAX gives to an array of a rank that no axis of a mesh shards."""
    axes = (None,) * rank if _is_explicit(mesh) else ()
    return NamedSharding(mesh, PartitionSpec(*axes))


# --- placing ---------------------------------------------------------------------------------------


def put(array: NDArray[Any], target: jax.Device | Sharding | None) -> jax.Array:
    """Return a host buffer as an array that shares it where it can, or as shards of it."""
    if isinstance(target, Sharding):
        check(target, array.shape)
        if (
            len(target.device_set) > 1
        ):  # not by ``device_put``: it asks other processes whether theirs are equal
            return jax.make_array_from_callback(array.shape, target, lambda part: array[part])
    if target is None and (quick := jax_transfer.put(array)) is not None:
        return quick
    return jax.device_put(array, target, may_alias=True)


def check(target: Sharding, shape: tuple[int, ...]) -> None:
    """Refuse a sharding that has more axes than a shape, or does not divide it."""
    _check_rank(target, shape)
    try:
        target.shard_shape(shape)
    except Exception as error:  # noqa: BLE001
        raise ArgumentValueError(_unfit(target, str(error), shape)) from None


def _check_rank(target: Sharding | PartitionSpec, shape: tuple[int, ...]) -> None:
    spec = target if isinstance(target, PartitionSpec) else getattr(target, "spec", ())
    if len(spec) > len(shape):
        raise ArgumentValueError(_unfit(target, "it has more axes.", shape))


def constrained(
    run: Callable[..., jax.Array],
    arguments: tuple[Any, ...],
    target: Sharding | PartitionSpec,
    shape: tuple[int, ...],
) -> jax.Array:
    """Run a function in a trace so that its result, of a shape, has a sharding.

    On automatic axes a constraint is enough: the compiler shards what comes before it. On explicit axes the
    type of every array says how it is sharded. There the function runs with those axes automatic, as JAX's
    own initializers do, so that each device computes its part.
    """
    mesh_in_force = _abstract_mesh()
    mesh = mesh_in_force if isinstance(target, PartitionSpec) else getattr(target, "mesh", None)
    if mesh is None and mesh_in_force is not None:
        raise ArgumentValueError(_unfit(target, "it has no mesh, and one is in force."))
    _check_rank(target, shape)
    try:
        if _is_explicit(mesh):
            automatic: Any = jax.sharding.auto_axes(run, out_sharding=target)
            return automatic(*arguments)
        return jax.lax.with_sharding_constraint(run(*arguments), target)
    except UnifiedInitError:
        raise
    except Exception as error:  # noqa: BLE001
        raise ArgumentValueError(_unfit(target, str(error), shape)) from None


def _unfit(target: object, reason: str, shape: tuple[int, ...] | None = None) -> str:
    subject = "the mesh in force" if shape is None else f"an array of shape {shape}"
    return f"the sharding {target!r} does not fit {subject}: {reason.partition(chr(10))[0]}"
