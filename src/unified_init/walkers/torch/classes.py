"""The class that a module was written as, where PyTorch has given it another since."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

__all__ = ["class_of"]

# Where the classes are from that ``fully_shard``, ``replicate`` and ``parametrize`` make at run time.
MAKERS = ("torch.distributed.", "torch.nn.utils.parametrize")


def class_of(module: nn.Module) -> type[nn.Module]:
    """Return the class of a module before it was sharded or parametrized."""
    written: type[nn.Module] = next(
        cls for cls in type(module).__mro__ if not cls.__module__.startswith(MAKERS)
    )
    return written
