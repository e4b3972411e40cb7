"""One object of ``as_keras`` that Keras uses for several weights, and layouts for several kinds of them."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.helpers.contained import contained
from tests.helpers.messages import refused

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.needs("keras")

GLOROT = ui.glorot_uniform()
ONE: dict[str, Any] = {"seed": 0, "name": "k", "layout": "IO"}
HEADS = {"*/attention_output/kernel": "IIO", "*/kernel": "IOO"}
BATCH = np.ones((2, 3, 32), np.float32)


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    """Number the layers anew; an error while Keras builds leaves variables behind that it would make later.

    Keras collects garbage then, which takes seconds among all that other tests left: that is frozen.
    """
    import keras

    gc.freeze()
    with contained():
        keras.utils.clear_session()
        yield
        keras.utils.clear_session()
    gc.unfreeze()


def dense(init: Any, **options: Any) -> Any:
    """Return a layer with an initializer."""
    import keras

    return keras.layers.Dense(32, kernel_initializer=init, **options)


def stacked(init: Any) -> Any:
    """Return a model of two layers with one initializer, built at once."""
    import keras

    return keras.Sequential([keras.Input((32,)), dense(init, name="a"), dense(init, name="b")], name="m")


def functional(init: Any) -> Any:
    """Return the same model, whose layers are built before it is."""
    import keras

    inputs = keras.Input((32,))
    return keras.Model(inputs, dense(init, name="b")(dense(init, name="a")(inputs)))


def late(init: Any, layers: int) -> Any:
    """Return a model that makes its weights when it is called."""
    import keras

    class Late(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.all = [dense(init) for _ in range(layers)]

        def call(self, inputs: Any) -> Any:
            for layer in self.all:
                inputs = layer(inputs)
            return inputs

    model = Late()
    model(BATCH)
    return model


def kernels(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return the kernels by path."""
    return {weight.path: np.asarray(weight.value) for weight in model.weights if "kernel" in weight.path}


def attention(init: Any) -> Any:
    """Return an attention that is built."""
    import keras

    layer = keras.layers.MultiHeadAttention(4, 8, kernel_initializer=init, name="attention")
    layer(BATCH, BATCH)
    return layer


def test_copies_of_one_name_in_an_attention_are_refused() -> None:
    """Query, key and value have copies of the initializer, made by its configuration."""
    with refused(ui.ArgumentValueError):
        attention(ui.as_keras(GLOROT, seed=0, name="k", layout=HEADS))


def test_an_attention_without_a_name_has_four_streams() -> None:
    """Each kernel is drawn under its path, with the fans of its own layout: all have the std 1 / sqrt(32)."""
    layer = attention(ui.as_keras(GLOROT, seed=0, layout=HEADS))
    drawn = kernels(layer)
    assert [path.split("/")[1] for path in drawn] == ["query", "key", "value", "attention_output"]
    for path, kernel in drawn.items():
        layout = "IIO" if "output" in path else "IOO"
        expected = ui.draw(GLOROT, kernel.shape, seed=0, name=path, layout=layout)
        assert kernel.tobytes() == expected.tobytes(), path
        assert GLOROT.resolve(kernel.shape, layout=layout).std == pytest.approx(32**-0.5)


def test_both_directions_under_one_name_are_refused() -> None:
    """``Bidirectional`` copies the layer, with its initializer; without a name both differ."""
    import keras

    def both(init: Any) -> Any:
        layer = keras.layers.Bidirectional(keras.layers.LSTM(4, kernel_initializer=init))
        layer(BATCH)
        return layer

    with refused(ui.ArgumentValueError):
        both(ui.as_keras(GLOROT, **ONE))
    keras.utils.clear_session()
    drawn = kernels(both(ui.as_keras(GLOROT, seed=0, layout="IO")))
    forward, backward = (drawn[path] for path in drawn if not path.endswith("recurrent_kernel"))
    assert forward.tobytes() != backward.tobytes()


def test_both_kernels_of_a_cell_under_one_name_are_refused() -> None:
    """They have names of their own in the same layer."""
    import keras

    init = ui.as_keras(ui.normal(0.0, 1.0), seed=0, name="k")
    with refused(ui.ArgumentValueError):
        keras.layers.GRU(4, kernel_initializer=init, recurrent_initializer=init)(BATCH)


