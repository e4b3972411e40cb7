"""Finds the walker of a model by public classes of libraries that are already imported; imports none."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from typing import TYPE_CHECKING, Any, cast

from unified_init.core import peers
from unified_init.errors import ArgumentTypeError, BackendError
from unified_init.walkers.stored import Stored
from unified_init.walkers.trees import Haiku, Linen

if TYPE_CHECKING:
    from pathlib import Path

    from unified_init.inventory.inventory import Inventory
    from unified_init.walkers.protocol import Materializer, Runner, Walker

__all__ = [
    "beside", "inventory_of_config", "materializer_of", "runner_of", "torch_checkpoints", "walker_of",
]  # fmt: skip

# The base classes of models, and the walker of each. An object may be of several (a layer of Keras on torch
# is a torch.nn.Module too): the first one here decides.
WALKERS = (
    ("keras.Layer", "keras.walker"),  # a keras.Model is one; Keras 2, which has no such name, is not read
    ("flax.nnx.Module", "flax.nnx_walker"),
    ("flax.nnx.Pytree", "flax.nnx_walker"),
    ("equinox.Module", "equinox.walker"),
    ("torch.nn.Module", "torch.walker"),
)
# The oldest release whose models a walker can read, where an older release can draw.
LEAST = {"flax.nnx_walker": ("flax", (0, 12))}


def walker_of(model: Any, argument: str = "model") -> Walker:  # noqa: ANN401  # any framework's model
    """Return the walker that reads a model; refuse what none reads, and name the argument."""
    name = _name_of(model)
    if name is None:
        msg = (
            f"`{argument}` must be a torch.nn.Module, a keras.Model, a Flax NNX or Equinox module, or "
            "unified_init.linen(module, variables) or unified_init.haiku(transformed, params) for those two; "
            f"got {type(model).__name__}."
        )
        raise ArgumentTypeError(msg)
    return _load(name)


def runner_of(model: Any) -> Runner:  # noqa: ANN401  # any framework's model
    """Return what runs a model; refuse what no walker reads."""
    name = walker_of(model).__name__  # type: ignore[attr-defined]  # a module
    return cast("Runner", importlib.import_module(re.sub("walker$", "running", name)))


def inventory_of_config(path: Path) -> Inventory:
    """Return the inventory of the model that a config.json of transformers describes."""
    try:
        module = importlib.import_module("unified_init.walkers.torch.configured")
        inventory: Inventory = module.inventory_of_config(path)
    except ModuleNotFoundError as error:
        if error.name not in {"torch", "transformers"}:
            raise
        msg = f"a config.json is read by transformers on torch, and {error.name} is not installed."
        raise BackendError(msg) from error
    return inventory


def torch_checkpoints() -> Any:  # noqa: ANN401  # a module
    """Return what writes and reads checkpoints of torch.distributed."""
    try:
        return importlib.import_module("unified_init.walkers.torch.dcp")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        msg = "checkpoints of torch.distributed are written and read by torch, which is not installed."
        raise BackendError(msg) from error


def beside(walker: str, module: str) -> Any:  # noqa: ANN401  # a module
    """Return a module that is beside a walker."""
    return importlib.import_module(f"unified_init.walkers.{walker.rpartition('.')[0]}.{module}")


def materializer_of(model: Any) -> Materializer:  # noqa: ANN401  # as above
    """Return what gives a model of PyTorch memory; refuse other models."""
    name = _name_of(model)
    if name != "torch.walker":
        msg = (
            "`model` must be a torch.nn.Module that was built under ui.unfilled() or on meta, got "
            f"{type(model).__name__}: apply() takes the abstract models of JAX as they are."
        )
        raise ArgumentTypeError(msg)
    return cast("Materializer", beside(name, "materializing"))


def _name_of(model: object) -> str | None:
    """Return the module of a model's walker, in this package."""
    if isinstance(model, Linen):
        return "flax.linen_walker"
    if isinstance(model, Haiku):
        return "haiku.walker"
    if isinstance(model, Stored):
        return "stored"
    return next((walker for path, walker in WALKERS if peers.is_a(model, path)), None)


def _load(name: str) -> Walker:
    library, minimum = LEAST.get(name, ("", ()))
    installed = importlib.metadata.version(library) if library else ""
    if installed and tuple(int(part) for part in installed.split(".")[: len(minimum)]) < minimum:
        oldest = ".".join(map(str, minimum))
        msg = f"models of {library} are read from version {oldest} on, got {installed}: upgrade it."
        raise BackendError(msg)
    return cast("Walker", importlib.import_module(f"unified_init.walkers.{name}"))
