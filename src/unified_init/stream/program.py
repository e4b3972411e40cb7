"""A program: everything that fixes a tensor except its seed and its framework."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from unified_init.errors import ArgumentValueError
from unified_init.law.complex_law import complex_law
from unified_init.law.indexmap import Entries, IndexMap, between, entries_of, part_of, whole_map
from unified_init.law.law import Law
from unified_init.law.unit_laws import UnitSteps
from unified_init.law.unit_values import (
    ConstantValues,
    ConvolutionalOrthogonalKernels,
    FourierKernels,
    NormedValues,
    Polar,
    SparseMatrices,
    UnitMixture,
    UnitNormal,
)
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.polar import polar_table
from unified_init.stream.steps import compile_steps
from unified_init.stream.table import compile_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.law.layout import Geometry
    from unified_init.stream.dtypes import DType
    from unified_init.stream.tables import AnyTable

__all__ = [
    "Program",
    "base_program",
    "compile_law",
    "indexed",
    "make_program",
    "named",
    "normal_law",
    "sliced",
]

REAL = (
    ConvolutionalOrthogonalKernels | SparseMatrices | NormedValues | FourierKernels
)  # no complex draw of these is defined


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What to draw: one tensor, or a part of one. ``table`` is None for structured laws."""

    law: Law
    geometry: Geometry
    entries: Entries  # of the part: structured laws draw the whole tensor and select
    index: IndexMap
    name: str
    dtype: DType
    table: AnyTable | None


def make_program(law: Law, geometry: Geometry, *, index: object, name: str, dtype: DType) -> Program:
    """Return a program; refuse a law that the element type cannot hold."""
    mapping = whole_map(geometry, repeat=law.repeat)
    entries = () if index is None else entries_of(index, geometry.shape)
    if entries:
        mapping = part_of(mapping, entries)
    table: AnyTable | None = None
    if law.independent:
        if dtype.is_complex:
            law = complex_law(law, dtype.name)
        if isinstance(law.unit, UnitMixture):  # each of its components has a table
            magnitude = max(compile_law(part, dtype.bits).magnitude for part in law.unit.components)
        else:
            table = compile_law(law, dtype.bits)
            magnitude = table.magnitude
    else:
        if dtype.is_complex and isinstance(law.unit, REAL):
            msg = f"`dtype` of {law.kind} must be real, got {dtype.name}."
            raise ArgumentValueError(msg)
        if isinstance(law.unit, NormedValues):
            base_program(law.unit, geometry, name=name, dtype=dtype)
        if isinstance(law.unit, ConstantValues) and law.unit.is_complex and not dtype.is_complex:
            msg = f"`dtype` of complex constants must be complex, got {dtype.name}."
            raise ArgumentValueError(msg)
        magnitude = _largest(law)
    if magnitude > dtype.largest:
        msg = (
            f"the law reaches {magnitude!r}, and the largest {dtype.name} is {dtype.largest!r}: "
            "scale the initializer down or choose a wider dtype."
        )
        raise ArgumentValueError(msg)
    return Program(law, geometry, entries, mapping, name, dtype, table)


def base_program(unit: NormedValues, geometry: Geometry, *, name: str, dtype: DType) -> Program:
    """Return the program of what is scaled to a norm: whole, in the type in which that is computed."""
    wide = DTYPES["float64" if dtype.bits == 64 else "float32"]  # noqa: PLR2004
    return make_program(unit.base, geometry, index=None, name=name, dtype=wide)


def compile_law(law: Law, bits: int) -> AnyTable:
    """Return what the runners execute for a law of independent draws that is no mixture."""
    if isinstance(law.unit, UnitSteps):
        return compile_steps(law, bits)
    return polar_table(law, bits) if isinstance(law.unit, Polar) else compile_table(law, bits)


def indexed(program: Program, entries: Entries) -> Program:
    """Return the program of a part of the whole tensor that a program draws."""
    is_whole = not program.entries
    whole = program.index if is_whole else whole_map(program.geometry, repeat=program.law.repeat)
    mapping = part_of(whole, entries)
    return Program(
        program.law, program.geometry, entries, mapping, program.name, program.dtype, program.table
    )


def sliced(program: Program, start: Sequence[int], stop: Sequence[int]) -> Program:
    """Return the program of a box of what a program draws: at the cost of the box, where its law allows."""
    ends = zip(start, stop, strict=True)
    entries = program.entries or entries_of(None, program.geometry.shape)
    return indexed(
        program, tuple(entry if isinstance(entry, int) else between(entry, *next(ends)) for entry in entries)
    )


def named(program: Program, name: str) -> Program:
    """Return a program under another name, without the cost of dataclasses.replace."""
    return Program(
        program.law, program.geometry, program.entries, program.index, name, program.dtype, program.table
    )


def _largest(law: Law) -> float:
    """Return the largest magnitude that a structured law can give."""
    if isinstance(law.unit, SparseMatrices):  # as far as the stream reaches
        return compile_law(law.unit.values or normal_law(law.scale), 32).magnitude
    if isinstance(law.unit, NormedValues):  # a spectral radius bounds no entry: the draw looks at them
        return law.scale
    return max(abs(law.low), abs(law.high))


def normal_law(std: float) -> Law:
    """Return the law of independent normals of mean 0, from which structured tensors are made."""
    return Law(unit=UnitNormal(), mean=0.0, std=std, scale=std)
