"""Models that are a function and a tree of arrays, wrapped as one object for ``ui.apply``."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from unified_init.core import checks, peers
from unified_init.core.public import public
from unified_init.core.reprs import shown
from unified_init.errors import ArgumentTypeError, ArgumentValueError

__all__ = ["Haiku", "Linen", "haiku", "linen"]

# ruff: noqa: ANN401  # modules and arrays of a framework that is not imported here


@public
@dataclasses.dataclass(frozen=True, eq=False)
class Linen:
    """A Flax Linen module and its variables; made by ``linen``.

    Args:
        module: the module; None if there are only its variables.
        variables: the dict that ``module.init`` returned, arrays or abstract ones.
        args: what the module is called with, to learn its layers.
        kwargs: the same, by name.

    Raises:
        ArgumentTypeError: as for ``linen``.
        ArgumentValueError: as for ``linen``.

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp
        >>> import unified_init as ui
        >>> module, x = nn.Dense(3), jnp.ones((1, 2))
        >>> model = ui.linen(module, jax.eval_shape(module.init, jax.random.key(0), x), x)
        >>> model, _ = ui.apply(model, ui.recipes.flax_linen_default(), seed=0)
        >>> model.variables["params"]["kernel"].shape
        (2, 3)
    """

    module: Any
    variables: Any
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that these are a module and its variables."""
        _check_inputs(self)
        if self.module is not None and not peers.is_a(self.module, "flax.linen.Module"):
            msg = f"`module` must be a flax.linen.Module or None, got {type(self.module).__name__}."
            raise ArgumentTypeError(msg)
        collections = checks.items(self.variables)
        if collections is None:
            msg = (
                "`variables` must be the dict that module.init returned, or that of jax.eval_shape, got "
                f"{type(self.variables).__name__}."
            )
            raise ArgumentTypeError(msg)
        names = [name for name, _ in collections]
        if "params" not in map(checks.plain, names):
            msg = (
                "`variables` must be the whole dict with the collection 'params', got "
                f"{', '.join(map(shown, names)) or 'an empty one'}: pass {{'params': params}}."
            )
            raise ArgumentValueError(msg)


def _check_inputs(model: Linen | Haiku) -> None:
    """Refuse example inputs that no function could be called with."""
    names = checks.items(model.kwargs)
    if (
        checks.entries(model.args) is None
        or names is None
        or not all(isinstance(key, str) for key, _ in names)
    ):
        msg = (
            "`args` must be a tuple and `kwargs` a mapping of names, the example inputs, got "
            f"{shown(model.args)} and {shown(model.kwargs)}."
        )
        raise ArgumentTypeError(msg)


def linen(module: Any, variables: Any, *args: Any, **kwargs: Any) -> Linen:
    """Wrap a Flax Linen module and its variables for ``inspect``, ``plan``, ``apply`` and ``audit``.

    (module, variables, example inputs) -> one model, whose ``variables`` are those that apply() writes

    Args:
        module: a ``flax.linen.Module``; None if there are only variables.
        variables: the dict that ``module.init`` returned, arrays or the ``jax.ShapeDtypeStruct`` of
            ``jax.eval_shape(module.init, ...)``.
        *args: example inputs, arrays or abstract ones. The module is called with them abstractly, at no
            cost, and its layers say what their tensors are. Without any, only what the default names of
            layers and the shapes prove is known, which the groups of a convolution are not.
        **kwargs: example inputs by name, and ``method=``, as for ``module.init``.

    Returns:
        The wrapper. ``ui.apply`` returns a new one.

    Raises:
        ArgumentTypeError: no Linen module, or variables that are no dict.
        ArgumentValueError: variables without the collection "params".

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp
        >>> import unified_init as ui
        >>> module, x = nn.Conv(8, (3, 3), feature_group_count=2), jnp.ones((1, 9, 9, 4))
        >>> record = ui.inspect(ui.linen(module, module.init(jax.random.key(0), x), x))["kernel"]
        >>> record.layout, record.sizes, record.fans
        ('HWI(BO)', (('B', 2),), (18, 36))

    Source:
        flax 0.12.8, flax/linen/module.py.

    Differs from:
        ``module.init``, which draws: this only looks.
    """
    return Linen(module, variables, args, dict(kwargs))


