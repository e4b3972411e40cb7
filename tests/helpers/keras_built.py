"""Layers of Keras, and what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np


def built(make: str, *shapes: Any) -> Any:
    """Return a layer of Keras."""
    from keras import layers

    layer = eval(f"layers.{make}", {"layers": layers})  # noqa: S307  # written below
    layer.build(*shapes)
    return layer


def read(model: Any, path: str) -> Any:
    """Return a copy of a variable's values."""
    from unified_init.walkers.keras import walker as _keras

    return np.array(_keras.read(model, path))


def filled(model: Any) -> Any:
    """Return a model whose weights are all 7."""
    for variable in model.weights:
        variable.assign(np.full(variable.shape, 7, np.float32))
    return model
