"""Models and draws on eight devices: ``python -m tests.helpers.jax_shards TABLE`` prints what is wrong.

The last line of the output is the number of cases. XLA_FLAGS must make eight devices before this is run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import math
import os
import re
import sys
from typing import TYPE_CHECKING, Any
from unittest import mock

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import unified_init as ui
from unified_init.backends import jax_ops
from unified_init.stream import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPILATION = "/jax/core/compile/backend_compile_duration"
IMPLEMENTATIONS = ("threefry2x32", "rbg")
KINDS = ("Auto", "Explicit")
# Meshes, with the specs of matrices and of vectors on them.
LAYOUTS: tuple[tuple[tuple[int, ...], Any, Any], ...] = (
    ((8,), P("x"), P()),
    ((8,), P(None, "x"), P("x")),
    ((4, 2), P("x", "y"), P("x")),
    ((4, 2), P(None, "y"), P()),
    ((2, 4), P(("x", "y")), P("y")),
    ((2, 2, 2), P("z", "x"), P(("y", "z"))),
    ((2, 2, 2), P(), P("z")),
)
RECIPE = ui.Recipe(
    "shards",
    (
        ui.Rule(spec=ui.orthogonal(), path="**wo/**", optional=True),
        ui.Rule(spec=ui.he_normal(), role=("kernel", "recurrent_kernel")),
        ui.Rule(spec=ui.normal(0.0, 1.0), kind="embedding", optional=True),
        ui.Rule(spec=ui.normal(0.0, 1.0), role=("bias", "offset"), optional=True),
        ui.Rule(spec=ui.ones(), role="scale", optional=True),
    ),
)


def mesh_of(kind: str, *lengths: int) -> Any:
    """Return the eight devices as a mesh with axes "x", "y" and "z"."""
    kinds = (getattr(jax.sharding.AxisType, kind),) * len(lengths)
    return jax.make_mesh(lengths, tuple("xyz"[: len(lengths)]), axis_types=kinds)


def fitting(mesh: Any, spec: Any, shape: tuple[int, ...]) -> NamedSharding:
    """Return a sharding without the axes of a spec that do not divide a shape."""

    def count(entry: Any) -> int:
        names = entry if isinstance(entry, tuple) else (entry,)
        return math.prod(mesh.shape[name] for name in names if name is not None)

    entries = [
        entry if length % count(entry) == 0 else None for entry, length in zip(spec, shape, strict=False)
    ]
    return NamedSharding(mesh, P(*entries))


@dataclasses.dataclass(slots=True)
class Counts:
    """What was compiled, and how many values the host drew."""

    compilations: int = 0
    values: int = 0


@contextlib.contextmanager
def counted() -> Iterator[Counts]:
    """Count compilations and drawn values."""
    counts, ready = Counts(), run.ready

    def on_event(event: str, *_: Any, **__: Any) -> None:
        counts.compilations += event == COMPILATION

    def counting(out: Any, program: Any) -> Any:
        counts.values += out.size
        return ready(out, program)

    jax.monitoring.register_event_duration_secs_listener(on_event)
    run.ready = counting
    try:
        yield counts
    finally:
        run.ready = ready
        jax.monitoring.unregister_event_duration_listener(on_event)


def share(shape: tuple[int, ...], sharding: Any) -> int:
    """Return how many values the distinct shards of this process have."""
    indices = sharding.addressable_devices_indices_map(shape).values()
    distinct = {tuple(entry.indices(n) for entry, n in zip(index, shape, strict=True)) for index in indices}
    return sum(math.prod(stop - start for start, stop, _ in box) for box in distinct)


def fault(array: Any, expected: Any, sharding: Any) -> str:
    """Return what is wrong with an array."""
    if not array.sharding.is_equivalent_to(sharding, array.ndim):
        return f"on {array.sharding}"
    for shard in array.addressable_shards:
        if np.asarray(shard.data).tobytes() != np.ascontiguousarray(expected[shard.index]).tobytes():
            return "other bits"
    return ""


# --- models --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Library:
    """How a library's models are made, sharded and read."""

    make: Callable[[], Any]
    arrays: Callable[[Any], Any]  # a tree of a model's arrays
    sharded: Callable[[Any, Callable[[Any], Any]], Any]  # a model whose arrays a function has moved


