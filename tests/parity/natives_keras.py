"""Keras' own initializers on one backend, run as a script: its draws go into an .npz file.

``KERAS_BACKEND=jax python natives_keras.py OUT.npz``. The tests import what it draws from CASES.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

MATRIX = (512, 2048)
# Initializer and arguments; each twice or more, with the defaults and with others.
CASES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {}),
    ("Constant", {"value": 0.3}),
    ("RandomUniform", {}),
    ("RandomUniform", {"minval": -0.2, "maxval": 1.3}),
    ("RandomNormal", {}),
    ("RandomNormal", {"mean": 0.4, "stddev": 0.3}),
    ("TruncatedNormal", {}),
    ("TruncatedNormal", {"mean": 0.4, "stddev": 0.3}),
    ("VarianceScaling", {}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "normal"}),
    ("VarianceScaling", {"scale": 0.7, "mode": "fan_avg", "distribution": "untruncated_normal"}),
    ("VarianceScaling", {"scale": 0.7, "mode": "fan_in", "distribution": "uniform"}),
    ("GlorotUniform", {}),
    ("GlorotNormal", {}),
    ("HeUniform", {}),
    ("HeNormal", {}),
    ("LecunUniform", {}),
    ("LecunNormal", {}),
    ("Orthogonal", {}),
    ("Orthogonal", {"gain": 1.7}),
    ("Identity", {}),
    ("Identity", {"gain": 1.7}),
    ("STFT", {}),
    ("STFT", {"side": "imag", "window": "blackman", "scaling": "spectrum", "periodic": True}),
)
CONVOLUTION = (4, 4, 64, 256)
SHAPES = {"Orthogonal": (3, 3, 24, 40), "STFT": (32, 1, 24)}
# Which of them draw into a convolution kernel instead of a matrix.
ON_KERNELS = {"GlorotUniform", "HeNormal", "LecunUniform"}


def shape_of(word: str) -> tuple[int, ...]:
    """Return the shape that an initializer draws here."""
    return SHAPES.get(word, CONVOLUTION if word in ON_KERNELS else MATRIX)


def case_key(word: str, kwargs: dict[str, Any]) -> str:
    """Return the name of a draw in the file."""
    return f"{word}({', '.join(f'{key}={value!r}' for key, value in kwargs.items())})"


def _vector(keras: Any) -> Any:
    """Return the kernel of a layer whose weight is a vector, by Keras' default initializer."""
    layer = keras.layers.EinsumDense("ab,b->a", ())
    layer.build((2, 32))
    return layer.kernel


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        result = call()
    except Exception as error:  # noqa: BLE001  # the class is the result
        return np.array(type(error).__name__)
    return np.array(str(tuple(result.shape)))


def main(path: str) -> None:
    """Draw, and write the file."""
    backend = os.environ["KERAS_BACKEND"]
    import keras

    make, numpy = keras.initializers, keras.ops.convert_to_numpy
    found: dict[str, Any] = {}
    for position, (word, kwargs) in enumerate(CASES):
        if word == "STFT" and not hasattr(make, word):  # before 3.7; see gaps.py
            continue
        seed = {} if word in {"Zeros", "Ones", "Constant", "Identity", "STFT"} else {"seed": 100 + position}
        found[case_key(word, kwargs)] = numpy(getattr(make, word)(**kwargs, **seed)(shape_of(word)))
    found["small orthogonal"] = np.stack(
        [numpy(make.Orthogonal(seed=seed)((3, 3)))[0, 0] for seed in range(128)]
    )
    found["HeNormal seed 7"] = numpy(make.HeNormal(seed=7)((6, 5)))
    ours = ui.as_keras(ui.he_normal(), seed=7, name="w", layout="IO")
    found["ours seed 7"] = numpy(ours((6, 5)))
    coarse = make.RandomNormal(seed=1)((2**20,), dtype="bfloat16")
    found["bfloat16"] = numpy(keras.ops.cast(coarse, "float32"))
    found["orthogonal bfloat16"] = _outcome(lambda: make.Orthogonal(seed=0)((8, 8), dtype="bfloat16"))
    found["empty"] = _outcome(lambda: make.HeNormal(seed=0)((0, 5)))
    found["scalar"] = _outcome(lambda: make.GlorotUniform(seed=0)(()))
    found["vector"] = _outcome(lambda: _vector(keras))
    if backend == "torch":
        found["truncated"] = numpy(make.TruncatedNormal(stddev=1.0, seed=0)((2**23,)))
        found["complex"] = numpy(make.GlorotUniform(seed=0)((512, 2048), dtype="complex64"))
    if backend == "tensorflow":
        found |= _naked(make, numpy) | _layers(keras, numpy)
    np.savez(path, **found)


