"""The parameters of whole models, as both sides read them: shapes, layouts and laws, no framework.

GPT-2 small comes from ``examples/gpt2_small.json``. ResNet-50 is that of He, Zhang, Ren and Sun, "Deep
residual learning for image recognition" (2015), table 1, with the stride in the 3 x 3 convolution as all
frameworks have it (which no shape depends on). Its laws: convolutions N(0, 2 / fan_out), the classifier
N(0, 0.01), as Goyal et al., "Accurate, large minibatch SGD" (2017), section 5.1; scales 1, offsets 0.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MODELS", "Parameter", "gpt2_small", "resnet50"]

GPT2 = Path(__file__).parents[1] / "examples" / "gpt2_small.json"
STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))  # blocks, and width of their 3 x 3 convolutions
CLASSES, EXPANSION = 1000, 4


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor: N(0, std) if there is a std, else a constant."""

    name: str
    shape: tuple[int, ...]
    layout: str
    std: float | None
    value: float = 0.0


def gpt2_small(framework: str) -> list[Parameter]:
    """Return the 148 parameters of GPT-2 small, stored alike in every framework."""
    del framework
    found = []
    for record in json.loads(GPT2.read_text(encoding="utf-8"))["parameters"]:
        distribution, scale = record["spec"]["distribution"], record["spec"]["scale"]
        constant = distribution["kind"] == "Constant"
        std = None if constant else scale["std"] * record["spec"]["factor"]
        value = distribution["value"] if constant else 0.0
        found.append(Parameter(record["name"], tuple(record["shape"]), record["layout"], std, value))
    return found


def resnet50(framework: str) -> list[Parameter]:
    """Return the 161 parameters of ResNet-50, in the layouts of a framework."""
    return [_stored(parameter, framework) for parameter in _resnet50()]


MODELS = {"gpt2_small": gpt2_small, "resnet50": resnet50}


def _resnet50() -> Iterator[Parameter]:
    """Yield the parameters with channels first."""
    yield from _convolution("conv1", 64, 3, 7)
    inputs = 64
    for number, (blocks, width) in enumerate(STAGES, 1):
        for block in range(blocks):
            name, outputs = f"layer{number}.{block}", EXPANSION * width
            yield from _convolution(f"{name}.conv1", width, inputs, 1)
            yield from _convolution(f"{name}.conv2", width, width, 3)
            yield from _convolution(f"{name}.conv3", outputs, width, 1)
            if block == 0:
                yield from _convolution(f"{name}.downsample", outputs, inputs, 1)
            inputs = outputs
    yield Parameter("fc.weight", (CLASSES, inputs), "OI", 0.01)
    yield Parameter("fc.bias", (CLASSES,), "O", None)


def _convolution(name: str, outputs: int, inputs: int, side: int) -> Iterator[Parameter]:
    """Yield a convolution and the batch normalization behind it."""
    std = math.sqrt(2.0 / (outputs * side * side))
    yield Parameter(f"{name}.weight", (outputs, inputs, side, side), "OIHW", std)
    yield Parameter(f"{name}.norm.weight", (outputs,), "O", None, 1.0)
    yield Parameter(f"{name}.norm.bias", (outputs,), "O", None)


def _stored(parameter: Parameter, framework: str) -> Parameter:
    layout = parameter.layout
    if framework in {"tensorflow", "jax"}:  # Keras and Flax keep channels last
        layout = {"OIHW": "HWIO", "OI": "IO"}.get(layout, layout)
    shape = tuple(parameter.shape[parameter.layout.index(axis)] for axis in layout)
    return dataclasses.replace(parameter, shape=shape, layout=layout)
