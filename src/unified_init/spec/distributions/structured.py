"""Distributions whose entries are not independent draws. Their values have a natural size."""

from __future__ import annotations

import dataclasses

from unified_init.core import checks
from unified_init.core.nested import leaves, nested_numbers
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentValueError

__all__ = [
    "BilinearUpsampling",
    "Constant",
    "ConvolutionalOrthogonal",
    "DeltaOrthogonal",
    "Dirac",
    "FcnUpsampling",
    "Hadamard",
    "Identity",
    "Listed",
    "Orthogonal",
    "Sparse",
]


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Constant:
    """One value everywhere, or an array of values (nested sequences) broadcast to the shape.

    Made by ``ui.constant(value)``.

    Args:
        value: a finite number, or a rectangular array or nested sequence of finite numbers, which is
            kept as nested tuples. Complex numbers are for complex types; those without an imaginary part are
            kept as real ones.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: a number that is not finite, or ragged sequences.

    Example:
        >>> import unified_init as ui
        >>> ui.Constant([[1, 2], [3, 4]])
        Constant(((1.0, 2.0), (3.0, 4.0)))
    """

    value: complex | tuple[object, ...]
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Convert nested sequences and arrays to nested tuples of floats."""
        object.__setattr__(self, "value", nested_numbers("value", self.value))


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class Listed:
    """Given values in row-major order of the stored shape, as TensorFlow's constants take a list.

    Made by ``from_native`` of ``tf.constant_initializer`` and of its version in TensorFlow 1.
    ``ui.constant`` broadcasts instead, as NumPy does.

    Args:
        values: finite numbers, at least one; an array or nested sequence is read row by row.
        pads: whether a shape may have more entries than that, which get the last value, as in the graphs of
            TensorFlow 1. By default it must have as many.

    Raises:
        ArgumentTypeError: something other than numbers, or a ``pads`` that is no bool.
        ArgumentValueError: no number, or one that is not finite.

    Example:
        >>> import unified_init as ui
        >>> ui.draw(ui.Initializer(ui.Listed([1, 2], pads=True)), (2, 2)).tolist()
        [[1.0, 2.0], [2.0, 2.0]]
    """

    values: tuple[complex, ...]
    pads: bool = False
    __repr__ = call_repr

    def __post_init__(self) -> None:
        """Convert nested sequences and arrays to one tuple of numbers."""
        values = tuple(leaves(nested_numbers("values", self.values)))
        if not values:
            msg = "`values` must have at least one number, got none."
            raise ArgumentValueError(msg)
        object.__setattr__(self, "values", values)
        checks.switch("pads", self.pads)


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
class ConvolutionalOrthogonal:
    """A convolution kernel that keeps the norm of its input, at every kernel position.

    Made by ``ui.convolutional_orthogonal()``, which has the formula and the source.
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
    """The kernel of a transposed convolution that interpolates each channel linearly, as Caffe first had it.

    Made by ``ui.bilinear_upsampling()``, which has the formula and the source.
    """

    __repr__ = call_repr


@public
@dataclasses.dataclass(frozen=True, slots=True, repr=False)
class FcnUpsampling:
    """The kernel of a transposed convolution that interpolates each channel linearly, symmetrically.

    Made by ``ui.fcn_upsampling()``, which has the formula and the source.
    """

    __repr__ = call_repr
