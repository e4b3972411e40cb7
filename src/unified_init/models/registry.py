"""Which walker reads a model: by the modules that its type comes from, importing nothing."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

from unified_init.errors import ArgumentTypeError

if TYPE_CHECKING:
    from unified_init.models.protocol import Walker

__all__ = ["walker_of"]

# The base classes that make a model, and the walker of each. A type may have several of them (Keras on
# torch derives from both): the first here decides.
BASES = (
    ("keras.src.models.model", "Model", "_keras"),
    ("keras.src.layers.layer", "Layer", "_keras"),
    ("flax.nnx.module", "Module", "_nnx"),
    ("flax.nnx.pytreelib", "Pytree", "_nnx"),
    ("equinox._module._module", "Module", "_equinox"),
    ("equinox._module", "Module", "_equinox"),
    ("torch.nn.modules.module", "Module", "_torch"),
)


def walker_of(model: Any) -> Walker:  # noqa: ANN401  # any framework's model
    """Return the walker that reads a model; refuse what none reads."""
    known = {(cls.__module__, cls.__name__) for cls in type(model).__mro__}
    for module, name, walker in BASES:
        if (module, name) in known:
            return _load(walker)
    if type(model).__module__ == "unified_init.models.trees":
        return _load("_trees")
    msg = (
        "`model` must be a torch.nn.Module, a keras.Model, a Flax NNX or Equinox module, or "
        "unified_init.linen(module, variables) or unified_init.haiku(transformed, params) for those two; "
        f"got {type(model).__name__}."
    )
    raise ArgumentTypeError(msg)


def _load(name: str) -> Walker:
    return cast("Walker", importlib.import_module(f"unified_init.models.{name}"))
