"""The walker of Keras models, on any backend of Keras: lists their variables, and assigns them.

A path is the names of the layers below the model, then the variable's: "block/conv2d_3/kernel". Keras
numbers the names that it makes over the whole process, so a second model of the same code has other paths.
Stream names do not depend on that: in them, names of that form ("dense" and "dense_3" of a Dense) are
numbered again, by position among the siblings with names of that form. A name of that form which a user gave
is numbered too, because a saved model does not say who gave it. Every other name is kept.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import keras

from unified_init.backends.registry import NAMES, get
from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.places import placed
from unified_init.inventory.records import Record
from unified_init.walkers.fused import with_named_parts
from unified_init.walkers.keras.layers import described
from unified_init.walkers.layer_facts import ComputedError
from unified_init.walkers.lora import with_adapters

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from unified_init.walkers.writes import Write

__all__ = ["check", "children_of", "commit", "inspect", "loaded", "read", "shape_and_dtype", "state"]

# ruff: noqa: SLF001  # Keras has no public way to a layer's own variables

SHOWN = 5
WRAPPED = ("kernel", "embeddings")  # what SpectralNormalization replaces
# The names that Keras gives to variables without one, on its several backends.
NAMELESS = re.compile(r"(?:jax_|nnx_)?variable(?:_\d+)?")


@dataclasses.dataclass(frozen=True, slots=True)
class Occurrence:
    """A variable at one of its paths. ``stream`` is that path in names that do not depend on the process."""

    path: str
    stream: str
    variable: Any
    layer: Any
    parent: Any

    @property
    def rank(self) -> tuple[bool, int]:
        """Sort key: the layer that made the variable comes before others that hold it, such as wrappers.

        Paths are not part of it, because they have numbers that depend on the process.
        """
        is_maker = self.variable.path == f"{self.layer.path}/{self.variable.name}"
        return not is_maker, self.path.count("/")


def inspect(model: Any) -> Inventory:
    """Return the records of a model or layer: its variables, except seeds, metrics and optimizers."""
    _check_built(model)
    sharing: dict[int, list[Occurrence]] = {}
    for occurrence in _walk(model, None, "", "", ()):
        sharing.setdefault(id(occurrence.variable), []).append(occurrence)
    records: list[Record] = []
    unwritten = [path for path, _ in _seeds(model)]
    for occurrences in sharing.values():
        first = min(occurrences, key=lambda occurrence: occurrence.rank)
        first_records = _records(
            first, sorted({occurrence.path for occurrence in occurrences} - {first.path})
        )
        records.extend(first_records)
        if not first_records:
            unwritten.append(first.path)
    return Inventory(
        "keras",
        placed([with_named_parts(record) for record in with_adapters(records, "IO")]),
        tuple(unwritten),
    )


def _records(occurrence: Occurrence, others: list[str]) -> list[Record]:
    variable = occurrence.variable
    shape = _shape(variable)
    records = []
    for suffix, facts in described(
        occurrence.layer, occurrence.parent, occurrence.path, variable.name, shape
    ):
        fields = {
            "name": occurrence.stream + suffix, "path": occurrence.path + suffix,
            "shape": shape, "dtype": variable.dtype,
            "ties": tuple(other + suffix for other in others), "native": type(occurrence.layer).__name__,
            "trainable": bool(variable.trainable),
        } | facts  # fmt: skip
        records.append(Record(**fields))
    return records


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(int(length) for length in variable.shape)


def _check_built(model: Any) -> None:
    """Refuse layers whose variables do not exist yet."""
    unbuilt = [layer for layer in model._flatten_layers() if not layer.built and _makes_variables(layer)]
    if not unbuilt:
        return
    names = [repr(layer.name) for layer in unbuilt[:SHOWN]]
    more = f" and {len(unbuilt) - SHOWN} more" if len(unbuilt) > SHOWN else ""
    msg = (
        f"{type(model).__name__} {model.name!r} is not built: {', '.join(names)}{more} have no variables "
        "yet. Build it first: call it once on an input, or model.build(input_shape)."
    )
    raise ArgumentValueError(msg)


def _makes_variables(layer: Any) -> bool:
    """Whether a layer may make variables when it is built. A sequence only builds its layers."""
    return type(layer).build not in {keras.layers.Layer.build, keras.Sequential.build}


def _walk(
    layer: Any, parent: Any, path: str, stream: str, ancestors: tuple[int, ...]
) -> Iterator[Occurrence]:
    """Yield every variable of a layer and of the layers below it, at each of its paths."""
    for name, stream_name, variable in _own_variables(layer):
        yield Occurrence(path + name, stream + stream_name, variable, layer, parent)
    path_ids = (*ancestors, id(layer))
    for name, stream_name, child in children_of(layer):
        if id(child) not in path_ids:
            yield from _walk(child, layer, f"{path}{name}/", f"{stream}{stream_name}/", path_ids)


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
        stack.extend((f"{path}{name}/", child) for name, _, child in children_of(layer))


def _own_seeds(layer: Any) -> Iterator[tuple[str, Any]]:
    for generator in layer._seed_generators:
        yield f"{generator.name}/{generator.state.name}", generator.state


def _own_variables(layer: Any) -> list[tuple[str, str, Any]]:
    """Return a layer's own variables, each with its name and its stream name."""
    variables = _distinct([*layer._trainable_variables, *layer._non_trainable_variables])
    names = [variable.name for variable in variables]
    return _named(variables, [(name, "variable" if NAMELESS.fullmatch(name) else None) for name in names])


