"""The norms of PyTorch code: what their tensors are, and what their forward pass adds to the weight."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase  # all batch and instance norms: they have no public base

from unified_init.walkers import norms
from unified_init.walkers.torch.classes import class_of
from unified_init.walkers.torch.watch import kept_random_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["facts_of_norm"]

# ruff: noqa: SLF001  # the tables of a module, for which there is no public way to ask

STATISTICS = {"running_mean": "mean", "running_var": "variance", "num_batches_tracked": "count"}
KINDS = (
    (_NormBase, "batch_norm"), (nn.GroupNorm, "group_norm"), (nn.RMSNorm, "rms_norm"),
    (nn.LayerNorm, "layer_norm"),
)  # fmt: skip


def facts_of_norm(module: nn.Module, name: str, shape: tuple[int, ...], path: str) -> dict[str, Any] | None:
    """Return the facts of a tensor of a norm; None for what is none.

    A norm of another library, or of the user's own, is known by the name of its class; what it multiplies by,
    by running it.
    """
    label = class_of(module).__name__
    base = next((kind for cls, kind in KINDS if isinstance(module, cls)), "")
    if not base and not (norms.says_norm(label) and _is_leaf(module)):
        return None
    kind = "group_norm" if base == "batch_norm" and "Instance" in label else base or norms.kind_of(label)
    if name in STATISTICS:
        layout = "O" * len(shape) or None
        return {"kind": kind, "role": STATISTICS[name], "layout": layout, "outputs": shape[0] if shape else 1}
    if name in module._buffers and name not in {"weight", "bias"}:
        return None
    factor: float | str | None = 0.0
    is_known = bool(base) and type(module).forward.__module__.startswith("torch.")
    if norms.norm_role(name) == "scale" and not is_known:
        factor = norms.multiplier(label, functools.partial(_output, module, name), shape)
    facts = norms.norm_facts(label, name, path, shape, factor)
    return facts and facts | {"kind": kind}


def _is_leaf(module: nn.Module) -> bool:
    children = (child for name, child in module.named_children() if name != "parametrizations")
    return not any(True for child in children for _ in child.parameters())


def _output(module: nn.Module, scale: str, batch: NDArray[Any], gates: int, number: float) -> NDArray[Any]:
    """Return the output of a norm whose weight is filled with a number; the norm itself stays as it is."""
    inputs = [torch.from_numpy(batch)] * (1 + gates)
    with torch.no_grad(), torch.device("cpu"), kept_random_state():
        stand_in = _stand_in(module, scale, number)
        # Past the hooks of the module, and past a forward pass that was replaced on the instance.
        output = type(stand_in).forward(stand_in, *inputs)
    values: NDArray[Any] = (output[0] if isinstance(output, tuple) else output).float().numpy()
    return values


def _stand_in(module: nn.Module, scale: str, number: float) -> Any:
    """Return a module of the same class with tensors of its own: on the host, in evaluation mode."""
    stand_in: Any = object.__new__(type(module))
    stand_in.__dict__.update(module.__dict__)
    stand_in.__dict__.pop("forward", None)
    tensors = {**module._buffers, **module._parameters}
    if scale and scale not in tensors:
        msg = f"its {scale} is computed from other tensors"
        raise ValueError(msg)
    stand_in.__dict__.update({name: {} for name in module.__dict__ if name.endswith("_hooks")})
    stand_in.__dict__.update(
        training=False,
        _parameters={},
        _buffers={name: _substitute(name, tensor, scale, number) for name, tensor in tensors.items()},
        _modules={name: child and _stand_in(child, "", 0.0) for name, child in module._modules.items()},
    )
    return stand_in


def _substitute(name: str, tensor: torch.Tensor | None, scale: str, number: float) -> torch.Tensor | None:
    if tensor is None:
        return None
    if not tensor.is_floating_point():
        return torch.zeros(tensor.shape, dtype=tensor.dtype)
    return torch.full(tensor.shape, norms.fill_of(name, scale, number), dtype=torch.float32)
