"""Layers of Equinox, with values and without."""

from __future__ import annotations

from typing import Any


def made(make: str) -> Any:
    """Return a layer, evaluated in the names of equinox.nn."""
    import equinox as eqx
    import jax

    return eval(make, {**vars(eqx.nn), "eqx": eqx, "jax": jax, "key": jax.random.key(17)})  # noqa: S307  # written below


def shaped(make: str) -> Any:
    """Return a layer of shapes without values, which compiles nothing."""
    import equinox as eqx

    return eqx.filter_eval_shape(lambda: made(make))
