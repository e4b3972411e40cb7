"""Probing Keras models: the outputs of the layers of a functional or sequential model, on any backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from unified_init.drawing.digests import values_of
from unified_init.errors import ArgumentTypeError, BackendError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["probe"]


def probe(model: Any, batch: Any, loss: Callable[[Any], Any] | None) -> list[dict[str, Any]]:
    """Return the moments of every layer's output, in the model's order, as at inference."""
    if loss is not None:
        msg = "`loss` of probe() is for torch modules: of a Keras model it has only activations."
        raise ArgumentTypeError(msg)
    layers = [layer for layer in getattr(model, "layers", ()) if type(layer).__name__ != "InputLayer"]
    try:
        outputs = [layer.output for layer in layers]
        # Named here: a name made by Keras would increase the numbers in the names of all later models.
        inner_model = keras.Model(model.input, outputs, name="unified_init_probe")
    except (AttributeError, ValueError) as error:
        msg = (
            "`model` of probe() must be a functional or sequential keras.Model whose layers are called once "
            f"each, got {type(model).__name__}: {error}"
        )
        raise ArgumentTypeError(msg) from None
    try:
        result = inner_model(batch, training=False)
    except Exception as error:  # of the model
        msg = f"`batch` must be what the model takes, but that raised {type(error).__name__}: {error}"
        raise BackendError(msg) from error
    layer_outputs = result if isinstance(result, (tuple, list)) else [result]  # of one layer, its tensor
    return [
        {"name": layer.name, "kind": type(layer).__name__, "shape": tuple(values.shape), **_moments(values)}
        for layer, value in zip(layers, layer_outputs, strict=True)
        for values in _arrays(value)
    ]


def _arrays(value: Any) -> list[Any]:
    """Return the floating-point arrays of an output."""
    arrays = [values_of(tensor, "batch") for tensor in keras.tree.flatten(value)]
    return [array for array in arrays if array.dtype.kind not in "iub" and array.size]


def _moments(values: Any) -> dict[str, float]:
    wide = np.asarray(values, dtype=np.float64)
    return {"mean": float(wide.mean()), "variance": float(wide.var())}
