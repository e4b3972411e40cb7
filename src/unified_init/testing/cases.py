"""Shapes with their layouts, and a spec for every preset."""

from __future__ import annotations

import dataclasses
from typing import Any

from unified_init.interop.quantiles import from_quantile
from unified_init.law.along import along
from unified_init.spec import presets
from unified_init.spec.distributions import TruncatedNormal, Uniform
from unified_init.spec.initializer import Initializer
from unified_init.spec.scales import FanInterval, FanMoments

__all__ = ["CASES", "ELEMENTWISE", "ICNR", "ORTHOGONAL", "SAMPLE", "STRUCTURED", "Case"]


@dataclasses.dataclass(frozen=True)
class Case:
    """A shape and its layout; the fans of a case without inputs are given."""

    shape: tuple[int, ...]
    layout: str
    sizes: tuple[tuple[str, int], ...] = ()
    fans: tuple[float, float] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of ``draw`` that a case fixes."""
        return {"layout": self.layout, "sizes": dict(self.sizes) or None, "fans": self.fans}

    def __str__(self) -> str:
        """Id in test names."""
        return f"{self.layout}-{'x'.join(map(str, self.shape))}"


CASES = (
    Case((24, 3, 5, 7), "OIHW"),
    Case((5, 7, 3, 24), "HWIO"),
    Case((120, 34), "OI"),
    Case((34, 120), "IO"),
    Case((24, 4, 3, 3), "(BO)IHW", (("B", 3),)),
    Case((3, 3, 6, 4), "HWBO", fans=(9.0, 36.0)),  # depthwise: no axis I, so no fan_in of its own
    Case((6, 8, 4), "IOO"),
    Case((4, 12, 9, 8), "BWIO"),
    Case((1030,), "O", fans=(64.0, 128.0)),
)

# Large enough for its law to be tested: of a normal draw, a std 1 % off is 7 standard errors off.
SAMPLE = Case((16, 16, 16, 64), "HWIO")

# Every preset that draws element by element. Except laws on few values and those of heavy tails, which have a
# program each, they share one compilation per shape.
ELEMENTWISE: dict[str, Initializer] = {
    "uniform": presets.uniform(-0.3, 1.7),
    "normal": presets.normal(0.25, 0.02),
    "truncated_normal": presets.truncated_normal(0.0, 1.0, -2.0, 2.0),
    "truncated_normal one-sided": presets.truncated_normal(0.5, 0.1, -1.0, 3.0),
    "trunc_normal": presets.trunc_normal(0.0, 1.0, -0.5, 2.5),
    "uniform_unit_scaling": presets.uniform_unit_scaling(1.43),
    "variance_scaling": presets.variance_scaling(1.3, "fan_geo_avg", "untruncated_normal"),
    "glorot_uniform": presets.glorot_uniform(),
    "glorot_normal": presets.glorot_normal(),
    "he_uniform": presets.he_uniform(),
    "he_normal": presets.he_normal(),
    "lecun_uniform": presets.lecun_uniform(),
    "lecun_normal": presets.lecun_normal(),
    "xavier_uniform": presets.xavier_uniform(5 / 3),
    "xavier_normal": presets.xavier_normal(),
    "kaiming_uniform": presets.kaiming_uniform(a=5**0.5),
    "kaiming_normal": presets.kaiming_normal(mode="fan_out", nonlinearity="relu"),
    "siren": presets.siren(30.0),
    "siren first": presets.siren(first=True),
    "lru_nu_log": presets.lru_nu_log(0.4, 0.99),
    "lru_theta_log": presets.lru_theta_log(),
    "lru_gamma_log": presets.lru_gamma_log(),
    "mamba_dt_bias": presets.mamba_dt_bias(),
    "mamba2_a_log": presets.mamba2_a_log(),
    "laplace": presets.laplace(0.0, 0.05),
    "logistic": presets.logistic(0.5, 0.1),
    "student_t": presets.student_t(4.0, 0.0, 0.02),
    "lognormal": presets.lognormal(-1.0, 0.5),
    "cauchy": presets.cauchy(0.0, 1.0, -5.0, 20.0),
    "discrete": presets.discrete((-1.0, 0.0, 2.3), (0.25, 0.5, 0.25)),
    "rademacher": presets.rademacher() * 0.02,
    "bernoulli": presets.bernoulli(0.1),
    "mixture": presets.mixture((0.7, 0.3), (presets.normal(0.0, 0.02), presets.he_uniform())),
    "from_quantile": from_quantile(
        lambda p: (2 * p) ** 0.5 - 1, lambda p: 1 - (2 * p) ** 0.5, low=-1.0, high=1.0
    ),
    "from_quantile skewed": from_quantile(lambda p: p**2, lambda p: (1 - p) ** 2, low=0.0, high=1.0),
    "scaled": presets.he_normal() * 0.3,
    "FanInterval": Initializer(Uniform(), FanInterval(0.0, 1.0, "fan_in")),
    "FanMoments": Initializer(TruncatedNormal(-1.0, 3.0), FanMoments(0.5, 2.0, "fan_out")),
}

# The other presets, each with the cases on which it has a meaning.
STRUCTURED: dict[str, tuple[Initializer, tuple[Case, ...]]] = {
    "zeros": (presets.zeros(), CASES),
    "ones": (presets.ones(), CASES),
    "constant": (presets.constant(0.1), CASES),
    "sparse": (presets.sparse(0.35, 0.02), CASES[:5]),
    "sparse_of": (presets.sparse_of(presets.rademacher(), 0.35, "row"), CASES[:5]),
    "sparse_of all": (presets.sparse_of(presets.he_normal(), 0.98, "all", at_least_one=True), CASES[:5]),
    "identity": (presets.identity(0.7), CASES[2:4]),
    "dirac": (presets.dirac(), CASES[:2]),
    "dirac grouped": (presets.dirac(2), CASES[:2]),
    "hadamard": (presets.hadamard(), CASES[:5]),
    "bilinear_upsampling": (presets.bilinear_upsampling(), CASES[:2]),
    "fcn_upsampling": (presets.fcn_upsampling(), CASES[:2]),
    "stft": (presets.stft(), (Case((16, 1, 9), "WIO"),)),
    "hippo_legs": (presets.hippo_legs(), CASES[2:4]),
    "hippo_legt": (presets.hippo_legt() * 0.3, CASES[2:4]),
    "hippo_b": (presets.hippo_b(), CASES[2:4]),
    "s4d_lin": (presets.s4d_lin(), CASES[2:4]),
    "s4d_inv": (presets.s4d_inv(), CASES[2:4]),
    "s4d_real": (presets.s4d_real(), CASES),
    "rwkv_time_decay": (presets.rwkv_time_decay(2, 7), CASES[-1:]),
    "rwkv_time_first": (presets.rwkv_time_first(), CASES[-1:]),
    "rwkv_time_mix": (presets.rwkv_time_mix(2, 7, "value"), CASES[2:4]),
    "sum of identity and normal": (presets.identity(-0.7) + presets.normal(0.0, 0.01), CASES[2:4]),
    "sum of sparse and dirac": (presets.sparse(0.35, 0.02) - presets.dirac(), CASES[:2]),
    "sum of he_normal and glorot_uniform": (presets.he_normal() - presets.glorot_uniform(), CASES[:5]),
    "negative truncated_normal": (-presets.truncated_normal(0.5, 0.1, -1.0, 3.0), CASES[:6]),
    "product and sum": (
        along("I", [1.0, -(0.5**0.5), 0.1]) * presets.normal(0.0, 1.0) + 1.0,
        CASES[:2],
    ),
    "product along two axes": (
        along("WI", [[0.3 * row, 0.0, 0.7 - row] for row in range(7)]) * presets.uniform(-0.3, 1.7),
        CASES[:2],
    ),
    "sum along outputs": (
        presets.kaiming_normal() + along("O", [0.1 * row for row in range(24)]),
        CASES[:2],
    ),
}
ORTHOGONAL: dict[str, tuple[Initializer, tuple[Case, ...]]] = {
    "orthogonal": (presets.orthogonal(1.3), CASES[:5]),
    "delta_orthogonal": (presets.delta_orthogonal(), CASES[:2]),
    "convolutional_orthogonal": (presets.convolutional_orthogonal(), CASES[:2]),
    "glorot_orthogonal": (presets.glorot_orthogonal(), CASES[:5]),
    "with_norm spectral": (presets.with_norm(presets.sparse(0.35), "spectral", 0.9), CASES[:5]),
    "with_norm frobenius": (presets.with_norm(presets.uniform(0.0, 1.0), "frobenius"), CASES[:5]),
}
ICNR = (presets.icnr(presets.he_normal(), 2), CASES[:2])
