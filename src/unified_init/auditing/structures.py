"""The structure of a tensor's values: formulas, orthogonal matrices, zeros and repeats, compared exactly.

What is left where a structure is taken away, such as the values beside the zeros of a sparse matrix, are
independent draws, which statistics test.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.law.combination import Combination
from unified_init.law.layout import bind
from unified_init.law.unit_values import (
    ConstantValues,
    ConvolutionalOrthogonalKernels,
    DeltaOrthogonalKernels,
    OrthogonalMatrices,
    SparseMatrices,
    UnitNormal,
)
from unified_init.stream.arrange import to_logical
from unified_init.stream.dtypes import DTYPES, name_of
from unified_init.stream.kernels import earlier_middle
from unified_init.stream.program import make_program
from unified_init.stream.run import on_host
from unified_init.testing.atoms import atoms_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.inventory.parts import Box
    from unified_init.inventory.records import Record
    from unified_init.law.law import Law
    from unified_init.recipes.assignment import Piece

__all__ = ["Draws", "independent_draws", "structural_fault"]

ROWS = 256  # of an orthogonal matrix that are multiplied with each other
SLACK = 4 * 2.0**-24  # of other libraries' arithmetic: some ulps of float32
LOOSE = 1e-4  # allowed error of products of orthonormal float32 vectors; a narrow type adds its own
EPSILONS = {"bfloat16": 2.0**-7, "float16": 2.0**-10, "float8_e4m3fn": 2.0**-3, "float8_e5m2": 2.0**-2}


@dataclasses.dataclass(frozen=True, slots=True)
class Draws:
    """The independent draws in a tensor, and their law.

    Without a structure ``is_all`` is true: they are all of its values. ``fault`` says what is wrong with one.
    """

    values: NDArray[Any]
    law: Law
    fault: str = ""
    is_all: bool = False


def independent_draws(values: NDArray[Any], record: Record, piece: Piece, box: Box | None) -> Draws | None:
    """Return the values that are independent draws, without zeros and repeats; None if there are none."""
    law = piece.law
    if name_of(values.dtype) not in DTYPES:
        return None
    if law.independent and law.repeat == 1:
        return Draws(values, law, is_all=True)
    if box is not None or values.shape != piece.shape:  # a structure of the whole tensor
        return None
    if isinstance(law.unit, Combination):
        return Draws(values, law) if law.random else None
    if law.independent:
        return _once(values, record, piece)
    return _beside_zeros(values, record, piece, law.unit) if isinstance(law.unit, SparseMatrices) else None


def _once(values: NDArray[Any], record: Record, piece: Piece) -> Draws:
    """Return the values of which each is held by several neighboring outputs, once."""
    repeat = piece.law.repeat
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    logical = to_logical(np, values, geometry)
    for axis, digit in enumerate(geometry.digits):
        if digit.role == "O":
            first = logical.take(np.arange(0, digit.size, repeat), axis=axis)
            if (logical != np.repeat(first, repeat, axis=axis)).any():
                return Draws(values, piece.law, f"its outputs are not equal in groups of {repeat}")
            logical = first
    return Draws(logical, piece.law)


def _beside_zeros(values: NDArray[Any], record: Record, piece: Piece, unit: SparseMatrices) -> Draws | None:
    """Return the values of a sparse matrix that are not zero, which follow the law of its values.

    None where these may be zero too, and nobody can tell one zero from another.
    """
    law = unit.values or dataclasses.replace(piece.law, unit=UnitNormal())
    if 0.0 in atoms_of(law):
        return None
    matrices = _matrices(values, record, piece, unit)
    if unit.along == "row":
        matrices = matrices.transpose(0, 2, 1)
    elif unit.along == "all":
        matrices = matrices.reshape(unit.groups, -1, 1)
    zeros = (matrices == 0.0).sum(axis=1)
    # In a narrow type a normal value may be rounded to zero too.
    wrong = (zeros < unit.zeros) if DTYPES[values.dtype.name].narrow else (zeros != unit.zeros)
    fault = ""
    if wrong.any():
        group, column = map(int, np.argwhere(wrong)[0])
        line = "the matrix" if unit.along == "all" else f"{unit.along} {column}"
        fault = f"{int(zeros[group, column])} zeros in {line}, where {unit.zeros} are due"
    return Draws(matrices[matrices != 0.0], law, fault)


def _matrices(
    values: NDArray[Any], record: Record, piece: Piece, unit: OrthogonalMatrices | SparseMatrices
) -> NDArray[Any]:
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    matrices: NDArray[Any] = to_logical(np, values, geometry)
    return matrices.reshape(unit.groups, unit.rows, unit.columns)


def structural_fault(
    values: NDArray[Any], record: Record, piece: Piece, box: Box | None = None
) -> str | None:
    """Return the fault of values that a formula gives, or that are orthogonal; "" if there is none.

    None means that such a law is not examined: a region (``box``) says nothing of an orthogonal matrix.
    """
    law = piece.law
    if (
        isinstance(law.unit, ConstantValues)
        and law.low == law.high == law.mean
        and (values == law.mean).all()
    ):
        return ""  # without an array of the expected values
    if not law.random:
        return _unequal(values, _expected(values, record, piece, box))
    return None if box is not None else _fault_of_random(values, record, piece)


def _fault_of_random(values: NDArray[Any], record: Record, piece: Piece) -> str | None:
    """Return the fault of values that are drawn, and have a structure; None if no test is known."""
    law = piece.law
    match law.unit:
        case OrthogonalMatrices() as unit:
            return _not_orthogonal(_matrices(values, record, piece, unit), law.scale)
        case DeltaOrthogonalKernels() as unit:
            return _not_delta_orthogonal(values, record, piece, unit)
        case ConvolutionalOrthogonalKernels() as unit:
            return _not_isometric(values, record, piece, unit)
        case _:
            return None


def _expected(values: NDArray[Any], record: Record, piece: Piece, box: Box | None) -> NDArray[Any]:
    dtype = DTYPES.get(values.dtype.name)
    if dtype is None:  # integers, which can only hold a constant
        return np.full(values.shape, piece.law.mean)
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    index = None if box is None else tuple(slice(*ends) for ends in box)
    program = make_program(piece.law, geometry, index=index, name="", dtype=dtype)
    return on_host(program, None)


def _unequal(values: NDArray[Any], expected: NDArray[Any]) -> str:
    is_wrong = values != expected
    if is_wrong.any() and (expected != expected.flat[0]).any():
        # Logarithms and the like, whose last bit is that of the library that computed them.
        is_wrong &= np.abs(values - expected) > SLACK * np.abs(expected)
    count = int(is_wrong.sum())
    if not count:
        return ""
    first = tuple(map(int, np.argwhere(is_wrong)[0]))
    return (
        f"{count:,} of {values.size:,} values differ from the law: the first is "
        f"{_shown(values[first])} at {first}, expected {_shown(expected[first])}"
    )


def _shown(value: Any) -> str:  # noqa: ANN401  # a number of any type
    return f"{complex(value):.6g}" if complex(value).imag else f"{float(value.real):.6g}"


def _not_delta_orthogonal(
    values: NDArray[Any], record: Record, piece: Piece, unit: DeltaOrthogonalKernels
) -> str:
    """Return why kernels are not orthogonal at the middle and zero elsewhere; "" if they are."""
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    kernels = to_logical(np, values, geometry).reshape(unit.groups, unit.rows, unit.columns, *unit.spatial)
    middle = (..., *map(earlier_middle, unit.spatial))
    matrices = kernels[middle]
    beside = int(np.count_nonzero(kernels) - np.count_nonzero(matrices))
    if beside:
        return f"{beside:,} values are not 0 beside the middle of their kernel"
    return _not_orthogonal(matrices, piece.law.scale)


def _not_isometric(
    values: NDArray[Any], record: Record, piece: Piece, unit: ConvolutionalOrthogonalKernels
) -> str:
    """Return how far kernels are from ones that keep the norm of their input; "" if within tolerance.

    A convolution is a matrix for each frequency. Twice as many of them as kernel positions see every shift.
    """
    geometry = bind(piece.shape, record.layout, dict(record.sizes) or None)
    kernels = to_logical(np, values, geometry)
    largest, tolerance = 0.0, _tolerance(values)
    for kernel in kernels.reshape(unit.groups, unit.rows, unit.columns, *unit.spatial).astype(np.float64):
        axes = tuple(range(2, kernel.ndim))
        waves = np.fft.fftn(kernel, s=[2 * size for size in unit.spatial], axes=axes)
        waves = np.moveaxis(waves, (0, 1), (-2, -1)).reshape(-1, unit.rows, unit.columns)
        for wave in waves:
            gram = wave.conj().T @ wave / piece.law.scale**2
            largest = max(largest, float(np.abs(gram - np.eye(unit.columns)).max(initial=0.0)))
    if largest <= tolerance:
        return ""
    return f"not an isometry: norms of outputs are off by {largest:.3g} (allowed {tolerance:.3g})"


def _tolerance(values: NDArray[Any]) -> float:
    return max(LOOSE, 2.0 * EPSILONS.get(values.dtype.name, 0.0))


def _not_orthogonal(matrices: NDArray[Any], gain: float) -> str:
    """Return how far the vectors of the shorter side are from orthonormal ones; "" if within tolerance."""
    largest = 0.0
    wide = np.complex128 if np.iscomplexobj(matrices) else np.float64
    for matrix in matrices[:ROWS].astype(wide):
        rows = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        count = min(ROWS, len(rows))
        rows = rows[np.arange(count) * len(rows) // count]  # whole vectors: a part of one has another norm
        gram = rows @ rows.conj().T / gain**2
        largest = max(largest, float(np.abs(gram - np.eye(len(gram))).max()))
    tolerance = _tolerance(matrices)
    if largest <= tolerance:
        return ""
    return f"not orthogonal: products of its vectors are off by {largest:.3g} (allowed {tolerance:.3g})"
