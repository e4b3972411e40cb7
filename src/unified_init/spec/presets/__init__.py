"""The presets: one function per initializer of the field.

Each checks its arguments and returns a spec. ``fan_scaled`` has those whose size follows from fans,
``elementwise`` those whose size is given, ``structured`` matrices and kernels whose entries depend on each
other, ``constants`` those that draw nothing.
"""

from __future__ import annotations

from unified_init.spec.presets.composed import mixture, sparse_of
from unified_init.spec.presets.constants import constant, ones, zeros
from unified_init.spec.presets.elementwise import normal, trunc_normal, truncated_normal, uniform
from unified_init.spec.presets.fan_scaled import (
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    kaiming_normal,
    kaiming_uniform,
    lecun_normal,
    lecun_uniform,
    siren,
    uniform_unit_scaling,
    variance_scaling,
    xavier_normal,
    xavier_uniform,
)
from unified_init.spec.presets.laws import (
    bernoulli,
    cauchy,
    discrete,
    laplace,
    logistic,
    lognormal,
    rademacher,
    student_t,
)
from unified_init.spec.presets.structured import (
    bilinear_upsampling,
    delta_orthogonal,
    dirac,
    hadamard,
    icnr,
    identity,
    orthogonal,
    sparse,
    stft,
)

__all__ = [
    "bernoulli",
    "bilinear_upsampling",
    "cauchy",
    "constant",
    "delta_orthogonal",
    "dirac",
    "discrete",
    "glorot_normal",
    "glorot_uniform",
    "hadamard",
    "he_normal",
    "he_uniform",
    "icnr",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "laplace",
    "lecun_normal",
    "lecun_uniform",
    "logistic",
    "lognormal",
    "mixture",
    "normal",
    "ones",
    "orthogonal",
    "rademacher",
    "siren",
    "sparse",
    "sparse_of",
    "stft",
    "student_t",
    "trunc_normal",
    "truncated_normal",
    "uniform",
    "uniform_unit_scaling",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
