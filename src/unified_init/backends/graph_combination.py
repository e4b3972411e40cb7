"""Sums of tensors, and products with an array by named axes, in a framework's trace.

Products of floats and sums with constants are what compilers rewrite: XLA may join a product with the sum
behind it (one rounding in place of two), and adds two constants before it adds them to a tensor. So every
step ends in an integer operation on the bits of its result, which clears the sign of a zero. No compiler can
move a float operation across it, and the host's zeros have no sign either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.backends.graph_values import narrow
from unified_init.law.combination import ScaledBy
from unified_init.stream.combination import multipliers, work_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from unified_init.backends.protocol import Ops
    from unified_init.stream.program import Program

__all__ = ["combined"]

# ruff: noqa: ANN401  # arrays of any framework


def combined(ops: Ops, program: Program, draw: Callable[[Program], Any]) -> Any:
    """Return the values of a sum or a product; ``draw`` returns those of a term."""
    width = 8 * work_type(program).itemsize
    total = draw(program.terms[0])
    if isinstance(program.law.unit, ScaledBy):
        total = _kept(ops, total * ops.constant(multipliers(program)), width)
    for term in program.terms[1:]:
        total = _kept(ops, total + draw(term), width)
    return narrow(ops, total, program.dtype)


def _kept(ops: Ops, value: Any, width: int) -> Any:
    """Return a result as it is rounded; a zero has no sign."""
    integer = f"int{width}"
    bits = ops.bits(value, integer)
    magnitude = bits & ops.constant(np.asarray((1 << (width - 1)) - 1, dtype=integer))
    # Less 1, only a magnitude of 0 is negative: its sign bit, copied into all bits, is the mask.
    mask = ~ops.xp.bitwise_right_shift(magnitude - ops.constant(np.asarray(1, dtype=integer)), width - 1)
    return ops.bits(bits & mask, f"float{width}")
