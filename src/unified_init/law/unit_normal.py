"""The unit normal's tail probability and moments to the last digit, without libm.

They enter the integer tables, so they must be the same on every platform: ``decimal`` arithmetic is
specified to the digit, while the ``erf`` and ``exp`` of two libms may differ by an ulp.
"""

from __future__ import annotations

import decimal
import functools

from unified_init.core.traced import constant_in_traces

__all__ = ["full_context", "tail", "truncated_moments"]


# Beyond this many sigmas a tail is below the smallest float64.
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
    digits = _digits(x)
    with decimal.localcontext(full_context(digits)):
        return float(_tail(decimal.Decimal(x), digits))


@constant_in_traces
@functools.lru_cache(maxsize=256)
def truncated_moments(lower: float, upper: float) -> tuple[float, float]:
    """Return the mean and the standard deviation of a unit normal between two bounds; one may be infinite.

    The variance is what is left of terms near 1 where the bounds are close, so more digits are carried.
    """
    digits = 60 + _digits(max((abs(x) for x in (lower, upper) if abs(x) <= FARTHEST), default=0.0))
    with decimal.localcontext(full_context(digits)):
        mass, first, second = decimal.Decimal(1), decimal.Decimal(0), decimal.Decimal(0)
        for bound, side in ((lower, 1), (-upper, -1)):  # what each bound cuts off below, seen from its side
            if abs(bound) <= FARTHEST:
                value = decimal.Decimal(bound)
                density_there = _density(value * value, digits)
                mass -= _tail(-value, digits) if bound < 0 else 1 - _tail(value, digits)
                first += side * density_there
                second += value * density_there
        mean = first / mass
        return float(mean), float((1 + second / mass - mean * mean).sqrt())


def _digits(x: float) -> int:
    """Return how many digits the tail at x takes: about exp(-x**2 / 2), it is 10**-(0.2172 x**2).

    As many digits cancel when the sum is subtracted from one half.
    """
    return 50 + int(0.2172 * x * x)


def _tail(value: decimal.Decimal, digits: int) -> decimal.Decimal:
    """Return the tail beyond a value that is not negative."""
    square = value * value
    term, total, n = value, value, 1
    while term > total.scaleb(-digits):
        n += 2
        term = term * square / n
        total += term
    return decimal.Decimal("0.5") - _density(square, digits) * total


def full_context(digits: int) -> decimal.Context:
    """Return a context in full: what it is not given, it takes from one that a program may change."""
    return decimal.Context(
        prec=digits, rounding=decimal.ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999, capitals=1, clamp=0,
        flags=[], traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
    )  # fmt: skip


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
