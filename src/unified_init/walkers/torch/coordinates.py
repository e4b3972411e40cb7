"""Training a PyTorch model for a few steps, with the sizes of its activations."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

from unified_init.errors import ArgumentTypeError
from unified_init.walkers.torch.watch import kept_random_state, parts_of, run, tensor_of, watched

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
        model = make_model(width)
        if not isinstance(model, torch.nn.Module):
            msg = f"`make_model` must return a torch.nn.Module, got {type(model).__name__}."
            raise ArgumentTypeError(msg)
        rates, multipliers = prepare(model, seed)
        torch_optimizer = optimizer(model) if callable(optimizer) else _optimizer(model, rates, optimizer, lr)
        with _multiplied(model, multipliers):
            for step in range(steps):
                output = _watched_step(model, batch, sizes, step)
                torch_optimizer.zero_grad()
                (_distance(output) if loss is None else loss(output)).backward()
                torch_optimizer.step()
            _watched_step(model, batch, sizes, steps)
    return sizes


def _watched_step(model: torch.nn.Module, batch: Any, sizes: dict[tuple[str, int], float], step: int) -> Any:
    def record_size(name: str, module: torch.nn.Module, output: torch.Tensor) -> None:
        del module
        sizes.setdefault((name, step), float(output.detach().abs().double().mean()))

    with watched(model, record_size):
        return run(model, batch)


def _distance(output: Any) -> torch.Tensor:
    tensor = tensor_of(output)
    if tensor is None:
        msg = f"`loss` is needed: the model returns no tensor, but {type(output).__name__}."
        raise ArgumentTypeError(msg)
    return ((tensor - 1.0) ** 2).mean()


def _optimizer(
    model: torch.nn.Module, rates: Mapping[str, tuple[float, float]], kind: str, lr: float
) -> torch.optim.Optimizer:
    """Return an optimizer with a group for each learning rate."""
    groups: dict[float, list[torch.nn.Parameter]] = {}
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
