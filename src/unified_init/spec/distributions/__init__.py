"""Distributions: the shape of the values before scaling. Frozen values, no arrays.

``elementwise`` has those whose values are independent draws, ``structured`` those of whole matrices and
kernels, ``algebra`` sums and products of specs, ``mixed`` mixtures and sparse matrices of specs, and
``normed`` what is scaled to a norm. A scale rule fixes their size; ``Initializer`` joins the two.
"""

from __future__ import annotations

from unified_init.spec.distributions.algebra import Combination, Scaled, Sum
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
from unified_init.spec.distributions.fourier import WINDOW_NAMES, Stft
from unified_init.spec.distributions.mixed import Mixture, SparseOf
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
    Listed,
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
    "Cauchy",
    "Combination",
    "Constant",
    "ConvolutionalOrthogonal",
    "DeltaOrthogonal",
    "Dirac",
    "Discrete",
    "Distribution",
    "Elementwise",
    "FcnUpsampling",
    "Formula",
    "Hadamard",
    "Identity",
    "Laplace",
    "Listed",
    "LogNormal",
    "Logistic",
    "Mixed",
    "Mixture",
    "Named",
    "Normal",
    "Normed",
    "OfSpecs",
    "Orthogonal",
    "Quantile",
    "RandomMatrix",
    "Scaled",
    "Sparse",
    "SparseOf",
    "Stft",
    "Structured",
    "StudentT",
    "Sum",
    "Transform",
    "TruncatedNormal",
    "Uniform",
]

RandomMatrix = Orthogonal | DeltaOrthogonal | ConvolutionalOrthogonal | Sparse
Structured = (
    RandomMatrix
    | Constant
    | Listed
    | Identity
    | Dirac
    | Hadamard
    | BilinearUpsampling
    | FcnUpsampling
    | Stft
    | Formula
)
Mixed = Mixture | SparseOf
# Made of other specs: ``components`` are these, and ``inside`` is the name of the field that holds them.
OfSpecs = Normed | Mixed | Combination
Distribution = Elementwise | Structured | OfSpecs
