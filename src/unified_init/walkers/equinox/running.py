"""Runs an Equinox module as at inference, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import equinox as eqx

from unified_init.inventory.stacks import stack_axis
from unified_init.walkers import jax_arrays
from unified_init.walkers.equinox.walker import inspect, modules_of
from unified_init.walkers.runs import Recorder, Run, call, patched

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: eqx.Module) -> Iterator[eqx.Module]:
    """Yield a module without dropout, of which every write makes a new one."""
    yield eqx.nn.inference_mode(model)


def run(model: Any, inputs: Any) -> Run:
    """Run a module, which takes one example and not a batch unless ``inputs`` is a function that maps it."""
    result = _run(model, inputs)
    stacks = {record.path.rpartition(".")[0] for record in inspect(model) if stack_axis(record) is not None}
    if stacks <= result.calls.keys():
        return result
    with jax_arrays.traced_anew():  # to see the calls inside of scan
        return _run(model, inputs)


def _run(model: Any, inputs: Any) -> Run:
    recorder = Recorder(jax_arrays.array_or_none)
    with patched(modules_of, model, recorder, "."):
        outputs = inputs(model) if callable(inputs) else call(model, jax_arrays.from_host(inputs))
    return recorder.run(outputs)
