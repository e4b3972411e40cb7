"""What a law is in a complex type, in which a value has a modulus and an angle, or two parts of their own.

A spec says its size in one of three ways (``Law.sized_by``), and complex values keep what it says:

- *std*: a scale rule asks for a realized standard deviation. It is sqrt(E|w|^2) of complex values too.
- *parent*: ``std`` is the parent normal's, before any truncation. A complex parent has E|w|^2 = std^2.
- *ends*: ``uniform(low, high)``. Both parts of a complex value have these ends.
"""

from __future__ import annotations

import dataclasses
import decimal
import functools
import math
from typing import TYPE_CHECKING

from unified_init.core.traced import constant_in_traces
from unified_init.errors import ArgumentValueError
from unified_init.law.unit_normal import exact_context
from unified_init.law.unit_values import (
    Polar,
    UnitDisk,
    UnitNormal,
    UnitTruncatedModulus,
    UnitTruncatedNormal,
    UnitUniform,
)

if TYPE_CHECKING:
    from unified_init.law.law import Law

__all__ = ["complex_law", "modulus_std", "part_law"]

FARTHEST = 26.5  # beyond it exp(-upper**2) is no float64
SQRT_HALF = math.sqrt(0.5)


def complex_law(law: Law, dtype: str) -> Law:
    """Return the law of complex values: of a modulus where its unit is ``Polar``, else of each part.

    Args:
        law: of independent draws, as ``Initializer.resolve`` returns it.
        dtype: the name of the complex type, for the message.

    Raises:
        ArgumentValueError: the law has no complex form.
    """
    unit, centred = law.unit, law.loc == 0.0
    match unit:
        case UnitNormal() if centred:
            return dataclasses.replace(law, std=law.std * SQRT_HALF, scale=law.scale * SQRT_HALF)
        case UnitUniform() if law.sized_by == "ends":
            return law
        case UnitUniform() if centred:
            radius = law.std * math.sqrt(2.0)
            return dataclasses.replace(law, unit=UnitDisk(), scale=radius, low=0.0, high=radius)
        case UnitTruncatedNormal(lower, upper) if centred and lower == -upper:
            return _truncated(law, upper)
    msg = (
        f"`dtype` {dtype} is drawn from normal laws of mean 0, whole or truncated at +-k, and from uniform "
        "ones, where the variance of a complex number has one meaning; got a "
        f"{law.kind} law of mean {law.mean!r}, from {law.low!r} to {law.high!r}."
    )
    raise ArgumentValueError(msg)


def _truncated(law: Law, upper: float) -> Law:
    """Return the law of normal complex values whose modulus is truncated."""
    unit_std = modulus_std(upper)
    scale = law.scale if law.sized_by == "parent" else law.std / unit_std
    return dataclasses.replace(
        law, unit=UnitTruncatedModulus(upper), std=scale * unit_std, scale=scale, low=0.0, high=scale * upper
    )


def part_law(law: Law) -> Law:
    """Return a complex law's numbers for one part: half of the variance of what has a modulus."""
    return dataclasses.replace(law, std=law.std * SQRT_HALF) if isinstance(law.unit, Polar) else law


@constant_in_traces  # Dynamo cannot trace decimal
@functools.lru_cache(maxsize=256)
def modulus_std(upper: float) -> float:
    """Return sqrt(E|w|^2) of complex normals of E|w|^2 = 1 whose modulus is truncated at a bound.

    |w|^2 is exponential: truncated at u = upper^2 it has the mean 1 - u exp(-u) / (1 - exp(-u)).
    """
    if upper > FARTHEST:
        return 1.0
    with decimal.localcontext(exact_context(100)):
        square = decimal.Decimal(upper) * decimal.Decimal(upper)
        outside = (-square).exp()
        return float((1 - square * outside / (1 - outside)).sqrt())
