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
from unified_init.spec.distributions.fourier import WINDOW_NAMES, Stft
from unified_init.spec.distributions.named import Formula, Transform
from unified_init.spec.distributions.normed import NORMS, Normed
from unified_init.spec.distributions.structured import (
    BilinearUpsampling,
    Constant,
    ConvolutionalOrthogonal,
    DeltaOrthogonal,
    Dirac,
    FcnUpsampling,
    Hadamard,
    Identity,
    Orthogonal,
    Sparse,
)

__all__ = [
    "AT_2_SIGMA",
    "NORMS",
    "STD_TRUNCATED_AT_2",
    "STD_UNIT_UNIFORM",
    "WINDOW_NAMES",
    "BilinearUpsampling",
    "Constant",
    "ConvolutionalOrthogonal",
    "DeltaOrthogonal",
    "Dirac",
    "Distribution",
    "Elementwise",
    "FcnUpsampling",
    "Formula",
    "Hadamard",
    "Identity",
    "Normal",
    "Normed",
    "Orthogonal",
    "Quantile",
    "Sparse",
    "Stft",
    "Structured",
    "Transform",
    "TruncatedNormal",
    "Uniform",
]

Structured = (
    Constant
    | Orthogonal
    | DeltaOrthogonal
    | ConvolutionalOrthogonal
    | Identity
    | Dirac
    | Sparse
    | Hadamard
    | BilinearUpsampling
    | FcnUpsampling
    | Stft
    | Formula
)
Distribution = Elementwise | Structured | Normed
