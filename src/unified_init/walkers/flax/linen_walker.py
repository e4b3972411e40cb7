"""The walker of Flax Linen: calls a module abstractly to see its layers, and makes new trees of arrays."""

from __future__ import annotations

import contextlib
import dataclasses
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax

from unified_init.errors import ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.layers import records_of
from unified_init.walkers.flax.leaves import Key, Layer, Leaf, axes_of_groups
from unified_init.walkers.flax.linen_axes import stacked_axes
from unified_init.walkers.flax.linen_layers import is_box, layer_of, leaves_of, unboxed, wrapped_by
from unified_init.walkers.flax.linen_names import named_layers
from unified_init.walkers.flax.own_norms import linen_norm, needs_run
from unified_init.walkers.layer_facts import ComputedError, check_complete

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.trees import Linen
    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "pieces", "read", "shape_and_dtype", "state"]

PASSING = frozenset({"cache", "intermediates", "perturbations"})  # collections that a call fills


@dataclasses.dataclass(slots=True)
class Observation:
    """What an abstract call of a module shows; filled while it runs.

    ``layers`` are in the order of their first calls. ``inner`` has the shapes that layers see, by collection
    and key. ``stacked`` has the axes that stack layers, where those shapes leave it open. ``wrapped`` has
    the class that computes a kernel from the stored one, by the kernel's path. ``norms`` has the norms that
    are to be run, outside of any scope.
    """

    layers: dict[Key, Layer] = dataclasses.field(default_factory=dict)
    inner: dict[tuple[str, Key], tuple[int, ...]] = dataclasses.field(default_factory=dict)
    stacked: dict[tuple[str, Key], tuple[int, ...]] = dataclasses.field(default_factory=dict)
    wrapped: dict[str, str] = dataclasses.field(default_factory=dict)
    norms: dict[Key, Any] = dataclasses.field(default_factory=dict)


# The observation of each wrapper, for as long as the wrapper exists: every function here needs it.
OBSERVATIONS: weakref.WeakKeyDictionary[Linen, Observation] = weakref.WeakKeyDictionary()


def inspect(model: Linen) -> Inventory:
    """Return the records of a module's variables."""
    observation = _observation(model)
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


def _observation(model: Linen) -> Observation:
    if model not in OBSERVATIONS:
        bare = model.module is None or not (model.args or model.kwargs)
        OBSERVATIONS[model] = _from_names(model) if bare else _from_call(model)
    return OBSERVATIONS[model]


def _from_names(model: Linen) -> Observation:
    shapes = {key: tuple(value.shape) for (_, key), value in leaves_of(model.variables).items()}
    return Observation(layers=named_layers(shapes))


def _from_call(model: Linen) -> Observation:
    """Call the module without computing anything, and note the description of each layer."""
    observation = Observation()

    def note(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if module.scope is not None:  # in the order of the layers' first calls
            path = tuple(module.path)
            observation.layers.setdefault(path, layer_of(module, args, kwargs))
        result = method(*args, **kwargs)
        if module.scope is not None:
            # A transformation runs functions of a new module in the scope around it, whose own module returns
            # later, so the last description is right. Inner calls return first, so the first shapes are
            # right: they are not stacked yet.
            observation.layers[path] = layer_of(module, args, kwargs)
            for (collection, key), value in leaves_of(module.variables).items():
                observation.inner.setdefault((collection, (*path, *key)), tuple(value.shape))
            observation.wrapped.update(wrapped_by(module))
            if context.method_name == "__call__" and needs_run(module, observation.layers[path]):
                observation.norms[path] = module.clone(parent=None, name=None)
        return result

    def call(*args: Any, **kwargs: Any) -> Any:
        return model.module.init(jax.random.key(0), *args, **kwargs)

    try:
        with nn.intercept_methods(note):
            made_variables = leaves_of(_shapes(call, model.args, model.kwargs))
    except Exception as error:
        msg = f"`args` of linen() must be what module.init takes after the key; it raised {error!r}."
        raise ArgumentValueError(msg) from error
    _check_fit(model, made_variables)
    for key, module in observation.norms.items():
        observation.layers[key] = linen_norm(module, observation.layers[key], _own(observation, key))
    observation.inner = {
        variable: shape for variable, shape in observation.inner.items() if variable in made_variables
    }
    if any(
        len(axes_of_groups(tuple(made_variables[variable].shape), shape)) > 1
        for variable, shape in observation.inner.items()
    ):
        with contextlib.suppress(Exception):  # a model may not work with boxes: then layout() asks the user
            observation.stacked = stacked_axes(
                lambda: _shapes(call, model.args, model.kwargs), observation.inner
            )
    return observation


def _own(observation: Observation, layer_key: Key) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of a layer's own variables, as it sees them, by collection and name."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for (collection, key), shape in observation.inner.items():
        if key[:-1] == layer_key:
            shapes.setdefault(collection, {})[key[-1]] = shape
    return shapes


def _check_fit(model: Linen, made_variables: Mapping[tuple[str, Key], Any]) -> None:
    """Refuse variables of another module."""
    given_variables = leaves_of(model.variables)
    for variable, value in given_variables.items():
        if variable in made_variables and tuple(made_variables[variable].shape) != tuple(value.shape):
            path, expected = "/".join(variable[1]), tuple(made_variables[variable].shape)
            msg = (
                f"`variables` do not fit `module`: {path!r} has the shape {tuple(value.shape)}, "
                f"and called with the example inputs the module makes {expected}."
            )
            raise ArgumentValueError(msg)
    missing = sorted(
        "/".join(key)
        for collection, key in made_variables.keys() - given_variables.keys()
        if collection == "params"
    )
    if missing:
        msg = f"`variables` lack {', '.join(map(repr, missing[:5]))}, which the module makes."
        raise ArgumentValueError(msg)


def _shapes(call: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Evaluate abstractly; an argument that is not an array (a flag, a carry's None) is passed unchanged."""
    leaves, structure = jax.tree_util.tree_flatten((args, dict(kwargs)))
    arrays = [leaf for leaf in leaves if jax_arrays.is_tensor(leaf)]

    def run(*values: Any) -> Any:
        remaining = iter(values)
        positional, keywords = structure.unflatten(
            [next(remaining) if jax_arrays.is_tensor(leaf) else leaf for leaf in leaves]
        )
        return call(*positional, **keywords)

    return jax.eval_shape(run, *arrays)


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
    wrapped = _observation(model).wrapped
    for path in paths:
        jax_arrays.check(path, _leaf(model, path))
        if path in wrapped:
            msg = (
                f"{path!r} is normalised by {wrapped[path]} before its layer uses it, so that written values "
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
    OBSERVATIONS[result] = _observation(model)
    return result
