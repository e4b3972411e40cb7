"""Our initializers beside JAX's own on eight devices: ``python -m tests.helpers.jax_meshes TABLE`` prints what differs.

The last line of the output is the number of cases. XLA_FLAGS must make eight devices before this is run.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHAPE = (8, 16)
KEY = jax.random.key(3)
KEYS = jax.random.split(KEY, 4)
ERRORS = ui.UnifiedInitError


def mesh_of(*kinds: str) -> Any:
    """Return the eight devices as 4 x 2, with an axis of each kind."""
    return jax.make_mesh(
        (4, 2), ("x", "y"), axis_types=tuple(getattr(jax.sharding.AxisType, k) for k in kinds)
    )


AUTO, EXPLICIT, MIXED = mesh_of("Auto", "Auto"), mesh_of("Explicit", "Explicit"), mesh_of("Explicit", "Auto")


def outcome(call: Callable[..., Any], *arguments: Any) -> tuple[str, Any]:
    """Return "array" and the array, "ours" for an error of ours, or the name of another error."""
    try:
        return "array", call(*arguments)
    except ERRORS:
        return "ours", None
    except Exception as error:  # noqa: BLE001  # the tables compare what is raised
        return f"{type(error).__name__}: {str(error)[:80]}", None


def differs(ours: tuple[str, Any], native: tuple[str, Any]) -> str:
    """Return how our outcome is worse than JAX's own, or an empty text."""
    if native[0] != "array":
        return "" if ours[0] in {"array", "ours"} else f"ours {ours[0]}, where JAX's is an error too"
    if ours[0] != "array":
        return f"ours {ours[0]}, where JAX's works"
    mine, theirs = ours[1], native[1]
    same = (mine.sharding, mine.committed) == (theirs.sharding, theirs.committed)
    return "" if same else f"ours is on {mine.sharding}, JAX's on {theirs.sharding}"


# --- modes ---------------------------------------------------------------------------------------

SPECS: dict[str, tuple[Any, Any]] = {
    "normal": (ui.as_jax(ui.normal(0.0, 1.0)), jax.nn.initializers.normal(1.0)),
    "zeros": (ui.as_jax(ui.zeros()), jax.nn.initializers.zeros),
    "orthogonal": (ui.as_jax(ui.orthogonal(), layout="OI"), jax.nn.initializers.orthogonal()),
}
CONTEXTS: dict[str, tuple[Any, Callable[[], Any]]] = {
    "no mesh": (AUTO, contextlib.nullcontext),
    "auto": (AUTO, lambda: jax.set_mesh(AUTO)),
    "explicit": (EXPLICIT, lambda: jax.set_mesh(EXPLICIT)),
    "mixed": (MIXED, lambda: jax.set_mesh(MIXED)),
}


def shards_of(init: Any, mesh: Any) -> Any:
    """Draw one array per key inside ``jax.shard_map``."""
    keys = jax.device_put(KEYS, NamedSharding(mesh, P("x")))

    def part(key: Any) -> Any:
        return init(key[0], SHAPE)[None]

    return jax.shard_map(part, mesh=mesh, in_specs=P("x"), out_specs=P("x"))(keys)


def sharded_keys(mesh: Any) -> Any:
    """Return the keys, one per row of devices."""
    return jax.device_put(KEYS, NamedSharding(mesh, P("x")))


