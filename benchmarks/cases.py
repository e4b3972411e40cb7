"""What is measured: every case, with the ratio that it is meant to reach."""

from __future__ import annotations

import dataclasses

__all__ = [
    "AUDITED",
    "AUDITED_MODELS",
    "CPU",
    "FRAMEWORKS",
    "GROUPS",
    "HALVES",
    "IMPORTED",
    "LAYER_WIDTHS",
    "MEMORY_LIMIT",
    "MOVING",
    "STARTED",
    "WHOLE",
    "Case",
    "cases",
    "target_of",
]

FRAMEWORKS = ("numpy", "torch", "tensorflow", "jax")
GROUPS = (
    "bulk",
    "latency",
    "first",
    "models",
    "apply",
    "memory",
    "scaling",
    "layouts",
    "index",
    "nocompiler",
)
IN_PLACE, RETURNED, TRACED, FLOOR = "in place", "returned", "traced", "in place, against a plain fill"
STARTED = "from process start"
IMPORTED = "import of the framework only"  # what no library that uses the framework can go below
WHOLE = "every parameter again"
AUDITED = "audited, against drawing it"
CPU = ", CPU time"  # of all threads, and not the time that passes
# Models of which an audit is measured beside drawing them, and their numbers of values. The layers are 200.
LAYER_WIDTHS = (8, 16, 32, 64, 128, 256)
AUDITED_MODELS = {
    "gpt2_small": 124_439_808,
    "resnet50": 25_557_032,
    "vit_base": 86_567_656,
    **{f"layers_{width}": 200 * width * (width + 1) for width in LAYER_WIDTHS},
    "layers_64_bfloat16": 200 * 64 * 65,
    "convolutions_32": 200 * 32 * (32 * 9 + 1),
    "mixed_layers": 1_581_120,
}
HALVES = ("half of the rows", "half of the columns")
MOVING = "another part each time"
SHARDS = {
    f"{count} shards by {cut}, in place": count
    for count in (*range(1, 9), 64)
    for cut in ("rows", "columns", "both")
}
LAYOUTS = {"torch": "OI", "tensorflow": "IO", "jax": "IO", "numpy": "OI"}
FAN_LAWS = ("he_normal", "kaiming_normal", "glorot_uniform")

