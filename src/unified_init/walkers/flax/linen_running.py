"""Runs a Flax Linen module on its variables, and notes what its modules take and return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flax.linen as nn

from unified_init.walkers.jax_running import run_function, unwritten

if TYPE_CHECKING:
    from unified_init.walkers.runs import Run
    from unified_init.walkers.trees import Linen

__all__ = ["run", "scratch"]

scratch = unwritten


def run(model: Linen, inputs: Any) -> Run:  # of any model
    """Run a module by ``apply``, with the flags that ``linen`` was given."""

    def apply(*args: Any, **kwargs: Any) -> Any:
        return model.module.apply(model.variables, *args, **kwargs)

    return run_function(model, inputs, apply, intercepting=nn.intercept_methods, path_of=_path)


def _path(context: Any) -> str | None:
    """Return the path of the module whose method is called; None while it is being set up."""
    module = context.module
    is_set_up = module.scope is None or context.method_name == "setup"
    return None if is_set_up else "/".join(module.path)