# Each takes an initializer, a mesh and the keyword that asks for a sharding, if any.
MODES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "eager": lambda init, _, how: init(KEY, SHAPE, **how),
    "jit": lambda init, _, how: jax.jit(lambda key: init(key, SHAPE, **how))(KEY),
    "jit, key outside": lambda init, _, how: jax.jit(lambda: init(KEY, SHAPE, **how))(),
    "vmap": lambda init, _, how: jax.vmap(lambda key: init(key, SHAPE, **how))(KEYS),
    "scan": lambda init, _, how: jax.lax.scan(lambda c, key: (c, init(key, SHAPE, **how)), 0, KEYS)[1],
    "cond": lambda init, _, how: jax.lax.cond(
        KEYS.size > 0, lambda: init(KEY, SHAPE, **how), lambda: init(KEY, SHAPE, **how)
    ),
    "grad": lambda init, _, how: jax.grad(lambda scale: (scale * init(KEY, SHAPE, **how)).sum())(1.0),
    "key on the mesh": lambda init, mesh, how: init(
        jax.device_put(KEY, NamedSharding(mesh, P())), SHAPE, **how
    ),
    "jit, key on the mesh": lambda init, mesh, how: jax.jit(lambda key: init(key, SHAPE, **how))(
        jax.device_put(KEY, NamedSharding(mesh, P()))
    ),
}
UNSHARDED: dict[str, Callable[[Any, Any, Any], Any]] = {
    "vmap of sharded keys": lambda init, mesh, _: jax.vmap(lambda key: init(key, SHAPE))(sharded_keys(mesh)),
    "shard_map": lambda init, mesh, _: shards_of(init, mesh),
    "key on a device": lambda init, _, __: init(jax.device_put(KEY, jax.devices()[3]), SHAPE),
}


PLAIN = frozenset({"eager", "jit", "vmap", "vmap of sharded keys"})
# Modes by context, sharding and initializer; where there are none, all. Each case compiles twice.
MODES_OF: dict[str, frozenset[str]] = {
    "no mesh": frozenset({"key on the mesh", "key on a device"}),
    "mixed": frozenset({"jit", "vmap of sharded keys"}),
    "named": frozenset({"eager", "jit"}),
    "zeros": frozenset({"eager", "jit"}),
    "orthogonal": frozenset({"jit", "vmap of sharded keys"}),
}


def modes() -> Iterator[tuple[str, str]]:
    """Whether a draw works, where it is, and its bits: by mode, mesh and sharding."""
    everywhere = MODES | UNSHARDED
    for context, (mesh, enter) in CONTEXTS.items():
        shardings: dict[str, Any] = {"none": {}, "spec": {"out_sharding": P(None, "x")}}
        if context == "explicit":
            shardings["named"] = {"out_sharding": NamedSharding(mesh, P("x", "y"))}
        for asked, name in itertools.product(shardings, SPECS):
            if name != "normal" and context in {"no mesh", "mixed"}:
                continue
            chosen = [MODES_OF.get(word, everywhere.keys()) for word in (context, asked, name)]
            if asked == "spec" and context != "explicit":
                chosen.append(PLAIN)  # JAX's own refuse automatic axes
            for mode, run in (MODES if shardings[asked] else everywhere).items():
                if not all(mode in names for names in chosen):
                    continue
                with enter():
                    ours, theirs = (outcome(run, init, mesh, shardings[asked]) for init in SPECS[name])
                yield (
                    f"{name}, {context}, {asked}, {mode}",
                    differs(ours, theirs) or bits(name, mode, ours[1]),
                )


def bits(name: str, mode: str, array: Any) -> str:
    """Return a text where the values are not those of an unsharded draw."""
    if array is None or mode == "grad" or name == "orthogonal":
        return ""
    init = SPECS[name][0]
    keys = KEYS if array.ndim > len(SHAPE) else [KEY]
    expected = [np.asarray(init(key, SHAPE)) for key in keys]
    return "" if np.asarray(array).tobytes() == np.stack(expected).tobytes() else "other bits"


# --- structured laws -----------------------------------------------------------------------------

STRUCTURED: dict[str, tuple[Any, tuple[int, ...], str]] = {
    "orthogonal": (ui.orthogonal(), (16, 8), "OI"),
    "groups": (ui.orthogonal(), (4, 16, 8), "BOI"),
    "delta_orthogonal": (ui.delta_orthogonal(), (3, 3, 16, 8), "HWOI"),
    "sparse": (ui.sparse(0.5, 1.0), (16, 8), "OI"),
    "identity": (ui.identity(), (16, 8), "OI"),
    "dirac": (ui.dirac(), (16, 8, 3), "OIW"),
    "hadamard": (ui.hadamard(), (16, 8), "OI"),
    "bilinear": (ui.bilinear_upsampling(), (16, 8, 4, 4), "OIHW"),
    "icnr": (ui.icnr(ui.he_normal(), 2), (16, 8, 3, 3), "OIHW"),
    "stft": (ui.stft("real", None), (16, 1, 8), "WIO"),
}


