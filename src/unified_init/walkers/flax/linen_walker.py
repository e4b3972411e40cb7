"""The walker of Flax Linen: a module's layers, learnt by calling it abstractly, and its tree of arrays."""

from __future__ import annotations

import contextlib
import dataclasses
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax

from unified_init.errors import ArgumentValueError
from unified_init.inventory.records import Inventory
from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.layers import Layer, records_of
from unified_init.walkers.flax.leaves import Key, Leaf, axes_of_copies
from unified_init.walkers.flax.linen_axes import stacked_axes
from unified_init.walkers.flax.linen_layers import is_box, layer_of, leaves_of, unboxed, wrapped_by
from unified_init.walkers.flax.linen_names import named_layers
from unified_init.walkers.layer_facts import ComputedError, check_complete

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from unified_init.walkers.trees import Linen
    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "read", "shape_and_dtype"]


@dataclasses.dataclass(slots=True)
class Seen:
    """What an abstract call of a module shows; filled while it runs.

    ``layers`` are in the order of their first calls; ``inner`` has the shapes that layers see, by
    collection and key; ``stacked`` the axes that hold copies, where those shapes leave it open;
    ``wrapped`` what computes a kernel from the one that is stored, by the kernel's path.
    """

    layers: dict[Key, Layer] = dataclasses.field(default_factory=dict)
    inner: dict[tuple[str, Key], tuple[int, ...]] = dataclasses.field(default_factory=dict)
    stacked: dict[tuple[str, Key], tuple[int, ...]] = dataclasses.field(default_factory=dict)
    wrapped: dict[str, str] = dataclasses.field(default_factory=dict)


# What was seen of a wrapper, for as long as it lives: each of its tensors is asked for.
KNOWN: weakref.WeakKeyDictionary[Linen, Seen] = weakref.WeakKeyDictionary()


def inspect(model: Linen) -> Inventory:
    """Return the records of a module's variables."""
    seen = _seen(model)
    leaves = []
    outside = []
    for (collection, key), value in _ordered(seen, model):
        inner = seen.inner.get((collection, key))
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
                    stacked=seen.stacked.get((collection, key)),
                )
            )
        elif collection in {"params", "batch_stats"}:
            raise ArgumentValueError(_unreached("/".join(key)))
        else:
            outside.append("/".join((collection, *key)))
    records, unwritten, lost = records_of(seen.layers, leaves)
    if lost:
        raise ArgumentValueError(_unproven(lost))
    return Inventory("flax_linen", records, (*unwritten, *outside))


def _ordered(seen: Seen, model: Linen) -> list[tuple[tuple[str, Key], Any]]:
    """Return the arrays by the order of their layers' first calls, which JAX' sorted dicts do not keep.

    Those of layers that nobody called are in the order of their names, numbers as numbers.
    """
    called = bool(model.args or model.kwargs) and model.module is not None
    ranks = {key: rank if called else 0 for rank, key in enumerate(seen.layers)}

    def sort_key(variable: tuple[str, Key]) -> tuple[Any, ...]:
        collection, key = variable
        above = (key[:end] for end in reversed(range(len(key))) if key[:end] in ranks)
        words = [jax_arrays.by_number(word) for word in key]
        return ranks.get(next(above, ()), len(ranks)), words[:-1], collection != "params", words[-1:]

    return sorted(leaves_of(model.variables).items(), key=lambda item: sort_key(item[0]))


def _unreached(path: str) -> str:
    return (
        f"{path!r} was not reached when the module was called with the example inputs: pass inputs, or "
        "method=, that use every layer, or leave it out of the variables."
    )


def _unproven(lost: tuple[Leaf, ...]) -> str:
    shown = ", ".join(f"{leaf.path!r} of shape {leaf.shape}" for leaf in lost[:5])
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""  # noqa: PLR2004  # as many as are shown
    return (
        f"the name and the shape of {shown}{more} do not say what its axes are: pass the module and an "
        "example input, unified_init.linen(module, variables, x)."
    )


def _seen(model: Linen) -> Seen:
    if model not in KNOWN:
        bare = model.module is None or not (model.args or model.kwargs)
        KNOWN[model] = _from_names(model) if bare else _from_call(model)
    return KNOWN[model]


def _from_names(model: Linen) -> Seen:
    shapes = {key: tuple(value.shape) for (_, key), value in leaves_of(model.variables).items()}
    return Seen(layers=named_layers(shapes))


