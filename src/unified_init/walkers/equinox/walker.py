"""The walker of Equinox modules: lists the arrays of the tree, and makes a new tree to change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
from jax import tree_util

from unified_init.inventory.inventory import Inventory
from unified_init.inventory.places import placed
from unified_init.inventory.records import Record
from unified_init.walkers import jax_arrays
from unified_init.walkers.equinox.layers import facts_of
from unified_init.walkers.fused import with_named_parts
from unified_init.walkers.layer_facts import ComputedError, check_complete, stacked
from unified_init.walkers.lora import with_adapters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "modules_of", "pieces", "read", "shape_and_dtype", "state"]

# Layers that compute the weight they use from the stored one.
WRAPPERS = (eqx.nn.SpectralNorm, eqx.nn.WeightNorm)


def inspect(model: eqx.Module) -> Inventory:
    """Return the records of a module's floating-point arrays; other tensors are not written."""
    records, unwritten = [], []
    for path, leaf, chain in _leaves(model):
        if _is_left(leaf, chain):
            unwritten.append(path)
            continue
        records.append(_record(path, leaf, chain))
    return Inventory(
        "equinox",
        placed([with_named_parts(record) for record in with_adapters(records, "IO")]),
        tuple(unwritten),
    )


def read(model: eqx.Module, path: str) -> NDArray[Any]:
    """Return a tensor's values."""
    return jax_arrays.values(path, _find(model, path)[0])


def pieces(model: eqx.Module, path: str) -> Iterator[Piece]:
    """Yield the boxes of a tensor that this process holds, and what reads each."""
    return jax_arrays.pieces(path, _find(model, path)[0])


def shape_and_dtype(model: eqx.Module, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    leaf, _ = _find(model, path)
    return tuple(leaf.shape), str(leaf.dtype)


def state(model: eqx.Module, paths: Collection[str]) -> dict[str, str]:
    """Return the paths of constants; what a StateIndex has are the values that a State starts from."""
    return {
        path: path
        for path, leaf, chain in _leaves(model)
        if path in paths
        and jax_arrays.is_number(leaf)
        and not any(isinstance(owner, eqx.nn.StateIndex) for owner, _ in chain)
    }


def loaded(model: eqx.Module) -> frozenset[str]:  # noqa: ARG001  # Equinox marks nothing
    """Return nothing: Equinox does not say what was loaded."""
    return frozenset()


def check(model: eqx.Module, paths: Collection[str]) -> None:
    """Refuse tensors that cannot be written or that a wrapper replaces, and to leave others abstract."""
    for path in paths:
        leaf, chain = _find(model, path)
        for index, (owner, name) in enumerate(chain):
            if isinstance(owner, WRAPPERS) and name == "layer" and chain[index + 1][1] == owner.weight_name:
                msg = (
                    f"{path!r} is not the weight that {type(owner).__name__} uses, which it computes from "
                    f"it: skip={path!r}, or apply before the layer is wrapped."
                )
                raise ComputedError(msg)
        jax_arrays.check(path, leaf)
    leaves = tree_util.tree_flatten_with_path(model)[0]
    abstract = {_path(keys) for keys, leaf in leaves if isinstance(leaf, jax.ShapeDtypeStruct)}
    check_complete(abstract - set(paths), "write them too, or make them concrete first")


def commit(model: eqx.Module, writes: Mapping[str, Write]) -> eqx.Module:
    """Return a new module; arrays that are not written are the same objects in both."""
    pairs, structure = tree_util.tree_flatten_with_path(model)
    new_leaves = []
    for keys, leaf in pairs:
        write = writes.get(_path(keys))
        new_leaves.append(leaf if write is None else jax_arrays.replacement(leaf, write))
    return tree_util.tree_unflatten(structure, new_leaves)


def _leaves(model: eqx.Module) -> Iterator[tuple[str, Any, list[tuple[Any, str]]]]:
    """Yield every tensor with its path and the objects on the way to it."""
    for keys, leaf in tree_util.tree_flatten_with_path(model)[0]:
        if jax_arrays.is_tensor(leaf):
            yield _path(keys), leaf, _chain(model, keys)


def modules_of(model: eqx.Module) -> Iterator[tuple[str, eqx.Module]]:
    """Yield every module that holds an array, with its path."""
    seen: set[str] = set()
    for _, _, chain in _leaves(model):
        for index, (node, _) in enumerate(chain):
            path = ".".join(word for _, word in chain[:index])
            if isinstance(node, eqx.Module) and path not in seen:
                seen.add(path)
                yield path, node


def _find(model: eqx.Module, path: str) -> tuple[Any, list[tuple[Any, str]]]:
    """Return a tensor and the objects on the way to it."""
    leaf_and_chain = _walked(model, path)
    if leaf_and_chain is not None:
        return leaf_and_chain
    return next((leaf, chain) for leaf_path, leaf, chain in _leaves(model) if leaf_path == path)


def _walked(model: eqx.Module, path: str) -> tuple[Any, list[tuple[Any, str]]] | None:
    """Follow a path word by word, which is quicker than listing all arrays; None if that finds no array."""
    chain = []
    node: Any = model
    for word in path.split("."):
        chain.append((node, word))
        if isinstance(node, eqx.Module):
            node = getattr(node, word, None)
        elif isinstance(node, (list, tuple)) and word.isdecimal() and int(word) < len(node):
            node = node[int(word)]
        elif isinstance(node, dict) and word in node:
            node = node[word]
        else:
            return None
    return (node, chain) if jax_arrays.is_tensor(node) else None


def _path(keys: tuple[Any, ...]) -> str:
    return ".".join(map(jax_arrays.word_of, keys))


def _chain(model: eqx.Module, keys: tuple[Any, ...]) -> list[tuple[Any, str]]:
    """Return the objects on the way to a leaf, each with the word that leads on."""
    chain = []
    node: Any = model
    for key in keys:
        chain.append((node, jax_arrays.word_of(key)))
        node = getattr(node, key.name) if isinstance(node, eqx.Module) else _child(node, key)
    return chain


def _child(node: Any, key: Any) -> Any:
    """Return the child of a container at a key; the container may be of any class registered with JAX."""
    children, _ = tree_util.tree_flatten_with_path(node, is_leaf=lambda subtree: subtree is not node)
    return next(child for (child_key,), child in children if child_key == key)


def _is_left(leaf: Any, chain: list[tuple[Any, str]]) -> bool:
    """Whether no recipe writes a tensor: constants, initial states, and the scale of a weight norm."""
    if not isinstance(leaf, (jax.Array, jax.ShapeDtypeStruct)) or not jax_arrays.is_float(leaf):
        return True
    if any(isinstance(owner, eqx.nn.StateIndex) for owner, _ in chain):
        return True
    owner, name = chain[-1]
    return isinstance(owner, eqx.nn.WeightNorm) and name == "g"


def _record(path: str, leaf: Any, chain: list[tuple[Any, str]]) -> Record:
    owner, name = chain[-1]
    ancestors = [(ancestor, word) for ancestor, word in chain[:-1] if isinstance(ancestor, eqx.Module)]
    shape = tuple(leaf.shape)
    fields, lead = facts_of(owner, name, ancestors[-1] if ancestors else None, shape, path)
    native = type(owner).__name__ if isinstance(owner, eqx.Module) else ""
    return Record(name=path, path=path, dtype=str(leaf.dtype), native=native, **stacked(fields, lead))
