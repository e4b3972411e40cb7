"""What the explorer shows of the library's initializers: their parameters, specs, names and differences.

The page has no list of laws of its own. A preset is called with sample arguments, and each number of its spec
is traced to a formula of the arguments; a number that no formula gives is an error here.
"""

from __future__ import annotations

import inspect
import itertools
from typing import TYPE_CHECKING, Any

from unified_init.interop.native_calls import JAX_WORDS, KERAS_WORDS, NAMED, native_calls
from unified_init.interop.serialise import to_dict
from unified_init.law.layout import bind
from unified_init.spec import presets
from unified_init.spec.gains import GAINS
from unified_init.spec.presets.fan_scaled import DISTRIBUTIONS
from unified_init.spec.scales import FAN_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FORMULAS", "PRESETS", "explorer_data"]

# The initializers of independent draws, in the order of the page's list.
PRESETS = (
    "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal", "lecun_uniform",
    "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform", "variance_scaling",
    "uniform_unit_scaling", "siren", "normal", "truncated_normal", "trunc_normal", "uniform",
)  # fmt: skip
# What the page shows first where an argument has no default.
STARTS: dict[str, dict[str, Any]] = {
    "normal": {"mean": 0.0, "std": 0.02},
    "truncated_normal": {"mean": 0.0, "std": 0.02},
    "uniform": {"low": -0.05, "high": 0.05},
    "variance_scaling": {"scale": 1.0, "mode": "fan_in", "distribution": "truncated_normal"},
}
CHOICES: dict[str, tuple[Any, ...]] = {
    "mode": FAN_MODES,
    "distribution": tuple(DISTRIBUTIONS),
    "nonlinearity": tuple(GAINS),
    "first": (False, True),
}
# Choices that alter the spec by more than the word itself: each has specs of its own.
SPLIT = ("distribution", "nonlinearity", "first")
# The functions of arguments that presets use; docs/_static/explorer/presets.js has them by the same names.
FORMULAS: dict[str, tuple[int, Callable[..., Any]]] = {
    "argument": (1, lambda p: p),
    "square": (1, lambda p: p * p),
    "two over square": (1, lambda p: 2.0 / (p * p)),
    "two over one plus square": (1, lambda p: 2.0 / (1.0 + p * p)),
    "distance over": (3, lambda p, q, r: (p - q) / r),
}
# Two sets of arguments, with no number in common and none that is a formula of the others by chance.
SAMPLES: tuple[dict[str, Any], ...] = (
    {"mean": 0.1, "std": 0.37, "lower": -1.9, "upper": 2.3, "a": -0.73, "b": 0.83, "low": -0.29,
     "high": 0.71, "scale": 1.7, "mode": "fan_in", "gain": 1.3, "factor": 1.43, "w0": 29.0},
    {"mean": -0.21, "std": 0.41, "lower": -1.7, "upper": 2.7, "a": -1.1, "b": 1.31, "low": -0.17,
     "high": 0.59, "scale": 2.9, "mode": "fan_avg", "gain": 1.2, "factor": 1.19, "w0": 31.0},
)  # fmt: skip
LAYOUTS = (
    ("OI", "torch.nn.Linear", (64, 32)),
    ("IO", "Dense of Keras and Flax", (32, 64)),
    ("OIHW", "torch.nn.Conv2d", (64, 3, 7, 7)),
    ("HWIO", "Conv2D of Keras, Conv of Flax", (7, 7, 3, 64)),
    ("OIW", "torch.nn.Conv1d", (64, 32, 5)),
    ("IOHW", "torch.nn.ConvTranspose2d", (16, 32, 4, 4)),
    ("HWOI", "Conv2DTranspose of Keras", (4, 4, 32, 16)),
    ("BIO", "experts, or scanned layers", (8, 32, 64)),
    ("IOO", "attention of Keras: inputs, heads, head size", (64, 4, 16)),
)


