"""The walker of Keras: writes that keep the rest, on each of its backends."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers import keras_zoo
from tests.helpers.keras_built import built, filled, read
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = [
    pytest.mark.needs("keras"),
    # Keras reads its variables in a way that NumPy 2 deprecates.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SCRIPT = pathlib.Path(keras_zoo.__file__)
BACKENDS = ("tensorflow", "jax", "torch")
QUERY = (1, 5, 8)


def test_the_two_biases_of_a_gru_are_rows_of_one_variable() -> None:
    """Each row gets its own draws, part by part."""
    layer = built("GRU(3)", (1, 7, 5))
    ui.apply(layer, ui.recipes.torch_default(), seed=0)
    rows = read(layer, "gru_cell/bias")
    spec = ui.variance_scaling(1 / 3, "fan_in", "uniform")
    for row, suffix in zip(rows, ("input", "recurrent"), strict=True):
        for at, label in enumerate("zrn"):
            drawn = ui.draw(spec, (3,), fans=(3, 3), seed=0, name=f"gru_cell/bias#{suffix}/{label}")
            assert np.array_equal(row[3 * at : 3 * at + 3], drawn)


def test_one_row_of_a_gru_can_be_kept() -> None:
    """What no region covers stays as it is."""
    layer = filled(built("GRU(3)", (1, 7, 5)))
    _, report = ui.apply(layer, ui.recipes.keras_default(), seed=0, only="*#recurrent")
    assert report.written == ("gru_cell/bias#recurrent",)
    assert np.array_equal(read(layer, "gru_cell/bias"), np.repeat([[7.0], [0.0]], 9, axis=1))


def test_spectral_normalisation_is_refused_and_leaves_the_model() -> None:
    """Training divides the kernel by its norm, so that no written kernel stays; its bias may be written."""
    layer = built("SpectralNormalization(layers.Dense(4, name='inside'))", (1, 6))
    before = layer.get_weights()
    with refused(ui.ArgumentValueError):
        ui.apply(layer, ui.recipes.keras_default(), seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    _, report = ui.apply(layer, ui.recipes.keras_default(), seed=0, skip="inside/kernel")
    assert (report.written, report.left) == (("inside/bias",), ("vector_u",))


def test_the_effective_weight_of_an_adapted_layer_is_the_kernels_draw() -> None:
    """lora_kernel_b is 0, so what the layer multiplies by is what was drawn."""
    import keras

    layer = built("Dense(4, lora_rank=2)", (1, 6))
    ui.apply(layer, ui.recipes.keras_default(), seed=0)
    drawn = ui.draw(ui.glorot_uniform(), (6, 4), layout="IO", seed=0, name="kernel")
    assert np.array_equal(keras.ops.convert_to_numpy(layer.kernel), drawn)
    assert read(layer, "lora_kernel_a").any()


def test_a_quantised_kernel_is_refused() -> None:
    """It holds integers whose scale comes from the data, which is left."""
    layer = built("Dense(4)", (1, 6))
    layer.quantize("int8")
    before = layer.get_weights()
    with refused(ui.ArgumentValueError):
        ui.apply(layer, ui.recipes.keras_default(), seed=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, layer.get_weights(), strict=True))
    assert ui.inspect(layer).left == ("kernel_scale",)


def test_type_and_trainable_stay() -> None:
    """A bfloat16 layer gets the rounded float32 values; a frozen model stays frozen and is written."""
    wide, narrow = built("Dense(20)", (1, 30)), built("Dense(20, dtype='bfloat16')", (1, 30))
    narrow.trainable = False
    for layer in (wide, narrow):
        ui.apply(layer, ui.recipes.keras_default(), seed=0)
    assert not narrow.trainable_variables
    assert ui.inspect(narrow)["kernel"].dtype == "bfloat16"
    rounded = read(wide, "kernel").astype(read(narrow, "kernel").dtype)
    assert np.array_equal(read(narrow, "kernel"), rounded)


def test_layers_of_ones_own() -> None:
    """Names say what they can; what was never trainable is left, what was frozen is not."""
    import keras

    class Mine(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.add_weight(name="cls_token", shape=(1, 1, shape[-1]))
            self.add_weight(name="position_embedding", shape=(9, shape[-1]))
            self.add_weight(name="other", shape=(3,))
            self.add_weight(name="count", shape=(), trainable=False)

    layer = Mine()
    layer.build((1, 4))
    layer.trainable = False
    inventory = ui.inspect(layer)
    assert {(record.path, record.role) for record in inventory} == {
        ("cls_token", "token"), ("other", "parameter"), ("position_embedding", "position")
    }  # fmt: skip
    assert inventory.left == ("count",)
    with refused(ui.ArgumentValueError):
        ui.plan(layer, ui.recipes.keras_default())


def test_all_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails while it is drawn leaves every variable as it was."""
    from unified_init.walkers.writes import Write

    model = filled(built("MultiHeadAttention(2, 3)", QUERY, QUERY))
    whole = Write.array

    def failing(write: Any, current: Any = None) -> Any:
        if write.path == "value/kernel":
            raise MemoryError
        return whole(write, current)

    monkeypatch.setattr(Write, "array", failing)
    with pytest.raises(MemoryError):
        ui.apply(model, ui.recipes.keras_default(), seed=0)
    assert all((values == 7).all() for values in model.get_weights())


