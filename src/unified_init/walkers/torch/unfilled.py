"""Builds PyTorch models without memory for what is allocated to be filled later."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["unfilled"]

# What allocates without values. Not ``empty_like`` and ``new_empty``, which follow a tensor: beside a real
# one the result is used in computations.
ALLOCATING = frozenset({torch.empty, torch.empty_strided, torch.empty_permuted})


class _Unfilled(torch.overrides.TorchFunctionMode):
    """Puts allocations without values on ``meta``; everything that has values is as it would be."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        options = dict(kwargs or {})
        if func in ALLOCATING and options.get("out") is None:
            options["device"] = "meta"
            options.pop("pin_memory", None)
        return func(*args, **options)


@contextlib.contextmanager
def unfilled() -> Iterator[None]:
    """Build a model without memory for its parameters; torch's generator is as it was afterwards."""
    with torch.random.fork_rng(devices=[]), _Unfilled():
        yield