def _from_call(model: Linen) -> Seen:
    """Call the module without computing anything, and note what each layer says of itself."""
    seen = Seen()

    def note(following: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if module.scope is not None:  # in the order of the layers' first calls
            path = tuple(module.path)
            seen.layers.setdefault(path, layer_of(module, args, kwargs))
        result = following(*args, **kwargs)
        if module.scope is not None:
            # A transformation runs functions of a new module in the scope around it, whose own module
            # returns after that; and inner calls return first, so that what they see is not yet stacked.
            seen.layers[path] = layer_of(module, args, kwargs)
            for (collection, key), value in leaves_of(module.variables).items():
                seen.inner.setdefault((collection, (*path, *key)), tuple(value.shape))
            seen.wrapped.update(wrapped_by(module))
        return result

    def call(*args: Any, **kwargs: Any) -> Any:
        return model.module.init(jax.random.key(0), *args, **kwargs)

    try:
        with nn.intercept_methods(note):
            made = leaves_of(_shapes(call, model.args, model.kwargs))
    except Exception as error:
        msg = f"`args` of linen() must be what module.init takes after the key; it raised {error!r}."
        raise ArgumentValueError(msg) from error
    _check_fit(model, made)
    seen.inner = {variable: shape for variable, shape in seen.inner.items() if variable in made}
    if any(
        len(axes_of_copies(tuple(made[variable].shape), shape)) > 1 for variable, shape in seen.inner.items()
    ):
        with contextlib.suppress(Exception):  # functions of the model that take no boxes: it is asked for
            seen.stacked = stacked_axes(lambda: _shapes(call, model.args, model.kwargs), seen.inner)
    return seen


def _check_fit(model: Linen, made: Mapping[tuple[str, Key], Any]) -> None:
    """Refuse variables of another module."""
    given = leaves_of(model.variables)
    for variable, value in given.items():
        if variable in made and tuple(made[variable].shape) != tuple(value.shape):
            path = "/".join(variable[1])
            msg = (
                f"`variables` do not fit `module`: {path!r} has the shape {tuple(value.shape)}, "
                f"and called with the example inputs the module makes {tuple(made[variable].shape)}."
            )
            raise ArgumentValueError(msg)
    missing = sorted(
        "/".join(key) for collection, key in made.keys() - given.keys() if collection == "params"
    )
    if missing:
        msg = f"`variables` lack {', '.join(map(repr, missing[:5]))}, which the module makes."
        raise ArgumentValueError(msg)


def _shapes(call: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Evaluate abstractly; what is no array (a flag, a carry's None) is passed as it stands."""
    leaves, structure = jax.tree_util.tree_flatten((args, dict(kwargs)))
    arrays = [leaf for leaf in leaves if jax_arrays.is_tensor(leaf)]

    def run(*values: Any) -> Any:
        remaining = iter(values)
        positional, named = structure.unflatten(
            [next(remaining) if jax_arrays.is_tensor(leaf) else leaf for leaf in leaves]
        )
        return call(*positional, **named)

    return jax.eval_shape(run, *arrays)


def _leaf(model: Linen, path: str) -> Any:
    """Return an array by its path; most lie where the words of the path lead."""
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


def shape_and_dtype(model: Linen, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    leaf = _leaf(model, path)
    return tuple(leaf.shape), str(leaf.dtype)


def loaded(model: Linen) -> frozenset[str]:  # noqa: ARG001  # Linen marks nothing
    """Return nothing: Linen marks no tensor as loaded."""
    return frozenset()


def check(model: Linen, paths: Collection[str]) -> None:
    """Refuse tensors that are being traced or normalised before use, and to leave some without values."""
    wrapped = _seen(model).wrapped
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

    def renewed(path: Any, leaf: Any) -> Any:
        collection, *key = (jax_arrays.word_of(step) for step in path)
        write = writes.get(_path(collection, tuple(key)))
        if write is None:
            return leaf
        value = jax_arrays.replacement(unboxed(leaf), write)
        return leaf.replace_boxed(value) if is_box(leaf) else value

    variables = jax.tree_util.tree_map_with_path(renewed, model.variables, is_leaf=is_box)
    result = dataclasses.replace(model, variables=variables)
    KNOWN[result] = _seen(model)
    return result
