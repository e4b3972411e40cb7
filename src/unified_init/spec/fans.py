"""GivenFans: how many inputs feed an output, and how many outputs an input feeds. Never guessed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from unified_init.core import checks
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError
from unified_init.law.along import Along

if TYPE_CHECKING:
    from unified_init.law.law import Fans, GivenFans
    from unified_init.law.layout import Geometry

__all__ = ["explicit_fans", "fans_on", "numbers_of"]


def fans_on(geometry: Geometry, fans: Fans | None, *, needs: tuple[str, ...], label: str) -> Fans:
    """Return (fan_in, fan_out) on a geometry, None for a fan that it does not say.

    Args:
        geometry: shape and roles.
        fans: given fans, checked, used instead of the layout's.
        needs: the fans without which the spec has no law.
        label: the spec's name in messages.
    """
    if fans is not None:
        pair = fans
    else:
        space = math.prod(geometry.spatial())
        pair = (
            geometry.extent("I") * space if geometry.has("I") else None,
            geometry.extent("O") * space if geometry.has("O") else None,
        )
    for name, value in zip(("fan_in", "fan_out"), pair, strict=True):
        if name in needs and value is None:
            raise ArgumentValueError(_missing(name, geometry, label, explicit=fans is not None))
        if name in needs and value == 0:
            msg = (
                f"{label} divides by {name}, which is 0 for shape {geometry.shape} with "
                f"layout {geometry.layout!r}: give the fans with fans=(fan_in, fan_out)."
            )
            raise ArgumentValueError(msg)
    return pair


def explicit_fans(fans: GivenFans) -> GivenFans:
    """Return a checked pair of fans."""
    pair = checks.entries(fans)
    if pair is None or len(pair) != 2:  # noqa: PLR2004  # a pair
        msg = f"`fans` must be a pair (fan_in, fan_out), got {shown(fans)}."
        raise ArgumentTypeError(msg)
    fan_in, fan_out = (
        value if value is None or isinstance(value, Along) else checks.positive(f"fans[{position}]", value)
        for position, value in enumerate(pair)
    )
    return fan_in, fan_out


def numbers_of(fans: GivenFans, number: float | None) -> Fans:
    """Return fans with a number in place of each array by named axes."""
    fan_in, fan_out = (number if isinstance(fan, Along) else fan for fan in fans)
    return fan_in, fan_out


def _missing(name: str, geometry: Geometry, label: str, *, explicit: bool) -> str:
    role = "input" if name == "fan_in" else "output"
    if explicit:
        return f"{label} needs {name}, and `fans` gives None for it."
    if geometry.layout is None and not geometry.shape[1:]:
        return (
            f"{label} needs {name}, and a shape of fewer than two axes has no fans: pass "
            f"fans=(fan_in, fan_out), for a bias those of its kernel; got shape {geometry.shape}."
        )
    if geometry.layout is None:
        return (
            f"{label} needs {name}, and a shape alone does not say which axis is the "
            f"{role}: pass layout=, 'OI' for torch.nn.Linear or 'IO' for a Keras or Flax Dense; "
            f"got shape {geometry.shape}."
        )
    return (
        f"{label} needs {name}, and layout {geometry.layout!r} has no axis "
        f"{role[0].upper()}: pass fans=(fan_in, fan_out), for a bias those of its kernel; "
        f"got shape {geometry.shape}."
    )