def _state(model: Any) -> Any:
    from flax import nnx

    return nnx.to_pure_dict(nnx.state(model, nnx.Param))


def _moved_variables(model: Any, move: Callable[[Any], Any]) -> Any:
    from flax import nnx

    for _, variable in nnx.iter_graph(model):
        if isinstance(variable, nnx.Param):
            variable.set_value(move(variable.get_value()))
    return model


def _llama() -> Any:
    from tests.helpers.ports_sequential import nnx_llama

    return nnx_llama()


def _joined() -> Any:
    from flax import nnx

    class Net(nnx.Module):
        def __init__(self) -> None:
            rngs = nnx.Rngs(0)
            self.cell = nnx.OptimizedLSTMCell(16, 32, rngs=rngs)
            self.attention = nnx.MultiHeadAttention(8, 32, rngs=rngs, decode=False)

    return Net()


def _linen(*, is_boxed: bool) -> Any:
    from flax import linen

    kernel = linen.initializers.zeros
    if is_boxed:
        kernel = linen.with_partitioning(kernel, ("x", "y"))

    class Net(linen.Module):
        @linen.compact
        def __call__(self, x: Any) -> Any:
            return linen.Dense(16, kernel_init=kernel)(linen.Dense(8, kernel_init=kernel)(x))

    net, x = Net(), np.ones((2, 16), np.float32)
    return ui.linen(net, net.init(jax.random.key(0), x), x)


def _haiku() -> Any:
    import haiku as hk

    def forward(x: Any) -> Any:
        core = hk.LSTM(16)
        y, _ = core(x, core.initial_state(x.shape[0]))
        return hk.Linear(8)(y)

    transformed, x = hk.transform(forward), np.ones((2, 32), np.float32)
    return ui.haiku(transformed, transformed.init(jax.random.key(0), x), x)


def _equinox() -> Any:
    import equinox as eqx

    key = jax.random.key(0)

    class Net(eqx.Module):
        mlp: Any
        cell: Any

    return Net(eqx.nn.MLP(16, 32, 64, 2, key=key), eqx.nn.LSTMCell(16, 32, key=key))


def _keras() -> Any:
    import keras

    return keras.Sequential([keras.Input((16,)), keras.layers.Dense(32), keras.layers.Dense(8)])


def _moved_keras(model: Any, move: Callable[[Any], Any]) -> Any:
    for variable in model.variables:
        variable._value = move(variable.value)  # as ``keras.distribution`` does
    return model


def _moved_tree(tree: Any, move: Callable[[Any], Any]) -> Any:
    return jax.tree.map(lambda leaf: move(leaf) if isinstance(leaf, jax.Array) else leaf, tree)


LIBRARIES = {
    "llama": Library(_llama, _state, _moved_variables),
    "joined": Library(_joined, _state, _moved_variables),
    **{
        f"linen, boxed {boxed}": Library(
            functools.partial(_linen, is_boxed=boxed),
            lambda model: model.variables,
            lambda model, move: dataclasses.replace(model, variables=_moved_tree(model.variables, move)),
        )
        for boxed in (False, True)
    },
    "haiku": Library(
        _haiku,
        lambda model: model.params,
        lambda model, move: dataclasses.replace(model, params=_moved_tree(model.params, move)),
    ),
    "equinox": Library(_equinox, lambda model: model, _moved_tree),
    "keras": Library(_keras, lambda model: [variable.value for variable in model.variables], _moved_keras),
}


def arrays_of(library: Library, model: Any) -> dict[str, Any]:
    """Return a model's arrays by their path."""
    pairs = jax.tree_util.tree_leaves_with_path(library.arrays(model))
    return {jax.tree_util.keystr(path): leaf for path, leaf in pairs if isinstance(leaf, jax.Array)}


def applied(library: Library, mesh: Any, matrix: Any, vector: Any, key: Any, expected: dict[str, Any]) -> str:
    """Return what is wrong with a model that was sharded before a recipe was applied."""

    def move(value: Any) -> Any:
        return jax.device_put(value, fitting(mesh, matrix if value.ndim > 1 else vector, value.shape))

    model = library.sharded(library.make(), move)
    shardings = {path: leaf.sharding for path, leaf in arrays_of(library, model).items()}
    with counted() as counts:
        model, _ = ui.apply(model, RECIPE, seed=key)
    faults, needed = [], 0
    for path, leaf in arrays_of(library, model).items():
        faults.append(fault(leaf, expected[path], shardings[path]))
        is_whole = "wo" in path  # an orthogonal matrix
        needed += leaf.size if is_whole else share(leaf.shape, shardings[path])
    if counts.compilations or counts.values != needed:
        faults.append(f"{counts}, of {needed} needed")
    return "; ".join(filter(None, faults))