def ways(spec: Any, shape: tuple[int, ...], layout: str, target: Any) -> dict[str, Callable[[], Any]]:
    """Return every way to ask for a sharding."""
    init = ui.as_jax(spec, layout=layout)

    def draw(key: Any, device: Any) -> Any:
        return ui.draw(spec, shape, layout=layout, seed=key, backend="jax", device=device)

    return {
        "draw": lambda: draw(KEY, target),
        "draw by spec": lambda: draw(KEY, target.spec),
        "eager": lambda: init(KEY, shape, out_sharding=target),
        "draw in jit": lambda: jax.jit(lambda key: draw(key, target))(KEY),
    }


def structured() -> Iterator[tuple[str, str]]:
    """Every way to ask for a sharding of a structured law: it is sharded so, with the values of the host."""
    for name, (spec, shape, layout) in STRUCTURED.items():
        expected = ui.draw(spec, shape, layout=layout, seed=KEY, backend="numpy")
        for mesh in (AUTO, EXPLICIT):
            target = NamedSharding(mesh, P(*({16: "x", 8: "y"}.get(size) for size in shape)))
            for way, call in ways(spec, shape, layout, target).items():
                with jax.set_mesh(mesh):
                    kind, array = outcome(call)
                fault = "" if kind == "array" else kind
                if array is not None:
                    bound = 1e-5 if "orthogonal" in spec.label and "in jit" in way else 0.0
                    if not array.sharding.is_equivalent_to(target, len(shape)):
                        fault = f"on {array.sharding}"
                    elif np.abs(np.asarray(array) - expected).max() > bound:
                        fault = "other values"
                yield f"{name}, {mesh.axis_types[0]}, {way}", fault


# --- flags ---------------------------------------------------------------------------------------

FLAGS: dict[str, Callable[[], Any]] = {
    "disable_jit": jax.disable_jit,
    "transfer_guard": lambda: jax.transfer_guard("disallow"),
    "transfer_guard, explicit": lambda: jax.transfer_guard("disallow_explicit"),
    "checking_leaks": jax.checking_leaks,
    "debug_nans": lambda: jax.debug_nans(True),  # noqa: FBT003
    "custom_prng": lambda: jax.enable_custom_prng(True),  # noqa: FBT003
    "rank_promotion": lambda: jax.numpy_rank_promotion("raise"),
    "dtype_promotion": lambda: jax.numpy_dtype_promotion("strict"),
    "not partitionable": lambda: jax.threefry_partitionable(False),  # noqa: FBT003
    "matmul precision": lambda: jax.default_matmul_precision("bfloat16"),
    "x64": lambda: jax.enable_x64(True),  # noqa: FBT003
    "rbg": lambda: jax.default_prng_impl("rbg"),
    "default_device": lambda: jax.default_device(jax.devices()[1]),
}
CALLS: dict[str, Callable[[Any], Any]] = {
    "eager": lambda init: init(KEY, SHAPE, jnp.float32),
    "jit": lambda init: jax.jit(lambda key: init(key, SHAPE, jnp.float32))(KEY),
    "vmap": lambda init: jax.vmap(lambda key: init(key, SHAPE, jnp.float32))(KEYS),
}
SPARSE = (ui.as_jax(ui.sparse(0.5, 1.0), layout="OI"), SPECS["normal"][1])
FLAGS_OF_SPARSE = ("disable_jit", "rank_promotion", "dtype_promotion")


def flags() -> Iterator[tuple[str, str]]:
    """A flag of the process changes no bit, and raises no error of JAX's."""
    cases = [("normal", SPECS["normal"], flag) for flag in FLAGS]
    cases += [("sparse", SPARSE, flag) for flag in FLAGS_OF_SPARSE]
    for name, initializers, flag in cases:
        for call, run in CALLS.items():
            before = np.asarray(run(initializers[0]))
            with FLAGS[flag]():
                ours, theirs = (outcome(run, init) for init in initializers)
            fault = differs(ours, theirs)
            if ours[1] is not None and np.asarray(ours[1]).tobytes() != before.tobytes():
                fault = fault or "other bits"
            yield f"{name}, {flag}, {call}", fault


