"""The walker of Flax NNX: walks the graph of modules, and writes their variables in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import jax
from flax import nnx

from unified_init.inventory.inventory import Inventory
from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.layers import einsum_roles, records_of
from unified_init.walkers.flax.leaves import Key, Layer, Leaf
from unified_init.walkers.flax.nnx_shapes import unstacked
from unified_init.walkers.flax.own_norms import needs_run, nnx_norm
from unified_init.walkers.layer_facts import ComputedError, check_complete

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from unified_init.inventory.records import Record
    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "modules_of", "pieces", "read", "shape_and_dtype", "state"]

SIMPLE = (  # layers whose class says everything
    (nnx.Linear, "dense"), (nnx.Embed, "embed"), (nnx.BatchNorm, "batch_norm"), (nnx.LayerNorm, "layer_norm"),
    (nnx.RMSNorm, "rms_norm"), ((nnx.GroupNorm, nnx.InstanceNorm), "group_norm"), (nnx.PReLU, "prelu"),
    (nnx.LoRA, "lora"), (nnx.MultiHeadAttention, "attention"), (nnx.LSTMCell, "lstm"),
    (nnx.OptimizedLSTMCell, "joined_lstm"), (nnx.GRUCell, "joined_gru"), (nnx.SimpleCell, "joined_simple"),
)  # fmt: skip
COLLECTIONS = (
    (nnx.Param, "params"), (nnx.BatchStat, "batch_stats"), (nnx.Cache, "cache"),
    (nnx.Intermediate, "intermediates"), (nnx.RngState, "rngs"),
)  # fmt: skip
PASSING = (nnx.RngState, nnx.Cache, nnx.Intermediate, nnx.Perturbation)  # what a call fills, or draws from


def inspect(model: nnx.Module) -> Inventory:
    """Return the records of a module's parameters and statistics."""
    layers: dict[Key, Layer] = {}
    sharing: dict[int, list[tuple[Leaf, Any, Any]]] = {}
    skipped: list[str] = []
    for key, node, owner in _walk(model):
        if isinstance(node, nnx.Variable):
            sharing.setdefault(id(node), []).append((_leaf(key, node, owner), node, owner))
        elif isinstance(node, nnx.Module):
            layer = _layer(node)
            layers[key] = nnx_norm(node, layer) if needs_run(node, layer) else layer
        else:
            skipped.append("/".join(key))
    leaves = []
    for occurrences in sharing.values():
        for leaf, node, owner in occurrences:
            if leaf.collection in {"params", "batch_stats"} and jax_arrays.is_tensor(node.get_value()):
                leaves.append((leaf, owner))
            else:
                skipped.append(leaf.path)
    records, unwritten, _ = records_of(layers, unstacked(leaves))
    ties = [
        {leaf.path for leaf, _, _ in occurrences} for occurrences in sharing.values() if len(occurrences) > 1
    ]
    return Inventory("flax_nnx", _tied(records, ties), (*skipped, *unwritten))


def modules_of(model: nnx.Module) -> Iterator[tuple[Key, nnx.Module]]:
    """Yield every module with its path, a shared one at each of its paths."""
    yield from ((key, node) for key, node, _ in _walk(model) if isinstance(node, nnx.Module))


def _tied(records: tuple[Record, ...], ties: list[set[str]]) -> tuple[Record, ...]:
    """Return one record for variables that share memory: an embedding's, to which heads are tied."""
    groups: dict[frozenset[str], list[Record]] = {}
    group_of = {path: frozenset(paths) for paths in ties for path in paths}
    for record in records:
        shared = [group_of.get(path, frozenset({path})) for path, _ in record.stored]
        groups.setdefault(frozenset().union(*shared), []).append(record)
    tied_records = []
    for members in groups.values():
        first = min(members, key=lambda record: (record.kind != "embedding", record.path))
        others = sorted(record.path for record in members if record is not first)
        tied_records.append(dataclasses.replace(first, ties=tuple(others)))
    return tuple(tied_records)


