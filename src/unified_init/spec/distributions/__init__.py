"""Distributions: the shape of the values before scaling. Frozen values, no arrays.

``elementwise`` has those whose values are independent draws, ``structured`` those of whole matrices and
kernels. A scale rule fixes their size; ``Initializer`` joins the two.
"""

from __future__ import annotations

from unified_init.spec.distributions.composed import Mixture, SparseOf
from unified_init.spec.distributions.continuous import Cauchy, Laplace, Logistic, LogNormal, StudentT
from unified_init.spec.distributions.discrete import Discrete
from unified_init.spec.distributions.elementwise import (
    AT_2_SIGMA,
    STD_TRUNCATED_AT_2,
    STD_UNIT_UNIFORM,
    Elementwise,
    Named,
    Normal,
    Quantile,
    TruncatedNormal,
    Uniform,
)
from unified_init.spec.distributions.structured import (
    BilinearUpsampling,
    Constant,
    DeltaOrthogonal,
    Dirac,
    Hadamard,
    Identity,
    Orthogonal,
    Sparse,
    Stft,
    Structured,
)

__all__ = [
    "AT_2_SIGMA",
    "STD_TRUNCATED_AT_2",
    "STD_UNIT_UNIFORM",
    "BilinearUpsampling",
    "Cauchy",
    "Composed",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "Discrete",
    "Distribution",
    "Elementwise",
    "Hadamard",
    "Identity",
    "Laplace",
    "LogNormal",
    "Logistic",
    "Mixture",
    "Named",
    "Normal",
    "Orthogonal",
    "Quantile",
    "Sparse",
    "SparseOf",
    "Stft",
    "Structured",
    "StudentT",
    "TruncatedNormal",
    "Uniform",
]

Composed = Mixture | SparseOf
Distribution = Elementwise | Structured | Composed
