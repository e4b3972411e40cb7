"""A process that makes the weights of one model, and says when they are in memory.

``python -m benchmarks.model_process gpt2_small torch ours``; imports only what its side needs. A third side,
``import``, imports the framework and makes nothing.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from benchmarks.shapes import MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.shapes import Parameter

__all__ = ["AGAINST", "IMPORT", "READY", "SIDES", "weights"]

# ruff: noqa: PLC0415, T201  # imports are part of what is measured; the parent reads what is printed

READY = "ready"
AGAINST = {
    "numpy": "Generator.standard_normal, np.full",
    "torch": "torch.empty, torch.nn.init",
    "tensorflow": "keras.initializers",
    "jax": "jax.nn.initializers, a key a tensor",
}


def ours(framework: str, parameters: Sequence[Parameter]) -> list[Any]:
    """Draw with unified_init."""
    if framework == "tensorflow":
        import keras  # noqa: F401  # who initializes for Keras has imported it

    import unified_init as ui

    def spec(parameter: Parameter) -> ui.Initializer:
        return ui.constant(parameter.value) if parameter.std is None else ui.normal(0.0, parameter.std)

    return [
        ui.draw(
            spec(parameter), parameter.shape, seed=0, name=parameter.name, layout=parameter.layout,
            backend=framework,
        )
        for parameter in parameters
    ]  # fmt: skip


def native(framework: str, parameters: Sequence[Parameter]) -> list[Any]:
    """Draw as the framework's own users do."""
    return {"numpy": _numpy, "torch": _torch, "tensorflow": _keras, "jax": _jax}[framework](parameters)


def imported(framework: str, parameters: Sequence[Parameter]) -> list[Any]:
    """Import what the native side imports, and make nothing."""
    del parameters
    importlib.import_module({"tensorflow": "keras"}.get(framework, framework))
    return []


SIDES = {"ours": ours, "native": native}
IMPORT = "import"


def weights(model: str, framework: str, side: str) -> list[Any]:
    """Return a model's tensors, all of them done."""
    found = {**SIDES, IMPORT: imported}[side](framework, MODELS[model](framework))
    if framework == "jax":
        import jax

        jax.block_until_ready(found)
    return found


def _numpy(parameters: Sequence[Parameter]) -> list[Any]:
    import numpy as np

    generator = np.random.Generator(np.random.SFC64(0))

    def one(parameter: Parameter) -> Any:  # noqa: ANN401
        if parameter.std is None:
            return np.full(parameter.shape, parameter.value, dtype=np.float32)
        values = generator.standard_normal(parameter.shape, dtype=np.float32)
        values *= np.float32(parameter.std)
        return values

    return [one(parameter) for parameter in parameters]


def _torch(parameters: Sequence[Parameter]) -> list[Any]:
    import torch

    generator = torch.Generator().manual_seed(0)

    def one(parameter: Parameter) -> Any:  # noqa: ANN401
        empty = torch.empty(parameter.shape)
        if parameter.std is None:
            return torch.nn.init.constant_(empty, parameter.value)
        return torch.nn.init.normal_(empty, 0.0, parameter.std, generator=generator)

    return [one(parameter) for parameter in parameters]


def _keras(parameters: Sequence[Parameter]) -> list[Any]:
    import keras

    def one(number: int, parameter: Parameter) -> Any:  # noqa: ANN401
        if parameter.std is None:
            return keras.initializers.Constant(parameter.value)(parameter.shape, dtype="float32")
        init = keras.initializers.RandomNormal(0.0, parameter.std, seed=number)
        return init(parameter.shape, dtype="float32")

    return [one(number, parameter) for number, parameter in enumerate(parameters)]


def _jax(parameters: Sequence[Parameter]) -> list[Any]:
    import jax

    def one(key: Any, parameter: Parameter) -> Any:  # noqa: ANN401
        if parameter.std is None:
            return jax.nn.initializers.constant(parameter.value)(key, parameter.shape)
        return jax.nn.initializers.normal(parameter.std)(key, parameter.shape)

    keys = jax.random.split(jax.random.key(0), len(parameters))
    return [one(key, parameter) for key, parameter in zip(keys, parameters, strict=True)]


if __name__ == "__main__":
    kept = weights(*sys.argv[1:])
    print(READY, flush=True)
