"""The walker of Keras models, on any backend of Keras: lists their variables, and assigns them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from unified_init.backends.registry import NAMES, get
from unified_init.errors import ArgumentValueError, UnifiedInitError
from unified_init.inventory.inventory import Inventory
from unified_init.inventory.places import placed
from unified_init.inventory.records import Record
from unified_init.walkers.fused import with_named_parts
from unified_init.walkers.keras.layers import described
from unified_init.walkers.keras.paths import find, seeds_of, walk
from unified_init.walkers.layer_facts import ComputedError
from unified_init.walkers.lora import with_adapters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from unified_init.walkers.keras.paths import Occurrence
    from unified_init.walkers.writes import Write

__all__ = ["check", "commit", "inspect", "loaded", "read", "shape_and_dtype", "state"]

# ruff: noqa: SLF001  # Keras has no public way to a layer's own variables

SHOWN = 5
WRAPPED = ("kernel", "embeddings")  # what SpectralNormalization replaces


def inspect(model: Any) -> Inventory:
    """Return the records of a model or layer: its variables, except seeds, metrics and optimizers."""
    _check_built(model)
    sharing: dict[int, list[Occurrence]] = {}
    for occurrence in walk(model, None, "", "", ()):
        sharing.setdefault(id(occurrence.variable), []).append(occurrence)
    records: list[Record] = []
    unwritten = [path for path, _ in seeds_of(model)]
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


def _adapter() -> Any:
    """Return the backend that Keras runs on; OpenVINO takes NumPy arrays."""
    name = keras.config.backend()
    return get(name if name in NAMES else "numpy")


def read(model: Any, path: str) -> NDArray[Any]:
    """Return a variable's values."""
    values: NDArray[Any] = _adapter().to_numpy(find(model, path).value)
    return values


def state(model: Any, paths: Collection[str]) -> dict[str, str]:
    """Return the stream names of variables that are not trained, without the states of seeds."""
    occurrences = walk(model, None, "", "", ())
    return {occurrence.path: occurrence.stream for occurrence in occurrences if occurrence.path in paths}


def shape_and_dtype(model: Any, path: str) -> tuple[tuple[int, ...], str]:
    """Return the shape and the element type's name."""
    variable = find(model, path)
    return _shape(variable), variable.dtype


def loaded(model: Any) -> frozenset[str]:
    """Return no path: Keras marks nothing as loaded."""
    del model
    return frozenset()


def check(model: Any, paths: Collection[str]) -> None:
    """Refuse kernels that spectral normalization replaces, and variables without memory."""
    if keras.config.backend() == "tensorflow" and _adapter().wants_graph(None):
        msg = (
            "a Keras model on TensorFlow is written eagerly: call apply() outside of any tf.function, and "
            "without TF1's behavior (tf.compat.v1.disable_v2_behavior())."
        )
        raise ArgumentValueError(msg)
    for path in paths:
        _check_variable(model, path, find(model, path))


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
        variable = find(model, path)
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
