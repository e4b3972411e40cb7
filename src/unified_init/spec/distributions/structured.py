"""Distributions whose entries are not independent draws. Their values have a natural size."""

from __future__ import annotations

import dataclasses

from unified_init.core import checks
from unified_init.core.nested import nested
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentValueError

__all__ = [
    "BilinearUpsampling",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "Hadamard",
    "Identity",
    "Orthogonal",
    "Sparse",
    "Stft",
    "Structured",
]


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Constant:
    """One value everywhere, or an array of values (nested sequences) broadcast to the shape.

    Made by ``ui.constant(value)``.

    Args:
        value: a finite number, or a rectangular array or nested sequence of finite numbers, which is
            kept as nested tuples.

    Raises:
        ArgumentTypeError: something other than real numbers.
        ArgumentValueError: a number that is not finite, or ragged sequences.

    Example:
        >>> import unified_init as ui
        >>> ui.Constant([[1, 2], [3, 4]])
        Constant(((1.0, 2.0), (3.0, 4.0)))
    """

    value: float | tuple[object, ...]
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Convert nested sequences and arrays to nested tuples of floats."""
        object.__setattr__(self, "value", nested("value", self.value))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Orthogonal:
    """Haar-distributed matrices with orthonormal rows or columns, whichever are fewer.

    Made by ``ui.orthogonal()``, which has the formula and the source.
    """

    __repr__ = call_repr


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class DeltaOrthogonal:
    """A convolution kernel that is zero except for an orthogonal matrix at its center position.

    Made by ``ui.delta_orthogonal()``, which has the formula and the source.
    """

    __repr__ = call_repr


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """The matrix with ones on its main diagonal.

    Made by ``ui.identity()``, which has the formula and the source.
    """

    __repr__ = call_repr


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Dirac:
    """A convolution kernel that copies its inputs to its outputs, in each of ``groups``.

    Made by ``ui.dirac(groups)``, which has the formula and the source.

    Args:
        groups: number of groups, at least 1, the default. A shape must have a multiple of it as outputs.

    Raises:
        ArgumentTypeError: ``groups`` is not an integer.
        ArgumentValueError: ``groups`` below 1.

    Example:
        >>> import unified_init as ui
        >>> ui.Dirac(2) == ui.dirac(2).distribution
        True
    """

    groups: int = 1
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the number of groups."""
        object.__setattr__(self, "groups", checks.count("groups", self.groups))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Sparse:
    """A unit normal of which a fraction, the same in every column, is set to zero.

    Made by ``ui.sparse(sparsity, std)``, which has the formula and the source.

    Args:
        sparsity: the fraction of zeros, from 0 to 1.

    Raises:
        ArgumentTypeError: ``sparsity`` is not a number.
        ArgumentValueError: ``sparsity`` outside [0, 1].

    Example:
        >>> import unified_init as ui
        >>> ui.Sparse(0.75) == ui.sparse(0.75).distribution
        True
    """

    sparsity: float
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the fraction."""
        object.__setattr__(self, "sparsity", checks.finite("sparsity", self.sparsity))
        if not 0.0 <= self.sparsity <= 1.0:
            msg = f"`sparsity` must be a fraction between 0 and 1, got {shown(self.sparsity)}."
            raise ArgumentValueError(msg)


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Hadamard:
    """ZerO: a partial identity, or a slice of a normalized Hadamard matrix where outputs are more.

    Made by ``ui.hadamard()``, which has the formula and the source.
    """

    __repr__ = call_repr


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class BilinearUpsampling:
    """The kernel of a transposed convolution that interpolates each channel linearly.

    Made by ``ui.bilinear_upsampling()``, which has the formula and the source.
    """

    __repr__ = call_repr


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Stft:
    """Windowed Fourier kernels of shape (window length, 1, frequencies).

    Made by ``ui.stft()``, which has the formula.

    Args:
        side: "real" (the default) or "imag".
        window: "hann" (the default), "hamming", "blackman" or "boxcar"; None for no window.
        scaling: "density" (the default) or "spectrum"; None for no normalization.
        periodic: whether the window is periodic; symmetric by default.

    Raises:
        ArgumentTypeError: ``periodic`` is not a bool.
        ArgumentValueError: a choice that is not listed.

    Example:
        >>> import unified_init as ui
        >>> ui.Stft("imag", window=None) == ui.stft("imag", None).distribution
        True
    """

    side: str = "real"
    window: str | None = "hann"
    scaling: str | None = "density"
    periodic: bool = False
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Check the choices."""
        for field, words in (
            ("side", ("real", "imag")),
            ("window", ("hann", "hamming", "blackman", "boxcar")),
            ("scaling", ("density", "spectrum")),
        ):
            word = getattr(self, field)
            if word is not None or field == "side":
                object.__setattr__(self, field, checks.choice(field, word, words))
        checks.switch("periodic", self.periodic)


Structured = (
    Constant | Orthogonal | DeltaOrthogonal | Identity | Dirac | Sparse | Hadamard | BilinearUpsampling | Stft
)