@pytest.mark.parametrize(
    "make", [stacked, functional, lambda init: late(init, 2)], ids=["stacked", "functional", "late"]
)
def test_two_layers_under_one_name_are_refused(make: Any) -> None:
    """Wherever the model is built; without a name one object serves both."""
    import keras

    with refused(ui.ArgumentValueError):
        make(ui.as_keras(GLOROT, **ONE))
    keras.utils.clear_session()
    first, second = kernels(make(ui.as_keras(GLOROT, seed=0, layout="IO"))).values()
    assert first.tobytes() != second.tobytes()


def test_two_layers_of_one_path_are_refused() -> None:
    """A model may have two layers of one name; their paths are no names for two streams."""
    import keras

    init = ui.as_keras(GLOROT, seed=0, layout="IO")

    class Twice(keras.Model):
        def build(self, shape: Any) -> None:
            self.first, self.second = dense(init, name="a"), dense(init, name="a")
            self.first.build(shape)
            self.second.build(shape)

    with refused(ui.ArgumentValueError):
        Twice(name="m").build((None, 32))


def test_constants_have_no_stream_to_share() -> None:
    """One object of zeros serves any number of weights, and needs neither seed nor name."""
    for kernel in kernels(stacked(ui.as_keras(ui.zeros()))).values():
        assert not kernel.any()


def test_a_model_made_again_has_the_same_values() -> None:
    """Made again by the same code and object, cloned, and read from JSON; also where Keras numbers the layers on."""
    import keras

    init = ui.as_keras(GLOROT, **ONE)
    first, again = late(init, 1), late(init, 1)
    assert list(kernels(first)) != list(kernels(again))
    expected = ui.draw(GLOROT, (32, 32), seed=0, name="k", layout="IO").tobytes()
    assert [kernel.tobytes() for model in (first, again) for kernel in kernels(model).values()] == [
        expected
    ] * 2
    model = functional(ui.as_keras(GLOROT, seed=0, layout={2: "IO"}))
    loaded = keras.models.model_from_json(model.to_json())
    assert loaded.layers[1].kernel_initializer == model.layers[1].kernel_initializer
    for twin in (keras.models.clone_model(model), loaded, keras.models.clone_model(loaded)):
        assert [kernel.tobytes() for kernel in kernels(twin).values()] == [
            kernel.tobytes() for kernel in kernels(model).values()
        ]


def test_outside_of_a_variable_a_name_is_needed() -> None:
    """Keras says no path there."""
    with refused(ui.ArgumentValueError):
        ui.as_keras(GLOROT, seed=0, layout="IO")((4, 4))
    drawn = np.asarray(ui.as_keras(GLOROT, **ONE)((4, 4)))
    assert drawn.tobytes() == ui.draw(GLOROT, (4, 4), **ONE).tobytes()


def test_a_variable_by_itself_has_its_name() -> None:
    """``keras.Variable`` without a layer; a second one of another name is refused."""
    import keras

    free, named = ui.as_keras(GLOROT, seed=0, layout="IO"), ui.as_keras(GLOROT, **ONE)
    drawn = keras.Variable(free, shape=(4, 4), name="w")
    assert (
        np.asarray(drawn.value).tobytes() == ui.draw(GLOROT, (4, 4), seed=0, name="w", layout="IO").tobytes()
    )
    keras.Variable(named, shape=(4, 4), name="w")
    keras.Variable(named, shape=(4, 4), name="w")
    with refused(ui.ArgumentValueError):
        keras.Variable(named, shape=(4, 4), name="v")


def test_a_layout_by_rank() -> None:
    """The first entry that fits counts, in JAX too; a rank without an entry is refused."""
    import keras

    ranks = {2: "IO", 4: "HWIO"}
    init = ui.as_keras(ui.he_normal(), seed=0, layout=ranks)
    layer = keras.layers.Conv2D(8, 3, kernel_initializer=init, name="c")
    layer.build((None, 8, 8, 4))
    kernel = np.asarray(layer.kernel.value)
    expected = ui.draw(ui.he_normal(), (3, 3, 4, 8), seed=0, name="c/kernel", layout="HWIO")
    assert kernel.tobytes() == expected.tobytes()
    with refused(ui.ArgumentValueError):
        keras.layers.Conv1D(8, 3, kernel_initializer=init, name="d").build((None, 8, 4))


def test_it_prints_as_the_call_that_makes_it() -> None:
    """With its spec, and what was given; a seed of NumPy is a seed."""
    init = ui.as_keras(GLOROT, seed=np.int64(3), layout={2: "IO"})
    assert repr(init) == f"as_keras({GLOROT!r}, seed=3, layout={{2: 'IO'}})"
    assert init.spec == GLOROT
    assert type(init.get_config()["seed"]) is int
    assert repr(ui.as_keras(ui.zeros())) == f"as_keras({ui.zeros()!r})"