def _walk(model: Any) -> Iterator[tuple[Key, Any, Any]]:
    """Yield modules, variables and bare arrays with their path and the module around them.

    A shared object is yielded at each of its paths.
    """
    stack: list[tuple[Key, Any, Any, frozenset[int]]] = [((), model, None, frozenset())]
    while stack:
        key, node, owner, ancestors = stack.pop()
        if isinstance(node, nnx.Variable) or jax_arrays.is_tensor(node):
            yield key, node, owner
            continue
        if id(node) in ancestors:  # a module that refers to a module around it
            continue
        if isinstance(node, nnx.Module):
            yield key, node, owner
            owner = node  # of its children
        for word, child in reversed(_children(node).items()):
            stack.append(((*key, word), child, owner, ancestors | {id(node)}))


def _children(node: Any) -> dict[str, Any]:
    """Return the children of a node of the graph, by the word of their path."""
    if isinstance(node, nnx.Pytree):
        names = [name for name in vars(node) if not name.startswith("_pytree__")]
        if names == sorted(names):  # the order of nnx.merge and nnx.eval_shape: "l_10" before "l_2"
            names.sort(key=jax_arrays.by_number)
        return {name: getattr(node, name) for name in names}
    if isinstance(node, Mapping):
        return {str(name): child for name, child in node.items()}
    if isinstance(node, (list, tuple)):
        return {str(index): child for index, child in enumerate(node)}
    return {}


def _leaf(key: Key, variable: Any, owner: Any) -> Leaf:
    value = variable.get_value()
    is_adapter = isinstance(owner, nnx.LoRA) and key[-1] in {"lora_a", "lora_b"}
    # The scales of a weight norm: parameters in newer releases, bare arrays before.
    variable_collection = "scales" if isinstance(owner, nnx.WeightNorm) else _collection(variable)
    collection = "params" if is_adapter else variable_collection
    return Leaf(
        key=key, shape=tuple(getattr(value, "shape", ())), dtype=str(getattr(value, "dtype", "")),
        collection=collection,
    )  # fmt: skip


def _collection(variable: Any) -> str:
    names = (name for kind, name in COLLECTIONS if isinstance(variable, kind))
    return next(names, type(variable).__name__)


def _layer(module: Any) -> Layer:
    """Return the description of a module."""
    native = type(module).__name__
    for classes, what in SIMPLE:
        if isinstance(module, classes):
            return Layer(what=what, native=native)
    if isinstance(module, nnx.LinearGeneral):
        lead, inputs, outs = (
            len(axes) for axes in (module.batch_axis, module.in_features, module.out_features)
        )
        return Layer(what="dense", native=native, lead=lead, inputs=inputs, outs=outs)
    if isinstance(module, nnx.Einsum):
        roles, bias = einsum_roles(module.einsum_str)
        return Layer(what="einsum", native="Einsum", roles=roles, bias_roles=bias)
    if isinstance(module, nnx.Conv):
        return Layer(
            what="conv", native=native, window=tuple(module.kernel_size), groups=module.feature_group_count
        )
    if isinstance(module, nnx.ConvTranspose):
        window = tuple(module.kernel_size)
        return Layer(what="conv_transpose", native=native, window=window, swapped=module.transpose_kernel)
    return Layer(what="other", native=native)


@dataclasses.dataclass(frozen=True, slots=True)
class Bare:
    """An array that is no variable's, with the methods of a variable. NNX counts it as state."""

    parent: Any
    word: str

    def get_value(self) -> Any:
        """Return the array."""
        return _children(self.parent)[self.word]

    def set_value(self, value: Any) -> None:
        """Replace the array."""
        if isinstance(self.parent, nnx.Pytree):
            setattr(self.parent, self.word, value)
        elif isinstance(self.parent, MutableMapping):
            self.parent[next(key for key in self.parent if str(key) == self.word)] = value
        else:
            self.parent[int(self.word)] = value