def models() -> Iterator[tuple[str, str]]:
    """Each has the bits of one device; nothing is compiled, and no value drawn that is not needed."""
    for name, library in LIBRARIES.items():
        if (name == "keras") != (os.environ.get("KERAS_BACKEND") == "jax"):
            continue
        for implementation in IMPLEMENTATIONS if name == "llama" else IMPLEMENTATIONS[:1]:
            key = jax.random.key(3, impl=implementation)
            with jax.default_prng_impl(implementation):
                whole, _ = ui.apply(library.make(), RECIPE, seed=key)
                expected = {path: np.asarray(leaf) for path, leaf in arrays_of(library, whole).items()}
                layouts = LAYOUTS if name in {"llama", "keras"} else LAYOUTS[1:3]
                for kind, (lengths, matrix, vector) in itertools.product(KINDS, layouts):
                    wrong = applied(library, mesh_of(kind, *lengths), matrix, vector, key, expected)
                    yield f"{name}, {implementation}, {kind}, {lengths}, {matrix}, {vector}", wrong


def _metadata() -> Any:
    from flax import nnx

    init = nnx.initializers.zeros

    class Net(nnx.Module):
        def __init__(self, rngs: nnx.Rngs) -> None:
            self.a = nnx.Linear(16, 32, kernel_init=nnx.with_partitioning(init, ("x", "y")), rngs=rngs)
            self.b = nnx.Linear(32, 8, kernel_init=nnx.with_partitioning(init, ("y", None)), rngs=rngs)

    return Net(nnx.Rngs(0))


def _boxed_with_shardings(mesh: Any) -> Any:
    """Return an abstract model of Linen whose boxed arrays have the shardings that their names give."""
    from flax import linen

    model = _linen(is_boxed=True)
    shapes = jax.tree.map(jax.typeof, model.variables)
    leaves, structure = jax.tree.flatten(shapes)
    shardings = jax.tree.leaves(linen.get_sharding(shapes, mesh))
    variables = structure.unflatten(
        jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)
        for leaf, sharding in zip(leaves, shardings, strict=True)
    )
    return dataclasses.replace(model, variables=variables)


def abstract() -> Iterator[tuple[str, str]]:
    """Abstract models, whose mesh has devices only by ``jax.set_mesh``, become what the eager ones would."""
    import equinox as eqx
    from flax import nnx

    equinox_abstract: Any = eqx.filter_eval_shape  # which has no types
    for kind in KINDS:
        mesh = mesh_of(kind, 4, 2)

        def merged() -> Any:
            get_abstract_model: Any = nnx.get_abstract_model
            return nnx.merge(*get_abstract_model(_metadata, mesh))  # noqa: B023

        def boxed() -> Any:
            return _boxed_with_shardings(mesh.abstract_mesh)  # noqa: B023

        nnx_metadata = Library(_metadata, _state, _moved_variables)
        cases: dict[str, tuple[Library, Callable[[], Any]]] = {
            "nnx.eval_shape": (nnx_metadata, lambda: nnx.eval_shape(_metadata)),
            "nnx.get_abstract_model": (nnx_metadata, merged),
            "equinox": (LIBRARIES["equinox"], lambda: equinox_abstract(_equinox)),
        }
        if kind == "Auto":  # Linen constrains explicit axes, which JAX refuses
            cases["linen"] = (LIBRARIES["linen, boxed True"], boxed)
        for name, (library, make) in cases.items():
            with jax.set_mesh(mesh_of("Auto", 1, 1)):  # which the metadata need
                whole, _ = ui.apply(library.make(), RECIPE, seed=3)
            expected = {path: np.asarray(leaf) for path, leaf in arrays_of(library, whole).items()}
            if name == "linen":
                paths, specs = iter(sorted(expected)), iter((P(), P("x", "y"), P(), P("x", "y")))
                shardings = {path: NamedSharding(mesh, spec) for path, spec in zip(paths, specs, strict=True)}
            with jax.set_mesh(mesh):
                if name != "linen":  # which does not shard eagerly
                    eager = arrays_of(library, library.make())
                    shardings = {path: leaf.sharding for path, leaf in eager.items()}
                model = make()
                with counted() as counts:
                    model, _ = ui.apply(model, RECIPE, seed=3)
            arrays = arrays_of(library, model)
            faults = [fault(arrays[path], expected[path], shardings[path]) for path in expected]
            yield f"{name}, {kind}", "; ".join(filter(None, faults)) + str(counts) * bool(counts.compilations)


