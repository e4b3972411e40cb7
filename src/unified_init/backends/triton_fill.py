"""Draws in torch tensors on CUDA and ROCm by the kernels of ``triton_kernels``, where Triton is installed."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unified_init.backends.graph_words import signed
from unified_init.stream.host import named_key
from unified_init.stream.table import Table
from unified_init.stream.walk import pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from unified_init.stream.program import Program

__all__ = ["drawn", "filler"]

# ruff: noqa: ANN401  # a launcher of Triton

FORMATS = ("float32", "float16", "bfloat16", "complex64")
WIDEST = {"float64": 1, "complex128": 2}  # float64 counters an element
BLOCK = 1024  # positions of a program of the grid: eight a thread
NARROW = 1 << 31  # from here on flat positions need 64 bits


def _kernels() -> ModuleType | None:
    """Return the kernels, or None where Triton cannot be used.

    Both Triton and TensorFlow bring an LLVM. Where TensorFlow's came first, Triton's ends the process.
    """
    if "tensorflow" in sys.modules and "triton" not in sys.modules:
        return None
    return _loaded()


@functools.cache
def _loaded() -> ModuleType | None:
    """Return the kernels, or None where there is no Triton, or one that is not whole."""
    try:
        from unified_init.backends import triton_kernels  # noqa: PLC0415  # Triton takes a second to import
    except Exception:  # noqa: BLE001  # of a release that does not fit its torch, or without a compiler
        return None
    return triton_kernels


def filler(tensor: torch.Tensor, program: Program) -> Callable[[tuple[int, int]], None] | None:
    """Return the function of a named key that writes a program's values into a tensor on a GPU.

    None where a launch cannot: there is no Triton, the law is no table in one unit, the type an 8-bit one,
    the memory is not row-major, or the tensor's indices are no pairs of lengths and strides (a slice of
    merged axes).
    """
    name, table = program.dtype.name, program.table
    parts = WIDEST.get(name, 1)
    pairs = pairs_of(program.index, parts=parts)
    kernels = _kernels()
    if not isinstance(table, Table) or table.units is not None:
        return None
    if kernels is None or (name not in FORMATS and name not in WIDEST):
        return None
    if pairs is None or len(pairs[1]) > kernels.DIMENSIONS or not tensor.is_contiguous():
        return None
    size = tensor.numel() * parts
    flat = _flat(tensor.detach(), name)
    rows = _rows(table, tensor.device)

    def fill(key: tuple[int, int]) -> None:
        if size:
            _launch(kernels, flat, size, key, rows, table, pairs, name)

    return fill


def drawn(program: Program, key: tuple[int, int], target: torch.device) -> torch.Tensor | None:
    """Return a new tensor on a GPU with a program's values under a root key; None where a launch cannot."""
    if _kernels() is None:
        return None
    tensor = torch.empty(program.index.shape, dtype=getattr(torch, program.dtype.name), device=target)
    fill = filler(tensor, program)
    if fill is None:
        return None
    fill(named_key(key, program.name))
    return tensor


def _flat(tensor: torch.Tensor, name: str) -> torch.Tensor:
    """Return a tensor's memory in the type that a kernel writes."""
    if name.startswith("complex"):
        return torch.view_as_real(tensor).reshape(-1)
    flat = tensor.reshape(-1)
    return flat.view(torch.int16) if name in {"float16", "bfloat16"} else flat


# Tables compare by identity; those of equal laws are one object. Each takes half a megabyte, or two.
@functools.lru_cache(maxsize=64)
def _rows(table: Table, device: torch.device) -> torch.Tensor:
    """Return a table's rows on a device."""
    return torch.from_numpy(np.ascontiguousarray(table.rows).reshape(-1)).to(device)


def _launch(
    kernels: ModuleType,
    flat: torch.Tensor,
    size: int,
    key: tuple[int, int],
    rows: torch.Tensor,
    table: Table,
    pairs: tuple[int, tuple[tuple[int, int], ...]],
    name: str,
) -> None:
    offset, dims = pairs
    padded = [*reversed(dims), *[(1, 0)] * (kernels.DIMENSIONS - len(dims))]
    *lengths_and_strides, _, last = (number for pair in padded for number in pair)
    places = (offset, *lengths_and_strides, last)  # nothing is divided by the outermost length
    numbers = (
        table.tail_shift,
        table.tail_or,
        table.bias,
        table.upper_rows,
        table.upper_xor,
        table.upper_add,
    )
    options = {"rank": max(len(dims), 1), "wide": size >= NARROW, "block": BLOCK}
    words = (signed(key[0]), signed(key[1]))
    grid = (-(-size // BLOCK),)
    # No contraction: nothing could be contracted, and what Triton assumes changes with its releases.
    options |= {"enable_fp_fusion": False}
    with _device_of(flat):
        if rows.is_cuda:  # the cache may drop it while this stream still reads it
            rows.record_stream(torch.cuda.current_stream())
        if name in WIDEST:
            unit = int(np.float64(table.unit).view(np.int64))
            ends = (table.least, table.most)
            kernels.fill64[grid](flat, size, *words, rows, unit, *places, *numbers, *ends, **options)
        else:
            unit32 = table.unit
            kernels.fill32[grid](
                flat, size, *words, rows, unit32, *places, *numbers, table.slope_shift, form=name, **options
            )


def _device_of(tensor: torch.Tensor) -> Any:
    """Return the context in which Triton launches on a tensor's device."""
    return torch.cuda.device_of(tensor)