def _find(model: Any, path: str) -> tuple[Any, list[tuple[Any, str]]]:
    """Return a variable by its path, and the nodes above it, each with the word that leads to the next."""
    for start in ("", *(f"{name}/" for _, name in COLLECTIONS[1:])):
        if path.startswith(start):
            chain: list[tuple[Any, str]] = []
            node = model
            for word in path[len(start) :].split("/"):
                chain.append((node, word))
                node = _children(node).get(word)
            if isinstance(node, nnx.Variable):
                return node, chain
            if jax_arrays.is_tensor(node) and not start:
                return Bare(*chain[-1]), chain
    variables = ((key, node, owner) for key, node, owner in _walk(model) if isinstance(node, nnx.Variable))
    return next((node, []) for key, node, owner in variables if _leaf(key, node, owner).path == path)


def read(model: nnx.Module, path: str) -> NDArray[Any]:
    """Return a variable's values."""
    return jax_arrays.values(path, _find(model, path)[0].get_value())


def pieces(model: nnx.Module, path: str) -> Iterator[Piece]:
    """Yield the boxes of a tensor that this process holds, and what reads each."""
    return jax_arrays.pieces(path, _find(model, path)[0].get_value())


def shape_and_dtype(model: nnx.Module, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    value = _find(model, path)[0].get_value()
    return tuple(value.shape), str(value.dtype)


def state(model: nnx.Module, paths: Collection[str]) -> dict[str, str]:
    """Return the paths of bare arrays, and of variables of other types except caches and random state."""
    shared: dict[int, str] = {}
    streams = {}
    for key, node, owner in _walk(model):
        if jax_arrays.is_tensor(node):
            path = "/".join(key)
            if path in paths and jax_arrays.is_number(node) and not _is_fixed(model, path):
                streams[path] = path
            continue
        if not isinstance(node, nnx.Variable) or isinstance(node, PASSING):
            continue
        path = _leaf(key, node, owner).path
        value = node.get_value()
        if path in paths and jax_arrays.is_tensor(value) and jax_arrays.is_number(value):
            streams[path] = shared.setdefault(id(node), path)
    return streams


def _is_fixed(model: nnx.Module, path: str) -> bool:
    """Whether an array is in a tuple, of which no entry can be replaced."""
    _, chain = _find(model, path)
    return isinstance(chain[-1][0], tuple)


def loaded(model: nnx.Module) -> frozenset[str]:  # noqa: ARG001  # NNX marks nothing
    """Return nothing: NNX marks no variable as loaded."""
    return frozenset()


def check(model: nnx.Module, paths: Collection[str]) -> None:
    """Refuse variables that are being traced or normalized before use, and to leave others without values."""
    written = set()
    for path in paths:
        variable, chain = _find(model, path)
        written.add(id(variable))
        _check_variable(path, variable, chain)
    abstract = [
        _leaf(key, node, owner).path
        for key, node, owner in _walk(model)
        if isinstance(node, nnx.Variable)
        and id(node) not in written
        and isinstance(node.get_value(), jax.ShapeDtypeStruct)
    ]
    check_complete(abstract, "write them too; nnx.reseed(model, ...) gives values to random streams")


def _check_variable(path: str, variable: Any, chain: list[tuple[Any, str]]) -> None:
    jax_arrays.check(path, variable.get_value())
    for index, (node, word) in enumerate(chain):
        if word != "layer_instance" or not isinstance(node, (nnx.WeightNorm, nnx.SpectralNorm)):
            continue
        inner_path = tuple(step for _, step in chain[index + 1 :])
        variable_filter = getattr(node, "variable_filter", None)
        if (
            variable_filter(inner_path, variable)
            if variable_filter is not None
            else len(variable.get_value().shape) > 1
        ):
            msg = (
                f"{path!r} is normalized by {type(node).__name__} before its layer uses it, so that written "
                f"values would not be those of the layer: skip={path!r}, or apply before it is wrapped."
            )
            raise ComputedError(msg)


def commit(model: nnx.Module, writes: Mapping[str, Write]) -> nnx.Module:
    """Write in place; variables that share memory still share it."""
    variables = {path: _find(model, path)[0] for path in writes}
    for path, write in writes.items():
        variables[path].set_value(jax_arrays.replacement(variables[path].get_value(), write))
    return model
