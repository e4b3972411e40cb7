"""The walker of Flax NNX: the graph of modules and their variables, which are written in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
from flax import nnx

from unified_init.inventory.records import Inventory, Record
from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.layers import Layer, einsum_roles, records_of
from unified_init.walkers.flax.leaves import Key, Leaf
from unified_init.walkers.layer_facts import ComputedError, check_complete

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "read", "shape_and_dtype"]

SIMPLE = (  # what needs no more than its class
    (nnx.Linear, "dense"), (nnx.Embed, "embed"), (nnx.BatchNorm, "batch_norm"), (nnx.LayerNorm, "layer_norm"),
    (nnx.RMSNorm, "rms_norm"), ((nnx.GroupNorm, nnx.InstanceNorm), "group_norm"), (nnx.PReLU, "prelu"),
    (nnx.LoRA, "lora"), (nnx.MultiHeadAttention, "attention"), (nnx.LSTMCell, "lstm"),
    (nnx.OptimizedLSTMCell, "joined_lstm"), (nnx.GRUCell, "joined_gru"), (nnx.SimpleCell, "joined_simple"),
)  # fmt: skip
COLLECTIONS = (
    (nnx.Param, "params"), (nnx.BatchStat, "batch_stats"), (nnx.Cache, "cache"),
    (nnx.Intermediate, "intermediates"), (nnx.RngState, "rngs"),
)  # fmt: skip


def inspect(model: nnx.Module) -> Inventory:
    """Return the records of a module's parameters and statistics."""
    layers: dict[Key, Layer] = {}
    sharing: dict[int, list[tuple[Leaf, Any]]] = {}
    unwritten: list[str] = []
    for key, node, owner in _walk(model):
        if isinstance(node, nnx.Variable):
            sharing.setdefault(id(node), []).append((_leaf(key, node, owner), node))
        elif isinstance(node, nnx.Module):
            layers[key] = _layer(node)
        else:
            unwritten.append("/".join(key))
    leaves = []
    for uses in sharing.values():
        for leaf, node in uses:
            if leaf.collection in {"params", "batch_stats"} and jax_arrays.is_tensor(node.get_value()):
                leaves.append(leaf)
            else:
                unwritten.append(leaf.path)
    records, others, _ = records_of(layers, leaves)
    ties = [{leaf.path for leaf, _ in uses} for uses in sharing.values() if len(uses) > 1]
    return Inventory("flax_nnx", _tied(records, ties), (*unwritten, *others))


def _tied(records: tuple[Record, ...], ties: list[set[str]]) -> tuple[Record, ...]:
    """Return one record for all that shares memory: a table's, for heads are tied to it."""
    groups: dict[frozenset[str], list[Record]] = {}
    group_of = {path: frozenset(paths) for paths in ties for path in paths}
    for record in records:
        shared = [group_of.get(path, frozenset({path})) for path, _ in record.stored]
        groups.setdefault(frozenset().union(*shared), []).append(record)
    owners = []
    for members in groups.values():
        first = min(members, key=lambda record: (record.kind != "embedding", record.path))
        others = sorted(record.path for record in members if record is not first)
        owners.append(dataclasses.replace(first, ties=tuple(others)))
    return tuple(owners)


def _walk(model: Any) -> Iterator[tuple[Key, Any, Any]]:
    """Yield modules, variables and bare arrays with their path and the module around them.

    What is shared comes at each of its paths.
    """
    stack: list[tuple[Key, Any, Any, frozenset[int]]] = [((), model, None, frozenset())]
    while stack:
        key, node, owner, above = stack.pop()
        if isinstance(node, nnx.Variable) or jax_arrays.is_tensor(node):
            yield key, node, owner
            continue
        if id(node) in above:  # a module that knows the one around it
            continue
        if isinstance(node, nnx.Module):
            yield key, node, owner
            owner = node  # of what it holds
        for word, child in reversed(_children(node).items()):
            stack.append(((*key, word), child, owner, above | {id(node)}))


def _children(node: Any) -> dict[str, Any]:
    """Return what a node of the graph holds, by the word of its path."""
    if isinstance(node, nnx.Pytree):
        names = [name for name in vars(node) if not name.startswith("_pytree__")]
        if names == sorted(names):  # as nnx.merge and nnx.eval_shape leave them: "l_10" before "l_2"
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
    # What norms are kept: parameters in newer releases, bare arrays before.
    kept = "scales" if isinstance(owner, nnx.WeightNorm) else _collection(variable)
    collection = "params" if is_adapter else kept
    return Leaf(
        key=key, shape=tuple(getattr(value, "shape", ())), dtype=str(getattr(value, "dtype", "")),
        collection=collection,
    )  # fmt: skip


def _collection(variable: Any) -> str:
    known = (name for kind, name in COLLECTIONS if isinstance(variable, kind))
    return next(known, type(variable).__name__)


def _layer(module: Any) -> Layer:
    """Return what a module says of itself."""
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


def _find(model: Any, path: str) -> tuple[Any, list[tuple[Any, str]]]:
    """Return a variable by its path, and the nodes on the way to it, each with the word that leads on."""
    for start in ("", *(f"{name}/" for _, name in COLLECTIONS[1:])):
        if path.startswith(start):
            chain: list[tuple[Any, str]] = []
            node = model
            for word in path[len(start) :].split("/"):
                chain.append((node, word))
                node = _children(node).get(word)
            if isinstance(node, nnx.Variable):
                return node, chain
    variables = ((key, node, owner) for key, node, owner in _walk(model) if isinstance(node, nnx.Variable))
    return next((node, []) for key, node, owner in variables if _leaf(key, node, owner).path == path)


def read(model: nnx.Module, path: str) -> NDArray[Any]:
    """Return a variable's values."""
    return jax_arrays.values(path, _find(model, path)[0].get_value())


def shape_and_dtype(model: nnx.Module, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    value = _find(model, path)[0].get_value()
    return tuple(value.shape), str(value.dtype)


def loaded(model: nnx.Module) -> frozenset[str]:  # noqa: ARG001  # NNX marks nothing
    """Return nothing: NNX marks no variable as loaded."""
    return frozenset()


def check(model: nnx.Module, paths: Collection[str]) -> None:
    """Refuse variables that are being traced or normalised before use, and to leave some without values."""
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
        inside = tuple(step for _, step in chain[index + 1 :])
        chosen = getattr(node, "variable_filter", None)
        if chosen(inside, variable) if chosen is not None else len(variable.get_value().shape) > 1:
            msg = (
                f"{path!r} is normalised by {type(node).__name__} before its layer uses it, so that written "
                f"values would not be those of the layer: skip={path!r}, or apply before it is wrapped."
            )
            raise ComputedError(msg)


def commit(model: nnx.Module, writes: Mapping[str, Write]) -> nnx.Module:
    """Write in place; variables that share memory share it still."""
    variables = {path: _find(model, path)[0] for path in writes}
    for path, write in writes.items():
        variables[path].set_value(jax_arrays.replacement(variables[path].get_value(), write))
    return model
