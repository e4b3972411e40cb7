"""Training a PyTorch model for a few steps, with the sizes of its activations."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

from unified_init.core.peers import attribute
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.walkers.torch.watch import (
    attempt,
    is_single,
    kept_random_state,
    parts_of,
    run,
    tensor_of,
    watched,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Prepare = Callable[[torch.nn.Module, int], tuple[Mapping[str, tuple[float, float]], Mapping[str, float]]]

__all__ = ["trained"]

# batches and outputs of any model

KINDS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}


def trained(
    make_model: Callable[[int], torch.nn.Module],
    width: int,
    batch: Any,
    *,
    prepare: Prepare,
    loss: Callable[[Any], Any] | None,
    optimizer: str | Callable[[torch.nn.Module], Any],
    lr: float,
    steps: int,
    seed: int,
) -> dict[tuple[str, int], float]:
    """Return the mean absolute output of every layer, before each step and after the last."""
    sizes: dict[tuple[str, int], float] = {}
    with kept_random_state(*parts_of(batch)), torch.enable_grad():
        torch.default_generator.manual_seed(seed)
        model = attempt("`make_model` must take a width", make_model, width)
        if not isinstance(model, torch.nn.Module):
            msg = f"`make_model` must return a torch.nn.Module, got {type(model).__name__}."
            raise ArgumentTypeError(msg)
        rates, multipliers = prepare(model, seed)
        torch_optimizer = (
            _optimizer(model, rates, optimizer, lr)
            if isinstance(optimizer, str)
            else _checked(attempt("`optimizer` must take the model", optimizer, model))
        )
        with _multiplied(model, multipliers):
            for step in range(steps):
                output = _watched_step(model, batch, sizes, step)
                torch_optimizer.zero_grad()
                _loss_of(output, loss).backward()
                attempt("`optimizer` must return an optimizer", torch_optimizer.step)
            _watched_step(model, batch, sizes, steps)
    return sizes


def _watched_step(model: torch.nn.Module, batch: Any, sizes: dict[tuple[str, int], float], step: int) -> Any:
    def record_size(name: str, module: torch.nn.Module, output: torch.Tensor) -> None:
        del module
        sizes.setdefault((name, step), float(output.detach().abs().double().mean()))

    with watched(model, record_size):
        return attempt("`batch` must be what the model takes", run, model, batch)


def _checked(torch_optimizer: Any) -> Any:
    """Return an optimizer, which need not be one of PyTorch's."""
    if not all(callable(attribute(torch_optimizer, name)) for name in ("zero_grad", "step")):
        msg = (
            f"`optimizer` must return an optimizer with zero_grad() and step(), got {shown(torch_optimizer)}."
        )
        raise ArgumentTypeError(msg)
    return torch_optimizer


def _loss_of(output: Any, loss: Callable[[Any], Any] | None) -> torch.Tensor:
    """Return the loss of an output, which can be differentiated."""
    if loss is None:
        return _distance(output)
    value = attempt("`loss` must take the output of the model", loss, output)
    if not is_single(value) or not value.requires_grad:
        msg = f"`loss` must return a tensor of one value with a gradient, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return value


def _distance(output: Any) -> torch.Tensor:
    tensor = tensor_of(output)
    if tensor is None:
        msg = f"`loss` is needed: the model returns {type(output).__name__}, not a tensor."
        raise ArgumentTypeError(msg)
    return ((tensor - 1.0) ** 2).mean()


def _optimizer(
    model: torch.nn.Module, rates: Mapping[str, tuple[float, float]], kind: str, lr: float
) -> torch.optim.Optimizer:
    """Return an optimizer with a group for each learning rate."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
    if not any(True for _ in model.parameters()):
        msg = f"`make_model` must return a model with parameters to train, got a {type(model).__name__}."
        raise ArgumentValueError(msg)
    for path, parameter in model.named_parameters():
        groups.setdefault(lr * rates.get(path, (1.0, 1.0))[list(KINDS).index(kind)], []).append(parameter)
    torch_optimizer: torch.optim.Optimizer = KINDS[kind](
        [{"params": parameters, "lr": rate} for rate, parameters in groups.items()]
    )
    return torch_optimizer


@contextlib.contextmanager
def _multiplied(model: torch.nn.Module, multipliers: Mapping[str, float]) -> Iterator[None]:
    """Multiply the inputs of the layers that have these weights, while the context lasts."""
    handles = []
    for path, factor in multipliers.items():
        module = model.get_submodule(path.rpartition(".")[0])

        def scale(_: Any, inputs: tuple[Any, ...], factor: float = factor) -> tuple[Any, ...]:
            return (inputs[0] * factor, *inputs[1:])

        handles.append(module.register_forward_pre_hook(scale))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
