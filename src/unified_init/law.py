"""The law: what a spec becomes for one shape. Plain numbers; all that the stream ever sees."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

__all__ = ["ELEMENTWISE", "ORTHOGONAL", "Fans", "Law"]

# (fan_in, fan_out), None where one is not known.
Fans = tuple[float | None, float | None]

# Kinds of independent draws, and kinds that hold an orthogonal matrix.
ELEMENTWISE = frozenset({"normal", "truncated_normal", "uniform", "quantile"})
ORTHOGONAL = frozenset({"orthogonal", "delta_orthogonal"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """The numbers of one initializer on one shape.

    ``mean`` and ``std`` are the realised moments of a value; ``low`` and ``high`` are the ends of
    its interval (infinite for an untruncated normal): no value lies outside them. For laws that are
    not independent draws (orthogonal, sparse) they describe one entry, and they are NaN where a
    single number would say nothing (arrays of constants, Fourier kernels). ``fan_in`` and ``fan_out``
    are None where the shape does not say.

    ``kind``, ``loc``, ``scale`` and ``parameters`` are what the stream compiles: a value is
    ``loc + scale * unit``, where the unit variable of ``kind`` has the given parameters.
    ``repeat`` is how many neighbouring outputs share one draw (sub-pixel convolutions).
    """

    kind: str
    mean: float
    std: float
    low: float = -math.inf
    high: float = math.inf
    fan_in: float | None = None
    fan_out: float | None = None
    loc: float = 0.0
    scale: float = 1.0
    parameters: tuple[Any, ...] = ()
    repeat: int = 1

    @property
    def random(self) -> bool:
        """Whether the values depend on a seed."""
        return self.kind in ELEMENTWISE or self.kind in ORTHOGONAL or self.kind == "sparse"
