"""Runs a Keras model as at inference, with values that only exist in a stateless scope."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

import keras

from unified_init.backends.registry import backend_of, get
from unified_init.walkers.keras.paths import children_of
from unified_init.walkers.runs import Recorder, Run, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: Any) -> Iterator[Any]:
    """Yield the model in a scope that keeps what is assigned to its variables, and forgets it at the end."""
    with keras.StatelessScope():
        yield model


def run(model: Any, inputs: Any) -> Run:
    """Run a model, called with ``training=False``."""
    recorder = Recorder(_array)
    with contextlib.ExitStack() as stack:
        for path, layer in _layers(model):
            stack.enter_context(_recorded(path, layer, recorder))
        if callable(inputs):
            outputs = inputs(model)
        elif isinstance(model, keras.Model):  # takes all its inputs as one argument
            outputs = model(list(inputs) if isinstance(inputs, tuple) else inputs, training=False)
        else:
            outputs = call(model, inputs)
    return recorder.run(outputs)


def _layers(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield every layer with its path, a shared one with its first."""
    seen: set[int] = set()
    stack = [("", model)]
    while stack:
        path, layer = stack.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield path, layer
        prefix = f"{path}/" if path else ""
        stack.extend((prefix + name, child) for name, _, child in reversed(children_of(layer)))


@contextlib.contextmanager
def _recorded(path: str, layer: Any, recorder: Recorder) -> Iterator[None]:
    """Record the calls of one layer, through an attribute of the instance that hides the method."""
    function, attributes = layer.call, vars(layer)
    before = attributes.get("call")

    @functools.wraps(function)
    def recorded(*args: Any, **kwargs: Any) -> Any:
        return recorder.recorded(path, function, args, kwargs)

    attributes["call"] = recorded
    try:
        yield
    finally:
        if before is None:
            del attributes["call"]
        else:
            attributes["call"] = before


def _array(value: Any) -> NDArray[Any] | None:
    """Return a tensor's values; None for what is no tensor, or has no values while a loop is traced."""
    if not keras.ops.is_tensor(value) or keras.backend.standardize_dtype(value.dtype).startswith(
        ("int", "uint")
    ):
        return None
    try:
        return get(str(backend_of(value))).to_numpy(value)
    except Exception:  # noqa: BLE001  # each backend has its own error for a tensor that is being traced
        return None
