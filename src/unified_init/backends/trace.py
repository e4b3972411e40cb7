"""A request inside a framework's trace: the graph program, and what is made from its draws there."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends import graph
from unified_init.backends.graph import Arguments, arguments, block, counters, named_key, signed
from unified_init.law.indexmap import IndexMap
from unified_init.law.law import Law
from unified_init.stream.arrange import to_storage
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.householder import orthogonal
from unified_init.stream.knots import FORMAT64
from unified_init.stream.structured import UNIT_NORMAL, earlier_middle, mask_name, sequence, structured
from unified_init.stream.table import compile_table

if TYPE_CHECKING:
    from unified_init.backends.protocol import Key, Ops
    from unified_init.stream.program import Request

__all__ = ["Run", "draw"]

# ruff: noqa: ANN401  # arrays of any framework

# ``graph.elementwise`` with a framework's own compilation around it.
Run = Callable[[Any, Arguments, IndexMap, str], Any]


def draw(
    ops: Ops,
    request: Request,
    key: Key | None,
    run: Run,
) -> Any:
    """Draw a request.

    Args:
        ops: the framework.
        request: what to draw.
        key: the root key, two Python ints or two int32 scalars that are being traced; None for a
            law without randomness.
        run: ``elementwise`` with the framework's own compilation around it.
    """
    if request.table is not None:
        assert key is not None  # noqa: S101  # the front door asks a random law for a seed
        named = named_key(ops, key, request.name)
        return run(named, arguments(request.table), request.index, request.dtype.name)
    if not request.law.random:
        stored = structured(request.law, request.geometry, root=None, name="", bits=request.dtype.bits)
        return ops.constant(stored.astype(request.dtype.numpy)[request.entries or ...])
    assert key is not None  # noqa: S101
    dtype = "float64" if request.dtype.bits == FORMAT64.bits else "float32"
    if request.law.kind == "sparse":
        logical = _sparse(ops, request, key, dtype, run)
    else:
        logical = _matrices(ops, request, key, dtype, run)
    stored = to_storage(ops.xp, logical, request.geometry)[request.entries or ...]
    return graph.narrow(ops, stored, request.dtype)


def _sequence_of(ops: Ops, key: Key, law: Law, shape: tuple[int, ...], dtype: str, run: Run) -> Any:
    table = compile_table(law, DTYPES[dtype].bits)
    flat = run(key, arguments(table), sequence(math.prod(shape)), dtype)
    return ops.xp.reshape(flat, shape)


def _matrices(ops: Ops, request: Request, key: Key, dtype: str, run: Run) -> Any:
    xp, law = ops.xp, request.law
    copies, rows, columns = law.parameters[:3]
    named = named_key(ops, key, request.name)
    normals = _sequence_of(ops, named, UNIT_NORMAL, (copies, rows, columns), dtype, run)
    matrix = orthogonal(xp, normals) * ops.constant(np.asarray(law.scale, dtype=dtype))
    if law.kind == "orthogonal":
        return matrix
    taps = law.parameters[3]
    impulse = np.zeros((1, 1, 1, *taps), dtype=np.bool_)
    impulse[(0, 0, 0, *(earlier_middle(size) for size in taps))] = True
    expanded = xp.reshape(matrix, (copies, rows, columns, *(1 for _ in taps)))
    return xp.where(ops.constant(impulse), expanded, xp.zeros_like(expanded))


def _sparse(ops: Ops, request: Request, key: Key, dtype: str, run: Run) -> Any:
    xp, law = ops.xp, request.law
    zeros, copies, rows, columns = law.parameters
    shape = (copies, rows, columns)
    scaled = Law(kind="normal", mean=0.0, std=law.scale, scale=law.scale)
    values = _sequence_of(ops, named_key(ops, key, request.name), scaled, shape, dtype, run)
    mask = named_key(ops, key, mask_name(request.name))
    x0, x1 = block(ops, mask, *counters(ops, sequence(math.prod(shape))))
    word = xp.reshape(x0 ^ x1, shape) ^ signed(1 << 31)  # signed order is then unsigned order
    rank = xp.argsort(xp.argsort(word, axis=1, stable=True), axis=1, stable=True)
    return xp.where(rank >= zeros, values, xp.zeros_like(values))
