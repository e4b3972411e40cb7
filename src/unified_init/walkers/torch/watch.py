"""Runs a PyTorch model and observes what its layers return, without changing the model."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

from unified_init.core import checks
from unified_init.errors import BackendError, UnifiedInitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["attempt", "is_single", "kept_random_state", "parts_of", "run", "tensor_of", "watched"]


def tensor_of(output: Any) -> torch.Tensor | None:  # whatever a layer returns
    """Return the first floating-point tensor in an output, or None."""
    if isinstance(output, torch.Tensor):
        return output if output.is_floating_point() else None
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, (tuple, list)):
        return next((tensor for entry in output if (tensor := tensor_of(entry)) is not None), None)
    return None


@contextlib.contextmanager
def watched(
    model: torch.nn.Module, observe: Callable[[str, torch.nn.Module, torch.Tensor], None]
) -> Iterator[None]:
    """Call ``observe`` with the name, the module and the output of every layer that is called."""
    handles = []

    def hook_of(name: str) -> Callable[..., None]:
        def hook(module: torch.nn.Module, inputs: Any, output: Any) -> None:  # as above
            del inputs
            tensor = tensor_of(output)
            if tensor is not None and tensor.numel():
                observe(name, module, tensor)

        return hook

    try:
        handles += [module.register_forward_hook(hook_of(name)) for name, module in model.named_modules()]
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def kept_random_state(*tensors: Any) -> Iterator[None]:  # parts of a batch
    """Restore the global generators afterwards: the host's, and those of the tensors' devices."""
    devices = [tensor.device for tensor in tensors if isinstance(tensor, torch.Tensor)]
    cuda = sorted({device.index or 0 for device in devices if device.type == "cuda"})
    with torch.random.fork_rng(devices=cuda):
        yield


def attempt(what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # of any function
    """Call what a caller passed; what it raises becomes an error that says what was expected of it."""
    try:
        return function(*args, **kwargs)
    except UnifiedInitError:
        raise
    except Exception as error:
        msg = f"{what}, but that raised {type(error).__name__}: {error}"
        raise BackendError(msg) from error


def is_single(value: object) -> bool:
    """Whether a value is a tensor of one value, as a loss is."""
    if not isinstance(value, torch.Tensor) or torch.nn.parameter.is_lazy(value):
        return False
    return bool(value.numel() == 1)


def run(model: torch.nn.Module, batch: Any) -> Any:  # arguments of any model
    """Call a model on a batch: one argument, a tuple of them, or a dict of named ones."""
    args, kwargs = ((), batch) if isinstance(batch, dict) else (parts_of(batch), {})
    return model(*args, **kwargs)


def parts_of(batch: Any) -> tuple[Any, ...]:  # as above
    """Return the arguments of a batch."""
    if isinstance(batch, dict):
        return tuple(entry for _, entry in checks.items(batch) or ())
    parts = checks.entries(batch)
    return (batch,) if parts is None else parts
