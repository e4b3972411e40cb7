"""Shardings that do not divide a shape, on eight devices: what each way of drawing says, one line of JSON each."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from flax import nnx
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

import unified_init as ui

if TYPE_CHECKING:
    from collections.abc import Callable

SHAPE = (6, 12)  # neither is a multiple of 8
RECIPE = ui.recipes.flax_nnx_default()


def model() -> Any:
    """Return a model of which one kernel does not fit its sharding."""
    sharded = nnx.with_partitioning(nnx.initializers.zeros, (None, "x"))
    return nnx.Dict(
        first=nnx.Linear(6, 16, kernel_init=sharded, rngs=nnx.Rngs(0)),
        second=nnx.Linear(16, 12, kernel_init=sharded, rngs=nnx.Rngs(0)),
    )


def cases() -> dict[str, Callable[[Any], Any]]:
    """Return the ways, which take a mesh."""
    key, spec = jax.random.key(0), ui.normal(0.0, 1.0)
    return {
        "draw": lambda mesh: ui.draw(spec, SHAPE, seed=0, backend="jax", device=NamedSharding(mesh, P("x"))),
        "draw of a part": lambda mesh: ui.draw(
            spec, (24, 12), seed=0, device=NamedSharding(mesh, P("x")), index=([slice(0, 3), slice(9, 12)],)
        ),
        "draw of a constant": lambda mesh: ui.draw(
            ui.zeros(), SHAPE, device=NamedSharding(mesh, P(None, "x"))
        ),
        "as_jax": lambda mesh: ui.as_jax(spec)(key, SHAPE, out_sharding=NamedSharding(mesh, P("x"))),
        "apply to an abstract model": applied,
    }


def applied(mesh: Any) -> None:
    """Apply a recipe to a model that is abstract."""
    with jax.set_mesh(mesh):
        ui.apply(nnx.eval_shape(model), RECIPE, seed=0)


def main() -> None:
    """Print what each way says."""
    mesh = jax.make_mesh((8,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    generator = np.random.default_rng(0)
    state = generator.bit_generator.state
    for name, call in cases().items():
        try:
            said = ["drawn", str(call(mesh))]
        except ui.UnifiedInitError as error:
            said = [type(error).__name__, str(error)]
        except Exception as error:  # noqa: BLE001  # of JAX
            said = ["JAX", f"{type(error).__name__}: {error}"]
        sys.stdout.write(json.dumps([name, *said]) + "\n")
    with contextlib.suppress(ui.UnifiedInitError):
        ui.draw(ui.normal(0.0, 1.0), SHAPE, seed=generator, backend="jax", device=NamedSharding(mesh, P("x")))
    padded = jax.jit(
        lambda k: ui.as_jax(ui.normal(0.0, 1.0))(k, SHAPE, out_sharding=NamedSharding(mesh, P("x")))
    )(jax.random.key(0))  # JAX pads there
    equal = [
        state == generator.bit_generator.state,
        np.asarray(padded).tobytes() == ui.draw(ui.normal(0.0, 1.0), SHAPE, seed=0).tobytes(),
    ]
    sys.stdout.write(json.dumps(equal) + "\n")


if __name__ == "__main__":
    main()
