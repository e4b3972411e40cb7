"""Probing PyTorch models: activations by forward hooks, gradients by hooks on the activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.func import functional_call

from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.walkers.torch.watch import attempt, is_single, kept_random_state, parts_of, watched

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["probe"]

# batches and outputs of any model


def probe(model: torch.nn.Module, batch: Any, loss: Callable[[Any], Any] | None) -> list[dict[str, Any]]:
    """Return the moments of every layer's output, and of the loss's gradient there, in order of calls."""
    rows: list[dict[str, Any]] = []
    calls: dict[str, int] = {}

    def note_output(name: str, module: torch.nn.Module, output: torch.Tensor) -> None:
        calls[name] = calls.get(name, 0) + 1
        row: dict[str, Any] = {
            "name": name if calls[name] == 1 else f"{name} (call {calls[name]})",
            "kind": type(module).__name__,
            "shape": tuple(output.shape),
        }
        row["mean"], row["variance"] = _moments(output)
        rows.append(row)
        if output.requires_grad:
            # On the tensor as it is now: an in-place operation after it has a gradient of its own.
            output.register_hook(lambda gradient: _note(row, gradient))

    # Running statistics change in copies of the buffers, and no gradient is added to the parameters' own.
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with (
        kept_random_state(*parts_of(batch)),
        watched(model, note_output),
        torch.set_grad_enabled(loss is not None),
    ):
        output = attempt("`batch` must be what the model takes", _call, model, buffers, batch)
        if loss is not None:
            _differentiate(model, attempt("`loss` must take the output of the model", loss, output))
    return rows


def _call(model: torch.nn.Module, buffers: dict[str, torch.Tensor], batch: Any) -> Any:
    args, kwargs = ((), batch) if isinstance(batch, dict) else (parts_of(batch), {})
    return functional_call(model, buffers, args, kwargs)


def _differentiate(model: torch.nn.Module, value: Any) -> None:
    if not is_single(value):
        msg = f"`loss` must return a tensor of one value, got {shown(value)}."
        raise ArgumentTypeError(msg)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not parameters or not value.requires_grad:
        msg = "`loss` needs parameters that require gradients and that it depends on; the model has none."
        raise ArgumentValueError(msg)
    torch.autograd.grad(value, parameters, allow_unused=True)


def _moments(tensor: torch.Tensor) -> tuple[float, float]:
    values = tensor.detach().double()
    return float(values.mean()), float(values.var(unbiased=False))


def _note(row: dict[str, Any], gradient: torch.Tensor) -> None:
    row["gradient_mean"], row["gradient_variance"] = _moments(gradient)
