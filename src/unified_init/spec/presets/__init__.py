"""The presets: one function per initializer of the field.

Each checks its arguments and returns a spec. ``fan_scaled`` has those whose size follows from fans,
``elementwise`` those whose size is given, ``structured`` matrices and kernels whose entries depend on each
other, ``state_space`` and ``rwkv`` those of sequence models, ``constants`` those that draw nothing.
"""

from __future__ import annotations

from unified_init.spec.presets.constants import constant, ones, zeros
from unified_init.spec.presets.convolutional import (
    bilinear_upsampling,
    convolutional_orthogonal,
    fcn_upsampling,
)
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
from unified_init.spec.presets.mixed import mixture, sparse_of
from unified_init.spec.presets.rwkv import rwkv_time_decay, rwkv_time_first, rwkv_time_mix
from unified_init.spec.presets.scaled import glorot_orthogonal, with_norm
from unified_init.spec.presets.state_space import (
    hippo_b,
    hippo_legs,
    hippo_legt,
    lru_gamma_log,
    lru_nu_log,
    lru_theta_log,
    mamba2_a_log,
    mamba_dt_bias,
    s4d_inv,
    s4d_lin,
    s4d_real,
)
from unified_init.spec.presets.structured import (
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
    "convolutional_orthogonal",
    "delta_orthogonal",
    "dirac",
    "discrete",
    "fcn_upsampling",
    "glorot_normal",
    "glorot_orthogonal",
    "glorot_uniform",
    "hadamard",
    "he_normal",
    "he_uniform",
    "hippo_b",
    "hippo_legs",
    "hippo_legt",
    "icnr",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "laplace",
    "lecun_normal",
    "lecun_uniform",
    "logistic",
    "lognormal",
    "lru_gamma_log",
    "lru_nu_log",
    "lru_theta_log",
    "mamba2_a_log",
    "mamba_dt_bias",
    "mixture",
    "normal",
    "ones",
    "orthogonal",
    "rademacher",
    "rwkv_time_decay",
    "rwkv_time_first",
    "rwkv_time_mix",
    "s4d_inv",
    "s4d_lin",
    "s4d_real",
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
    "with_norm",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]
