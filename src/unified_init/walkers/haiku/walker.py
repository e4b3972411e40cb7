"""The walker of Haiku functions: evaluates ``init`` abstractly to see what each parameter is."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import haiku as hk
import jax

from unified_init.errors import ArgumentValueError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.places import placed
from unified_init.walkers import jax_arrays
from unified_init.walkers.fused import with_named_parts
from unified_init.walkers.haiku.layers import LAYERS, STATE, Site, described, described_state, named_site
from unified_init.walkers.layer_facts import check_complete
from unified_init.walkers.lora import with_adapters

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from unified_init.walkers.protocol import Piece
    from unified_init.walkers.trees import Haiku
    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "pieces", "read", "shape_and_dtype", "state"]

SHOWN = 5
# The layers by class. DepthwiseConvND and ConvNDLSTM have no public name, but classes derived from them do.
CLASSES = {
    base: base.__name__
    for cls in vars(hk).values()
    if isinstance(cls, type) and issubclass(cls, hk.Module)
    for base in cls.__mro__
    if base.__name__ in LAYERS
}


def inspect(model: Haiku) -> Inventory:
    """Return the records of a function's parameters and state."""
    leaves = _leaves(model)
    sites = _sites(model, leaves)
    shapes = {path: site.shape for path, site in sites.items()}
    records, unwritten = [], []
    for path, site in sites.items():
        leaf = leaves[path]
        bundle, _, name = path.removeprefix(STATE).rpartition("/")
        shape, dtype = tuple(leaf.shape), str(leaf.dtype)
        if path.startswith(STATE):
            tensor_records = described_state(bundle, name, shape, dtype, site)
        else:
            tensor_records = described(bundle, name, shape, dtype, site, shapes)
        records += tensor_records
        unwritten += [] if tensor_records else [path]
    return Inventory(
        "haiku",
        placed([with_named_parts(record) for record in with_adapters(records, "IO")]),
        tuple(unwritten),
    )


def read(model: Haiku, path: str) -> NDArray[Any]:
    """Return a tensor's values."""
    return jax_arrays.values(path, _leaf(model, path))


def pieces(model: Haiku, path: str) -> Iterator[Piece]:
    """Yield the boxes of a tensor that this process holds, and what reads each."""
    return jax_arrays.pieces(path, _leaf(model, path))


