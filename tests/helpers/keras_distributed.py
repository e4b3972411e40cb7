"""A Keras model on several devices: what is wrong with its variables, from layers' initializers and from ``apply``.

``python -m tests.helpers.keras_distributed mirrored`` runs ``MirroredStrategy`` of TensorFlow on two devices of one
CPU; ``data`` and ``model`` run ``keras.distribution`` on JAX, on eight. One line of JSON for each fault, and the kinds
of what is right.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = sys.argv[1]
DEVICES = {"mirrored": 2, "data": 8, "model": 8}[KIND]
HEAD = "float32" if KIND == "mirrored" else "bfloat16"  # TensorFlow reduces gradients of one type
RECIPE = ui.recipes.keras_default()
SPECS = {
    "table/embeddings": (ui.normal(0.0, 1.0), "BO"),
    "dense/kernel": (ui.glorot_uniform(), "IO"),
    "head/kernel": (ui.he_normal(), "IO"),
}


def network(*, ours: bool) -> Any:
    """Return a model whose layers have initializers of ours, or Keras' own."""
    from keras import Input, Sequential, layers

    def options(name: str, field: str) -> dict[str, Any]:
        spec, layout = SPECS[f"{name}/{field}"]
        initializer = ui.as_keras(spec, seed=3, name=f"{name}/{field}", layout=layout)
        return {"name": name} | ({f"{field}_initializer": initializer} if ours else {})

    return Sequential([
        Input((6,), dtype="int32"),
        layers.Embedding(16, 8, **options("table", "embeddings")),
        layers.Flatten(),
        layers.Dense(24, **options("dense", "kernel")),
        layers.Dense(16, dtype=HEAD, **options("head", "kernel")),
    ])  # fmt: skip


@contextlib.contextmanager
def mirrored() -> Iterator[None]:
    """Make variables on each of two devices of one CPU."""
    import tensorflow as tf

    strategy = tf.distribute.MirroredStrategy([f"CPU:{number}" for number in range(DEVICES)])
    with strategy.scope():
        yield


@contextlib.contextmanager
def distributed() -> Iterator[None]:
    """Spread variables as Keras does it on JAX: each whole on every device, or by a map of layouts."""
    from keras import distribution

    devices = distribution.list_devices()
    spread = distribution.DataParallel(devices=devices)
    if KIND == "model":
        layouts = distribution.LayoutMap(distribution.DeviceMesh((2, 4), ["batch", "model"], devices))
        layouts[".*kernel"] = distribution.TensorLayout([None, "model"])
        layouts[".*embeddings|.*bias"] = distribution.TensorLayout(["model"])
        layouts["table/embeddings"] = distribution.TensorLayout(["model", None])
        spread = distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch")
    distribution.set_distribution(spread)
    try:
        yield
    finally:
        distribution.set_distribution(None)


def copies(variable: Any) -> list[tuple[str, Any, tuple[Any, ...]]]:
    """Return the (device, values, place in the whole) triples of a variable."""
    value = variable.value
    if KIND == "mirrored":
        return [(copy.device, np.asarray(copy), ()) for copy in value.values]
    return [(str(shard.device), np.asarray(shard.data), shard.index) for shard in value.addressable_shards]


def faults(model: Any, expected: dict[str, Any]) -> list[str]:
    """Return the variables that are not on all devices, or not the expected ones there."""
    wrong = []
    for variable in model.variables:
        path = variable.path.partition("/")[2]
        parts = copies(variable)
        if len({device for device, _, _ in parts}) != DEVICES:
            wrong.append(f"{path}: on {[device for device, _, _ in parts]}")
        wrong += [
            f"{path} on {device}"
            for device, part, place in parts
            if part.tobytes() != expected[path][place].tobytes()
        ]
    return wrong


def trained(model: Any) -> list[float]:
    """Return the losses of three steps."""
    import keras

    model.compile(keras.optimizers.SGD(0.1), "mse")
    words = np.random.default_rng(0).integers(0, 16, (16, 6))
    history = model.fit(
        words, np.ones((16, 16), np.float32), batch_size=16, epochs=3, shuffle=False, verbose=0
    )
    return list(history.history["loss"])


def main() -> None:
    """Print what is wrong."""
    if KIND == "mirrored":
        import tensorflow as tf

        configuration = [tf.config.LogicalDeviceConfiguration()] * DEVICES
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], configuration)
    scope = mirrored if KIND == "mirrored" else distributed
    single, _ = ui.apply(network(ours=False), RECIPE, seed=1)
    applied = {variable.path.partition("/")[2]: np.asarray(variable.value) for variable in single.variables}
    initialized = {path: np.zeros_like(array) for path, array in applied.items()}
    for path, (spec, layout) in SPECS.items():
        array = applied[path]
        initialized[path] = ui.draw(
            spec, array.shape, layout=layout, seed=3, name=path, dtype=array.dtype.name
        )
    with scope():
        model, own = network(ours=True), network(ours=False)
        wrong = {"initializers": faults(model, initialized)}
        if KIND != "mirrored":
            wrong["shardings"] = [
                first.path
                for first, second in zip(model.variables, own.variables, strict=True)
                if first.value.sharding != second.value.sharding
            ]
        places = [getattr(variable.value, "sharding", None) for variable in model.variables]
        ui.apply(model, RECIPE, seed=1)
        wrong["apply"] = faults(model, applied)
        if ui.digests(model) != ui.digests(single):
            wrong["apply"].append("digests")
        if places != [getattr(variable.value, "sharding", None) for variable in model.variables]:
            wrong["apply"].append("shardings")
        losses = trained(model)
    if KIND == "mirrored":
        ui.apply(model, RECIPE, seed=1)  # outside of the scope, after training
        wrong["outside"] = faults(model, applied)
    alone = trained(single)
    wrong["training"] = [] if np.allclose(losses, alone, rtol=1e-3) else [f"{losses} and {alone}"]
    sys.stdout.write(json.dumps(wrong) + "\n")


if __name__ == "__main__":
    main()