def regions() -> Iterator[tuple[str, str]]:
    """A region of a kernel is written, and the rest of each shard stays as it is."""
    library, path = LIBRARIES["joined"], "['attention']['out']['kernel']"
    index = (slice(2, 7), slice(None), slice(5, 30))
    for spec, kind in itertools.product((ui.normal(0.0, 1.0), ui.orthogonal()), KINDS):
        rule = ui.Rule(spec=spec, path="attention/out/kernel", index=index)
        recipe = ui.Recipe("region", (rule, ui.Rule(spec=None)))
        whole, _ = ui.apply(library.make(), recipe, seed=3)
        expected = np.asarray(arrays_of(library, whole)[path])
        for lengths, matrix, _ in LAYOUTS:
            sharding = fitting(mesh_of(kind, *lengths), matrix, expected.shape)

            def move(value: Any) -> Any:
                return jax.device_put(value, sharding) if value.shape == expected.shape else value  # noqa: B023

            model = library.sharded(library.make(), move)
            with counted() as counts:
                model, _ = ui.apply(model, recipe, seed=3)
            wrong = fault(arrays_of(library, model)[path], expected, sharding)
            yield (
                f"{spec.label}, {kind}, {lengths}, {matrix}",
                wrong + str(counts) * bool(counts.compilations),
            )


def donation() -> Iterator[tuple[str, str]]:
    """Shards that share a host buffer are safe to donate, and the counter of compilations counts."""
    for kind, (lengths, matrix, _) in itertools.product(KINDS, LAYOUTS):
        sharding = NamedSharding(mesh_of(kind, *lengths), matrix)
        array = ui.draw(ui.normal(0.0, 1.0), (64, 32), seed=0, backend="jax", device=sharding)
        with counted() as counts:
            doubled = jax.jit(lambda x: x * 2, donate_argnums=0)(array)
        expected = ui.draw(ui.normal(0.0, 1.0), (64, 32), seed=0) * np.float32(2)
        wrong = fault(doubled, expected, sharding)
        yield f"{kind}, {lengths}, {matrix}", wrong or ("" if counts.compilations else "nothing was compiled")


# --- single draws --------------------------------------------------------------------------------

DRAWS: dict[str, tuple[Any, dict[str, Any]]] = {
    "normal": (ui.normal(0.0, 1.0), {}),
    "bfloat16": (ui.he_normal(), {"dtype": "bfloat16"}),
    "complex64": (ui.normal(0.0, 1.0), {"dtype": "complex64"}),
    "index": (ui.normal(0.0, 1.0), {"index": (slice(8, 40, 2), slice(16))}),
    "parts": (ui.normal(0.0, 1.0), {"index": ([slice(8, 40), slice(56, 64), slice(0, 8)],)}),
    "sizes": (ui.uniform(-1.0, 1.0), {"layout": "(BO)I", "sizes": {"B": 4}}),
    "constant": (ui.zeros(), {}),
    "identity": (ui.identity(), {}),
    "parts of an identity": (ui.identity(), {"index": ([slice(8, 24), slice(0, 16)],)}),
    "orthogonal": (ui.orthogonal(), {}),
    "sparse": (ui.sparse(0.5, 1.0), {}),
}
WHOLE = {"orthogonal", "sparse"}  # drawn whole, once


