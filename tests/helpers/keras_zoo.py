"""A Keras model with layers of every kind, and its weights after a recipe as a script on one backend.

``KERAS_BACKEND=jax python keras_zoo.py OUT.json`` writes each path's digest and stream name.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def zoo() -> Any:
    """Return a model that has a layer of every kind, in nested models too."""
    import keras

    layers = keras.layers
    image = keras.Input((8, 8, 4))
    x = layers.Conv2D(6, 3, padding="same")(image)
    x = layers.BatchNormalization()(x)
    x = layers.Conv2D(6, 3, groups=2, padding="same")(x)
    x = layers.GroupNormalization(groups=2)(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    x = layers.SeparableConv2D(5, 3, padding="same")(x)
    x = layers.Conv2DTranspose(4, 3, padding="same")(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.Reshape((8, 32))(x)
    x = layers.LayerNormalization()(x)
    x = layers.MultiHeadAttention(2, 5, name="heads")(x, x)
    x = layers.GroupQueryAttention(4, 4, 2)(x, x)
    x = layers.RMSNormalization()(x)
    x = layers.AdditiveAttention()([x, x])
    x = layers.Attention(use_scale=True)([x, x])
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.RNN(layers.LSTMCell(3))(x)
    tokens = keras.Input((7,), dtype="int32")
    y = layers.Embedding(11, 6)(tokens)
    y = layers.SimpleRNN(5)(layers.Dropout(0.1)(y))
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(6), layers.Dense(5)])
    z = inner(layers.Concatenate()([x, y]))
    return keras.Model([image, tokens], layers.Dense(2, dtype="bfloat16")(z))


def main(path: str) -> None:
    """Apply the defaults, and write the digests."""
    import unified_init as ui
    from unified_init.walkers.keras import walker as _keras

    model, report = ui.apply(zoo(), ui.recipes.keras_default(), seed=3)
    found = {
        record.name: [
            record.path,
            [
                ui.digest(values if record.parts else values.reshape(record.shape),
                          layout=None if record.parts else record.layout, sizes=dict(record.sizes) or None)
                for native in dict.fromkeys(path for path, _ in record.stored)
                for values in (_keras.read(model, native),)
            ],
        ]
        for record in ui.inspect(model)
    }  # fmt: skip
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123  # one file, once
        json.dump({"found": found, "inventory": report.inventory}, file)


if __name__ == "__main__":
    main(sys.argv[1])
