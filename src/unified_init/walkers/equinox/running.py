"""Runs an Equinox module as at inference, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import equinox as eqx

from unified_init.inventory.stacks import stack_axis
from unified_init.walkers.equinox.walker import inspect, modules_of
from unified_init.walkers.jax_running import run_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.walkers.runs import Run

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: eqx.Module) -> Iterator[eqx.Module]:
    """Yield a module without dropout, of which every write makes a new one."""
    yield eqx.nn.inference_mode(model)


def run(model: Any, inputs: Any) -> Run:
    """Run a module, which takes one example and not a batch unless ``inputs`` is a function that maps it."""
    stacks = {record.path.rpartition(".")[0] for record in inspect(model) if stack_axis(record) is not None}
    return run_modules(modules_of, model, inputs, separator=".", stacks=stacks)
