"""Runs a copy of a Flax NNX module as at inference, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flax import nnx

from unified_init.inventory.stacks import stack_axis
from unified_init.walkers.flax.nnx_walker import inspect, modules_of
from unified_init.walkers.jax_running import run_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unified_init.walkers.runs import Run

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: nnx.Module) -> Iterator[nnx.Module]:
    """Yield a copy, which may be written and run: without dropout, and with running statistics."""
    clone = nnx.clone(model)
    clone.eval()
    yield clone


def run(model: nnx.Module, inputs: Any) -> Run:  # of any model
    """Run a model."""
    stacks = {record.path.rpartition("/")[0] for record in inspect(model) if stack_axis(record) is not None}
    return run_modules(_named_modules, model, inputs, separator="/", stacks=stacks)


def _named_modules(model: nnx.Module) -> Iterator[tuple[str, nnx.Module]]:
    yield from (("/".join(key), module) for key, module in modules_of(model))
