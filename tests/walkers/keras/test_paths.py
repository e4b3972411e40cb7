"""The walker of Keras: paths and streams, which variables it sees, and what it says of those not made yet."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from tests.helpers.keras_built import filled, read
from tests.helpers.messages import refused

import unified_init as ui

pytestmark = [
    pytest.mark.needs("keras"),
    # Keras reads its variables in a way that NumPy 2 deprecates.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def twice() -> tuple[Any, Any]:
    """Return two models of the same code, which Keras names differently."""
    import keras

    layers = keras.layers

    def model() -> Any:
        inner = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.Dense(4)])
        x = keras.Input((3, 6))
        y = layers.Bidirectional(layers.LSTM(3))(x)
        return keras.Model(x, layers.Dense(2)(inner(layers.Dense(6)(y))))

    return model(), model()


def test_a_second_model_of_the_same_code_gets_the_same_values() -> None:
    """Its paths have Keras' numbers, its streams have not."""
    first, second = twice()
    reports = [ui.apply(model, ui.recipes.keras_default(), seed=0)[1] for model in (first, second)]
    assert not set(reports[0].written) & set(reports[1].written)
    assert len(first.weights) == len(reports[0].written) == 14
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))
    names = [[record.name for record in ui.inspect(model)] for model in (first, second)]
    assert sorted(names[0]) == sorted(names[1])
    assert "sequential/dense_1/kernel" in names[0]
    assert "bidirectional/backward_lstm/lstm_cell/kernel" in names[0]


def test_paths_are_the_names_that_keras_shows() -> None:
    """A path is the variable's own without the name of the model."""
    first, second = twice()
    for model in (first, second):
        shown = {variable.path.removeprefix(f"{model.name}/") for variable in model.weights}
        assert {record.path for record in ui.inspect(model)} == shown


def test_given_names_stay_in_streams() -> None:
    """Numbers are changed only in names that Keras could have made."""
    import keras

    layers = [keras.layers.Dense(3, name=name) for name in ("block_7", "dense_40", "dense_9")]
    records = ui.inspect(keras.Sequential([keras.Input((2,)), *layers]))
    kernels = {(record.path, record.name) for record in records if record.role == "kernel"}
    assert kernels == {
        ("block_7/kernel", "block_7/kernel"),
        ("dense_40/kernel", "dense/kernel"),
        ("dense_9/kernel", "dense_1/kernel"),
    }


def test_a_given_name_that_keras_could_have_made_is_numbered_by_position() -> None:
    """How many layers the process made before does not change a stream, nor a value."""
    import keras

    def model() -> Any:
        return keras.Sequential(
            [keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4, name="dense_1")]
        )

    keras.layers.Dense(1, name="other")
    models = []
    for _ in range(3):
        models.append(model())
        ui.apply(models[-1], ui.recipes.keras_default(), seed=0)
        _ = [keras.layers.Dense(1) for _ in range(5)]
    for one in models:
        assert [record.name for record in ui.inspect(one) if record.role == "kernel"] == [
            "dense/kernel",
            "dense_1/kernel",
        ]
        assert all(
            np.array_equal(a, b) for a, b in zip(one.get_weights(), models[0].get_weights(), strict=True)
        )


def test_which_path_of_a_shared_layer_names_its_stream_is_no_matter_of_numbers() -> None:
    """Of two models at one depth that share a layer, the first one's path is the stream's."""
    import keras

    def model(first: int) -> Any:
        shared = keras.layers.Dense(3, name="shared")
        branches = [
            keras.Sequential([keras.Input((3,)), shared], name=f"sequential_{first + at}") for at in range(2)
        ]
        x = keras.Input((3,))
        return keras.Model(x, keras.layers.add([branch(x) for branch in branches]))

    for first in (1, 8, 9):
        assert ui.inspect(model(first)).records[0].name == "sequential/shared/kernel"


