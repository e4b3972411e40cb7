"""A program: everything that fixes a tensor except its seed and its framework.

The program of a sum has one for each of its terms, and the program of a product one for what is multiplied.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.combination import Combination, ScaledBy, SumOf, term_name
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
    """What to draw: one tensor, or a part of one. ``table`` is None for laws of no independent draws."""

    law: Law
    geometry: Geometry
    entries: Entries  # of the part: structured laws draw the whole tensor and select
    index: IndexMap
    name: str
    dtype: DType
    table: AnyTable | None
    terms: tuple[Program, ...] = ()  # of a sum, or the one of a product, in the type that is computed in


def make_program(law: Law, geometry: Geometry, *, index: object, name: str, dtype: DType) -> Program:
    """Return a program; refuse a law that the element type cannot hold."""
    mapping = whole_map(geometry, repeat=law.repeat)
    entries = () if index is None else entries_of(index, geometry.shape)
    if entries:
        mapping = part_of(mapping, entries)
    table: AnyTable | None = None
    terms: tuple[Program, ...] = ()
    if isinstance(law.unit, Combination):
        terms = _terms(law.unit, geometry, index=index, name=name, dtype=dtype)
        magnitude = _magnitude(law.unit, terms)
    elif law.independent:
        if dtype.is_complex:
            law = complex_law(law, dtype.name)
        table = None if isinstance(law.unit, UnitMixture) else compile_law(law, dtype.bits)
        magnitude = _largest(law) if table is None else table.magnitude
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
    return Program(law, geometry, entries, mapping, name, dtype, table, terms)


def _terms(
    unit: Combination, geometry: Geometry, *, index: object, name: str, dtype: DType
) -> tuple[Program, ...]:
    """Return the programs of a sum's terms, or of the tensor that a product multiplies."""
    if dtype.is_complex:
        msg = f"`dtype` of {unit.kind} must be real, got {dtype.name}: sums and products of specs are."
        raise ArgumentValueError(msg)
    wide = DTYPES["float64" if dtype.bits == 64 else "float32"]  # noqa: PLR2004
    return tuple(
        make_program(term, geometry, index=index, name=_name(unit, name, position), dtype=wide)
        for position, term in enumerate(unit.terms)
    )


def _name(unit: object, name: str, position: int) -> str:
    """Return the name of the stream of a term."""
    return term_name(name, position) if isinstance(unit, SumOf) else name


def _magnitude(unit: Combination, terms: tuple[Program, ...]) -> float:
    """Return the largest magnitude that a sum or a product can give, and that it has on the way.

    Rounding is monotone: no values have a larger rounded sum or product than the largest have.
    """
    bits = terms[0].dtype.bits
    sizes = [_rounded(_reach(term), bits) for term in terms]
    if isinstance(unit, ScaledBy):
        return _rounded(_rounded(unit.largest, bits) * sizes[0], bits)
    return functools.reduce(lambda total, size: _rounded(total + size, bits), sizes)


def _rounded(size: float, bits: int) -> float:
    """Return a size as the type has it that is computed in; one past its largest number as it is."""
    return size if bits == 64 or size > DTYPES["float32"].largest else float(np.float32(size))  # noqa: PLR2004


def _reach(program: Program) -> float:
    """Return the largest magnitude that a program can give."""
    if isinstance(program.law.unit, Combination):
        return _magnitude(program.law.unit, program.terms)
    return _largest(program.law) if program.table is None else program.table.magnitude


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
    terms = tuple([indexed(term, entries) for term in program.terms])
    return Program(
        program.law, program.geometry, entries, mapping, program.name, program.dtype, program.table, terms
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
    terms = program.terms and tuple(
        [named(term, _name(program.law.unit, name, position)) for position, term in enumerate(program.terms)]
    )
    return Program(
        program.law, program.geometry, program.entries, program.index, name, program.dtype, program.table,
        terms,
    )  # fmt: skip


def _largest(law: Law) -> float:
    """Return the largest magnitude that a structured law can give."""
    if isinstance(law.unit, SparseMatrices):  # as far as the stream reaches
        return compile_law(law.unit.values or normal_law(law.scale), 32).magnitude
    if isinstance(law.unit, UnitMixture):  # each of its components has a table
        return max(compile_law(part, 32).magnitude for part in law.unit.components)
    if isinstance(law.unit, NormedValues):  # a spectral radius bounds no entry: the draw looks at them
        return abs(law.scale)
    return max(abs(law.low), abs(law.high))


def normal_law(std: float) -> Law:
    """Return the law of independent normals of mean 0, from which structured tensors are made.

    A negative std gives the negatives of the values of a positive one.
    """
    return Law(unit=UnitNormal(), mean=0.0, std=abs(std), scale=abs(std), negated=std < 0.0)
