"""Haiku functions over abstract parameters, as the tests of its walker want them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable


def wrapped(call: Callable[..., Any], *args: Any, bare: bool = False, **kwargs: Any) -> Any:
    """Return a function's wrapper over abstract parameters and state."""
    import haiku as hk
    import jax

    function = hk.transform_with_state(call)
    params, state = jax.eval_shape(lambda: function.init(jax.random.PRNGKey(0), *args, **kwargs))
    given = () if bare else args
    return ui.haiku(function, params, *given, state=state, **({} if bare else kwargs))


def calling(make: str) -> Callable[[Any], Any]:
    """Return the function that makes a module and calls it: none can be made outside of one."""
    import haiku as hk

    def call(x: Any) -> Any:
        module = eval(make, {"hk": hk})  # noqa: S307  # written below
        return module(x)

    return call


def layer(make: str, *shape: int, data: str = "float32", **kwargs: Any) -> Any:
    """Return the wrapper of one layer, called on ones."""
    import haiku as hk

    x = np.ones(shape, data)
    return wrapped(lambda x: eval(make, {"hk": hk})(x, **kwargs), x)  # noqa: S307  # written below


def unrolled(make: str, features: int) -> Any:
    """Return the wrapper of a recurrent core over three steps."""
    import haiku as hk

    def call(x: Any) -> Any:
        core = eval(make, {"hk": hk})  # noqa: S307  # written below
        return hk.dynamic_unroll(core, x, core.initial_state(2))

    return wrapped(call, np.ones((3, 2, features), np.float32))