def test_equal_names_are_told_apart() -> None:
    """Layers of one name, and variables without a name, have paths and streams of their own."""
    import keras

    class Odd(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [keras.layers.Dense(2, name="same") for _ in range(2)]
            self.plain = [self.add_weight(shape=(2,)) for _ in range(2)]

        def call(self, x: Any) -> Any:
            for part in self.parts:
                x = part(x)
            return x * self.plain[0] + self.plain[1]

    model = Odd()
    model(np.zeros((1, 2), np.float32))
    names = {record.name for record in ui.inspect(model)}
    assert names == {
        "same/kernel", "same/bias", "same#2/kernel", "same#2/bias", "variable", "variable_1"
    }  # fmt: skip
    _, report = ui.apply(filled(model), ui.recipes.keras_default(), seed=0, skip="*variable*")
    assert report.written == ("same#2/bias", "same#2/kernel", "same/bias", "same/kernel")
    assert not np.array_equal(read(model, "same/kernel"), read(model, "same#2/kernel"))


def test_a_shared_layer_is_written_once() -> None:
    """The paths through other models are ties."""
    import keras

    shared = keras.layers.Dense(3, name="shared")
    inner = keras.Sequential([keras.Input((3,)), shared], name="inner")
    x = keras.Input((3,))
    model = keras.Model(x, shared(inner(x)))
    _, report = ui.apply(model, ui.recipes.keras_default(), seed=0)
    assert report.written == ("shared/bias", "shared/kernel")
    assert sorted(report.ties) == [
        ("shared/bias", "inner/shared/bias"),
        ("shared/kernel", "inner/shared/kernel"),
    ]


def test_seeds_metrics_and_optimizers_are_no_parameters() -> None:
    """The state of a seed generator is left; metrics and an optimizer's moments are not seen."""
    import keras

    layers = [keras.layers.Dense(3, name="a"), keras.layers.Dropout(0.5, name="drop")]
    model = keras.Sequential([keras.Input((2,)), *layers])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((4, 2)), np.zeros((4, 3)), verbose=0)
    inventory = ui.inspect(model)
    assert {record.path for record in inventory} == {"a/bias", "a/kernel"}
    (left,) = inventory.left
    assert left.startswith("drop/seed_generator")
    assert read(model, left).shape == (2,)


@pytest.mark.filterwarnings("ignore")  # Keras says that the model has unbuilt state
def test_a_model_that_is_not_built_is_refused() -> None:
    """Its variables do not exist: the message says which layers wait, and what to do."""
    import keras

    class Waiting(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.first = keras.layers.Dense(2, name="first")
            self.second = keras.layers.Dense(2, name="second")

        def call(self, x: Any) -> Any:
            return self.first(x)

    model = Waiting()
    with refused(ui.ArgumentValueError):
        ui.inspect(model)
    model(np.zeros((1, 2), np.float32))
    with refused(ui.ArgumentValueError):
        ui.inspect(model)
    with refused(ui.ArgumentValueError):
        ui.inspect(keras.layers.Dense(2, name="third"))
    with refused(ui.ArgumentValueError):
        ui.inspect(keras.Sequential([keras.layers.Dense(2, name="fifth")], name="fourth"))


def test_a_model_without_variables_is_an_empty_inventory() -> None:
    """Nothing waits to be built, so nothing is missing; a recipe of optional rules writes nothing."""
    import keras

    class Plain(keras.Model):
        def call(self, x: Any) -> Any:
            return x

    models = [
        keras.Sequential(), keras.Sequential([keras.Input((4,))]), keras.Sequential([keras.layers.ReLU()]),
        keras.layers.ReLU(), Plain(),
    ]  # fmt: skip
    for model in models:
        assert ui.inspect(model) == ui.Inventory("keras", ())
        assert ui.apply(model, ui.recipes.keras_default(), seed=0)[1].written == ()
    waiting = keras.Sequential([keras.Sequential([keras.layers.Dense(2, name="inside")])], name="outer")
    with refused(ui.ArgumentValueError):
        ui.inspect(waiting)


def test_a_layer_that_knows_the_one_around_it_is_walked_once() -> None:
    """The way back to it leads nowhere new."""
    import keras

    class Inner(keras.layers.Layer):
        def __init__(self, owner: Any) -> None:
            super().__init__(name="inner")
            self.owner, self.dense = owner, keras.layers.Dense(2, name="dense")

        def build(self, shape: Any) -> None:
            self.dense.build(shape)

    class Outer(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="outer")
            self.inner = Inner(self)

        def build(self, shape: Any) -> None:
            self.inner.build(shape)

    layer = Outer()
    layer.build((1, 3))
    _, report = ui.apply(layer, ui.recipes.keras_default(), seed=0)
    assert report.written == ("inner/dense/bias", "inner/dense/kernel")


def test_a_variable_without_memory_is_refused() -> None:
    """Inside of a stateless scope Keras makes variables later."""
    import keras

    layer = keras.layers.Dense(3, name="mine")
    with keras.StatelessScope():
        layer.build((1, 2))
        with refused(ui.ArgumentValueError):
            ui.apply(layer, ui.recipes.keras_default(), seed=0, only="kernel")


META = """
import keras
import unified_init as ui

with keras.device("meta"):
    layer = keras.layers.Dense(3)
    layer.build((1, 2))
try:
    ui.apply(layer, ui.recipes.keras_default(), seed=0, only="kernel")
except ui.ArgumentValueError as error:
    print(error, end="")
"""


@pytest.mark.needs("torch")
def test_a_variable_on_meta_is_refused() -> None:
    """Keras on PyTorch may build a model without memory; the message names the variable."""
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", META], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout == (
        "'kernel': `tensor` is on the meta device and has no values to fill: give it memory first, a whole "
        "model with ui.materialize(model, recipe, seed=...); got shape (2, 3)."
    )
