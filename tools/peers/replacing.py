"""A plugin of pytest: in the process that it configures, ``PEER``'s own initializers are ours.

It is configured before a test imports the framework, whose layers take their default initializers when they
are defined.
"""

from __future__ import annotations

import functools
import importlib
import os
from typing import Any

import unified_init as ui

# ruff: noqa: ANN401  # what frameworks pass

SPACE = {0: "", 1: "W", 2: "HW", 3: "DHW"}
JAX = (
    "constant", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "kaiming_normal",
    "kaiming_uniform", "lecun_normal", "lecun_uniform", "normal", "orthogonal", "truncated_normal", "uniform",
    "variance_scaling", "xavier_normal", "xavier_uniform",
)  # fmt: skip


def layouts(inputs: Any = -2, outputs: Any = -1, batch: Any = ()) -> dict[int, str | None]:
    """Return the layout of each rank as a framework reads it: its two axes, and space."""
    roles: dict[int, str | None] = {0: None, 1: None}
    for rank in range(2, 9):
        letters = dict.fromkeys(range(rank), "")
        for axes, letter in ((inputs, "I"), (outputs, "O"), (batch, "B")):
            for axis in (axes,) if isinstance(axes, int) else axes:
                letters[axis % rank] = letter
        if "I" not in letters.values():  # Flax' embeddings: axis -2 of a table is also its axis 0
            letters[rank - 1] = "I"
        space = SPACE.get(list(letters.values()).count(""))
        kernel = iter(space or "")
        if space is not None:
            roles[rank] = "".join(letter or next(kernel) for letter in letters.values())
    return roles


def replace_keras() -> None:
    """Let every name of an initializer that a layer is given mean ours."""
    keras = importlib.import_module("keras")
    initializers = importlib.import_module("keras.src.initializers")
    native = initializers.get

    def get(identifier: Any) -> Any:
        """Return our initializer for the name of one of Keras."""
        theirs = native(identifier)
        if not isinstance(identifier, str) or not isinstance(theirs, keras.initializers.Initializer):
            return theirs
        spec = ui.from_native(theirs)
        return ui.as_keras(spec, seed=0, layout=layouts()) if spec.is_random else ui.as_keras(spec)

    vars(initializers)["get"] = get


def replace_jax() -> None:
    """Let the functions of ``jax.nn.initializers`` return ours; Flax takes its defaults from there."""
    module = importlib.import_module("jax.nn.initializers")

    def made(name: str, *args: Any, **options: Any) -> Any:
        """Return our initializer for a call of JAX's function."""
        axes = [
            options.pop(key, value) for key, value in (("in_axis", -2), ("out_axis", -1), ("batch_axis", ()))
        ]
        dtype = options.pop("dtype", None)
        init = ui.as_jax(
            ui.from_native(f"jax.nn.initializers.{name}", *args, **options), layout=layouts(*axes)
        )
        return init if dtype is None else functools.partial(init, dtype=dtype)

    for name in JAX:
        setattr(module, name, functools.partial(made, name))
    vars(module).update(zeros=ui.as_jax(ui.zeros()), ones=ui.as_jax(ui.ones()))


def pytest_configure() -> None:
    """Replace the initializers of the framework that the environment names."""
    {"keras": replace_keras, "flax": replace_jax}[os.environ["PEER"]]()
