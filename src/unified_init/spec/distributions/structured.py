"""Distributions whose entries are not independent draws. Their values have a natural size."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Iterator, Sequence

from unified_init.core import checks
from unified_init.core.peers import attribute
from unified_init.core.public import public
from unified_init.core.reprs import call_repr, shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

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
    "nested",
]

MOST_ENTRIES = 1 << 31


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
        try:
            object.__setattr__(self, "value", nested(self.value))
            _rectangular(self.value)
        except RecursionError:  # it may hold itself
            msg = "`value` is nested too deeply to be an array."
            raise ArgumentValueError(msg) from None


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
        try:
            values = tuple(_leaves(nested(self.values, "values")))
        except RecursionError:  # it may hold itself
            msg = "`values` is nested too deeply to be an array."
            raise ArgumentValueError(msg) from None
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


def _leaves(value: complex | tuple[object, ...]) -> Iterator[complex]:
    if not isinstance(value, tuple):
        yield value
        return
    for entry in value:
        yield from _leaves(entry)  # type: ignore[arg-type]  # numbers and tuples, as above


def nested(value: object, name: str = "value") -> complex | tuple[object, ...]:
    """Return a number as a float or a complex; an array or nested sequences as nested tuples of those."""
    if type(value) in {int, float}:  # first, and without `_listed`, which torch.compile does not follow
        return checks.finite(name, value)
    listed = value if type(value) in {tuple, list} else _listed(value, name)
    if isinstance(listed, (tuple, list)):
        return tuple(nested(entry, name) for entry in listed)
    if isinstance(listed, numbers.Complex) and not isinstance(listed, numbers.Real):
        number = complex(listed)
        parts = [checks.finite(name, part) for part in (number.real, number.imag)]
        return complex(*parts) if parts[1] else parts[0]
    if not isinstance(listed, numbers.Real) or isinstance(listed, bool):
        msg = f"`{name}` must be a number or an array of numbers, got {shown(value)}."
        raise ArgumentTypeError(msg)
    return checks.finite(name, listed)


def _listed(value: object, name: str) -> object:
    """Return the entries of an array or a sequence as a list; a single value as it is."""
    tolist = None if isinstance(value, memoryview) else attribute(value, "tolist")
    try:
        entries = tolist() if callable(tolist) and not checks.is_no_number(value) else value
        if not isinstance(entries, Sequence) or isinstance(entries, (str, bytes, bytearray, memoryview)):
            return entries
        if len(entries) <= MOST_ENTRIES:
            return list(entries)
    except RecursionError:
        raise
    except Exception as error:  # of the class of the array
        msg = f"`{name}` must be an array whose values are known, got {shown(value)}."
        raise ArgumentTypeError(msg) from error
    msg = f"`{name}` must have at most 2**31 entries along an axis, got {len(entries)}."
    raise ArgumentValueError(msg)


def _rectangular(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple):
        return ()
    shapes = {_rectangular(entry) for entry in value}
    if len(shapes) > 1:
        msg = "`value` must be rectangular: its nested sequences have different lengths."
        raise ArgumentValueError(msg)
    return (len(value), *(shapes.pop() if shapes else ()))
