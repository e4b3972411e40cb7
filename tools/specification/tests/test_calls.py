"""What the explorer's page says of an initializer is what the library says, for thousands of requests."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tools.specification.explorer_data import FORMULAS, LAYOUTS, PRESETS
from tools.specification.files import STATIC

import unified_init as ui
from unified_init.interop.native_calls import native_calls
from unified_init.law.layout import bind

SCRIPT = Path(__file__).parents[1] / "explain_cases.mjs"
INF = math.inf
# Arguments of each preset: those at which another call is printed, and numbers that Python prints in its own way.
SIZES = (1.0, 2.0, 0.5, 3.0, 5 / 3, 1e-05, 1e16)
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "kaiming": [
        {"a": slope, "mode": mode, "nonlinearity": nonlinearity}
        for slope, mode in ((0.0, "fan_in"), (5**0.5, "fan_out"), (1.0, "fan_avg"), (0.1, "fan_geo_avg"))
        for nonlinearity in ("leaky_relu", "relu", "linear", "tanh", "gelu")
    ],
    "xavier": [{"gain": size} for size in SIZES],
    "variance_scaling": [
        {"scale": size, "mode": mode, "distribution": distribution}
        for size, (mode, distribution) in itertools.product(
            SIZES,
            itertools.product(
                ("fan_in", "fan_out", "fan_avg", "fan_geo_avg"),
                ("truncated_normal", "untruncated_normal", "uniform"),
            ),
        )
    ],
    "uniform_unit_scaling": [{"factor": size} for size in SIZES],
    "siren": [{"w0": 30.0, "first": False}, {"w0": 1.0, "first": False}, {"w0": 2.0, "first": True}],
    "normal": [{"mean": mean, "std": std} for mean in (0.0, 1.5, -1e-07) for std in (0.02, 1.0, 123456789.0)],
    "truncated_normal": [
        {"mean": mean, "std": 0.02, "lower": lower, "upper": upper}
        for mean in (0.0, 0.5)
        for lower, upper in ((-2.0, 2.0), (-3.0, 1.0), (0.0, INF), (-INF, 1.0))
    ],
    "trunc_normal": [
        {"mean": 0.0, "std": 1.0, "a": -2.0, "b": 2.0},
        {"mean": 0.1, "std": 0.3, "a": -1.0, "b": 1.0},
        {"mean": 0.0, "std": 0.02, "a": -2.0, "b": 2.0},
        {"mean": 0.0, "std": 1.0, "a": -INF, "b": 0.5},
    ],
    "uniform": [{"low": 0.0, "high": 1.0}, {"low": -0.05, "high": 0.05}, {"low": -0.3, "high": 0.7}],
}
SHAPES: list[tuple[tuple[int, ...], str | None, dict[str, int] | None]] = [
    *((shape, layout, None) for layout, _, shape in LAYOUTS),
    ((12, 12), "OI", None), ((12, 12), "IO", None), ((7,), "O", None), ((5, 6, 7), "BOI", None),
    ((12, 4, 3), "(BO)IW", {"B": 3}), ((6, 4), None, None), ((5,), None, None), ((0, 3), "OI", None), ((), "", None),
]  # fmt: skip


def requests() -> list[dict[str, Any]]:
    """Return every preset with each of its sets of arguments, on each shape."""
    return [
        {"preset": name, "given": given, "shape": shape, "layout": layout, "sizes": sizes}
        for name in PRESETS
        for given in next((sets for word, sets in ARGUMENTS.items() if name.startswith(word)), [{}])
        for shape, layout, sizes in SHAPES
    ]


def answers(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the page computes."""
    text = json.dumps(asked, default=str).replace("-Infinity", '"-inf"').replace("Infinity", '"inf"')
    result = subprocess.run(["node", str(SCRIPT)], input=text, capture_output=True, text=True, check=True)  # noqa: S607  # Node is on the path
    given: list[dict[str, Any]] = json.loads(result.stdout)
    return given


def expected(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the library says of a request."""
    spec: ui.Initializer = getattr(ui, request["preset"])(**request["given"])
    geometry = bind(request["shape"], request["layout"], request["sizes"])
    try:
        law = spec.law(geometry)
    except ui.UnifiedInitError:
        return {"error": ""}
    numbers = [law.mean, law.std, law.low, law.high]
    return {
        "numbers": [
            number if math.isfinite(number) else str(number).replace("inf", "Infinity") for number in numbers
        ],
        "fans": [law.fan_in, law.fan_out],
        "calls": native_calls(spec, geometry, law),
    }


def test_the_page_says_what_the_library_says() -> None:
    """Mean, std, ends, fans and the call of each framework; where the library refuses, the page does too."""
    asked = requests()
    given = answers(asked)
    assert len(given) == len(asked) > 2000
    for request, answer in zip(asked, given, strict=True):
        if "error" in answer:
            assert expected(request) == {"error": ""}, (request, answer)
            continue
        call = answer.pop("call").replace("ui.", "", 1)
        assert answer == expected(request), request
        made = eval(f"ui.{call}", {"ui": ui})  # noqa: S307  # what the page offers to copy
        assert made == getattr(ui, request["preset"])(**request["given"]), call


@pytest.mark.parametrize("name", FORMULAS)
def test_every_formula_is_in_the_page_too(name: str) -> None:
    """Presets.js has the formulas that numbers of a spec are traced to, and no formula is unused."""
    assert name in (STATIC / "explorer" / "presets.js").read_text(encoding="utf-8")
    assert f'["{name}"' in (STATIC / "explorer.json").read_text(encoding="utf-8")
