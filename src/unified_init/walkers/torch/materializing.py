"""Gives the tensors of a PyTorch model on ``meta`` memory, and says which of them have no values yet."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any

import torch

from unified_init.backends import _torch as adapter
from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.walkers.torch.parametrized import effective_weights
from unified_init.walkers.torch.ties import check_tied

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    Owner = tuple[torch.nn.Module, str]

__all__ = ["check_tied", "checked_dtype", "materialize", "on_meta", "restorable", "restore", "unregistered"]

# The model's own way to give its buffers and tables their values: its ``_init_weights`` leaves alone what is
# marked as initialized.
HOOKED = ("transformers.modeling_utils", "PreTrainedModel")
MARK = "_is_hf_initialized"


def on_meta(model: torch.nn.Module) -> dict[str, tuple[str, ...]]:
    """Return the tensors without memory, by path: the paths by which inventories may know it."""
    effective = {path: weight.path for weight in effective_weights(model) for path in weight.originals}
    base = torch.nn.Module
    tensors: dict[str, torch.Tensor] = dict(base.named_parameters(model, remove_duplicate=False))
    tensors |= dict(base.named_buffers(model, remove_duplicate=False))
    return {
        path: (path, *filter(None, [effective.get(path)]))
        for path, tensor in tensors.items()
        if tensor.is_meta and tensor.numel()
    }


def unregistered(model: torch.nn.Module) -> list[str]:
    """Return the paths of plain attributes on ``meta``, which no module moves and nobody can restore."""
    return [
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, torch.Tensor) and value.is_meta
    ]


def checked_dtype(dtype: Any) -> torch.dtype | None:
    """Return an element type for parameters; None for each its own."""
    word = checks.plain(dtype)
    target = dtype if word is None else getattr(torch, word, None)
    if dtype is None or (isinstance(target, torch.dtype) and target.is_floating_point):
        return target
    msg = f"`dtype` must be a floating-point type of torch or None, got {shown(dtype)}."
    raise ArgumentTypeError(msg)


def materialize(model: torch.nn.Module, device: Any, dtype: torch.dtype | None) -> None:
    """Give what is on ``meta`` memory of NaN, or zeros, in place: ties, marks and gradients' switches stay.

    By the model's own ``_apply``, since FSDP and recurrent layers keep account of their parameters in it.

    Args:
        model: which also moves to the device, where one is given.
        device: None leaves what has memory where it is; the rest goes to the device of its mesh, or that of
            torch's default.
        dtype: of floating-point parameters and saved buffers. Others, as rotary frequencies, keep theirs.
    """
    target = None if device is None else _device(device)
    owners = _owners(model)
    casts = {id(tensor) for tensor, names in owners.values() if _is_cast(tensor, names)}
    made: dict[int, torch.Tensor] = {}
    model._apply(lambda tensor: _made(tensor, target, dtype if id(tensor) in casts else None, made))  # noqa: SLF001
    for tensor, names in owners.values():
        _join(tensor, names)


def _device(device: Any) -> torch.device:
    resolved = adapter.resolve_device(device, "float32") or torch.device("cpu")
    if resolved.type == "meta":
        msg = "`device` must have memory, got meta."
        raise ArgumentValueError(msg)
    return resolved


def _owners(model: torch.nn.Module) -> dict[int, tuple[torch.Tensor, list[Owner]]]:
    """Return every tensor with the modules that have it, and its name in each."""
    owners: dict[int, tuple[torch.Tensor, list[Owner]]] = {}
    for module in model.modules():
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):  # noqa: SLF001
            if tensor is not None:
                owners.setdefault(id(tensor), (tensor, []))[1].append((module, name))
    return owners


def _is_cast(tensor: torch.Tensor, names: list[Owner]) -> bool:
    """Whether a cast of the model casts a tensor: parameters, and buffers that are saved."""
    saved = any(name not in module._non_persistent_buffers_set for module, name in names)  # noqa: SLF001
    return tensor.is_floating_point() and saved


def _made(
    tensor: torch.Tensor,
    device: torch.device | None,
    dtype: torch.dtype | None,
    made: dict[int, torch.Tensor],
) -> torch.Tensor:
    dtype = dtype or tensor.dtype
    if not tensor.is_meta:
        return tensor.to(device=tensor.device if device is None else device, dtype=dtype)
    if id(tensor) not in made:
        home = device or (
            torch.device(tensor.device_mesh.device_type)
            if adapter.spans(tensor) is not None
            else torch.get_default_device()
        )
        if home.type == "meta":  # inside of torch.device("meta")
            home = torch.device("cpu")
        made[id(tensor)] = torch.empty_like(tensor, dtype=dtype, device=home)
        _poison(made[id(tensor)], math.nan)
    return made[id(tensor)]


def _poison(tensor: torch.Tensor, value: float) -> None:
    """Fill a tensor with a value that shows, or zeros where its type has no NaN."""
    local = adapter.local(tensor)
    with torch.no_grad():
        local.fill_(value if tensor.is_floating_point() or tensor.is_complex() else 0)


def _join(tensor: torch.Tensor, names: list[Owner]) -> None:
    """Put one tensor where one was before, with what was noted on it."""
    (module, name), *others = names
    current = getattr(module, name)
    if current is tensor:  # in place
        return
    for key, value in vars(tensor).items():
        vars(current).setdefault(key, value)
    for other, other_name in others:
        if getattr(other, other_name) is not current:
            setattr(other, other_name, current)


def restorable(model: torch.nn.Module, paths: Collection[str]) -> frozenset[str]:
    """Return the paths inside of models of transformers, which restore buffers and tables themselves."""
    prefixes = tuple(f"{path}." if path else "" for path, _ in _hooked(model))
    return frozenset(path for path in paths if path.startswith(prefixes or ("\0",)))


def _hooked(model: torch.nn.Module) -> Iterator[tuple[str, torch.nn.Module]]:
    """Yield the outermost models of transformers in a module."""
    last: str | None = None
    for path, module in model.named_modules():
        is_inner = last is not None and (not last or path.startswith(f"{last}."))
        if not is_inner and HOOKED in {(cls.__module__, cls.__name__) for cls in type(module).__mro__}:
            last = path
            yield path, module


def restore(model: torch.nn.Module, paths: Collection[str]) -> list[str]:
    """Let a model give some of its tensors their values, and return those that it leaves without, or draws.

    It runs twice, over zeros and over NaN (or ones), and from two seeds: where the results differ it has not
    written, or it has drawn values that would be others on the next rank.

    Args:
        model: with models of transformers in it.
        paths: buffers and tables without values. All other parameters are left alone.
    """
    base = torch.nn.Module
    tensors: dict[str, torch.Tensor] = dict(base.named_parameters(model, remove_duplicate=False))
    tensors |= dict(base.named_buffers(model, remove_duplicate=False))
    wanted = {path: adapter.local(tensors[path]) for path in paths}
    kept = [tensor for path, tensor in tensors.items() if path not in wanted]
    results = []
    for value in (0, 1):
        for tensor in wanted.values():
            _overwrite(tensor, value)
        with torch.random.fork_rng(devices=[]), _marked(kept), _unmarked(model, wanted.values()):
            torch.manual_seed(value)
            for _, module in _hooked(model):
                module.initialize_weights()
        results.append({path: tensor.detach().clone() for path, tensor in wanted.items()})
    first, second = results
    missing = [path for path in wanted if not _same(first[path], second[path])]
    for path in missing:
        _overwrite(wanted[path], 1)
    return sorted(missing)


def _overwrite(tensor: torch.Tensor, value: int) -> None:
    if tensor.is_floating_point() or tensor.is_complex():
        _poison(tensor, math.nan if value else 0.0)
    else:
        with torch.no_grad():
            tensor.fill_(value)


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    return bool(torch.equal(first, second))  # NaN is unequal to itself


@contextlib.contextmanager
def _marked(tensors: Collection[torch.Tensor]) -> Iterator[None]:
    """Mark tensors as initialized for as long as the model initializes others."""
    marks: list[tuple[Any, Any]] = [(tensor, getattr(tensor, MARK, None)) for tensor in tensors]
    for tensor, _ in marks:
        setattr(tensor, MARK, True)
    try:
        yield
    finally:
        _set_marks(marks)


@contextlib.contextmanager
def _unmarked(model: torch.nn.Module, tensors: Collection[torch.Tensor]) -> Iterator[None]:
    """Take the marks of modules and tensors away, which say that there is nothing to do."""
    marks: list[tuple[Any, Any]] = [
        (owner, vars(owner).pop(MARK, None)) for owner in (*model.modules(), *tensors)
    ]
    try:
        yield
    finally:
        _set_marks(marks)


def _set_marks(marks: Collection[tuple[Any, Any]] | Mapping[Any, Any]) -> None:
    for owner, mark in marks:
        if mark is None:
            vars(owner).pop(MARK, None)
        else:
            setattr(owner, MARK, mark)
