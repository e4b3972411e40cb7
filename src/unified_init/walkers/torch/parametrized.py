"""Effective weights: tensors of a PyTorch module that are computed from other parameters.

A recipe gives values to the weight that the layer uses. It is written through the parametrization's own
inverse, and refused where the result would be another weight (spectral norm divides it by its norm).
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils import parametrize

from unified_init.errors import ArgumentValueError
from unified_init.walkers.layer_facts import ComputedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Effective", "effective_of", "effective_weights"]

TOLERANCE = 1e-4
# The older weight_norm and spectral_norm are hooks, with parameters and buffers of these endings.
HOOKS = {"WeightNorm": (("g", "v"), ()), "SpectralNorm": (("orig",), ("u", "v"))}


@dataclasses.dataclass(frozen=True, eq=False)
class Effective:
    """One computed tensor. ``originals`` are the paths of the parameters that it is computed from."""

    module: torch.nn.Module
    name: str
    path: str
    originals: frozenset[str]
    hook: Any = None  # of the older weight_norm or spectral_norm

    def value(self) -> torch.Tensor:
        """Return the weight as the layer sees it."""
        with torch.no_grad(), _in_eval_mode(self.module, self.name):
            if self.hook is not None:
                options = {"do_power_iteration": False} if self._is_spectral else {}
                computed: torch.Tensor = self.hook.compute_weight(self.module, **options)
                return computed
            weight: torch.Tensor = getattr(self.module, self.name)
            return weight.detach()

    @property
    def _is_spectral(self) -> bool:
        return type(self.hook).__name__ == "SpectralNorm"

    @property
    def identity(self) -> tuple[int, str]:
        """A key that is equal for the same weight at another path."""
        return (id(self.module), self.name)

    @property
    def shape(self) -> torch.Size:
        """Shape of the weight."""
        return self.value().shape

    @property
    def dtype(self) -> torch.dtype:
        """Element type of the weight."""
        return self.value().dtype

    def check(self) -> None:
        """Refuse a parametrization that would turn a written weight into another one."""
        current = self.value()
        if current.is_meta:
            msg = f"{self.path!r} is on the meta device and has no values to fill: use ui.materialize."
            raise ArgumentValueError(msg)
        if self.hook is not None and not self._is_spectral:
            return
        if self._is_spectral or not self._gives_back(_probe(current)):
            steps = [self.hook] if self._is_spectral else self.module.parametrizations[self.name]
            kinds = [type(step).__name__ for step in steps]
            msg = (
                f"{self.path!r} is computed by {', '.join(kinds)}, which does not give a weight that is "
                f"written back as it was: skip={self.path!r}, or apply before the parametrization."
            )
            raise ComputedError(msg)

    def _gives_back(self, weight: torch.Tensor) -> bool:
        """Whether the parametrizations return ``weight`` from what their inverses make of it.

        Copies of them: an inverse may write state, such as the base of torch's orthogonal one.
        """
        try:
            with torch.no_grad(), _in_eval_mode(self.module, self.name):
                steps = [copy.deepcopy(step) for step in self.module.parametrizations[self.name]]
                value: Any = weight.clone()
                for step in reversed(steps):
                    value = step.right_inverse(value)
                for index, step in enumerate(steps):
                    is_unpacked = index == 0 and isinstance(value, (tuple, list))
                    value = step(*value) if is_unpacked else step(value)
        except (NotImplementedError, RuntimeError, AttributeError, ValueError):
            return False
        tolerance = max(TOLERANCE, 4.0 * torch.finfo(weight.dtype).eps)
        return bool(torch.allclose(value, weight, rtol=tolerance, atol=tolerance))

    @property
    def stored(self) -> list[torch.Tensor]:
        """The tensors from which it is computed, which are written in its place."""
        if self.hook is not None:
            return [getattr(self.module, f"{self.name}_{end}") for end in HOOKS[type(self.hook).__name__][0]]
        steps = self.module.parametrizations[self.name]
        names = ["original"] if steps.is_tensor else [f"original{index}" for index in range(steps.ntensors)]
        return [getattr(steps, name) for name in names]

    def assign(self, weight: torch.Tensor) -> None:
        """Write the parameters from which the weight is computed."""
        weight = weight.to(self.value().device)
        with torch.no_grad():
            if self.hook is None:
                setattr(self.module, self.name, weight)
                steps = self.module.parametrizations[self.name]
                if type(steps[0]).__name__ == "_WeightNorm":
                    _keep_finite(steps.original0, steps.original1, steps[0].dim)
                return
            magnitude, direction = self.stored
            magnitude.copy_(torch.norm_except_dim(weight, 2, self.hook.dim))
            direction.copy_(weight)
            _keep_finite(magnitude, direction, self.hook.dim)
            setattr(self.module, self.name, self.hook.compute_weight(self.module))


def _probe(like: torch.Tensor) -> torch.Tensor:
    """Return a fixed weight of a tensor's shape and type, whatever the tensor holds.

    It has both signs and no zeros, and no normalization leaves it unchanged, so that a division shows.
    """
    index = torch.arange(like.numel(), device=like.device)
    return ((index * 37 % 64 - 31.5) / 16.0).to(like.dtype).reshape(like.shape)


def _keep_finite(magnitude: torch.Tensor, direction: torch.Tensor, dim: int) -> None:
    """Replace the direction that weight norm stores for slices of norm 0, by which it would divide.

    If only the squares of small values underflowed, it becomes the same direction in units of its largest
    value; if all values are 0, it becomes ones.
    """
    has_zero_norm = magnitude == 0
    if not has_zero_norm.any():
        return
    axes = [axis for axis in range(direction.ndim) if axis != dim]
    peak = direction.abs().amax(axes, keepdim=True) if axes else direction.abs()
    is_zero = peak == 0
    unit = torch.where(is_zero, 1.0, direction / peak.masked_fill(is_zero, 1.0))
    length = torch.norm_except_dim(unit, 2, dim) * peak.reshape(magnitude.shape)
    direction.copy_(torch.where(has_zero_norm.reshape(peak.shape), unit, direction))
    magnitude.copy_(torch.where(has_zero_norm, length, magnitude))


@contextlib.contextmanager
def _in_eval_mode(module: torch.nn.Module, name: str) -> Iterator[None]:
    """Compute the weight in evaluation mode: in training mode spectral norm would change its state."""
    steps = module.parametrizations[name] if parametrize.is_parametrized(module, name) else ()
    modes = [(submodule, submodule.training) for step in steps for submodule in step.modules()]
    for submodule, _ in modes:
        submodule.training = False
    try:
        yield
    finally:
        for submodule, mode in modes:
            submodule.training = mode


def effective_weights(model: torch.nn.Module) -> Iterator[Effective]:
    """Yield the computed weights of a model."""
    for prefix, module in model.named_modules(remove_duplicate=False):
        yield from effective_of(module, prefix)


def effective_of(module: torch.nn.Module, prefix: str) -> Iterator[Effective]:
    """Yield the computed weights of one module, without those of its children."""
    module_prefix = f"{prefix}." if prefix else ""
    if parametrize.is_parametrized(module):
        for name, steps in module.parametrizations.items():
            original_prefix = f"{module_prefix}parametrizations.{name}."
            tensors = [*steps.named_parameters(), *steps.named_buffers()]
            paths = frozenset(original_prefix + path for path, _ in tensors)
            yield Effective(module, name, module_prefix + name, paths)
    for hook in module._forward_pre_hooks.values():  # noqa: SLF001  # there is no public way to ask
        parameters, buffers = HOOKS.get(type(hook).__name__, ((), ()))
        if parameters:
            paths = frozenset(f"{module_prefix}{hook.name}_{end}" for end in (*parameters, *buffers))
            yield Effective(module, hook.name, module_prefix + hook.name, paths, hook)
