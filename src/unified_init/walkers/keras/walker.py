"""The walker of Keras models, on any backend of Keras: what they hold, and how it is written back.

A path is the names of the layers below the model, then the variable's: "block/conv2d_3/kernel". Keras
numbers the names that it makes over the whole process, so a second model of the same code has other
paths. Streams do not depend on that: there, names of that form, "dense" and "dense_3" of a Dense, are
numbered anew by their position among the layers of that form beside them. That holds for a name of that
form which a user gave, too, for a saved model does not say who gave it; every other name is kept.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import keras

from unified_init.backends.registry import NAMES, get
from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.places import placed
from unified_init.inventory.records import Inventory, Record
from unified_init.walkers.keras.layers import described
from unified_init.walkers.layer_facts import ComputedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "read", "shape_and_dtype"]

# ruff: noqa: SLF001  # Keras has no public way to a layer's own variables

SHOWN = 5
WRAPPED = ("kernel", "embeddings")  # what SpectralNormalization replaces
# What Keras calls a variable without a name, on its several backends.
NAMELESS = re.compile(r"(?:jax_|nnx_)?variable(?:_\d+)?")


@dataclasses.dataclass(frozen=True, slots=True)
class Held:
    """A variable, and where it was found. ``stream`` is the path under names that no process changes."""

    path: str
    stream: str
    variable: Any
    layer: Any
    parent: Any

    @property
    def rank(self) -> tuple[bool, int]:
        """The layer that made the variable comes first; others may hold it too, as wrappers do.

        Paths do not decide between equals, for they have numbers of the process.
        """
        made = self.variable.path == f"{self.layer.path}/{self.variable.name}"
        return not made, self.path.count("/")


def inspect(model: Any) -> Inventory:
    """Return the records of a model or layer: its variables, but for seeds, metrics and optimizers."""
    _check_built(model)
    sharing: dict[int, list[Held]] = {}
    for held in _walk(model, None, "", "", ()):
        sharing.setdefault(id(held.variable), []).append(held)
    records: list[Record] = []
    left = [path for path, _ in _seeds(model)]
    for several in sharing.values():
        first = min(several, key=lambda held: held.rank)
        found = _records(first, sorted({held.path for held in several} - {first.path}))
        records.extend(found)
        if not found:
            left.append(first.path)
    return Inventory("keras", placed(records), tuple(left))


def _records(held: Held, others: list[str]) -> list[Record]:
    variable = held.variable
    shape = _shape(variable)
    found = []
    for suffix, facts in described(held.layer, held.parent, held.path, variable.name, shape):
        fields = {
            "name": held.stream + suffix, "path": held.path + suffix, "shape": shape, "dtype": variable.dtype,
            "ties": tuple(other + suffix for other in others), "native": type(held.layer).__name__,
        } | facts  # fmt: skip
        found.append(Record(**fields))
    return found


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(int(length) for length in variable.shape)


def _check_built(model: Any) -> None:
    """Refuse layers whose variables do not exist yet."""
    waiting = [layer for layer in model._flatten_layers() if not layer.built and _makes_variables(layer)]
    if not waiting:
        return
    names = [repr(layer.name) for layer in waiting[:SHOWN]]
    more = f" and {len(waiting) - SHOWN} more" if len(waiting) > SHOWN else ""
    msg = (
        f"{type(model).__name__} {model.name!r} is not built: {', '.join(names)}{more} have no variables "
        "yet. Build it first: call it once on an input, or model.build(input_shape)."
    )
    raise ArgumentValueError(msg)


def _makes_variables(layer: Any) -> bool:
    """Whether a layer may make variables when it is built; a sequence only has its layers build theirs."""
    return type(layer).build not in {keras.layers.Layer.build, keras.Sequential.build}


def _walk(layer: Any, parent: Any, path: str, stream: str, above: tuple[int, ...]) -> Iterator[Held]:
    """Yield every variable of a layer and of those below, by every path that leads to it."""
    for name, steady, variable in _own(layer):
        yield Held(path + name, stream + steady, variable, layer, parent)
    inside = (*above, id(layer))
    for name, steady, child in _children(layer):
        if id(child) not in inside:
            yield from _walk(child, layer, f"{path}{name}/", f"{stream}{steady}/", inside)


def _seeds(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the states of seed generators, by path."""
    seen: set[int] = set()
    stack = [("", model)]
    while stack:
        path, layer = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield from ((path + name, state) for name, state in _own_seeds(layer))
        stack.extend((f"{path}{name}/", child) for name, _, child in _children(layer))


def _own_seeds(layer: Any) -> Iterator[tuple[str, Any]]:
    for generator in layer._seed_generators:
        yield f"{generator.name}/{generator.state.name}", generator.state


