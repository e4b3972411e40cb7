"""Ties that a PyTorch model declares, compared with the memory that it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from unified_init.errors import ArgumentValueError
from unified_init.walkers.torch.memory import identity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

__all__ = ["check_tied", "untied"]


def untied(model: torch.nn.Module) -> tuple[tuple[str, str], ...]:
    """Return the (path, other path) pairs that a model declares to be one tensor and that are two.

    ``to_empty()`` gives every parameter of a tied model memory of its own, and says nothing.
    """
    base = torch.nn.Module
    tensors: dict[str, torch.Tensor] = dict(base.named_parameters(model, remove_duplicate=False))
    tensors |= dict(base.named_buffers(model, remove_duplicate=False))
    pairs = []
    for first, second in dict.fromkeys(_declared(model)):
        one, other = tensors.get(first), tensors.get(second)
        if one is not None and other is not None and one is not other and identity(one) != identity(other):
            pairs.append((first, second))
    return tuple(pairs)


def _declared(model: torch.nn.Module) -> Iterator[tuple[str, str]]:
    """Yield the pairs that modules declare as transformers' do: a target's path and its source's."""
    for path, module in model.named_modules(remove_duplicate=False):
        keys: Any = vars(module).get("all_tied_weights_keys")
        if keys is None and _ties_words(module):
            keys = getattr(module, "_tied_weights_keys", None)
        if isinstance(keys, dict):
            prefix = f"{path}." if path else ""
            yield from ((f"{prefix}{target}", f"{prefix}{source}") for target, source in keys.items())


def _ties_words(module: torch.nn.Module) -> bool:
    """Whether the configuration of a module, if it has one, lets it tie its words."""
    return bool(getattr(getattr(module, "config", None), "tie_word_embeddings", True))


def check_tied(model: torch.nn.Module, paths: Collection[str]) -> None:
    """Refuse to write one of two tensors that should be one: they would get values of their own."""
    for first, second in untied(model):
        if first in paths or second in paths:
            msg = (
                f"{first!r} is declared to be the same tensor as {second!r}, and has memory of its own, as "
                "after to_empty(): call the model's tie_weights() first, or leave the model on meta and call "
                "ui.materialize(model, recipe, seed=...), which keeps ties. A tie that you removed must not "
                "be in the model's all_tied_weights_keys."
            )
            raise ArgumentValueError(msg)
