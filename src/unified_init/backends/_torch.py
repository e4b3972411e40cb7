"""The PyTorch backend: host buffers by ``from_numpy``, the graph program on other devices."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from unified_init.backends import graph_words, triton_fill
from unified_init.backends import torch_placement as shards
from unified_init.backends.graph_combination import combined
from unified_init.backends.torch_memory import (
    AS_INTEGERS,
    PLAIN,
    check_target,
    has_proxies,
    is_batched,
    is_dtensor,
    is_faked,
    is_wrapped,
    overwrite,
    plain_memory,
    to_numpy,
    wraps_others,
    writable,
)
from unified_init.backends.trace import draw as trace_program
from unified_init.backends.trace import inline
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentValueError
from unified_init.law.unit_values import Orthogonal
from unified_init.stream.dtypes import name_of
from unified_init.stream.host import named_key
from unified_init.stream.run import on_host
from unified_init.stream.threefry import root_key as int_root_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from unified_init.backends.protocol import Key, Ops
    from unified_init.law.shards import Spans
    from unified_init.stream.program import Program

# The functions of an adapter. Those about the memory of tensors are in a file of their own.
__all__ = [
    "adopt",
    "check_target",
    "empty",
    "is_abstract",
    "launcher",
    "local",
    "ops",
    "overwrite",
    "plain_memory",
    "reserve",
    "resolve_device",
    "root_key",
    "spans",
    "to_numpy",
    "trace",
    "wants_graph",
    "wraps_others",
    "writable",
]

# ruff: noqa: ANN401

GPU = "cuda"  # torch's name of AMD's too


def root_key(seed: object) -> Key | None:
    """Draw one 64-bit seed from a ``torch.Generator``: two words on its device, high first."""
    if not isinstance(seed, torch.Generator):
        return None
    if has_proxies():
        msg = (
            "`seed` must not be a torch.Generator while torch.export or make_fx records: a recorded seed has "
            "no value yet. Pass an int."
        )
        raise ArgumentValueError(msg)
    if is_faked():
        msg = "`seed` must be an int under FakeTensorMode, where a torch.Generator draws nothing."
        raise ArgumentValueError(msg)
    if is_batched():
        msg = (
            "`seed` must be an int inside torch.func.vmap, where a torch.Generator has no number: draw"
            " one outside, for example with int(torch.randint(2**63 - 1, (), generator=generator))."
        )
        raise ArgumentValueError(msg)
    high, low = (
        int(torch.randint(0, 2**32, (), generator=seed, device=seed.device, dtype=torch.int64))
        for _ in range(2)
    )
    return int_root_key(high << 32 | low)


def resolve_device(device: object, dtype: str) -> torch.device | None:
    """Return a device other than the host."""
    del dtype
    if device is None:
        return None
    try:
        target = torch.device(device)
        if target.type not in {"cpu", "meta"}:
            torch.empty(0, device=target)  # only this says whether there is one
    except Exception as error:  # noqa: BLE001  # of torch, for an object of any kind
        reason = str(error).partition("\n")[0]
        msg = f"`device` of the torch backend must be a device that torch has, got {shown(device)}: {reason}"
        raise ArgumentValueError(msg) from None
    return None if target.type == "cpu" else target


def wants_graph(target: torch.device | None) -> bool:
    """Say whether the tensor is on an accelerator."""
    return target is not None and target.type != "meta"


def is_abstract(target: torch.device | None) -> bool:
    """Say whether a tensor has no values: on meta, or where all are fake and none is recorded."""
    return (target is not None and target.type == "meta") or (is_faked() and not has_proxies())


def empty(shape: tuple[int, ...], dtype: str, target: torch.device | None) -> torch.Tensor:
    """Return a tensor without values."""
    try:
        return torch.empty(shape, dtype=getattr(torch, dtype), device=target or "cpu")
    except (RuntimeError, TypeError) as error:
        msg = f"no torch tensor can have the shape {shape}: {str(error).partition(chr(10))[0]}"
        raise ArgumentValueError(msg) from None


def adopt(array: NDArray[Any], target: torch.device | None) -> torch.Tensor:
    """Return a host buffer as a tensor that shares it."""
    del target
    name = name_of(array.dtype)
    if name in AS_INTEGERS:
        integer, dtype = AS_INTEGERS[name]
        tensor = torch.from_numpy(array.view(integer)).view(dtype)
    else:
        tensor = torch.from_numpy(array)
    return tensor


def launcher(tensor: torch.Tensor, program: Program) -> Callable[[Any], None] | None:
    """Return the function of a root key that draws into a tensor where it is, on a GPU; None if it cannot."""
    on_gpu = type(tensor) in PLAIN and tensor.device.type == GPU and tensor.layout is torch.strided
    if not on_gpu or tensor.is_nested or tensor.is_conj() or tensor.is_neg() or is_wrapped(tensor):
        return None
    fill = triton_fill.filler(tensor, program)
    return fill and (lambda key: fill(named_key(key, program.name)))


def spans(tensor: torch.Tensor) -> tuple[Spans, ...] | None:
    """Return which positions a DTensor's memory has of the whole; None for other tensors, which have all."""
    return shards.spans_of(tensor) if is_dtensor(tensor) else None


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor that has the memory: this rank's part of a DTensor, any other as it is."""
    return shards.local_of(tensor) if is_dtensor(tensor) else tensor


def _cast(x: Any, dtype: str) -> Any:
    return x.to(getattr(torch, dtype))


def ops(target: torch.device | None) -> Ops:
    """Return what the graph program needs to run on a device; None is the host."""
    import array_api_compat.torch as xp  # noqa: PLC0415  # takes 0.1 s, and draws on the host do not need it

    def arange(stop: int) -> torch.Tensor:
        return torch.arange(stop, dtype=torch.int32, device=target)

    functions: Any = SimpleNamespace(
        xp=SimpleNamespace(**{**vars(xp), "arange": arange}),
        cast=_cast,
        bits=lambda x, dtype: x.view(getattr(torch, dtype)),
        take=lambda column, row: column[row],
        complex=torch.complex,
        parts=lambda x: (x.real, x.imag),
        constant=lambda array: adopt(np.array(array), None).to(target),
        repeat=graph_words.unrolled,
        rotate=lambda x, distance: graph_words.rotated(functions, x, distance),
        call=lambda function, *arrays, **fixed: function(functions, *arrays, **fixed),
    )
    return cast("Ops", functions)


def reserve(shape: tuple[int, ...], dtype: str, target: torch.device | None) -> None:
    """Raise torch's error if a tensor cannot be had on a device."""
    if target is not None:
        torch.empty(shape, dtype=getattr(torch, dtype), device=target)


def trace(program: Program, key: Key | None, target: torch.device | None) -> torch.Tensor:
    """Run the graph program on a device. Orthogonal matrices are made on the host and copied."""
    if program.terms:
        return combined(ops(target), program, lambda term: trace(term, key, target))
    if isinstance(program.law.unit, Orthogonal):
        return adopt(on_host(program, key), None).to(target)
    if target is not None and target.type == GPU and key is not None and isinstance(key[0], int):
        tensor = triton_fill.drawn(program, key, target)
        if tensor is not None:
            return tensor
    functions = ops(target)
    return trace_program(functions, program, key, inline(functions)).contiguous()  # memory of its own
