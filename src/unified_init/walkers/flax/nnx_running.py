"""Runs a copy of a Flax NNX module as at inference, and notes what its modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from flax import nnx

from unified_init.walkers.flax.nnx_walker import modules_of
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
    return run_modules(model, inputs, (("/".join(key), module) for key, module in modules_of(model)))
