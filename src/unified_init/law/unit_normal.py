"""The unit normal's tail probability and density to the last digit, without libm.

They enter the integer tables, so they must be the same on every platform: ``decimal`` arithmetic is
specified to the digit, while the ``erf`` and ``exp`` of two libms may differ by an ulp.
"""

from __future__ import annotations

import decimal
import functools

from unified_init.core.traced import constant_in_traces

__all__ = ["density", "tail"]


# Beyond this many sigmas tail and density are below the smallest float64.
FARTHEST = 39.0


@constant_in_traces  # Dynamo cannot trace decimal
@functools.lru_cache(maxsize=256)
def tail(x: float) -> float:
    """Return the probability that a unit normal exceeds ``x``.

    The series phi(x) (x + x^3/3 + x^5/15 + ...), in arithmetic wide enough that the subtraction
    from one half loses nothing.
    """
    if x > FARTHEST:
        return 0.0
    if x < 0:
        return 1.0 - tail(-x)
    # The tail is about exp(-x**2 / 2), which is 10**-(0.2172 x**2): as many digits cancel when the sum is
    # subtracted from one half, so as many more are carried.
    with decimal.localcontext(decimal.Context(prec=50 + int(0.2172 * x * x))) as context:
        value = decimal.Decimal(x)
        square = value * value
        term, total, n = value, value, 1
        while term > total.scaleb(-context.prec):
            n += 2
            term = term * square / n
            total += term
        return float(decimal.Decimal("0.5") - _density(square, context.prec) * total)


@constant_in_traces
@functools.lru_cache(maxsize=256)
def density(x: float) -> float:
    """Return the density of the unit normal at ``x``."""
    if abs(x) > FARTHEST:
        return 0.0
    with decimal.localcontext(decimal.Context(prec=40)) as context:
        value = decimal.Decimal(x)
        return float(_density(value * value, context.prec))


def _density(square: decimal.Decimal, digits: int) -> decimal.Decimal:
    return (-square / 2).exp() / (2 * _pi(digits)).sqrt()


def _pi(digits: int) -> decimal.Decimal:
    """Return pi by Machin's formula, in integers."""
    unit: int = 10 ** (digits + 10)

    def arctan_inverse(n: int) -> int:
        power = unit // n
        total, odd = power, 1
        while power:
            power //= n * n
            odd += 2
            total += power // odd if odd % 4 == 1 else -(power // odd)
        return total

    return decimal.Decimal(4 * (4 * arctan_inverse(5) - arctan_inverse(239))) / decimal.Decimal(unit)
