"""Distributions: the shape of the values before scaling. Frozen values, no arrays.

``elementwise`` has those whose values are independent draws, ``structured`` those of whole matrices and
kernels, ``algebra`` sums and products of specs. A scale rule fixes their size; ``Initializer`` joins the two.
"""

from __future__ import annotations

from unified_init.spec.distributions.algebra import Compound, Scaled, Sum
from unified_init.spec.distributions.elementwise import (
    AT_2_SIGMA,
    STD_TRUNCATED_AT_2,
    STD_UNIT_UNIFORM,
    Elementwise,
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
    "Compound",
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "Distribution",
    "Elementwise",
    "Hadamard",
    "Identity",
    "Normal",
    "Orthogonal",
    "Quantile",
    "Scaled",
    "Sparse",
    "Stft",
    "Structured",
    "Sum",
    "TruncatedNormal",
    "Uniform",
]

Distribution = Elementwise | Structured | Compound
