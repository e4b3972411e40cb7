"""Runs a Haiku function on its parameters, and notes what its modules take and return."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import haiku as hk

from unified_init.walkers.jax_running import run_function, unwritten

if TYPE_CHECKING:
    from unified_init.walkers.runs import Run
    from unified_init.walkers.trees import Haiku

__all__ = ["run", "scratch"]

scratch = unwritten


def run(model: Haiku, inputs: Any) -> Run:  # of any model
    """Run a function by ``apply``, with the flags that ``haiku`` was given and without random numbers."""
    stateful = isinstance(model.transformed, (hk.TransformedWithState, hk.MultiTransformedWithState))
    trees = (model.params, model.state or {}) if stateful else (model.params,)
    key = (None,) if _takes_key(model.transformed.apply, len(trees)) else ()

    def apply(*args: Any, **kwargs: Any) -> Any:
        result = model.transformed.apply(*trees, *key, *args, **kwargs)
        return result[0] if stateful else result

    return run_function(model, inputs, apply, intercepting=hk.intercept_methods, path_of=_path)


def _path(context: Any) -> str | None:
    """Return the name of the module whose method is called; None while it is being made."""
    return None if context.method_name == "__init__" else context.module.module_name


def _takes_key(apply: Any, position: int) -> bool:
    """Whether ``apply`` takes a key behind the trees, which ``hk.without_apply_rng`` takes away.

    Haiku writes the signature of the functions that it makes; any other function takes a key.
    """
    signature = getattr(inspect.unwrap(apply), "__signature__", None) if callable(apply) else None
    return signature is None or [*signature.parameters][position : position + 1] == ["rng"]
