"""Which walker reads a model: by the modules that its type comes from, importing nothing."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any, cast

from unified_init.errors import ArgumentTypeError, BackendError

if TYPE_CHECKING:
    from unified_init.walkers.protocol import Walker

__all__ = ["walker_of"]

# The base classes that make a model, and the walker of each. A type may have several of them (Keras on
# torch derives from both): the first here decides.
BASES = (
    ("keras.src.models.model", "Model", "keras.walker"),
    ("keras.src.layers.layer", "Layer", "keras.walker"),
    ("flax.nnx.module", "Module", "flax.nnx_walker"),
    ("flax.nnx.pytreelib", "Pytree", "flax.nnx_walker"),
    ("equinox._module._module", "Module", "equinox.walker"),
    ("equinox._module", "Module", "equinox.walker"),
    ("torch.nn.modules.module", "Module", "torch.walker"),
)


# The oldest release whose models a walker can read, where that is not the oldest that draws.
LEAST = {"flax.nnx_walker": ("flax", (0, 12))}


def walker_of(model: Any) -> Walker:  # noqa: ANN401  # any framework's model
    """Return the walker that reads a model; refuse what none reads."""
    known = {(cls.__module__, cls.__name__) for cls in type(model).__mro__}
    for module, name, walker in BASES:
        if (module, name) in known:
            return _load(walker)
    if type(model).__module__ == "unified_init.walkers.trees":
        return _load("trees_walker")
    msg = (
        "`model` must be a torch.nn.Module, a keras.Model, a Flax NNX or Equinox module, or "
        "unified_init.linen(module, variables) or unified_init.haiku(transformed, params) for those two; "
        f"got {type(model).__name__}."
    )
    raise ArgumentTypeError(msg)


def _load(name: str) -> Walker:
    library, least = LEAST.get(name, ("", ()))
    found = importlib.metadata.version(library) if library else ""
    if found and tuple(int(part) for part in found.split(".")[: len(least)]) < least:
        oldest = ".".join(map(str, least))
        msg = f"models of {library} are read from version {oldest} on, got {found}: upgrade it."
        raise BackendError(msg)
    return cast("Walker", importlib.import_module(f"unified_init.walkers.{name}"))
