"""Runs a Flax Linen module on its variables, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import flax.linen as nn

from unified_init.walkers import jax_arrays
from unified_init.walkers.runs import Recorder, Run, at_inference, call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.walkers.trees import Linen

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: Linen) -> Iterator[Linen]:
    """Yield the model, of which every write makes a new one."""
    yield model


def run(model: Linen, inputs: Any) -> Run:  # of any model
    """Run a module by ``apply``, with the flags that ``linen`` was given."""
    recorder = Recorder(jax_arrays.array_or_none)

    def note(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if module.scope is None or context.method_name == "setup":
            return method(*args, **kwargs)
        path = "/".join(module.path)
        is_first = recorder.begin(path, *args, *kwargs.values())
        outputs = method(*args, **kwargs)
        if is_first:
            recorder.end(path, outputs)
        return outputs

    flags = at_inference(
        {name: value for name, value in model.kwargs.items() if not jax_arrays.is_tensor(value)}
    )

    def apply(*args: Any, **kwargs: Any) -> Any:
        return model.module.apply(model.variables, *args, **kwargs)

    with nn.intercept_methods(note):
        outputs = inputs(model) if callable(inputs) else call(apply, jax_arrays.from_host(inputs), **flags)
    return recorder.run(outputs)
