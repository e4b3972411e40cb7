"""Unit variables of the laws beside normal and uniform: what is drawn before location and scale."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

__all__ = ["UnitCauchy", "UnitLaplace", "UnitLogNormal", "UnitLogistic", "UnitSteps", "UnitStudentT"]


@dataclasses.dataclass(frozen=True, slots=True)
class UnitLaplace:
    """The Laplace variable of mean 0 and scale 1: its std is sqrt(2)."""

    kind: ClassVar[str] = "laplace"


@dataclasses.dataclass(frozen=True, slots=True)
class UnitLogistic:
    """The logistic variable of mean 0 and scale 1: its std is pi / sqrt(3)."""

    kind: ClassVar[str] = "logistic"


@dataclasses.dataclass(frozen=True, slots=True)
class UnitStudentT:
    """Student's t with a number of degrees of freedom."""

    df: float

    @property
    def kind(self) -> str:
        """The name with the degrees of freedom."""
        return f"student_t({self.df:.9g})"


@dataclasses.dataclass(frozen=True, slots=True)
class UnitLogNormal:
    """The exponential of a normal of mean 0 and std ``sigma``: its median is 1."""

    sigma: float

    @property
    def kind(self) -> str:
        """The name with the std of the logarithm."""
        return f"lognormal(sigma {self.sigma:.9g})"


@dataclasses.dataclass(frozen=True, slots=True)
class UnitCauchy:
    """The Cauchy variable of median 0 and scale 1, truncated at two finite bounds."""

    kind: ClassVar[str] = "cauchy"
    lower: float
    upper: float


@dataclasses.dataclass(frozen=True, slots=True)
class UnitSteps:
    """A variable with a few values: increasing, and the integers at which one cell of words ends.

    Of the 2**32 words, in the order of the probability that they are for, value k has those from ``ends[k -
    1]`` (0 for the first) to ``ends[k] - 1``. The last of ``ends`` is 2**32.
    """

    kind: ClassVar[str] = "discrete"
    values: tuple[float, ...]
    ends: tuple[int, ...]