def shape_and_dtype(model: Haiku, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    leaf = _leaf(model, path)
    return tuple(leaf.shape), str(leaf.dtype)


def state(model: Haiku, paths: Collection[str]) -> dict[str, str]:
    """Return the paths of a function's state that holds numbers: they are the stream names."""
    return {path: path for path in paths if jax_arrays.is_number(_leaf(model, path))}


def loaded(model: Haiku) -> frozenset[str]:  # noqa: ARG001  # Haiku marks nothing
    """Return nothing: Haiku does not say what was loaded."""
    return frozenset()


def check(model: Haiku, paths: Collection[str]) -> None:
    """Refuse tensors that cannot be written, and to leave some without values."""
    for path in paths:
        jax_arrays.check(path, _leaf(model, path))
    abstract = {path for path, leaf in _leaves(model).items() if isinstance(leaf, jax.ShapeDtypeStruct)}
    check_complete(abstract - set(paths), "write them too, or leave them out")


def commit(model: Haiku, writes: Mapping[str, Write]) -> Haiku:
    """Return a new wrapper with new parameters and state; arrays that are not written stay the same."""

    def rebuilt(tree: Any, prefix: str) -> Any:
        new_tree = {}
        for bundle, entries in tree.items():
            inner = {}
            for name, leaf in entries.items():
                write = writes.get(f"{prefix}{bundle}/{name}")
                inner[name] = leaf if write is None else jax_arrays.replacement(leaf, write)
            new_tree[bundle] = type(entries)(inner)
        return type(tree)(new_tree)

    state = None if model.state is None else rebuilt(model.state, STATE)
    return dataclasses.replace(model, params=rebuilt(model.params, ""), state=state)


def _leaf(model: Haiku, path: str) -> Any:
    bundle, _, name = path.removeprefix(STATE).rpartition("/")
    tree = model.state if path.startswith(STATE) else model.params
    return tree[bundle][name]


def _leaves(model: Haiku) -> dict[str, Any]:
    """Return every tensor by path."""
    leaves = {}
    for prefix, tree in (("", model.params), (STATE, model.state or {})):
        for bundle, entries in tree.items():
            for name, leaf in entries.items():
                path = f"{prefix}{bundle}/{name}"
                if not jax_arrays.is_tensor(leaf):
                    msg = f"`params` and `state` must hold arrays, got {type(leaf).__name__} at {path!r}."
                    raise ArgumentValueError(msg)
                leaves[path] = leaf
    return leaves


def _sites(model: Haiku, leaves: Mapping[str, Any]) -> dict[str, Site]:
    """Return where each tensor is made, in order: by evaluating ``init``, or by Haiku's default names."""
    try:
        made_sites, expected = _evaluated(model)
    except ArgumentValueError:
        if model.args or model.kwargs:
            raise
        made_sites = {}  # init takes arguments that were not given
    else:
        _check_fit(leaves, expected, stateful=model.state is not None)
    sites = {}
    unknown = []
    for path, leaf in _ordered(leaves, made_sites).items():
        bundle, _, name = path.removeprefix(STATE).rpartition("/")
        shape = tuple(leaf.shape)
        site = made_sites.get(path) or _beside(made_sites, path, shape) or named_site(bundle, name, shape)
        if site is None and (made_sites or path.startswith(STATE)):
            site = Site(shape=shape)  # of an unknown layer
        if site is None:
            unknown.append(path)
            continue
        if site.shape != shape[len(shape) - len(site.shape) :]:
            msg = (
                f"{path!r} has shape {shape}, where the function makes {site.shape} and copies of that along "
                "leading axes."
            )
            raise ArgumentValueError(msg)
        sites[path] = site
    if unknown:
        more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
        listing = ", ".join(map(repr, sorted(unknown)[:SHOWN]))
        msg = (
            f"`example_args` of haiku() are needed, for names and shapes do not say what "
            f"{listing}{more} are: haiku(transformed, params, x), with all "
            "that init takes after the key; arrays may be jax.ShapeDtypeStructs."
        )
        raise ArgumentValueError(msg)
    return sites


def _ordered(leaves: Mapping[str, Any], made_sites: Mapping[str, Site]) -> dict[str, Any]:
    """Return the tensors in the order in which ``init`` makes them, which JAX' sorted dicts do not keep.

    Tensors of one module are together. Tensors that ``init`` does not make are in the order of their names,
    with numbers compared as numbers.
    """
    ranks: dict[str, int] = {}
    for path in made_sites:
        ranks.setdefault(path.rpartition("/")[0], len(ranks))

    def sort_key(path: str) -> tuple[Any, ...]:
        bundle, _, name = path.rpartition("/")
        words = [jax_arrays.by_number(word) for word in bundle.split("/")]
        return path.startswith(STATE), ranks.get(bundle, len(ranks)), words, jax_arrays.by_number(name)

    return {path: leaves[path] for path in sorted(leaves, key=sort_key)}


def _beside(made_sites: Mapping[str, Site], path: str, shape: tuple[int, ...]) -> Site | None:
    """Return the site of a moving average that is set but never requested: that of its ``hidden``."""
    start = path.rpartition("/")[0]
    hidden = made_sites.get(f"{start}/hidden")
    if not path.startswith(STATE) or hidden is None:
        return None
    tail = shape[len(shape) - len(hidden.shape) :]
    return dataclasses.replace(hidden, shape=tail)


def _evaluated(model: Haiku) -> tuple[dict[str, Site], dict[str, tuple[int, ...]]]:
    """Return the site of each tensor that ``init`` requests, and the shape of each that it returns."""
    running: list[hk.Module] = []
    made_sites: dict[str, Site] = {}

    def create(prefix: str, proceed: Callable[..., Any], *args: Any) -> Any:
        shape, dtype, init, context = args
        path = f"{prefix}{context.lifted_prefix_name or ''}{context.full_name}"
        made_sites.setdefault(path, _site(context.module, running, tuple(shape)))
        return proceed(shape, dtype, init)

    def intercept(proceed: Any, args: Any, kwargs: Any, context: Any) -> Any:
        outermost = not running
        running.append(context.module)
        try:
            if not outermost:
                return proceed(*args, **kwargs)
            with (
                hk.custom_creator(functools.partial(create, ""), params=True, state=False),
                hk.custom_creator(functools.partial(create, STATE), params=False, state=True),
            ):
                return proceed(*args, **kwargs)
        finally:
            running.pop()

    leaves, structure = jax.tree.flatten((model.args, dict(model.kwargs)))
    arrays = {index: leaf for index, leaf in enumerate(leaves) if jax_arrays.is_tensor(leaf)}

    def init(given: Mapping[int, Any]) -> Any:
        arguments = [given.get(index, leaf) for index, leaf in enumerate(leaves)]
        args, kwargs = jax.tree.unflatten(structure, arguments)
        return model.transformed.init(jax.random.PRNGKey(0), *args, **kwargs)

    try:
        with hk.intercept_methods(intercept):
            trees = jax.eval_shape(init, arrays)
    except Exception as error:
        msg = f"`example_args` of haiku() must be what init takes after the key; it raised {error!r}."
        raise ArgumentValueError(msg) from error
    stateful = isinstance(model.transformed, (hk.TransformedWithState, hk.MultiTransformedWithState))
    params, state = trees if stateful else (trees, {})
    return made_sites, _expected(params, state)


def _expected(params: Any, state: Any) -> dict[str, tuple[int, ...]]:
    return {
        f"{prefix}{bundle}/{name}": tuple(leaf.shape)
        for prefix, tree in (("", params), (STATE, state))
        for bundle, entries in tree.items()
        for name, leaf in entries.items()
    }


def _check_fit(leaves: Mapping[str, Any], expected: Mapping[str, tuple[int, ...]], *, stateful: bool) -> None:
    """Refuse parameters of another function; leading axes may stack whole networks."""
    expected_paths = {path for path in expected if stateful or not path.startswith(STATE)}
    for path in sorted(expected_paths ^ set(leaves)):
        verb = "lack" if path in expected_paths else "have"
        msg = f"`params` or `state` {verb} {path!r}, which init with these arguments makes otherwise."
        raise ArgumentValueError(msg)
    for path, leaf in leaves.items():
        shape = tuple(leaf.shape)
        if shape[len(shape) - len(expected[path]) :] != expected[path]:
            msg = f"{path!r} has shape {shape}, where init with these arguments makes {expected[path]}."
            raise ArgumentValueError(msg)


def _site(owner: Any, running: list[hk.Module], shape: tuple[int, ...]) -> Site:
    layer = _layer(owner)
    caller = next((module for module in reversed(running) if module is not owner), None)
    groups = 1
    if layer == "ConvND":
        groups = owner.feature_group_count
    if layer == "DepthwiseConvND":
        kernel = len(shape) == owner.num_spatial_dims + 2
        groups = shape[-1 if kernel else 0] // owner.channel_multiplier
    return Site(layer, _layer(caller), "" if owner is None else type(owner).__name__, shape, groups)


def _layer(module: Any) -> str:
    """Return the known Haiku class of a module, or the one that it derives from; "" if there is none."""
    return next((CLASSES[cls] for cls in type(module).__mro__ if cls in CLASSES), "")
