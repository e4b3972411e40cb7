"""Runs a copy of a PyTorch module as at inference, and notes what its layers take and return."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unified_init.backends import _torch as adapter
from unified_init.errors import ArgumentValueError
from unified_init.walkers.runs import Recorder, Run, call
from unified_init.walkers.torch.watch import kept_random_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

__all__ = ["run", "scratch"]


@contextlib.contextmanager
def scratch(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Yield a copy, which may be written and run."""
    # PyTorch refuses to copy a tensor with a history, such as the weight that an old weight_norm computed.
    held = (value for module in model.modules() for value in _tensors_of(vars(module)))
    copies = {id(value): value.detach().clone() for value in held if not value.is_leaf}
    try:
        copied = copy.deepcopy(model, copies).eval()
    except Exception as error:
        msg = (
            f"the {type(model).__name__} cannot be copied, and only a copy is written and run: "
            f"{type(error).__name__}: {error}. Take out what cannot be copied, or leave the inputs out."
        )
        raise ArgumentValueError(msg) from error
    yield copied


def _tensors_of(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in an attribute's value, which may be a container; modules hold their own."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _tensors_of(entry)


def run(model: torch.nn.Module, inputs: Any) -> Run:  # of any model
    """Run a model; NumPy arrays become tensors."""
    recorder = Recorder(_array)
    handles = []
    try:
        for name, module in model.named_modules():
            handles += _hooks(name, module, recorder)
        with torch.no_grad(), kept_random_state():
            outputs = inputs(model) if callable(inputs) else call(model, _tensors(inputs))
    finally:
        for handle in handles:
            handle.remove()
    return recorder.run(outputs)


def _hooks(name: str, module: torch.nn.Module, recorder: Recorder) -> list[Any]:
    first_calls: list[bool] = []  # a stack: a module may call itself

    def before(_: Any, args: Any, kwargs: Any) -> None:
        first_calls.append(recorder.begin(name, *args, *kwargs.values()))

    def after(_: Any, __: Any, outputs: Any) -> None:
        if first_calls.pop():
            recorder.end(name, outputs)

    return [
        module.register_forward_pre_hook(before, with_kwargs=True),
        module.register_forward_hook(after),
    ]


def _tensors(inputs: Any) -> Any:
    convert: Callable[[Any], Any] = lambda value: (  # noqa: E731  # one line for three containers
        torch.from_numpy(np.ascontiguousarray(value)) if isinstance(value, np.ndarray) else value
    )
    if isinstance(inputs, dict):
        return {key: convert(value) for key, value in inputs.items()}
    return tuple(map(convert, inputs)) if isinstance(inputs, tuple) else convert(inputs)


def _array(value: Any) -> NDArray[Any] | None:
    """Return a tensor's values; a copy, because later layers may work in place."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return None
    return adapter.to_numpy(value.detach().float()).copy()