# --- wrong values ----------------------------------------------------------------------------------

WRONG: dict[str, Any] = {
    "text": "cpu",
    "number": 3,
    "device": jax.devices()[0],
    "tuple": ("x", None),
    "spec": P("x"),
    "unknown axis": P("q"),
    "axis twice": P("y", "y"),
    "more axes": P(None, None, "x"),
    "named, more axes": NamedSharding(AUTO, P(None, None, "x")),
    "explicit, more axes": NamedSharding(EXPLICIT, P(None, None, "x")),
    "indivisible": NamedSharding(AUTO, P("x")),
    "explicit, indivisible": NamedSharding(EXPLICIT, P("x")),
    "abstract": NamedSharding(AUTO.abstract_mesh, P(None, "y")),
    "single device": SingleDeviceSharding(jax.devices()[2]),
    "of an array without a mesh": jax.typeof(jnp.zeros(3)).sharding,
}
WRONG_MODES: dict[str, Callable[[Any, Any], Any]] = {
    "eager": lambda init, value: init(KEY, (6, 6), out_sharding=value),
    "jit": lambda init, value: jax.jit(lambda key: init(key, (6, 6), out_sharding=value))(KEY),
    "vmap": lambda init, value: jax.vmap(lambda key: init(key, (6, 6), out_sharding=value))(KEYS),
}


def wrong() -> Iterator[tuple[str, str]]:
    """An ``out_sharding`` that JAX refuses works or is an error of ours."""
    for context in ("no mesh", "auto", "explicit"):
        for name, value in WRONG.items():
            if context == "no mesh" and name == "explicit, indivisible":
                continue  # jit itself refuses the finished program: it has no mesh
            for mode, run in WRONG_MODES.items():
                with CONTEXTS[context][1]():
                    ours, theirs = (outcome(run, init, value) for init in SPECS["normal"])
                yield f"{context}, {name}, {mode}", "" if ours[0] == "array" else differs(ours, theirs)


# --- Flax ----------------------------------------------------------------------------------------


def flax() -> Iterator[tuple[str, str]]:
    """Modules with sharding metadata have parameters where they have them with JAX's initializers."""
    from flax import linen, nnx

    def linear(init: Any, **options: Any) -> Any:
        return nnx.Linear(*SHAPE, kernel_init=init, rngs=nnx.Rngs(0), **options)

    def dense(init: Any) -> Any:
        return linen.Dense(16, kernel_init=linen.with_partitioning(init, ("x", "y"))).init

    def leaf(make: Callable[[Any], Any], init: Any) -> Any:
        return jax.tree.leaves(make(init))[0]

    metadata = {"out_sharding": ("x", "y")}
    made: dict[str, Callable[[Any], Any]] = {
        "nnx": lambda init: linear(nnx.with_partitioning(init, ("x", "y"))).kernel,
        "nnx metadata": lambda init: linear(init, kernel_metadata=metadata).kernel,
        "nnx.Param": lambda init: nnx.Param(init(KEY, SHAPE), **metadata),
        "nnx.jit": lambda init: nnx.jit(lambda: linear(nnx.with_partitioning(init, ("x", "y"))))().kernel,
        "linen": lambda init: dense(init)(KEY, jnp.ones((2, 8)))["params"]["kernel"],
        "linen in jit": lambda init: jax.jit(dense(init))(KEY, jnp.ones((2, 8)))["params"]["kernel"],
    }
    for context in ("auto", "explicit"):
        for way, make in made.items():
            if context == "explicit" and way.startswith("linen"):
                continue  # Linen constrains explicit axes, which JAX refuses of any initializer
            with CONTEXTS[context][1]():
                ours, theirs = (outcome(leaf, make, init) for init in SPECS["normal"])
            yield f"{context}, {way}", differs(ours, theirs) or ("" if theirs[0] == "array" else theirs[0])


TABLES = {table.__name__: table for table in (modes, structured, flags, wrong, flax)}

if __name__ == "__main__":
    count = 0
    for case, fault in TABLES[sys.argv[1]]():
        count += 1
        if fault:
            sys.stdout.write(f"{case}: {fault}\n")
    sys.stdout.write(f"{count}\n")
