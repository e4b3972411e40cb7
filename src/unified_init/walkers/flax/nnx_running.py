"""Runs a copy of a Flax NNX module as at inference, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flax import nnx

from unified_init.inventory.stacks import stack_axis
from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.nnx_walker import inspect, modules_of
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
    result = _run(model, inputs)
    stacks = {record.path.rpartition("/")[0] for record in inspect(model) if stack_axis(record) is not None}
    if stacks <= result.calls.keys():
        return result
    with jax_arrays.traced_anew():  # to see the calls inside of scan
        return _run(model, inputs)


def _run(model: Any, inputs: Any) -> Run:
    recorder = Recorder(jax_arrays.array_or_none)
    with patched(_named_modules, model, recorder, "/"):
        outputs = inputs(model) if callable(inputs) else call(model, jax_arrays.from_host(inputs))
    return recorder.run(outputs)


def _named_modules(model: nnx.Module) -> Iterator[tuple[str, nnx.Module]]:
    yield from (("/".join(key), module) for key, module in modules_of(model))
