"""A program inside a framework's trace: the graph program, and what is made from its draws there."""

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
    from unified_init.stream.program import Program

__all__ = ["Run", "draw"]

# ruff: noqa: ANN401  # arrays of any framework

# ``graph.elementwise`` with a framework's own compilation around it.
Run = Callable[[Any, Arguments, IndexMap, str], Any]


def draw(
    ops: Ops,
    program: Program,
    key: Key | None,
    run: Run,
) -> Any:
    """Draw a program.

    Args:
        ops: the framework.
        program: what to draw.
        key: the root key, two Python ints or two int32 scalars that are being traced; None for a
            law without randomness.
        run: ``elementwise`` with the framework's own compilation around it.
    """
    if program.table is not None:
        assert key is not None  # noqa: S101  # the front door asks a random law for a seed
        named = named_key(ops, key, program.name)
        return run(named, arguments(program.table), program.index, program.dtype.name)
    if not program.law.random:
        stored = structured(program.law, program.geometry, root=None, name="", bits=program.dtype.bits)
        return ops.constant(stored.astype(program.dtype.numpy)[program.entries or ...])
    assert key is not None  # noqa: S101
    dtype = "float64" if program.dtype.bits == FORMAT64.bits else "float32"
    if program.law.kind == "sparse":
        logical = _sparse(ops, program, key, dtype, run)
    else:
        logical = _matrices(ops, program, key, dtype, run)
    stored = to_storage(ops.xp, logical, program.geometry)[program.entries or ...]
    return graph.narrow(ops, stored, program.dtype)


def _sequence_of(ops: Ops, key: Key, law: Law, shape: tuple[int, ...], dtype: str, run: Run) -> Any:
    table = compile_table(law, DTYPES[dtype].bits)
    flat = run(key, arguments(table), sequence(math.prod(shape)), dtype)
    return ops.xp.reshape(flat, shape)


def _matrices(ops: Ops, program: Program, key: Key, dtype: str, run: Run) -> Any:
    xp, law = ops.xp, program.law
    copies, rows, columns = law.parameters[:3]
    named = named_key(ops, key, program.name)
    normals = _sequence_of(ops, named, UNIT_NORMAL, (copies, rows, columns), dtype, run)
    matrix = orthogonal(xp, normals) * ops.constant(np.asarray(law.scale, dtype=dtype))
    if law.kind == "orthogonal":
        return matrix
    taps = law.parameters[3]
    impulse = np.zeros((1, 1, 1, *taps), dtype=np.bool_)
    impulse[(0, 0, 0, *(earlier_middle(size) for size in taps))] = True
    expanded = xp.reshape(matrix, (copies, rows, columns, *(1 for _ in taps)))
    return xp.where(ops.constant(impulse), expanded, xp.zeros_like(expanded))


def _sparse(ops: Ops, program: Program, key: Key, dtype: str, run: Run) -> Any:
    xp, law = ops.xp, program.law
    zeros, copies, rows, columns = law.parameters
    shape = (copies, rows, columns)
    scaled = Law(kind="normal", mean=0.0, std=law.scale, scale=law.scale)
    values = _sequence_of(ops, named_key(ops, key, program.name), scaled, shape, dtype, run)
    mask = named_key(ops, key, mask_name(program.name))
    x0, x1 = block(ops, mask, *counters(ops, sequence(math.prod(shape))))
    word = xp.reshape(x0 ^ x1, shape) ^ signed(1 << 31)  # signed order is then unsigned order
    rank = xp.argsort(xp.argsort(word, axis=1, stable=True), axis=1, stable=True)
    return xp.where(rank >= zeros, values, xp.zeros_like(values))
