"""What a law draws before location and scale: one frozen class for each kind of law.

``Law.unit`` is one of these. Independent draws are variables in units of the law's scale. The others say
what their matrices or kernels are: how many independent groups (``B``), their rows (outputs) and
columns (inputs, with the kernel positions where a kernel is seen as a matrix), their spatial sizes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

from unified_init.law.combination import Combination
from unified_init.law.named_values import FormulaValues, UnitTransform
from unified_init.law.unit_laws import (
    UnitCauchy,
    UnitLaplace,
    UnitLogistic,
    UnitLogNormal,
    UnitSteps,
    UnitStudentT,
)

if TYPE_CHECKING:
    from unified_init.law.law import Law

__all__ = [
    "NORM_NAMES",
    "BilinearKernels",
    "ConstantValues",
    "ConvolutionalOrthogonalKernels",
    "DeltaOrthogonalKernels",
    "DiracKernels",
    "FormulaValues",
    "FourierKernels",
    "HadamardKernels",
    "IdentityMatrices",
    "Independent",
    "NormedValues",
    "Orthogonal",
    "OrthogonalMatrices",
    "Polar",
    "Smooth",
    "SparseMatrices",
    "Structured",
    "Tabulated",
    "UnitDisk",
    "UnitMirror",
    "UnitMixture",
    "UnitNormal",
    "UnitQuantile",
    "UnitTransform",
    "UnitTruncatedModulus",
    "UnitTruncatedNormal",
    "UnitUniform",
    "UnitValues",
    "Unrandom",
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
class UnitMixture:
    """Values of several laws of independent draws; ``ends`` is where each one's cell of the words ends."""

    kind: ClassVar[str] = "mixture"
    components: tuple[Law, ...]
    ends: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class UnitDisk:
    """Complex values that are uniform on the disk of radius 1."""

    kind: ClassVar[str] = "disk"


@dataclasses.dataclass(frozen=True, slots=True)
class UnitTruncatedModulus:
    """Complex normals of mean square 1, of which the modulus is truncated at a bound."""

    kind: ClassVar[str] = "truncated_modulus"
    upper: float


@dataclasses.dataclass(frozen=True, slots=True)
class ConstantValues:
    """One number, or nested tuples of numbers that broadcast to the stored shape."""

    kind: ClassVar[str] = "constant"
    value: complex | tuple[Any, ...]

    @property
    def is_complex(self) -> bool:
        """Whether a number has an imaginary part."""
        return _is_complex(self.value)


def _is_complex(value: complex | tuple[Any, ...]) -> bool:
    return any(map(_is_complex, value)) if isinstance(value, tuple) else isinstance(value, complex)


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
class ConvolutionalOrthogonalKernels:
    """Convolution kernels that keep the norm of their input, made from projections."""

    kind: ClassVar[str] = "convolutional_orthogonal"
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
    zeros: int  # of each column, or of what ``along`` says
    along: str = "column"
    values: Law | None = None  # the law of the others; None is the unit normal
    at_least_one: bool = False  # whether each row of "all" keeps an entry


@dataclasses.dataclass(frozen=True, slots=True)
class NormedValues:
    """Draws of another law, each group of which is divided by the norm of its matrix."""

    base: Law
    norm: str  # frobenius, spectral or spectral_radius
    groups: int
    rows: int
    columns: int

    @property
    def kind(self) -> str:
        """Both laws in words."""
        return f"{self.base.kind} by {NORM_NAMES[self.norm]}"


NORM_NAMES = {
    "frobenius": "Frobenius norm", "spectral": "spectral norm", "spectral_radius": "spectral radius",
}  # fmt: skip


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
    """Kernels of transposed convolutions: a tent along each axis, of the half width ceil(size / 2)."""

    kind: ClassVar[str] = "bilinear"
    groups: int
    rows: int
    columns: int
    spatial: tuple[int, ...]
    middles: tuple[float, ...]  # where the tents have their tops, in half widths


@dataclasses.dataclass(frozen=True, slots=True)
class FourierKernels:
    """Kernels of a short-time Fourier transform: one side of it, under a window."""

    kind: ClassVar[str] = "stft"
    side: str
    window: str | tuple[float, ...] | None
    scaling: str | None
    periodic: bool


@dataclasses.dataclass(frozen=True, slots=True)
class UnitMirror:
    """The negative of a variable that is not symmetric and has no mirror image of its own kind."""

    base: UnitTransform | UnitLogNormal

    @property
    def kind(self) -> str:
        """The kind of the variable, with a sign."""
        return f"-{self.base.kind}"


Smooth = UnitLaplace | UnitLogistic | UnitStudentT | UnitLogNormal | UnitCauchy
# Complex values of any angle, of which a table gives the modulus.
Polar = UnitDisk | UnitTruncatedModulus
Tabulated = UnitNormal | UnitTruncatedNormal | UnitUniform | UnitQuantile | UnitTransform | Smooth
Independent = Tabulated | UnitSteps | UnitMixture | UnitMirror
Orthogonal = OrthogonalMatrices | DeltaOrthogonalKernels
# Laws that draw nothing: no seed changes their values.
Unrandom = (
    ConstantValues
    | IdentityMatrices
    | DiracKernels
    | HadamardKernels
    | BilinearKernels
    | FourierKernels
    | FormulaValues
)  # fmt: skip
Structured = Orthogonal | ConvolutionalOrthogonalKernels | SparseMatrices | NormedValues | Unrandom
UnitValues = Independent | Polar | Structured | Combination
