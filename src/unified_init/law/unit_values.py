"""What a law draws before location and scale: one frozen class for each kind of law.

``Law.unit`` is one of these. Independent draws are variables in units of the law's scale. The others say
what their matrices or kernels are: how many independent groups (``B``), their rows (outputs) and
columns (inputs, with the kernel positions where a kernel is seen as a matrix), their spatial sizes.
"""

from __future__ import annotations

import base64
import dataclasses
import sys
from array import array
from typing import Any, ClassVar

from unified_init.law.compound import Compound

__all__ = [
    "BilinearKernels",
    "ConstantValues",
    "DeltaOrthogonalKernels",
    "DiracKernels",
    "FourierKernels",
    "HadamardKernels",
    "IdentityMatrices",
    "Independent",
    "Orthogonal",
    "OrthogonalMatrices",
    "SparseMatrices",
    "Structured",
    "UnitNormal",
    "UnitQuantile",
    "UnitTruncatedNormal",
    "UnitUniform",
    "UnitValues",
    "Unrandom",
    "mirrored",
]


@dataclasses.dataclass(frozen=True, slots=True)
class UnitNormal:
    """The normal of mean 0 and std 1."""

    kind: ClassVar[str] = "normal"


@dataclasses.dataclass(frozen=True, slots=True)
class UnitTruncatedNormal:
    """The normal of mean 0 and std 1, truncated at two bounds (in sigmas)."""

    kind: ClassVar[str] = "truncated_normal"
    lower: float
    upper: float


@dataclasses.dataclass(frozen=True, slots=True)
class UnitUniform:
    """The uniform between -1 and 1."""

    kind: ClassVar[str] = "uniform"


@dataclasses.dataclass(frozen=True, slots=True)
class UnitQuantile:
    """A variable given by its quantiles: base64 of int32 knots, in units of 2**exponent."""

    kind: ClassVar[str] = "quantile"
    knots: str
    exponent: int

    def __repr__(self) -> str:
        """Return its name and the size of the table, which has too many characters to show."""
        return f"UnitQuantile(<{len(self.knots):,} characters>, {self.exponent})"


@dataclasses.dataclass(frozen=True, slots=True)
class ConstantValues:
    """One number, or nested tuples of numbers that broadcast to the stored shape."""

    kind: ClassVar[str] = "constant"
    value: float | tuple[Any, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class OrthogonalMatrices:
    """Haar-distributed matrices with orthonormal rows or columns."""

    kind: ClassVar[str] = "orthogonal"
    groups: int
    rows: int
    columns: int


@dataclasses.dataclass(frozen=True, slots=True)
class DeltaOrthogonalKernels:
    """Convolution kernels that are zero except at the middle, which is an orthogonal matrix."""

    kind: ClassVar[str] = "delta_orthogonal"
    groups: int
    rows: int
    columns: int
    spatial: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class SparseMatrices:
    """Unit normals of which each column has some entries set to zero."""

    kind: ClassVar[str] = "sparse"
    groups: int
    rows: int
    columns: int
    zeros: int  # of each column


@dataclasses.dataclass(frozen=True, slots=True)
class IdentityMatrices:
    """Ones on the main diagonal."""

    kind: ClassVar[str] = "identity"
    groups: int
    rows: int
    columns: int


@dataclasses.dataclass(frozen=True, slots=True)
class DiracKernels:
    """Convolution kernels that return their input, in each of several blocks of channels."""

    kind: ClassVar[str] = "dirac"
    groups: int
    rows: int
    columns: int
    spatial: tuple[int, ...]
    blocks: int


@dataclasses.dataclass(frozen=True, slots=True)
class HadamardKernels:
    """Matrices of ZerO: part of an identity, or of a Hadamard matrix where rows exceed columns."""

    kind: ClassVar[str] = "hadamard"
    groups: int
    rows: int
    columns: int
    spatial: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class BilinearKernels:
    """Kernels of transposed convolutions that interpolate linearly."""

    kind: ClassVar[str] = "bilinear"
    groups: int
    rows: int
    columns: int
    spatial: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class FourierKernels:
    """Kernels of a short-time Fourier transform: one side of it, under a window."""

    kind: ClassVar[str] = "stft"
    side: str
    window: str | None
    scaling: str | None
    periodic: bool


Independent = UnitNormal | UnitTruncatedNormal | UnitUniform | UnitQuantile
Orthogonal = OrthogonalMatrices | DeltaOrthogonalKernels
# Laws that draw nothing: no seed changes their values.
Unrandom = (
    ConstantValues
    | IdentityMatrices
    | DiracKernels
    | HadamardKernels
    | BilinearKernels
    | FourierKernels
)  # fmt: skip
Structured = Orthogonal | SparseMatrices | Unrandom
UnitValues = Independent | Structured | Compound


def mirrored(unit: Independent) -> Independent:
    """Return the variable whose values are the negatives of another's."""
    match unit:
        case UnitTruncatedNormal(lower, upper):
            return UnitTruncatedNormal(0.0 - upper, 0.0 - lower)
        case UnitQuantile(knots, exponent):
            return UnitQuantile(_mirrored_knots(knots), exponent)
        case _:  # symmetric
            return unit


def _mirrored_knots(knots: str) -> str:
    """Return knots with both halves negated and exchanged; one half alone is symmetric."""
    numbers = array("i", base64.b64decode(knots))
    if sys.byteorder == "big":
        numbers.byteswap()
    half = len(numbers) // 2
    if len(numbers) % 2:
        return knots
    result = array("i", [min(-number, 2**31 - 1) for number in (*numbers[half:], *numbers[:half])])
    if sys.byteorder == "big":
        result.byteswap()
    return base64.b64encode(result.tobytes()).decode("ascii")