def _own(layer: Any) -> list[tuple[str, str, Any]]:
    """Return a layer's own variables, each with its name and its stream's."""
    variables = _distinct([*layer._trainable_variables, *layer._non_trainable_variables])
    names = [variable.name for variable in variables]
    return _named(variables, [(name, "variable" if NAMELESS.fullmatch(name) else None) for name in names])


def _children(layer: Any) -> list[tuple[str, str, Any]]:
    """Return the layers right below one, each with its name and its stream's."""
    children = _distinct(layer._layers)
    found = []
    for child in children:
        base = _snake_case(type(child).__name__)
        made = re.fullmatch(rf"((?:forward_|backward_)?{base})(?:_\d+)?", child.name)
        found.append((child.name, made[1] if made else None))
    return _named(children, found)


def _distinct(things: Sequence[Any]) -> list[Any]:
    return list({id(thing): thing for thing in things}.values())


def _snake_case(name: str) -> str:
    """Return a class name as Keras makes a layer's name of it."""
    spaced = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()


def _named(things: Sequence[Any], names: Sequence[tuple[str, str | None]]) -> list[tuple[str, str, Any]]:
    """Return things with unique names, and with unique names for streams.

    ``names`` has for each its own name and, where Keras may have made that, what it was made of. Those are
    numbered by position: the numbers that Keras gives are of the process, and one that a user gave may
    stand between them.
    """
    counts: dict[str, int] = {}
    steady = []
    for name, base in names:
        if base is None:
            steady.append(name)
            continue
        rank = counts.setdefault(base, 0)
        steady.append(f"{base}_{rank}" if rank else base)
        counts[base] += 1
    return list(zip(_unique([name for name, _ in names]), _unique(steady), things, strict=True))


def _unique(names: Sequence[str]) -> list[str]:
    """Return names of which those that come again have their count behind them."""
    counts: dict[str, int] = {}
    found = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        found.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return found


def _find(model: Any, path: str) -> Any:
    """Return the variable of a path. A model has thousands: no names are made anew, as for streams."""
    layer, rest = model, path
    while True:
        variable = _called([*layer._trainable_variables, *layer._non_trainable_variables], rest)
        if variable is None:
            variable = dict(_own_seeds(layer)).get(rest)
        if variable is not None:
            return variable
        head, _, rest = rest.partition("/")
        layer = _called(layer._layers, head)


def _called(things: Sequence[Any], name: str) -> Any:
    """Return the thing of a name; "name#2" is the second one of it."""
    for thing in things:
        if thing.name == name:
            return thing
    plain, _, count = name.partition("#")
    if not count.isdecimal():
        return None
    same = [thing for thing in _distinct(things) if thing.name == plain]
    return next(iter(same[int(count) - 1 : int(count)]), None)


def _adapter() -> Any:
    """Return the backend that Keras runs on; OpenVINO takes NumPy arrays."""
    name = keras.config.backend()
    return get(name if name in NAMES else "numpy")


def read(model: Any, path: str) -> NDArray[Any]:
    """Return a variable's values."""
    values: NDArray[Any] = _adapter().to_numpy(_find(model, path).value)
    return values


def shape_and_dtype(model: Any, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    variable = _find(model, path)
    return _shape(variable), variable.dtype


def loaded(model: Any) -> frozenset[str]:
    """Return no path: Keras marks nothing as loaded."""
    del model
    return frozenset()


def check(model: Any, paths: Collection[str]) -> None:
    """Refuse kernels that spectral normalisation replaces, and variables without memory."""
    for path in paths:
        _check_variable(model, path, _find(model, path))


def _check_variable(model: Any, path: str, variable: Any) -> None:
    wrappers = model._flatten_layers() if variable.name in WRAPPED else ()
    for layer in wrappers:
        if isinstance(layer, keras.layers.SpectralNormalization) and layer.kernel is variable:
            msg = (
                f"{path!r} is replaced by itself over its spectral norm at the first step of training, so "
                f"what is written there is not the weight: skip={path!r}, or apply to the layer before "
                "SpectralNormalization wraps it."
            )
            raise ComputedError(msg)
    if variable._value is None:
        msg = f"{path!r} was made in a stateless scope and has no memory yet: build the model outside of it."
        raise ArgumentValueError(msg)
    if keras.config.backend() == "torch":
        try:
            _adapter().check_target(variable.value)
        except UnifiedInitError as error:
            msg = f"{path!r}: {error}"
            raise ArgumentValueError(msg) from None


def commit(model: Any, writes: Mapping[str, Write]) -> Any:
    """Draw everything, then assign it: all or nothing."""
    adapter = _adapter()
    ready = []
    for path, write in writes.items():
        variable = _find(model, path)
        current = None if write.covers else adapter.to_numpy(variable.value)
        ready.append((variable, adapter.adopt(write.array(current), None)))
    for variable, values in ready:
        variable.assign(values)
    return model
