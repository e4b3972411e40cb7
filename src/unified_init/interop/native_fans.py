"""The fans that each framework reads off a stored shape, which are not always those of a layout."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_init.law.layout import Geometry

__all__ = ["KnownFans", "jax_axes", "jax_fans", "keras_fans", "torch_fans"]

MATRIX = 2
# (fan_in, fan_out), both known: a framework reads both off any shape that it takes.
KnownFans = tuple[float, float]


def torch_fans(shape: Sequence[int]) -> KnownFans | None:
    """Return PyTorch's fans: axis 1 in, axis 0 out, the rest space; None where PyTorch refuses the shape."""
    if len(shape) < MATRIX:
        return None
    space = math.prod(shape[2:])
    return shape[1] * space, shape[0] * space


def keras_fans(shape: Sequence[int]) -> KnownFans:
    """Return the fans of Keras, TensorFlow and Haiku: the last axis out, the one before in."""
    if len(shape) < MATRIX:
        return math.prod(shape), math.prod(shape)
    space = math.prod(shape[:-2])
    return shape[-2] * space, shape[-1] * space


def jax_axes(geometry: Geometry) -> dict[str, int | tuple[int, ...]]:
    """Return JAX's axis arguments for a layout, without those that have their default values."""
    rank = len(geometry.shape)
    defaults: dict[str, int | tuple[int, ...]] = {"in_axis": rank - 2, "out_axis": rank - 1, "batch_axis": ()}
    arguments: dict[str, int | tuple[int, ...]] = {}
    for argument, role in (("in_axis", "I"), ("out_axis", "O"), ("batch_axis", "B")):
        axes = tuple(sorted(digit.axis for digit in geometry.digits if digit.role == role))
        value = axes[0] if len(axes) == 1 else axes
        if value != defaults[argument]:
            arguments[argument] = value
    return arguments


def jax_fans(geometry: Geometry) -> KnownFans | None:
    """Return JAX's fans for those axes; None where axes are merged, which JAX has no arguments for."""
    if geometry.layout is None or len(geometry.digits) != len(geometry.shape) or not geometry.shape:
        return None
    if 0 in geometry.shape:  # JAX divides by the fans
        return None
    inputs, outputs = geometry.extent("I"), geometry.extent("O")
    space = math.prod(geometry.shape) / inputs / outputs / geometry.extent("B")
    return inputs * space, outputs * space
