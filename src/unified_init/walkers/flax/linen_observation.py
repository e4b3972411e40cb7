"""Calls a Flax Linen module abstractly, and observes its layers."""

from __future__ import annotations

import contextlib
import dataclasses
import weakref
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax

from unified_init.errors import ArgumentValueError
from unified_init.walkers import jax_arrays
from unified_init.walkers.flax.leaves import Key, Layer, axes_of_groups
from unified_init.walkers.flax.linen_axes import stacked_axes
from unified_init.walkers.flax.linen_layers import layer_of, leaves_of, wrapped_by
from unified_init.walkers.flax.linen_names import named_layers
from unified_init.walkers.flax.own_norms import linen_norm, needs_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unified_init.walkers.trees import Linen

__all__ = ["Observation", "observation_of", "observe_as"]


@dataclasses.dataclass(slots=True)
class Observation:
    """What an abstract call of a module shows; filled while it runs.

    ``layers`` are in the order of their first calls. ``inner`` has the shapes that layers see, by collection
    and key. ``stacked`` has the axes that stack layers, where those shapes leave it open. ``wrapped`` has
    the class that computes a kernel from the stored one, by the kernel's path. ``norms`` has the norms that
    are to be run, outside of any scope.
    """

    layers: dict[Key, Layer] = dataclasses.field(default_factory=dict)
    inner: dict[tuple[str, Key], tuple[int, ...]] = dataclasses.field(default_factory=dict)
    stacked: dict[tuple[str, Key], tuple[int, ...]] = dataclasses.field(default_factory=dict)
    wrapped: dict[str, str] = dataclasses.field(default_factory=dict)
    norms: dict[Key, Any] = dataclasses.field(default_factory=dict)


# The observation of each wrapper, for as long as the wrapper exists: every function here needs it.
OBSERVATIONS: weakref.WeakKeyDictionary[Linen, Observation] = weakref.WeakKeyDictionary()


def observation_of(model: Linen) -> Observation:
    """Return what is known of a module's layers, from an abstract call or from names and shapes."""
    if model not in OBSERVATIONS:
        bare = model.module is None or not (model.args or model.kwargs)
        OBSERVATIONS[model] = _from_names(model) if bare else _from_call(model)
    return OBSERVATIONS[model]


def observe_as(model: Linen, other: Linen) -> None:
    """Take the observation of a wrapper of other arrays for that of a wrapper."""
    OBSERVATIONS[model] = observation_of(other)


def _from_names(model: Linen) -> Observation:
    shapes = {key: tuple(value.shape) for (_, key), value in leaves_of(model.variables).items()}
    return Observation(layers=named_layers(shapes))


def _from_call(model: Linen) -> Observation:
    """Call the module without computing anything, and note the description of each layer."""
    observation = Observation()

    def note(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if module.scope is not None:  # in the order of the layers' first calls
            path = tuple(module.path)
            observation.layers.setdefault(path, layer_of(module, args, kwargs))
        result = method(*args, **kwargs)
        if module.scope is not None:
            # A transformation runs functions of a new module in the scope around it, whose own module returns
            # later, so the last description is right. Inner calls return first, so the first shapes are
            # right: they are not stacked yet.
            observation.layers[path] = layer_of(module, args, kwargs)
            for (collection, key), value in leaves_of(module.variables).items():
                observation.inner.setdefault((collection, (*path, *key)), tuple(value.shape))
            observation.wrapped.update(wrapped_by(module))
            if context.method_name == "__call__" and needs_run(module, observation.layers[path]):
                observation.norms[path] = module.clone(parent=None, name=None)
        return result

    def call(*args: Any, **kwargs: Any) -> Any:
        return model.module.init(jax.random.key(0), *args, **kwargs)

    try:
        with nn.intercept_methods(note):
            made_variables = leaves_of(_shapes(call, model.args, model.kwargs))
    except Exception as error:
        msg = f"`args` of linen() must be what module.init takes after the key; it raised {error!r}."
        raise ArgumentValueError(msg) from error
    _check_fit(model, made_variables)
    for key, module in observation.norms.items():
        observation.layers[key] = linen_norm(module, observation.layers[key], _own(observation, key))
    observation.inner = {
        variable: shape for variable, shape in observation.inner.items() if variable in made_variables
    }
    if any(
        len(axes_of_groups(tuple(made_variables[variable].shape), shape)) > 1
        for variable, shape in observation.inner.items()
    ):
        with contextlib.suppress(Exception):  # a model may not work with boxes: then layout() asks the user
            observation.stacked = stacked_axes(
                lambda: _shapes(call, model.args, model.kwargs), observation.inner
            )
    return observation


def _own(observation: Observation, layer_key: Key) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of a layer's own variables, as it sees them, by collection and name."""
    shapes: dict[str, dict[str, tuple[int, ...]]] = {}
    for (collection, key), shape in observation.inner.items():
        if key[:-1] == layer_key:
            shapes.setdefault(collection, {})[key[-1]] = shape
    return shapes


def _check_fit(model: Linen, made_variables: Mapping[tuple[str, Key], Any]) -> None:
    """Refuse variables of another module."""
    given_variables = leaves_of(model.variables)
    for variable, value in given_variables.items():
        if variable in made_variables and tuple(made_variables[variable].shape) != tuple(value.shape):
            path, expected = "/".join(variable[1]), tuple(made_variables[variable].shape)
            msg = (
                f"`variables` do not fit `module`: {path!r} has the shape {tuple(value.shape)}, "
                f"and called with the example inputs the module makes {expected}."
            )
            raise ArgumentValueError(msg)
    missing = sorted(
        "/".join(key)
        for collection, key in made_variables.keys() - given_variables.keys()
        if collection == "params"
    )
    if missing:
        msg = f"`variables` lack {', '.join(map(repr, missing[:5]))}, which the module makes."
        raise ArgumentValueError(msg)


def _shapes(call: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Evaluate abstractly; an argument that is not an array (a flag, a carry's None) is passed unchanged."""
    leaves, structure = jax.tree_util.tree_flatten((args, dict(kwargs)))
    arrays = [leaf for leaf in leaves if jax_arrays.is_tensor(leaf)]

    def run(*values: Any) -> Any:
        remaining = iter(values)
        positional, keywords = structure.unflatten(
            [next(remaining) if jax_arrays.is_tensor(leaf) else leaf for leaf in leaves]
        )
        return call(*positional, **keywords)

    return jax.eval_shape(run, *arrays)
