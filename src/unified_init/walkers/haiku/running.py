"""Runs a Haiku function on its parameters, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
import inspect
from typing import TYPE_CHECKING, Any

import haiku as hk

from unified_init.walkers import jax_arrays
from unified_init.walkers.runs import Recorder, Run, at_inference, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.walkers.trees import Haiku

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: Haiku) -> Iterator[Haiku]:
    """Yield the model, of which every write makes a new one."""
    yield model


def run(model: Haiku, inputs: Any) -> Run:  # of any model
    """Run a function by ``apply``, with the flags that ``haiku`` was given and without random numbers."""
    recorder = Recorder(jax_arrays.array_or_none)
    stateful = isinstance(model.transformed, (hk.TransformedWithState, hk.MultiTransformedWithState))
    trees = (model.params, model.state or {}) if stateful else (model.params,)
    key = (None,) if _takes_key(model.transformed.apply, len(trees)) else ()

    def intercept(proceed: Any, args: Any, kwargs: Any, context: Any) -> Any:
        if context.method_name == "__init__":
            return proceed(*args, **kwargs)
        path = context.module.module_name
        is_first = recorder.begin(path, *args, *kwargs.values())
        outputs = proceed(*args, **kwargs)
        if is_first:
            recorder.end(path, outputs)
        return outputs

    flags = at_inference(
        {name: value for name, value in model.kwargs.items() if not jax_arrays.is_tensor(value)}
    )

    def apply(*args: Any, **kwargs: Any) -> Any:
        result = model.transformed.apply(*trees, *key, *args, **kwargs)
        return result[0] if stateful else result

    with hk.intercept_methods(intercept):
        outputs = inputs(model) if callable(inputs) else call(apply, jax_arrays.from_host(inputs), **flags)
    return recorder.run(outputs)


def _takes_key(apply: Any, position: int) -> bool:
    """Whether ``apply`` takes a key behind the trees, which ``hk.without_apply_rng`` takes away.

    Haiku writes the signature of the functions that it makes; any other function takes a key.
    """
    signature = getattr(inspect.unwrap(apply), "__signature__", None) if callable(apply) else None
    return signature is None or [*signature.parameters][position : position + 1] == ["rng"]