# Laws that a framework has, in its own words; NumPy has no others.
ALL = ("uniform", "normal", "truncated_normal", "he_normal", "glorot_uniform")
LAWS = {
    "numpy": ("uniform", "normal"),
    "torch": ("uniform", "normal", "truncated_normal", "he_normal", "kaiming_normal", "glorot_uniform"),
    "tensorflow": ALL,
    "jax": ALL,
}
_CUT = ("truncated_normal", "he_normal")
# Ours / native on two cores, 4096 x 4096 float32 unless the group says otherwise.
TARGETS: dict[tuple[str, str, str, str], float] = {
    ("bulk", "numpy", "uniform", IN_PLACE): 0.4,
    ("bulk", "numpy", "uniform", RETURNED): 0.9,
    ("bulk", "numpy", "normal", IN_PLACE): 0.15,
    ("bulk", "torch", "uniform", IN_PLACE): 0.3,
    ("bulk", "torch", "uniform", RETURNED): 0.6,
    ("bulk", "torch", "normal", IN_PLACE): 0.45,
    **{("bulk", "torch", law, IN_PLACE): 0.05 for law in _CUT},
    ("bulk", "torch", "orthogonal", IN_PLACE): 0.5,
    ("bulk", "tensorflow", "uniform", RETURNED): 0.8,
    ("bulk", "tensorflow", "normal", RETURNED): 0.35,
    **{("bulk", "tensorflow", law, RETURNED): 0.25 for law in _CUT},
    ("bulk", "tensorflow", "orthogonal", RETURNED): 0.5,
    ("bulk", "jax", "uniform", RETURNED): 0.3,
    ("bulk", "jax", "normal", RETURNED): 0.3,
    **{("bulk", "jax", law, RETURNED): 0.3 for law in _CUT},
    ("bulk", "jax", "orthogonal", RETURNED): 0.5,
    ("bulk", "jax", "uniform", TRACED): 0.2,
    ("bulk", "jax", "normal", TRACED): 0.35,
    **{("latency", name, "normal", RETURNED): limit for name, limit in zip(
        FRAMEWORKS, (1.2, 1.2, 0.5, 0.5), strict=True)},
    **{("latency", name, "normal", IN_PLACE): 1.0 for name in ("numpy", "torch")},
    ("first", "tensorflow", "normal", RETURNED): 0.5,
    ("first", "jax", "normal", RETURNED): 0.05,
    ("models", "torch", "gpt2_small", STARTED): 1.2,
    ("models", "tensorflow", "gpt2_small", STARTED): 1.0,
    ("models", "jax", "gpt2_small", STARTED): 0.5,
    **{("apply", name, model, WHOLE): 1.0 for name, model in (
        ("torch", "gpt2_small"), ("torch", "resnet50"), ("tensorflow", "resnet50"), ("jax", "resnet50"))},
    **{("apply", "torch", model, f"{AUDITED}{clock}"): 3.0
       for model in AUDITED_MODELS for clock in ("", CPU)},
    ("nocompiler", "numpy", "normal", IN_PLACE): 1.3,
    ("nocompiler", "numpy", "uniform", IN_PLACE): 5.0,
    **{("index", name, "normal", f"{way}{clock}"): 1.5
       for name in FRAMEWORKS for way in HALVES for clock in ("", CPU)},
    **{("index", "numpy", "normal", f"{way}{clock}"): 1.2 if count <= 8 else 1.5  # noqa: PLR2004
       for way, count in SHARDS.items() for clock in ("", CPU)},
    **{("layouts", "numpy", law, way): 1.3 for law in ("he_normal",) for way in (
        "IO against OI", "HWIO against OIHW", "IOHW against OIHW")},
}  # fmt: skip
MEMORY_LIMIT = 32.0  # MiB beyond the output


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One comparison: a law in one framework, drawn in one way."""

    group: str
    framework: str
    law: str
    way: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    calls: int = 1
    target: float | None = None

    def label(self) -> str:
        """Return what the row of a table is called."""
        size = " x ".join(map(str, self.shape))
        return f"{self.law} {size} {self.dtype}, {self.way}"

    def layout(self) -> str | None:
        """Return the layout that the framework stores a kernel in, for laws that need one."""
        return LAYOUTS[self.framework] if self.law in FAN_LAWS else None


def target_of(group: str, framework: str, law: str, way: str) -> float | None:
    """Return the ratio to reach, where there is one."""
    return TARGETS.get((group, framework, law, way))


def cases(
    group: str, framework: str, *, quick: bool = False, large: bool = False, threads: int = 0
) -> list[Case]:
    """Return the cases of a group that one framework has, in order.

    Args:
        group: of those that are measured in one process.
        framework: one of FRAMEWORKS.
        quick: small tensors, which have no target.
        large: scaling up to 2**28 values rather than 2**26.
        threads: for scaling, the threads that the process was given.
    """
    found = {
        "bulk": _bulk,
        "latency": _latency,
        "first": _first,
        "apply": _apply,
        "layouts": _layouts,
        "nocompiler": _nocompiler,
        "index": _index,
    }
    if group == "scaling":
        return _scaling(framework, 16 if quick else 28 if large else 26, threads)
    if quick:
        return [dataclasses.replace(_small(case), target=None) for case in found[group](framework)]
    return [dataclasses.replace(case, target=_target(case)) for case in found[group](framework)]


def _target(case: Case) -> float | None:
    if case.dtype != "float32" and case.group not in {"apply", "layouts", "index"}:
        return None
    return target_of(case.group, case.framework, case.law, case.way)


def _small(case: Case) -> Case:
    shape = tuple(min(side, 256) for side in case.shape)
    return dataclasses.replace(case, shape=shape, calls=min(case.calls, 5))


def _ways(framework: str) -> tuple[str, ...]:
    """Return how a framework can be asked for a tensor."""
    return {"numpy": (IN_PLACE, RETURNED), "torch": (IN_PLACE, RETURNED), "jax": (RETURNED, TRACED)}.get(
        framework, (RETURNED,)
    )


def _bulk(framework: str) -> list[Case]:
    square = (4096, 4096)
    found = [
        Case("bulk", framework, law, way, square, dtype)
        for dtype in ("float32", "bfloat16")
        for law in LAWS[framework]
        for way in _ways(framework)
        if (framework, way, dtype) != ("numpy", IN_PLACE, "bfloat16")  # its generator writes no bfloat16
    ]
    if framework != "numpy":
        found += [Case("bulk", framework, "orthogonal", way, (2048, 2048)) for way in _ways(framework)]
    floor = FLOOR if framework in {"numpy", "torch"} else FLOOR.replace(IN_PLACE, RETURNED)
    return found + [Case("bulk", framework, law, floor, square) for law in ("uniform", "normal")]


def _latency(framework: str) -> list[Case]:
    laws = ["normal", *(["he_normal"] if framework != "numpy" else [])]
    return [
        Case("latency", framework, law, way, (64, 64), calls=100) for law in laws for way in _ways(framework)
    ]


def _first(framework: str) -> list[Case]:
    ways = {"tensorflow": (RETURNED, TRACED), "jax": (RETURNED, TRACED)}.get(framework, ())
    return [Case("first", framework, "normal", way, (512, 768)) for way in ways]


def _apply(framework: str) -> list[Case]:
    models = {
        "torch": (("gpt2_small", 124_439_808), ("resnet50", 25_557_032)),
        "tensorflow": (("resnet50", 25_636_712),),
        "jax": (("resnet50", 25_557_032),),
    }
    found = [Case("apply", framework, name, WHOLE, (size,)) for name, size in models.get(framework, ())]
    if framework != "torch":
        return found
    return found + [
        Case(
            "apply",
            "torch",
            name,
            f"{AUDITED}{clock}",
            (size,),
            "bfloat16" if name.endswith("bfloat16") else "float32",
        )
        for name, size in AUDITED_MODELS.items()
        for clock in ("", CPU)
    ]


def _layouts(framework: str) -> list[Case]:
    if framework != "numpy":
        return []
    flat, spatial = (4096, 4096), (1024, 1024, 3, 3)
    return [
        Case("layouts", "numpy", "he_normal", f"{stored} against {plain}", shape, dtype)
        for dtype in ("float32", "bfloat16")
        for stored, plain, shape in (
            ("IO", "OI", flat),
            ("HWIO", "OIHW", spatial),
            ("IOHW", "OIHW", spatial),
        )
    ]


def _index(framework: str) -> list[Case]:
    small, large = (64, 64), (4096, 4096)
    found = [
        Case("index", framework, "normal", f"{way}{clock}", shape, calls=calls)
        for shape, calls, ways in ((small, 100, (*HALVES, MOVING)), (large, 1, HALVES))
        for way in ways
        for clock in ("", CPU)
    ]
    if framework != "numpy":
        return found
    return found + [
        Case("index", "numpy", "normal", f"{way}{clock}", large, dtype)
        for dtype in ("float32", "bfloat16")
        for way in SHARDS
        for clock in ("", CPU)
    ]


def _nocompiler(framework: str) -> list[Case]:
    laws = ("normal", "uniform") if framework == "numpy" else ()
    return [Case("nocompiler", framework, law, IN_PLACE, (4096, 4096)) for law in laws]


def _scaling(framework: str, top: int, threads: int) -> list[Case]:
    way = f"{_ways(framework)[0]}, {threads} thread{'s' * (threads > 1)}"
    found = [
        Case("scaling", framework, "normal", way, (2**power,), calls=max(1, 2 ** (14 - power)))
        for power in range(10, top + 1, 2)
    ]
    if framework == "numpy" and threads > 1:
        found += [
            Case("scaling", "numpy", law, f"in place, {threads} threads against 1", (2 ** min(top, 26),))
            for law in ("uniform", "normal")
        ]
    return found