def test_a_model_trains_and_saves_after_it(tmp_path: Any) -> None:
    """Memory that is shared with the draws may be given up by a training step, and is what is saved."""
    import keras

    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    ui.apply(model, ui.recipes.keras_default(), seed=0)
    before = model.get_weights()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert all(np.array_equal(a, b) for a, b in zip(before, loaded.get_weights(), strict=True))
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 6), np.float32), np.ones((8, 1), np.float32), verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])


def test_an_inventory_of_a_whole_model_is_json() -> None:
    """It reads back equal, and plans without Keras."""
    inventory = ui.inspect(keras_zoo.zoo())
    again = ui.inventory_from_json(ui.inventory_to_json(inventory))
    assert again == inventory
    assert len(ui.plan(again, ui.recipes.keras_default()).assignments) == len(inventory) == 62


@pytest.mark.needs("tensorflow", "jax", "torch")
def test_models_on_the_three_backends_have_equal_digests(tmp_path: Any) -> None:
    """Paths, streams, inventory and every tensor are the same on TensorFlow, JAX and PyTorch."""
    found = []
    for backend in BACKENDS:
        path = tmp_path / f"{backend}.json"
        environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run([sys.executable, str(SCRIPT), str(path)], env=environment, check=True)
        found.append(json.loads(path.read_text()))
    assert found[0] == found[1] == found[2]
    assert len(found[0]["found"]) == 62


SHARDED = """
import keras, unified_init as ui
from keras import distribution
mesh = distribution.DeviceMesh((2,), ["x"], distribution.list_devices())
layouts = distribution.LayoutMap(mesh)
layouts[".*kernel"] = distribution.TensorLayout([None, "x"])
distribution.set_distribution(distribution.ModelParallel(layout_map=layouts))
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)])
kernel = model.layers[0].kernel
before = kernel.value.sharding
ui.apply(model, ui.recipes.keras_default(), seed=0)
assert kernel.value.sharding == before and len(before.device_set) == 2, (kernel.value.sharding, before)
assert ui.digest(kernel.value) == ui.digest(ui.draw(ui.glorot_uniform(), (4, 6), layout="IO", seed=0, name="dense/kernel"))
"""


@pytest.mark.needs("jax")
def test_the_distribution_of_keras_stays() -> None:
    """A variable is assigned, and Keras spreads it as it did before."""
    flags = {"KERAS_BACKEND": "jax", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHARDED], capture_output=True, text=True, check=False,
        env=os.environ | flags,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
