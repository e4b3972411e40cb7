"""What the vectors cover: specs, tensors and slices, as data."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import numpy as np

import unified_init as ui

__all__ = ["DRAWS", "FUSED", "NAMES", "SEEDS", "SPECS", "SQUARES", "TABLES", "Case"]

SEEDS = (0, 1, 2**32 - 1, 2**32, 0x0123456789ABCDEF, 2**63 + 2**31 + 5, 2**64 - 1)
NAMES = (
    "",
    "fc/kernel",
    "conv1/kernel",
    "größe/権重",
    "a" * 55,
    "a" * 56,
    "layers.0.attention.wq.weight" * 8,
)


# A quantile table that a formula gives, so that it need not be printed: knots j**2 - 22528**2.
KNOTS = ui.Quantile.KNOTS
SQUARES = np.arange(KNOTS, dtype=np.int64) ** 2 - (KNOTS - 1) ** 2


def tabulated(*, symmetric: bool) -> ui.Initializer:
    """Return a law by its quantile table; without symmetry, the upper half is half as wide as the lower."""
    halves = [SQUARES] if symmetric else [SQUARES, -(SQUARES // 2)]
    knots = base64.b64encode(np.concatenate(halves).astype("<i4").tobytes()).decode("ascii")
    high = 1.0 if symmetric else 0.5
    return ui.Initializer(ui.Quantile(knots, -29, mean=0.0, std=0.25, low=-1.0, high=high))


SPECS: dict[str, ui.Initializer] = {
    "normal": ui.normal(0.0, 0.02),
    "normal, shifted": ui.normal(1.5, 0.3),
    "normal, far": ui.normal(1.0, 0.001),
    "uniform": ui.uniform(-0.05, 0.05),
    "uniform, one-sided": ui.uniform(0.0, 1.0),
    "uniform, odd ends": ui.uniform(-0.3, 0.7000000000000001),
    "uniform, narrow about 1": ui.uniform(0.999, 1.0011),
    "uniform, ends rounded apart": ui.uniform(-0.15, 0.25),
    "truncated": ui.truncated_normal(0.0, 0.02),
    "truncated, asymmetric": ui.truncated_normal(0.5, 2.0, -1.0, 3.0),
    "truncated above": ui.truncated_normal(0.0, 1.0, float("-inf"), 1.25),
    "truncated, positive": ui.truncated_normal(0.0, 1.0, 0.0, float("inf")),
    "truncated, negative": ui.truncated_normal(-0.1, 0.5, -3.0, -0.5),
    "truncated, far out": ui.truncated_normal(0.0, 1.0, 6.0, 8.0),
    "truncated, tight": ui.truncated_normal(0.0, 1.0, -0.01, 0.01),
    "trunc_normal": ui.trunc_normal(std=0.02),
    "trunc_normal, absolute ends": ui.trunc_normal(0.1, 0.3, -1.0, 1.0),
    "he_normal": ui.he_normal(),
    "glorot_uniform": ui.glorot_uniform(),
    "kaiming_uniform": ui.kaiming_uniform(5**0.5),
    "xavier_normal": ui.xavier_normal(5 / 3),
    "geometric mean": ui.variance_scaling(0.3, "fan_geo_avg", "truncated_normal"),
    "fan_out": ui.variance_scaling(1.0, "fan_out", "untruncated_normal"),
    "siren, first": ui.siren(first=True),
    "scaled": ui.lecun_normal() * 0.408248290463863,
    "table": tabulated(symmetric=True),
    "table, two halves": tabulated(symmetric=False) * 0.1,
    "table, scaled": dataclasses.replace(tabulated(symmetric=True), scale=ui.VarianceScaling(1.0, "fan_in")),
    "icnr": ui.icnr(ui.he_normal(), 2),
    "zeros": ui.zeros(),
    "constant": ui.constant(0.1),
    "constant array": ui.constant([[0.5, -0.25, 0.1], [1.0, 2.0, 3.3]]),
    "sparse": ui.sparse(0.3),
    "identity": ui.identity(1.5),
    "dirac": ui.dirac(2),
    "hadamard": ui.hadamard(),
    "bilinear": ui.bilinear_upsampling(),
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One draw."""

    spec: str
    shape: tuple[int, ...]
    layout: str | None = None
    dtype: str = "float32"
    sizes: dict[str, int] | None = None
    fans: tuple[float | None, float | None] | None = None
    index: tuple[Any, ...] | None = None
    seed: int = 0
    name: str = "fc/kernel"

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of ``ui.draw`` that are not None, without the spec."""
        fields = dataclasses.asdict(self)
        fields.pop("spec")
        return {name: value for name, value in fields.items() if value is not None}


TABLES: tuple[Case, ...] = (
    *(Case(spec, (1,)) for spec in (
        "normal", "normal, shifted", "normal, far", "uniform", "uniform, odd ends",
        "uniform, narrow about 1", "uniform, ends rounded apart", "truncated",
        "truncated, asymmetric", "truncated above", "truncated, positive", "truncated, negative",
        "truncated, far out", "truncated, tight", "trunc_normal, absolute ends", "table",
        "table, two halves",
    )),
    Case("he_normal", (64, 147), "OI"),
)  # fmt: skip
NARROW = ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2")
WIDE = ("float32", "float64", "bfloat16")
LAST = slice(-2, None)

DRAWS: tuple[Case, ...] = (
    # Every law, in three types.
    *(
        Case(spec, (6, 4), "OI", dtype, seed=2**63 + 5, name=f"{spec}/kernel")
        for spec in SPECS
        for dtype in WIDE
        if spec not in {"icnr", "constant array", "dirac", "bilinear"}
        and not (dtype == "float64" and spec.startswith("table"))
    ),
    # Every type.
    *(Case("normal", (33, 5), "OI", dtype, seed=1) for dtype in NARROW),
    *(Case("normal", (33, 5), "OI", dtype, seed=1) for dtype in ("complex64", "complex128")),
    *(Case("uniform", (64,), None, dtype, seed=3) for dtype in NARROW),
    *(Case("constant", (3,), None, dtype) for dtype in (*NARROW, "complex64")),
    # Seeds and names.
    *(Case("normal", (4,), seed=seed, name="") for seed in SEEDS),
    *(Case("normal", (4,), name=name) for name in NAMES),
    # Layouts: the same logical tensor in several of them, merged axes, letters that repeat.
    *(Case("he_normal", shape, layout) for shape, layout in (
        ((8, 6), "OI"), ((6, 8), "IO"), ((8, 3, 2, 5), "OIHW"), ((2, 5, 3, 8), "HWIO"),
        ((3, 8, 2, 5), "IOHW"), ((2, 5, 8, 3), "HWOI"), ((4, 6, 5), "BIO"), ((6, 4, 5), "IOO"),
        ((2, 3, 4, 5, 6), "DHWIO"), ((0, 3), "OI"),
    )),
    Case("he_normal", (12, 4, 3), "(BO)IW", sizes={"B": 3}),
    Case("he_normal", (3, 4, 12), "WI(BO)", sizes={"B": 3}),
    Case("he_normal", (24, 5), "(OBI)W", sizes={"O": 2, "I": 4}),
    Case("glorot_uniform", (30, 20), "OI"),
    Case("glorot_uniform", (3, 4, 2, 5), "HWBO", fans=(12, 60)),
    Case("kaiming_uniform", (64,), "O", fans=(147, None), name="conv1/bias"),
    Case("icnr", (8, 3, 3, 3), "OIHW"),
    Case("icnr", (3, 3, 3, 8), "HWIO", dtype="bfloat16"),
    Case("icnr", (16, 3, 5), "(BO)IW", sizes={"B": 2}),
    Case("sparse", (12, 3, 2), "OIW"),
    Case("sparse", (10, 4)),
    Case("constant array", (4, 2, 3)),
    Case("dirac", (6, 2, 3, 4), "OIHW"),
    Case("bilinear", (4, 4, 3, 2), "HWIO"),
    Case("hadamard", (12, 5), "OI"),
    Case("hadamard", (3, 6, 7), "WIO"),
    # Slices.
    Case("he_normal", (8, 6), "OI", index=(slice(2, 5),)),
    Case("he_normal", (8, 6), "OI", index=(slice(1, None, 3), 4)),
    Case("he_normal", (8, 6), "IO", index=(-1, LAST), dtype="float64"),
    Case("he_normal", (8, 6), "OI", index=([slice(0, 2), slice(6, 8)], slice(None, None, 2))),
    Case("he_normal", (12, 4, 3), "(BO)IW", sizes={"B": 3}, index=(slice(3, 9), 1)),
    Case("normal", (8, 6), index=(3,), dtype="complex128"),
    Case("icnr", (8, 3, 3, 3), "OIHW", index=(slice(3, 6), 0)),
    Case("dirac", (6, 2, 3, 4), "OIHW", index=(slice(3, 6),)),
    Case("constant array", (4, 2, 3), index=(slice(0, 2), 1)),
    # Logical indices past 2**31 and 2**32.
    Case("normal", (3, 2**31), index=(slice(1, 3), slice(2**31 - 3, None))),
    Case("normal", (2**21, 2**21), "IO", index=(slice(2**20, 2**20 + 2), LAST), dtype="float64"),
    Case("normal", (2**21, 2**21), "IO", index=(slice(2**20, 2**20 + 2), LAST), dtype="complex128"),
    # Enough values that most rows of a table are used.
    *(Case(spec, (256, 256), "OI", dtype, seed=7) for spec, dtype in (
        ("normal", "float32"), ("truncated, asymmetric", "float32"), ("uniform, odd ends", "float32"),
        ("table, two halves", "float32"), ("he_normal", "float64"), ("normal", "bfloat16"),
        ("normal", "float16"), ("normal", "float8_e4m3fn"), ("normal", "float8_e5m2"),
    )),
)  # fmt: skip

# Fused matrices: (spec, shape of each part by label, axis), all under one name.
FUSED: tuple[tuple[str, str, int, dict[str, tuple[int, ...]]], ...] = (
    ("glorot_uniform", "OI", 0, {"q": (8, 6), "k": (4, 6), "v": (4, 6)}),
    ("he_normal", "IO", 1, {"i": (5, 3), "f": (5, 3), "g": (5, 3), "o": (5, 3)}),
)
