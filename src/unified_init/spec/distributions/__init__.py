"""Distributions: the shape of the values before scaling. Frozen values, no arrays.

``elementwise`` has those whose values are independent draws, ``structured`` those of whole matrices and
kernels. A scale rule fixes their size; ``Initializer`` joins the two.
"""

from __future__ import annotations

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
    Listed,
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
    "Constant",
    "DeltaOrthogonal",
    "Dirac",
    "Distribution",
    "Elementwise",
    "Hadamard",
    "Identity",
    "Listed",
    "Normal",
    "Orthogonal",
    "Quantile",
    "Sparse",
    "Stft",
    "Structured",
    "TruncatedNormal",
    "Uniform",
]

Distribution = Elementwise | Structured