@public
@dataclasses.dataclass(frozen=True, eq=False)
class Haiku:
    """A transformed Haiku function, its parameters and its state; made by ``haiku``.

    Args:
        transformed: what ``hk.transform`` or ``hk.transform_with_state`` returned.
        params: what its ``init`` returned, arrays or abstract ones.
        state: the state that goes with them; None if there is none.
        args: what ``init`` takes after the key, to learn the layers.
        kwargs: the same, by name.

    Raises:
        ArgumentTypeError: as for ``haiku``.

    Example:
        >>> import haiku as hk, jax, jax.numpy as jnp
        >>> import unified_init as ui
        >>> function, x = hk.transform(lambda x: hk.Linear(3)(x)), jnp.ones((1, 2))
        >>> model = ui.haiku(function, jax.eval_shape(function.init, jax.random.PRNGKey(0), x), x)
        >>> model, _ = ui.apply(model, ui.recipes.haiku_default(), seed=0)
        >>> model.params["linear"]["w"].shape
        (2, 3)
    """

    transformed: Any
    params: Any
    state: Any = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that these are a transformed function and the trees that it makes."""
        _check_inputs(self)
        init, apply = (peers.attribute(self.transformed, name) for name in ("init", "apply"))
        if not callable(init) or apply is None:
            msg = (
                "`transformed` must be what hk.transform or hk.transform_with_state returned, got "
                f"{type(self.transformed).__name__}."
            )
            raise ArgumentTypeError(msg)
        for field, tree in (("params", self.params), ("state", {} if self.state is None else self.state)):
            modules = checks.items(tree)
            if modules is None or not all(isinstance(entry, Mapping) for _, entry in modules):
                hint = ": init returned the pair (params, state)" if isinstance(tree, tuple) else ""
                msg = (
                    f"`{field}` must be a dict of dicts of arrays, as init returned it, got "
                    f"{type(tree).__name__}{hint}."
                )
                raise ArgumentTypeError(msg)


def haiku(transformed: Any, params: Any, *example_args: Any, state: Any = None, **kwargs: Any) -> Haiku:
    """Wrap a Haiku function and its parameters for ``inspect``, ``plan``, ``apply`` and ``audit``.

    (function, parameters, example inputs) -> one model, whose ``params`` and ``state`` apply() writes

    Paths are "module/name" for parameters and "state:module/name" for the state. The one matrix of an
    LSTM is two records, "lstm/linear/w#input" and "lstm/linear/w#recurrent", and its forget bias is the
    stored one plus the 1 that the forward pass adds. A GRU's gates are called z, r and n; its z is the
    share of the new state, 1 less PyTorch's. Of the state, the averages of batch normalization are
    written; other state is left unchanged.

    Args:
        transformed: what ``hk.transform`` or ``hk.transform_with_state`` returned.
        params: what its ``init`` returned, arrays or the ``jax.ShapeDtypeStruct`` of ``jax.eval_shape``.
            Leading axes beyond those that ``init`` makes hold several networks of the same structure.
        *example_args: what ``init`` takes after the key, arrays or abstract ones. The function is
            evaluated with them abstractly, at no cost, and its modules say what their tensors are.
            Without any, only what Haiku's default names and the shapes prove is known, which the groups
            of a convolution are not.
        state: the state that ``init`` returned beside the parameters.
        **kwargs: what ``init`` takes by name; a bool or a string is passed unchanged.

    Returns:
        The wrapper. ``ui.apply`` returns a new one.

    Raises:
        ArgumentTypeError: no transformed function, or trees that are no dicts of dicts.

    Example:
        >>> import haiku as hk, jax, jax.numpy as jnp
        >>> import unified_init as ui
        >>> function = hk.transform(lambda x: hk.Conv2D(8, 3, feature_group_count=2)(x))
        >>> x = jnp.ones((1, 9, 9, 4))
        >>> record = ui.inspect(ui.haiku(function, function.init(jax.random.PRNGKey(0), x), x))["conv2_d/w"]
        >>> record.layout, record.sizes, record.fans
        ('HWI(BO)', (('B', 2),), (18, 36))

    Source:
        dm-haiku 0.0.17, haiku/_src/module.py and base.py.

    Differs from:
        ``transformed.init``, which draws: this only looks.
    """
    return Haiku(transformed, params, state, example_args, dict(kwargs))
