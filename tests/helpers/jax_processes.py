"""One of two processes of JAX with four devices each: ``python -m tests.helpers.jax_processes PORT NUMBER COLLECTIVES``.

It prints the values that it drew, the values that its devices hold, and the compilations. Without an
implementation of collectives ("none") JAX raises where the processes would communicate.
"""

from __future__ import annotations

import sys

import jax
import numpy as np
from jax.sharding import PartitionSpec as P
from tests.helpers.jax_shards import LIBRARIES, RECIPE, arrays_of, counted, fault, fitting, share

import unified_init as ui


def main(port: str, number: int, collectives: str) -> str:
    """Apply a recipe to an abstract Llama whose shards are on the devices of both processes."""
    jax.config.update("jax_cpu_collectives_implementation", None if collectives == "none" else collectives)
    jax.distributed.initialize(f"localhost:{port}", num_processes=2, process_id=number)
    library = LIBRARIES["llama"]
    whole, _ = ui.apply(library.make(), RECIPE, seed=3)
    expected = {path: np.asarray(leaf) for path, leaf in arrays_of(library, whole).items()}
    faults, drawn, needed, compilations = [], 0, 0, 0
    for lengths, matrix, vector in (
        ((8,), P("x"), P()),
        ((2, 4), P("x", "y"), P("y")),
        ((4, 2), P(None, "x"), P()),
    ):
        mesh = jax.make_mesh(lengths, ("x", "y")[: len(lengths)])

        def abstract(value: jax.Array) -> jax.ShapeDtypeStruct:
            sharding = fitting(mesh, matrix if value.ndim > 1 else vector, value.shape)  # noqa: B023
            return jax.ShapeDtypeStruct(value.shape, value.dtype, sharding=sharding)

        model = library.sharded(library.make(), abstract)
        with counted() as counts:
            model, _ = ui.apply(model, RECIPE, seed=3)
        drawn += counts.values
        compilations += counts.compilations
        for path, leaf in arrays_of(library, model).items():
            faults.append(fault(leaf, expected[path], leaf.sharding))
            needed += leaf.size if "wo" in path else share(leaf.shape, leaf.sharding)
        if jax.process_count() != 2 or len(jax.local_devices()) != 4:
            faults.append(f"{jax.process_count()} processes")
    if collectives == "none":  # where this test could not fail
        try:
            jax.device_put(np.zeros(8), fitting(jax.make_mesh((8,), ("x",)), P("x"), (8,)))
            faults.append("device_put did not communicate")
        except Exception:  # noqa: BLE001, S110  # JAX's have no common class
            pass
    return f"{drawn} {needed} {compilations} {'; '.join(filter(None, faults))}"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]) + "\n")
