"""Presets that draw nothing: every value is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_init.spec.distributions import Constant
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import Gain

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["constant", "ones", "zeros"]


def zeros() -> Initializer:
    """Fill with zeros.

    w = 0

    Returns:
        The spec; it needs no layout and no seed.

    Example:
        >>> import unified_init as ui
        >>> ui.zeros().resolve((3,)).high
        0.0

    Differs from:
        PyTorch ``zeros_``, Keras ``Zeros``, JAX ``zeros``: equal.
    """
    return Initializer(Constant(0.0), Gain())


def ones() -> Initializer:
    """Fill with ones.

    w = 1

    Returns:
        The spec; it needs no layout and no seed.

    Example:
        >>> import unified_init as ui
        >>> ui.ones().resolve((3,)).mean
        1.0

    Differs from:
        PyTorch ``ones_``, Keras ``Ones``, JAX ``ones``: equal.
    """
    return Initializer(Constant(1.0), Gain())


def constant(value: complex | Sequence[object]) -> Initializer:
    """Fill with one value, or with an array broadcast to the shape.

    w = value

    Args:
        value: a finite number, or a rectangular array or nested sequence of finite numbers whose
            shape broadcasts to the tensor's, as in NumPy. It is in storage order. In a process that
            flushes subnormal numbers to zero, one that is subnormal in the tensor's type becomes 0.

    Returns:
        The spec; it needs no layout and no seed.

    Raises:
        ArgumentTypeError: something other than numbers.
        ArgumentValueError: a number that is not finite, or ragged sequences.

    Example:
        >>> import unified_init as ui
        >>> ui.constant(0.5).resolve((3,)).mean
        0.5
        >>> ui.constant([1, 2, 3]).resolve((2, 3)).high
        3.0

    Differs from:
        PyTorch ``constant_(val)`` and Keras ``Constant(value)``: equal, for one number only.
        JAX ``constant(value)``: equal, arrays too.
    """
    return Initializer(Constant(value), Gain())  # type: ignore[arg-type]  # normalized by the constructor