def _naked(make: Any, numpy: Any) -> dict[str, Any]:
    """Draw for the rows of the table that show an initializer alone: a million values each."""
    draws: dict[str, tuple[Any, tuple[int, ...]]] = {
        "keras.TruncatedNormal": (make.TruncatedNormal(stddev=0.02, seed=1), (2**20,)),
        "keras.VarianceScaling": (make.VarianceScaling(2.0, "fan_in", "normal", seed=2), (512, 2048)),
        "keras.RandomNormal": (make.RandomNormal(seed=3), (2**20,)),
        "keras.RandomUniform": (make.RandomUniform(seed=4), (2**20,)),
        "keras.VarianceScaling scale": (
            make.VarianceScaling(5 / 3, "fan_avg", "untruncated_normal", seed=5),
            (512, 2048),
        ),
        "keras.Orthogonal transposed": (make.Orthogonal(seed=6), (3, 3, 32, 64)),
    }
    found = {key: numpy(init(shape)) for key, (init, shape) in draws.items()}
    found["keras.GlorotUniform heads"] = np.stack(
        [numpy(make.GlorotUniform(seed=seed)((512, 8, 64))) for seed in range(4)]
    )
    return found


def _layers(keras: Any, numpy: Any) -> dict[str, Any]:
    """Build layers and return their weights; ``set_random_seed`` fixes what has no seed of its own."""
    keras.utils.set_random_seed(1)
    layers, make = keras.layers, keras.initializers

    def weights(layer: Any, *shapes: tuple[int, ...]) -> Any:
        layer.build(*shapes)
        return [numpy(weight) for weight in layer.weights]

    def several(glorot: Any, he: Any) -> dict[str, Any]:
        """Return the kernels of layers that use one initializer for several."""
        attention = weights(
            layers.MultiHeadAttention(4, 8, kernel_initializer=glorot), (2, 3, 32), (2, 3, 32)
        )
        both = weights(layers.Bidirectional(layers.LSTM(4, kernel_initializer=glorot)), (2, 3, 5))
        return {
            "attention": np.stack([attention[0], attention[2], attention[4]]),
            "bidirectional": np.stack([both[0], both[3]]),
            "shared": np.stack(
                [weights(layers.Dense(5, kernel_initializer=he), (2, 7))[0] for _ in range(2)]
            ),
        }

    layouts = {2: "IO", 3: "IOO"}
    ours = several(
        *(ui.as_keras(spec, seed=1, layout=layouts) for spec in (ui.glorot_uniform(), ui.he_normal()))
    )
    transposed = [
        weights(layers.Conv2DTranspose(64, 3, kernel_initializer="he_normal"), (1, 8, 8, 256))[0]
        for _ in range(8)
    ]
    depthwise = [weights(layers.DepthwiseConv2D(7), (1, 8, 8, 384))[0] for _ in range(56)]
    return {
        **several(make.GlorotUniform(seed=1), make.HeNormal()),
        **{f"ours {key}": kernels for key, kernels in ours.items()},
        "keras.Dense": weights(layers.Dense(2048), (2, 512))[0],
        "keras.Embedding": weights(layers.Embedding(2**14, 64), (1,))[0],
        "keras.Conv2DTranspose": np.stack(transposed),
        "keras.DepthwiseConv2D": np.stack(depthwise),
        "keras.LSTM": weights(layers.LSTM(64), (2, 3, 10))[1],
    }


if __name__ == "__main__":
    main(sys.argv[1])