def children_of(layer: Any) -> list[tuple[str, str, Any]]:
    """Return the layers directly below a layer, each with its name and its stream name."""
    children = _distinct(layer._layers)
    bases = []
    for child in children:
        base = _snake_case(type(child).__name__)
        match = re.fullmatch(rf"((?:forward_|backward_)?{base})(?:_\d+)?", child.name)
        bases.append((child.name, match[1] if match else None))
    return _named(children, bases)


def _distinct(objects: Sequence[Any]) -> list[Any]:
    return list({id(obj): obj for obj in objects}.values())


def _snake_case(name: str) -> str:
    """Return the layer name that Keras makes from a class name."""
    spaced = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", spaced).lower()


def _named(objects: Sequence[Any], names: Sequence[tuple[str, str | None]]) -> list[tuple[str, str, Any]]:
    """Return layers or variables with unique names, and with unique stream names.

    ``names`` has the name of each and, where Keras may have made it, the name without its number (else None).
    The latter are numbered by position, because the numbers that Keras gives depend on the process.
    """
    counts: dict[str, int] = {}
    stream_names = []
    for name, base in names:
        if base is None:
            stream_names.append(name)
            continue
        rank = counts.setdefault(base, 0)
        stream_names.append(f"{base}_{rank}" if rank else base)
        counts[base] += 1
    return list(zip(_unique([name for name, _ in names]), _unique(stream_names), objects, strict=True))


def _unique(names: Sequence[str]) -> list[str]:
    """Return names made unique: the second "dense" becomes "dense#2"."""
    counts: dict[str, int] = {}
    unique_names = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        unique_names.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return unique_names


def _find(model: Any, path: str) -> Any:
    """Return the variable of a path. It is called per variable, so it makes no stream names."""
    layer, remainder = model, path
    while True:
        variable = _called([*layer._trainable_variables, *layer._non_trainable_variables], remainder)
        if variable is None:
            variable = dict(_own_seeds(layer)).get(remainder)
        if variable is not None:
            return variable
        head, _, remainder = remainder.partition("/")
        layer = _called(layer._layers, head)


def _called(objects: Sequence[Any], name: str) -> Any:
    """Return the layer or variable with a name; "name#2" is the second with that name."""
    for obj in objects:
        if obj.name == name:
            return obj
    plain, _, count = name.partition("#")
    if not count.isdecimal():
        return None
    namesakes = [obj for obj in _distinct(objects) if obj.name == plain]
    return next(iter(namesakes[int(count) - 1 : int(count)]), None)


def _adapter() -> Any:
    """Return the backend that Keras runs on; OpenVINO takes NumPy arrays."""
    name = keras.config.backend()
    return get(name if name in NAMES else "numpy")


def read(model: Any, path: str) -> NDArray[Any]:
    """Return a variable's values."""
    values: NDArray[Any] = _adapter().to_numpy(_find(model, path).value)
    return values


def state(model: Any, paths: Collection[str]) -> dict[str, str]:
    """Return the stream names of variables that are not trained, without the states of seeds."""
    occurrences = _walk(model, None, "", "", ())
    return {occurrence.path: occurrence.stream for occurrence in occurrences if occurrence.path in paths}


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
    if keras.config.backend() == "tensorflow" and _adapter().wants_graph(None):
        msg = (
            "a Keras model on TensorFlow is written eagerly: call apply() outside of any tf.function, and "
            "without TF1's behavior (tf.compat.v1.disable_v2_behavior())."
        )
        raise ArgumentValueError(msg)
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


def _is_distributed(variable: Any) -> bool:
    """Whether a variable of Keras on JAX spans several devices (``keras.distribution``)."""
    return len(variable.value.sharding.device_set) > 1


def commit(model: Any, writes: Mapping[str, Write]) -> Any:
    """Draw everything, then assign it: all or nothing."""
    adapter = _adapter()
    assignments = []
    for path, write in writes.items():
        variable = _find(model, path)
        if keras.config.backend() == "jax" and _is_distributed(variable):
            from unified_init.walkers import jax_arrays  # noqa: PLC0415  # it imports JAX

            assignments.append((variable, jax_arrays.replacement(variable.value, write)))
            continue
        current = None if write.covers else adapter.to_numpy(variable.value)
        assignments.append((variable, adapter.adopt(write.array(current), None)))
    for variable, values in assignments:
        variable.assign(values)
    written = {id(variable) for variable, _ in assignments}
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and written.intersection(map(id, layer.variables)):
            layer.finalize_state()  # as load_weights does: it computes with what was derived from them
    return model