def draws() -> Iterator[tuple[str, str]]:
    """``draw`` and ``as_jax`` onto a sharding, from an int and from a key."""
    shape = (64, 32)
    for (name, (spec, others)), kind in itertools.product(DRAWS.items(), KINDS):
        options = {"layout": "OI", **others}
        for (lengths, matrix, _), seed in itertools.product(LAYOUTS, (0, jax.random.key(0))):
            expected = ui.draw(spec, shape, seed=seed, backend="numpy", **options)
            sharding = NamedSharding(mesh_of(kind, *lengths), matrix)
            with jax.set_mesh(sharding.mesh):
                for way, call in ways(spec, shape, seed, sharding, options).items():
                    with counted() as counts:
                        array = call()
                    wrong = fault(array, expected, sharding)
                    needed = expected.size if name in WHOLE else share(expected.shape, sharding)
                    if counts.compilations or counts.values != needed:
                        wrong += f" {counts}, of {needed} needed"
                    yield f"{name}, {kind}, {lengths}, {matrix}, {seed}, {way}", wrong


def ways(
    spec: Any, shape: tuple[int, ...], seed: Any, sharding: Any, options: dict[str, Any]
) -> dict[str, Callable[[], Any]]:
    """Return the ways to ask for a sharding outside of a program."""
    calls: dict[str, Callable[[], Any]] = {
        "sharding": lambda: ui.draw(spec, shape, seed=seed, backend="jax", device=sharding, **options),
        "spec": lambda: ui.draw(spec, shape, seed=seed, backend="jax", device=sharding.spec, **options),
    }
    if isinstance(seed, jax.Array) and options.keys() <= {"layout", "sizes"}:
        init = ui.as_jax(spec, **options)
        calls["as_jax"] = lambda: init(seed, shape, out_sharding=sharding)
    return calls


# --- draws in a program ----------------------------------------------------------------------------

COLLECTIVE = re.compile(r"\b(all-gather|all-reduce|all-to-all|collective-permute|reduce-scatter)\b")
ARRAY = re.compile(r"\b(?:pred|[suf]\d+|bf16|c64)\[([\d,]+)\]")


def traced() -> Iterator[tuple[str, str]]:
    """A draw in a program: computed in shards, with the bits of the host, and nothing is sent.

    The rounds are rolled or not, as they are on CPUs without and with AVX-512.
    """
    shape, key = (1024, 512), jax.random.key(3)  # a shard is larger than the table of the law
    cases = itertools.product((False, True), KINDS, LAYOUTS, ("out_shardings", "draw", "as_jax"))
    for vectorizes, kind, (lengths, matrix, _), way in cases:
        jax.clear_caches()
        sharding = NamedSharding(mesh_of(kind, *lengths), matrix)
        spec = ui.truncated_normal(0.0, 1.0)
        calls: dict[str, Callable[[Any], Any]] = {
            "out_shardings": lambda k: ui.draw(spec, shape, seed=k, backend="jax"),  # noqa: B023
            "draw": lambda k: ui.draw(spec, shape, seed=k, backend="jax", device=sharding),  # noqa: B023
            "as_jax": lambda k: ui.as_jax(spec)(k, shape, out_sharding=sharding.spec),  # noqa: B023
        }
        if way == "out_shardings" and kind == "Explicit":
            continue  # where the type says how an array is sharded, and an output has no say
        rolled = mock.patch.object(jax_ops, "_vectorizes_tables", return_value=vectorizes)
        with rolled, jax.set_mesh(sharding.mesh):
            options = {"out_shardings": sharding} if way == "out_shardings" else {}
            program = jax.jit(calls[way], **options).lower(key).compile()
            wrong = fault(program(key), ui.draw(spec, shape, seed=key, backend="numpy"), sharding)
        text = program.as_text()
        largest = max(math.prod(map(int, lengths.split(","))) for lengths in ARRAY.findall(text))
        if ("while(" in text) == vectorizes:
            wrong += " rolled" if vectorizes else " not rolled"
        if COLLECTIVE.search(text):
            wrong += f" {COLLECTIVE.search(text)}"
        if largest > math.prod(sharding.shard_shape(shape)):
            wrong += f" an array of {largest} values"
        yield f"{vectorizes}, {kind}, {lengths}, {matrix}, {way}", wrong


TABLES = {table.__name__: table for table in (models, abstract, regions, donation, draws, traced)}

if __name__ == "__main__":
    count = 0
    for case, text in TABLES[sys.argv[1]]():
        count += 1
        if text:
            sys.stdout.write(f"{case}: {text}\n")
    sys.stdout.write(f"{count}\n")