def explorer_data() -> dict[str, Any]:
    """Return the data of the page."""
    return {
        "about": "Written by python -m tools.specification; read by explorer.js.",
        "presets": list(map(_preset, PRESETS)),
        "named": [
            {"name": name, "scale": scale, "mode": mode, "distribution": type(dist).__name__}
            for (scale, mode, dist), name in NAMED.items()
        ],
        "keras words": {type(dist).__name__: word for dist, word in KERAS_WORDS.items()},
        "jax words": {type(dist).__name__: word for dist, word in JAX_WORDS.items()},
        "no equivalent": {framework: _no_equivalent(framework) for framework in ("keras", "numpy")},
        "layouts": [{"layout": word, "of": layer, "shape": list(shape)} for word, layer, shape in LAYOUTS],
    }


def _no_equivalent(framework: str) -> str:
    """Return what the library says of a truncated normal that a framework does not have."""
    spec, geometry = presets.truncated_normal(0.0, 1.0, -1.0, 1.0), bind((1,))
    return native_calls(spec, geometry, spec.law(geometry))[framework]


def _preset(name: str) -> dict[str, Any]:
    make = getattr(presets, name)
    parameters = [_parameter(name, entry) for entry in inspect.signature(make).parameters.values()]
    summary, formula, differs = _texts(make)
    return {
        "name": name, "summary": summary, "formula": formula, "differs": differs, "parameters": parameters,
        "specs": list(_specs(make, parameters)), "scaled": bool(make(**_start(parameters)).needs),
    }  # fmt: skip


def _parameter(preset: str, parameter: inspect.Parameter) -> dict[str, Any]:
    is_required = parameter.default is inspect.Parameter.empty
    start = STARTS[preset][parameter.name] if is_required else parameter.default
    entry: dict[str, Any] = {"name": parameter.name, "start": start}
    if not is_required:
        entry["default"] = parameter.default
    if parameter.name in CHOICES:
        entry["choices"] = list(CHOICES[parameter.name])
    return entry


def _start(parameters: list[dict[str, Any]]) -> dict[str, Any]:
    return {parameter["name"]: parameter["start"] for parameter in parameters}


def _texts(make: Callable[..., Any]) -> tuple[str, str, str]:
    """Return the first line, the formula and what differs in each framework, from a docstring."""
    text = inspect.getdoc(make) or ""
    summary, formula = text.split("\n\n")[:2]
    section = text.partition("Differs from:\n")[2].partition("\n\n")[0]
    return summary, formula, " ".join(section.split())


def _specs(make: Callable[..., Any], parameters: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the specs of a preset, one for each combination of the choices that split it."""
    names = [parameter["name"] for parameter in parameters]
    split = [name for name in names if name in SPLIT]
    for combination in itertools.product(*(CHOICES[name] for name in split)):
        chosen = dict(zip(split, combination, strict=True))
        samples = [{name: {**sample, **chosen}[name] for name in names} for sample in SAMPLES]
        trees = [to_dict(make(**sample)) for sample in samples]
        free = [{name: value for name, value in sample.items() if name not in split} for sample in samples]
        yield {"when": chosen, **{part: _traced(trees, free, part) for part in ("distribution", "scale")}}


def _traced(trees: list[dict[str, Any]], samples: list[dict[str, Any]], part: str) -> dict[str, Any]:
    """Return a part of a spec whose values are constants, or [formula, arguments]."""
    return {
        field: _value([tree[part][field] for tree in trees], samples, f"{part}.{field}")
        for field in trees[0][part]
    }


def _value(values: list[Any], samples: list[dict[str, Any]], field: str) -> Any:  # noqa: ANN401  # of JSON
    for name, (count, formula) in FORMULAS.items():
        for arguments in itertools.permutations(samples[0], count):
            numbers = [[sample[argument] for argument in arguments] for sample in samples]
            if count > 1 and not all(isinstance(number, float) for row in numbers for number in row):
                continue
            if name != "argument" and any(isinstance(row[0], str) for row in numbers):
                continue
            if [formula(*row) for row in numbers] == values:
                return [name, *arguments]
    if len(set(values)) == 1:
        return values[0]
    msg = f"no formula of {', '.join(samples[0])} gives {field}, which is {values}"
    raise ValueError(msg)
