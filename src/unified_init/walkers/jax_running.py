"""Runs models whose arrays are those of JAX, and notes what their modules take and return."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from unified_init.walkers import jax_arrays
from unified_init.walkers.runs import Recorder, Run, at_inference, call, patched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from collections.abc import Set as AbstractSet
    from contextlib import AbstractContextManager

    from unified_init.walkers.runs import ModulesOf
    from unified_init.walkers.trees import Haiku, Linen

__all__ = ["run_function", "run_modules", "unwritten"]

# ruff: noqa: ANN401  # models of several libraries


@contextlib.contextmanager
def unwritten(model: Any) -> Iterator[Any]:
    """Yield a model of which every write makes a new one."""
    yield model


def run_function(
    model: Linen | Haiku,
    inputs: Any,
    apply: Callable[..., Any],
    *,
    intercepting: Callable[[Any], AbstractContextManager[Any]],
    path_of: Callable[[Any], str | None],
) -> Run:
    """Run a function of arrays, with the flags that its wrapper was given.

    Args:
        model: the wrapper.
        inputs: of the function, or a function of the wrapper that runs it.
        apply: the model's function, which has its arrays.
        intercepting: the library's context in which an interceptor is called in place of methods.
        path_of: returns the path of the module whose method is called; None for a method that is not noted.
    """
    recorder = Recorder(jax_arrays.array_or_none)

    def intercept(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
        path = path_of(context)
        return method(*args, **kwargs) if path is None else recorder.recorded(path, method, args, kwargs)

    flags = {name: value for name, value in model.kwargs.items() if not jax_arrays.is_tensor(value)}
    with intercepting(intercept):
        if callable(inputs):
            outputs = inputs(model)
        else:
            outputs = call(apply, jax_arrays.from_host(inputs), **at_inference(flags))
    return recorder.run(outputs)


def run_modules(
    modules_of: ModulesOf, model: Any, inputs: Any, *, separator: str, stacks: AbstractSet[str]
) -> Run:
    """Run a model that is called itself.

    Args:
        modules_of: yields the modules of a module, each with its path, itself first.
        model: the model.
        inputs: of the model, or a function of the model that runs it.
        separator: of the words of a path.
        stacks: the paths of stacked layers, which ``scan`` calls.
    """
    run = _run_once(modules_of, model, inputs, separator)
    if stacks <= run.calls.keys():
        return run
    with jax_arrays.traced_anew():  # to see the calls inside of scan
        return _run_once(modules_of, model, inputs, separator)


def _run_once(modules_of: ModulesOf, model: Any, inputs: Any, separator: str) -> Run:
    recorder = Recorder(jax_arrays.array_or_none)
    with patched(modules_of, model, recorder, separator):
        outputs = inputs(model) if callable(inputs) else call(model, jax_arrays.from_host(inputs))
    return recorder.run(outputs)
