"""The walker of Flax Linen: reads trees of arrays, and makes new ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax

from unified_init.errors import ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.layers import records_of
from unified_init.walkers.flax.leaves import Leaf
from unified_init.walkers.flax.linen_layers import is_box, leaves_of, unboxed
from unified_init.walkers.flax.linen_observation import observation_of, observe_as
from unified_init.walkers.layer_facts import ComputedError, check_complete

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from unified_init.walkers.flax.leaves import Key
    from unified_init.walkers.flax.linen_observation import Observation
    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.trees import Linen
    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "pieces", "read", "shape_and_dtype", "state"]

PASSING = frozenset({"cache", "intermediates", "perturbations"})  # collections that a call fills


def inspect(model: Linen) -> Inventory:
    """Return the records of a module's variables."""
    observation = observation_of(model)
    leaves = []
    outside = []
    for (collection, key), value in _ordered(observation, model):
        inner = observation.inner.get((collection, key))
        if collection in {"params", "batch_stats"} and (
            inner is not None or not (model.args or model.kwargs)
        ):
            leaves.append(
                Leaf(
                    key=key,
                    shape=tuple(value.shape),
                    dtype=str(value.dtype),
                    collection=collection,
                    inner=inner,
                    stacked=observation.stacked.get((collection, key)),
                )
            )
        elif collection in {"params", "batch_stats"}:
            raise ArgumentValueError(_unreached("/".join(key)))
        else:
            outside.append("/".join((collection, *key)))
    records, unwritten, unproven = records_of(observation.layers, leaves)
    if unproven:
        raise ArgumentValueError(_unproven(unproven))
    return Inventory("flax_linen", records, (*unwritten, *outside))


def _ordered(observation: Observation, model: Linen) -> list[tuple[tuple[str, Key], Any]]:
    """Return the arrays in the order of their layers' first calls, which JAX' sorted dicts do not keep.

    Arrays of layers that were not called are in the order of their names, with numbers compared as numbers.
    """
    is_called = bool(model.args or model.kwargs) and model.module is not None
    ranks = {key: rank if is_called else 0 for rank, key in enumerate(observation.layers)}

    def sort_key(variable: tuple[str, Key]) -> tuple[Any, ...]:
        collection, key = variable
        ancestors = (key[:end] for end in reversed(range(len(key))) if key[:end] in ranks)
        words = [jax_arrays.by_number(word) for word in key]
        return ranks.get(next(ancestors, ()), len(ranks)), words[:-1], collection != "params", words[-1:]

    return sorted(leaves_of(model.variables).items(), key=lambda item: sort_key(item[0]))


def _unreached(path: str) -> str:
    return (
        f"{path!r} was not reached when the module was called with the example inputs: pass inputs, or "
        "method=, that use every layer, or leave it out of the variables."
    )


def _unproven(leaves: tuple[Leaf, ...]) -> str:
    listing = ", ".join(f"{leaf.path!r} of shape {leaf.shape}" for leaf in leaves[:5])
    more = f" and {len(leaves) - 5} more" if len(leaves) > 5 else ""  # noqa: PLR2004  # as many as are shown
    return (
        f"the name and the shape of {listing}{more} do not say what its axes are: pass the module and an "
        "example input, unified_init.linen(module, variables, x)."
    )


def _leaf(model: Linen, path: str) -> Any:
    """Return an array by its path. Most are found by following the words of the path."""
    collection, _, rest = path.partition("/")
    for words in (("params", *path.split("/")), (collection, *rest.split("/"))):
        node: Any = model.variables
        for word in words:
            node = node.get(word) if isinstance(node, Mapping) else None
        if jax_arrays.is_tensor(unboxed(node)):
            return unboxed(node)
    return _by_path(model)[path]


def _by_path(model: Linen) -> dict[str, Any]:
    return {_path(*variable): value for variable, value in leaves_of(model.variables).items()}


def _path(collection: str, key: Key) -> str:
    return "/".join(key if collection == "params" else (collection, *key))


def read(model: Linen, path: str) -> NDArray[Any]:
    """Return a tensor's values."""
    return jax_arrays.values(path, _leaf(model, path))


def pieces(model: Linen, path: str) -> Iterator[Piece]:
    """Yield the boxes of a tensor that this process holds, and what reads each."""
    return jax_arrays.pieces(path, _leaf(model, path))


def shape_and_dtype(model: Linen, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    leaf = _leaf(model, path)
    return tuple(leaf.shape), str(leaf.dtype)


def state(model: Linen, paths: Collection[str]) -> dict[str, str]:
    """Return the paths of other collections' numbers, except caches: they are the stream names."""
    return {
        path: path
        for path, leaf in _by_path(model).items()
        if path in paths and path.partition("/")[0] not in PASSING and jax_arrays.is_number(leaf)
    }


def loaded(model: Linen) -> frozenset[str]:  # noqa: ARG001  # Linen marks nothing
    """Return nothing: Linen marks no tensor as loaded."""
    return frozenset()


def check(model: Linen, paths: Collection[str]) -> None:
    """Refuse tensors that are being traced or normalized before use, and to leave others without values."""
    wrapped = observation_of(model).wrapped
    for path in paths:
        jax_arrays.check(path, _leaf(model, path))
        if path in wrapped:
            msg = (
                f"{path!r} is normalized by {wrapped[path]} before its layer uses it, so that written values "
                f"would not be those of the layer: skip={path!r}."
            )
            raise ComputedError(msg)
    abstract = {path for path, leaf in _by_path(model).items() if isinstance(leaf, jax.ShapeDtypeStruct)}
    check_complete(abstract - set(paths), "write them too, or leave them out of the variables")


def commit(model: Linen, writes: Mapping[str, Write]) -> Linen:
    """Return a wrapper with a new tree, in the boxes and the containers of the old one."""

    def new_leaf(path: Any, leaf: Any) -> Any:
        collection, *key = (jax_arrays.word_of(step) for step in path)
        write = writes.get(_path(collection, tuple(key)))
        if write is None:
            return leaf
        value = jax_arrays.replacement(unboxed(leaf), write)
        return leaf.replace_boxed(value) if is_box(leaf) else value

    variables = jax.tree_util.tree_map_with_path(new_leaf, model.variables, is_leaf=is_box)
    result = dataclasses.replace(model, variables=variables)
    observe_as(result, model)
    return result
