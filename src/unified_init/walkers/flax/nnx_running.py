"""Runs a copy of a Flax NNX module as at inference, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flax import nnx

from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.nnx_walker import modules_of
from unified_init.walkers.runs import Recorder, Run, call, patched

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: nnx.Module) -> Iterator[nnx.Module]:
    """Yield a copy, which may be written and run: without dropout, and with running statistics."""
    clone = nnx.clone(model)
    clone.eval()
    yield clone


def run(model: nnx.Module, inputs: Any) -> Run:  # of any model
    """Run a model."""
    recorder = Recorder(jax_arrays.array_or_none)
    modules: dict[int, tuple[str, Any]] = {}
    for key, module in modules_of(model):
        modules.setdefault(id(module), ("/".join(key), module))
    with patched(modules, recorder):
        outputs = inputs(model) if callable(inputs) else call(model, jax_arrays.from_host(inputs))
    return recorder.run(outputs)
