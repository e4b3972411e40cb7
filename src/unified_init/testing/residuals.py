"""Sums and products of specs: what is left of a sample where everything that is known of it is taken away.

A sum of normals is normal, and so is what is left of a sum when its terms without randomness are subtracted
and the entries are divided by the array of a product. Nothing else of sums has a law with a closed form.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from unified_init.errors import ArgumentValueError
from unified_init.law.combination import ScaledBy, SumOf
from unified_init.law.law import Law
from unified_init.law.unit_values import ConstantValues, UnitNormal
from unified_init.stream.combination import multipliers
from unified_init.stream.dtypes import DTYPES
from unified_init.stream.program import make_program
from unified_init.stream.run import on_host
from unified_init.testing.atoms import snapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from unified_init.stream.dtypes import DType

    Array = NDArray[np.float64]

__all__ = ["Residual", "residual_of"]

ROUNDING = 2.0**-22  # of a value and of what is subtracted from it: two roundings to float32, and one here
COARSE = 64.0  # stds that the rounding of all values may add up to: the ends of an interval show it first
MANY = 1000  # values from which a sum of bounded ones is normal, as far as it is tested
ADVICE = "compare such a tensor with draw() by assert_identical()."


@dataclasses.dataclass(frozen=True, slots=True)
class Residual:
    """What is left of a sample, and its law of independent draws.

    ``wrong`` counts the values that the law fixes, and that are others; they are not among ``values``.
    ``slope`` is how much of what was subtracted is still there: a number that is normal, of mean 0 and std 1;
    None where it is the same everywhere, or where too few values make its law another.
    ``is_plain`` says that nothing was taken away: the values are those of the sample, in its type.
    """

    values: NDArray[Any]
    law: Law
    wrong: int = 0
    slope: float | None = None
    is_plain: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Term:
    """One term of a sum: a law, and the array that multiplies it."""

    law: Law
    by: Array


def residual_of(values: NDArray[Any], law: Law) -> Residual:
    """Return what is left of real values under the law of a sum or a product.

    Raises:
        ArgumentValueError: what would be left has no law in closed form, the values have another shape than
            the law's tensor, or a type in which the rounding shows.
    """
    unit = law.unit
    assert isinstance(unit, (SumOf, ScaledBy))  # noqa: S101  # the caller has looked
    shape = unit.geometry.shape
    if values.shape != shape:
        msg = f"`sample` must have the shape of its law, {shape}, got {values.shape}."
        raise ArgumentValueError(msg)
    laws = unit.terms if isinstance(unit, SumOf) else (law,)
    work = DTYPES["float64" if values.dtype == np.float64 else "float32"]
    drawn = [_term(term, work) for term in laws if term.random]
    fixed = [term for term in laws if not term.random]
    _check_drawn(law, drawn)
    plain = _plain_law(drawn, fixed)
    if plain is not None:
        return Residual(values, plain, is_plain=True)
    if DTYPES[values.dtype.name].narrow:
        msg = f"`sample` of the law {law.kind} must be float32 or float64, got {values.dtype.name}: {ADVICE}"
        raise ArgumentValueError(msg)
    center = np.zeros(shape)
    for term in fixed:
        program = make_program(term, unit.geometry, index=None, name="", dtype=work)
        center += on_host(program, None)
    return _without_known(values, center, drawn)


def _check_drawn(law: Law, drawn: list[Term]) -> None:
    """Refuse random terms of which the sum has no law in closed form."""
    if not drawn:
        msg = f"`law` must be random, got one of kind {law.kind!r}: {ADVICE}"
        raise ArgumentValueError(msg)
    for term in drawn:
        if not term.law.independent or term.law.repeat != 1:
            msg = f"`law` has a term ({term.law.kind}) whose draws are not independent: {ADVICE}"
            raise ArgumentValueError(msg)
    if len(drawn) > 1 and not all(isinstance(term.law.unit, UnitNormal) for term in drawn):
        msg = (
            f"`law` of kind {law.kind!r} has no closed form, as only sums of normals have: "
            f"its exact mean is {law.mean!r} and its std {law.std!r}. For its values, {ADVICE}"
        )
        raise ArgumentValueError(msg)


def _term(law: Law, work: DType) -> Term:
    """Return the tensor inside of products, and the array that multiplies it."""
    by: Array = np.ones((1,) * len(law.unit.geometry.shape) if isinstance(law.unit, ScaledBy) else ())
    while isinstance(law.unit, ScaledBy):
        program = make_program(law, law.unit.geometry, index=None, name="", dtype=work)
        by, law = by * multipliers(program).astype(np.float64), law.unit.base
    return Term(law, by)


def _plain_law(drawn: list[Term], fixed: list[Law]) -> Law | None:
    """Return the normal law of normals and numbers; None where entries differ, or a term is no normal."""
    if not all(isinstance(term.unit, ConstantValues) and math.isfinite(term.mean) for term in fixed):
        return None
    if not all(isinstance(term.law.unit, UnitNormal) and term.by.size == 1 for term in drawn):
        return None
    factors = [float(term.by.reshape(-1)[0]) for term in drawn]
    mean = math.fsum(
        [
            *(term.mean for term in fixed),
            *(term.law.mean * by for term, by in zip(drawn, factors, strict=True)),
        ]
    )
    std = math.sqrt(math.fsum((term.law.std * by) ** 2 for term, by in zip(drawn, factors, strict=True)))
    return Law(unit=UnitNormal(), mean=mean, std=std, loc=mean, scale=std) if std > 0.0 else None


def _without_known(sample: NDArray[Any], center: Array, drawn: list[Term]) -> Residual:
    """Subtract what draws nothing, and divide by the arrays of products."""
    values = sample.astype(np.float64)
    first, *others = drawn
    pattern = center
    if not others:  # of any law
        size, law = np.broadcast_to(first.by, values.shape), first.law
    else:
        variance = np.zeros(values.shape)
        for term in drawn:
            center = center + term.law.mean * term.by
            variance += (term.law.std * term.by) ** 2
        size, law = np.sqrt(variance), Law(unit=UnitNormal(), mean=0.0, std=1.0)
    left, slack = values - center, ROUNDING * (np.abs(values) + np.abs(center))
    is_fixed = size == 0.0
    wrong = int((np.abs(left[is_fixed]) > slack[is_fixed]).sum())
    if is_fixed.any():
        left, size, slack, pattern = (array[~is_fixed] for array in (left, size, slack, pattern))
    slack = slack / np.abs(size)
    margin = float(slack.max(initial=0.0))
    if sample.dtype != np.float64 and float(slack.sum()) > COARSE * law.std:
        msg = f"`sample` must show what is drawn beside what is fixed, which rounding hides: {ADVICE}"
        raise ArgumentValueError(msg)
    left = snapped(left / size, law, slack)
    slope = _slope((left - law.mean) / law.std, pattern / size, law)
    law = dataclasses.replace(law, low=law.low - margin, high=law.high + margin)
    return Residual(left, law, wrong, slope)


def _slope(standard: Array, pattern: Array, law: Law) -> float | None:
    """Return the projection of standardized values on a pattern, the mean of the pattern taken away."""
    if not pattern.size:
        return None
    weights = pattern - pattern.mean()
    square = float((weights**2).sum())
    if not square > ROUNDING * float((pattern**2).sum()):
        return None
    is_many = square**2 >= MANY * float((weights**4).sum())  # as many values as the sum has, in effect
    if not isinstance(law.unit, UnitNormal) and not (is_many and math.isfinite(law.high - law.low)):
        return None
    return float((standard * weights).sum() / math.sqrt(square))
